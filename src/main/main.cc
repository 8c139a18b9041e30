// The program: everything else is in main/run.cc.

#include "main/command_line.h"

int main(int argc, char** argv) {
  return eilpost::run_command_line(argc, argv);
}
