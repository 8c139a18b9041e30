// The stored values of an account's partition other than hot pages: what each row of keys.h holds,
// as values with encode and decode. Every value carries a format octet and a CRC32C (base/bytes.h);
// decoding answers Code::corrupt, never a guess. Values only; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace eilpost::store {

// Row H.
struct Head {
  MailboxId next_mailbox = MailboxId(1);
  ModSeq last_modseq = ModSeq(0);  // the highest that any commit used
  uint32_t last_uid_validity = 0;  // account-wide: none is ever given twice
  QuotaUse used;                   // what the mailboxes hold, recoverable items not counted
  ModSeq log_floor = ModSeq(0);    // the log holds every change above it
  int64_t last_seen_micros = 0;    // account time never goes back
  uint64_t epoch = 1;              // rises when a backup is restored
  // What the log holds. Not counted in accounts of a release that did not: from their next cut on.
  bool log_counted = true;
  uint64_t log_rows = 0;
  uint64_t log_bytes = 0;  // of keys and values
};
std::string encode(const Head& head);
Result<Head> decode_head(std::string_view value);

std::string encode(const MailboxDef& def);
Result<MailboxDef> decode_def(MailboxId id, std::string_view value);

std::string encode(const MailboxCounters& counters);
Result<MailboxCounters> decode_counters(std::string_view value);

std::string encode(const KeywordTable& table);
Result<KeywordTable> decode_keywords(std::string_view value);

// Row M of a single slot: cold entry and digest together, until the page is sealed.
struct MessageRow {
  Cold cold;
  Digest digest;
};
std::string encode(const MessageRow& row);
Result<MessageRow> decode_message(std::string_view value);

// The columns of a sealed digest blob, in this order.
enum class Column : uint8_t { envelope, bodystructure, parts, preview, keys };
inline constexpr size_t column_count = 5;
// The same with the digest's octets where they lie in the value.
struct MessageRowView {
  Cold cold;
  std::array<std::string_view, column_count> digest{};  // by Column
};
Result<MessageRowView> view_message(std::string_view value);
std::string& column_of(Digest& digest, Column column);
const std::string& column_of(const Digest& digest, Column column);

struct ColdSlot {
  uint8_t slot = 0;
  Cold cold;
};

// Row M of slot 255: the cold entries of a full page, and where its digests lie. A column is
// 129 little-endian offsets (32 bit, from the column's start) and the octets between them.
struct SealedPage {
  engine::BlobId digests;
  std::array<uint32_t, column_count + 1> column_offsets{};  // in the blob; the last is its length
  std::vector<ColdSlot> slots;                              // ascending
};
std::string encode(const SealedPage& page);
Result<SealedPage> decode_sealed(std::string_view value);

// The digest blob of a page; fills in page.column_offsets. digests[i] belongs to page.slots[i].
std::string encode_digests(SealedPage& page, const std::vector<const Digest*>& digests);
// The octets of one slot in one column; empty when the column is damaged.
Result<std::string_view> column_slot(std::string_view column, uint8_t slot);

// Row R: how messages of one page went.
struct Gone {
  uint8_t slot = 0;
  bool moved = false;  // by MOVE: lives on elsewhere, nothing to recover
  uint8_t flags = 0;   // as they were
  std::vector<uint16_t> keywords;
  ModSeq modseq;        // of the expunge
  int64_t seconds = 0;  // when
};
std::string encode(const std::vector<Gone>& page);
Result<std::vector<Gone>> decode_gone(std::string_view value);

// Row L: one commit of one or more changes.
struct LogChange {
  ModSeq modseq;
  ChangeKind kind = ChangeKind::flags;
  MailboxId mailbox;
  UidSet uids;
  Author author;
  std::vector<std::string> entries = {};  // of ChangeKind::annotations: their names
};
struct LogRow {
  std::string commit_id;  // 16 random octets: settles an Unknown commit
  int64_t micros = 0;
  std::vector<LogChange> changes;
  // For caches of other nodes, beyond what `changes` says: mailboxes whose definition, counters or
  // keywords the commit wrote, and whether it wrote subscriptions.
  std::vector<MailboxId> touched;
  bool subscriptions = false;
};
std::string encode(const LogRow& row);
Result<LogRow> decode_log(std::string_view value);

// Rows S and T: the full name, and for T the highest UIDVALIDITY it had.
struct NameRow {
  std::string name;
  uint32_t uid_validity = 0;
};
std::string encode(const NameRow& row);
Result<NameRow> decode_name(std::string_view value);

// Row N: an annotation, its name in the spelling of its latest setting.
struct AnnotationRow {
  std::string name;
  std::string value;
};
std::string encode(const AnnotationRow& row);
Result<AnnotationRow> decode_annotation(std::string_view value);

// Row Q: how many annotations the account has, and the octets of their names and values.
struct AnnotationUse {
  uint64_t entries = 0;
  uint64_t bytes = 0;
  friend bool operator==(const AnnotationUse&, const AnnotationUse&) = default;
};
std::string encode(const AnnotationUse& use);
Result<AnnotationUse> decode_annotation_use(std::string_view value);

// Row B: how many cold entries name the blob; absent means one.
std::string encode_holders(uint32_t holders);
Result<uint32_t> decode_holders(std::string_view value);

}  // namespace eilpost::store
