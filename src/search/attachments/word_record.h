// The records of the file in which the words of attachments are kept (attachment_words.h): sealed
// with a checksum each, one behind the other. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/interval_set.h"
#include "base/result.h"
#include "store/types.h"

namespace eilpost::search {

// take_record(encode(x)) == x.
struct WordRecord {
  enum class Kind : uint8_t {
    origin = 1,  // `text` says of what and by which rules the file was made
    looked = 2,  // at `uids` of `mailbox`
    words = 3,   // `blob` has the words `text`, each ended by a line end
    held = 4,    // `blob` is the message `uids` of `mailbox`, which was looked at
    gone = 5,    // `uids` of `mailbox` are
  };
  Kind kind = Kind::origin;
  std::string text;
  engine::BlobId blob;
  MailboxId mailbox;
  Interval uids;
  friend bool operator==(const WordRecord&, const WordRecord&) = default;
};
std::string encode(const WordRecord& record);
// The first record of `octets`, which is taken off. Code::corrupt: it is none, or cut.
Result<WordRecord> take_record(std::string_view& octets);

}  // namespace eilpost::search
