// What a protocol trace shows of a command and of what the server says: secrets replaced, literals
// cut. LOGIN's password and everything of an AUTHENTICATE exchange are never shown; of a literal
// its size alone. Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/imap/framer.h"

namespace eilpost::imap {

// A command as one or more lines.
std::string trace_command(const Frame& frame);

// The server's octets, in pieces as they are sent. Begins at the start of a response.
class ResponseTrace {
 public:
  // The lines that `octets` completes. With `secret` what follows "+ " is not shown.
  std::string feed(std::string_view octets, bool secret);

 private:
  void add_to_line(std::string_view piece);
  std::string end_line(bool secret);

  // The line that has begun: its first octets, its last ones, and how many it has.
  std::string head_;
  std::string tail_;
  uint64_t length_ = 0;
  uint64_t literal_ = 0;  // octets of a literal that are still to come
};

}  // namespace eilpost::imap
