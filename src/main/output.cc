#include "main/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

namespace eilpost {

Output process_output() {
  Output output;
  output.write = [](Channel channel, std::string_view text) {
    std::FILE* file = channel == Channel::out ? stdout : stderr;
    const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    return std::fflush(file) == 0 && written;
  };
  output.terminal = ::isatty(STDERR_FILENO) != 0;
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    output.columns = size.ws_col;
  }
  return output;
}

}  // namespace eilpost
