// What a FETCH needs, worked out from its items before anything is read: which columns of the
// pages, whether bodies, whether it marks \Seen. And the reading itself, on a disk-pool thread: a
// run of pages at a time, with the small body sections beside them; large sections are left as
// ranges that the session streams. The plan is pure; load_run() blocks.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mime/part_index.h"
#include "protocol/imap/fetch.h"
#include "store/account.h"

namespace eilpost::server {

struct FetchPlan {
  std::vector<imap::FetchItem> items;
  bool rows = false;    // needs cold entries or digests
  uint8_t columns = 0;  // store::ReadColumns
  bool bodies = false;  // some item is made of the message's octets
  bool marks_seen = false;
  bool modseq = false;  // MODSEQ is among the items
};
FetchPlan plan_fetch(std::vector<imap::FetchItem> items);
// The item is made of the message's octets.
bool is_body(imap::FetchKind kind);
// How many items are made of the message's octets (limits::fetch_bodies_max).
size_t body_items(const std::vector<imap::FetchItem>& items);

// One body item of one message, ready to send.
struct FetchedBody {
  enum class Kind { octets, range, decode, nil, unknown_cte };
  Kind kind = Kind::nil;
  std::string octets;      // Kind::octets
  mime::OctetRange range;  // Kind::range: straight from the blob; decode: of the encoded part
  mime::Encoding encoding = mime::Encoding::seven_bit;  // Kind::decode
  uint64_t skip = 0;  // Kind::decode: decoded octets before those that are sent
  uint64_t size = 0;  // octets that will be sent; for BINARY.SIZE the answer
};

struct FetchedMessage {
  Uid uid;
  const store::PageData::Message* row = nullptr;  // null: purged, or damaged
  std::vector<FetchedBody> bodies;                // one for each item that is a body, in order
};

struct FetchedRun {
  std::vector<store::PageDataPtr> pages;  // keeps the rows
  std::vector<FetchedMessage> messages;
  size_t bytes = 0;
  bool damaged = false;  // a message could not be read; the others are there
};

// Of decoded octets as they come, those of a window. For BINARY with a partial range.
class DecodedWindow {
 public:
  DecodedWindow(uint64_t skip, uint64_t size) : skip_(skip), left_(size) {}
  std::string& decoded() { return decoded_; }
  // Appends what of decoded() lies in the window to `out`, and forgets it.
  void take(std::string& out);

 private:
  std::string decoded_;
  uint64_t skip_;
  uint64_t left_;
};

// Reads what `plan` needs for the first of `uids`, ascending, all of which the view holds: one
// message at least, and no more once their bodies take a megabyte.
Result<FetchedRun> load_run(store::Account& account, MailboxId mailbox, const FetchPlan& plan,
                            const std::vector<Uid>& uids);

// The same from memory alone, never blocking; nothing when it does not hold all of it.
std::optional<FetchedRun> cached_run(const store::Account& account, MailboxId mailbox,
                                     const FetchPlan& plan, const std::vector<Uid>& uids);

// Sections larger than this are streamed, not loaded.
inline constexpr uint64_t stream_bytes_min = 128 * 1024;
// One piece of a stream.
inline constexpr uint64_t stream_piece_bytes = 256 * 1024;

}  // namespace eilpost::server
