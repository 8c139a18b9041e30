// From a scanned message to what the store keeps of it, and back for those who sort, thread and
// search. Values only; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mime/wire.h"
#include "store/types.h"

namespace eilpost::store {

// Of a message that was scanned while its octets went into the blob.
Digest make_digest(const mime::Message& message);

// The column `keys`: what SORT, THREAD and the SENT* search keys want.
struct DigestKeys {
  std::string message_id;
  std::string in_reply_to;
  std::vector<std::string> references;
  std::string base_subject;
  bool reply_or_forward = false;
  std::optional<ZonedTime> sent;
  std::string from_mailbox;
  std::string to_mailbox;
  std::string cc_mailbox;
  std::string from_display;
  std::string to_display;
  bool has_attachment = false;
};
std::string encode(const DigestKeys& keys);
// The same where it lies in the column's octets, which must outlive it; nothing is copied.
struct DigestKeysView {
  std::string_view message_id;
  std::string_view in_reply_to;
  uint64_t reference_count = 0;
  std::string_view references;  // so many of put_bytes(), checked
  std::string_view base_subject;
  bool reply_or_forward = false;
  std::optional<ZonedTime> sent;
  std::string_view from_mailbox;
  std::string_view to_mailbox;
  std::string_view cc_mailbox;
  std::string_view from_display;
  std::string_view to_display;
  bool has_attachment = false;
};
Result<DigestKeysView> view_digest_keys(std::string_view octets);
Result<DigestKeys> decode_digest_keys(std::string_view octets);

}  // namespace eilpost::store
