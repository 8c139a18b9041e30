// Where the messages of an mbox file begin and end, and what the lines around them say of them.
// Reads mboxrd, mboxo and mboxcl as they are met: a "From " line counts when a blank line is before
// it and a date is in it; a Content-Length counts when another message, or the file's end, is where
// it points. Reading blocks; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/imap/values.h"

namespace eilpost::client {

struct MboxMessage {
  uint64_t offset = 0;                // behind the "From " line
  uint64_t length = 0;                // without the blank line at its end
  imap::FlagList flags;               // of Status, X-Status
  std::vector<std::string> keywords;  // of X-Keywords
  std::optional<int64_t> seconds;     // of the "From " line
  // The same wherever in the file the message is: its length and sums of its octets; and how many
  // equal ones are before it.
  std::string content;
  int equal_before = 0;
};

// `at(offset, octets)` gives octets of the file, fewer at its end.
using MboxOctets = std::function<Result<std::string>(uint64_t offset, size_t octets)>;
Result<std::vector<MboxMessage>> index_mbox(const MboxOctets& at);

// "From " at the begin, or nothing at all: an mbox file may be empty.
bool begins_as_mbox(std::string_view start);

}  // namespace eilpost::client
