// Whether connections may have died without a word: the machine slept, or the address that they
// were made from is gone. Asked from time to time; a yes only means that the connection should be
// made to prove itself. For one thread.
#pragma once

#include <cstdint>

#include "net/address.h"

namespace eilpost::client {

class SleepWatch {
 public:
  SleepWatch() : asleep_micros_(asleep()) {}
  // True once after each suspend of more than two seconds.
  bool slept();

 private:
  // How long the machine has been suspended since it was started.
  static int64_t asleep();
  int64_t asleep_micros_;
};

// The machine still has this address; always true for a Unix socket.
bool address_is_ours(const net::Address& local);

}  // namespace eilpost::client
