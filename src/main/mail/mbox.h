// The mbox format (mboxrd): From lines and their quoting. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "main/mail/mail_source.h"

namespace eilpost {

// The date of "From sender Mon Jan  2 15:04:05 2006", read as UTC; nothing when there is none.
std::optional<int64_t> parse_from_line(std::string_view line);
// With its line end.
std::string print_from_line(std::string_view sender, int64_t seconds);

// Puts ">" before "From " and ">From " at line starts, in a stream.
class MboxQuoter {
 public:
  std::string feed(std::string_view octets);
  std::string finish();

 private:
  std::string held_;
  bool start_ = true;
};

}  // namespace eilpost
