// FETCH and UID FETCH. RFC 9051 6.4.5 with BINARY (RFC 3516), CONDSTORE and QRESYNC modifiers (RFC
// 7162), OBJECTID (RFC 8474), SAVEDATE (RFC 8514), PREVIEW (RFC 8970), PARTIAL (RFC 9394).
// Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/partial.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

enum class FetchKind : uint8_t {
  envelope,
  flags,
  internal_date,
  uid,
  rfc822_size,
  modseq,
  email_id,
  thread_id,
  save_date,
  body,  // BODY: the structure without extension data
  body_structure,
  rfc822,
  rfc822_header,
  rfc822_text,
  body_section,  // BODY[...] and BODY.PEEK[...]
  binary,
  binary_size,
  preview,
};

struct FetchItem {
  FetchKind kind = FetchKind::flags;
  // body_section, binary, binary_size (the latter two: only Section::part).
  Section section;
  std::optional<Partial> partial;
  // Does not set \Seen: .PEEK. Set for rfc822 when a client sent RFC822.PEEK.
  bool peek = false;
  bool lazy = false;  // PREVIEW (LAZY)
  friend bool operator==(const FetchItem&, const FetchItem&) = default;
};
// Fetching it sets \Seen (RFC 9051 6.4.5).
bool sets_seen(const FetchItem& item);

struct Fetch {
  SequenceSet set;
  std::vector<FetchItem> items;  // macros (ALL, FAST, FULL) are expanded; each item once
  std::optional<uint64_t> changed_since;
  std::optional<PartialRange> partial;  // of the messages that the rest names; UID FETCH only
  bool vanished = false;  // needs UID FETCH and changed_since: the parser refuses it else
  friend bool operator==(const Fetch&, const Fetch&) = default;
};
Result<Fetch> parse_fetch(Cursor& cursor);
Result<Fetch> parse_uid_fetch(Cursor& cursor);
void print_fetch(CommandWriter& out, const Fetch& command);
void append_fetch_item(std::string& out, const FetchItem& item);
// "(" fetch-att *(SP fetch-att) ")", in both directions: for what else has such a list.
Result<std::vector<FetchItem>> parse_fetch_items(Cursor& cursor);
void append_fetch_items(std::string& out, const std::vector<FetchItem>& items);

}  // namespace eilpost::imap
