// The store's values: what crosses the border between the store and search, server and tools. No
// quote and no parenthesis of any protocol, no key of any engine. Names are UTF-8, levels parted by
// '/'. Values only; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/interval_set.h"
#include "engine/engine.h"

namespace eilpost::store {

// System flags of RFC 9051 2.3.2 as bits. \Recent is the session's affair.
enum SystemFlag : uint8_t {
  flag_answered = 1,
  flag_flagged = 2,
  flag_deleted = 4,
  flag_seen = 8,
  flag_draft = 16,
};
inline constexpr uint8_t flags_all = 31;

// A mailbox's keywords by index; an index keeps its meaning for the mailbox's life. Names keep the
// case of their first use and compare without case (RFC 9051 2.3.2).
using KeywordTable = std::vector<std::string>;

// A message's date as given: seconds since 1970 and the zone it was written in.
struct ZonedTime {
  int64_t seconds = 0;
  int16_t zone_minutes = 0;
  friend bool operator==(const ZonedTime&, const ZonedTime&) = default;
};

// 128 bits that name a message's content for ever (EMAILID, RFC 8474): 48 bits of milliseconds, 80
// random bits. Copies share it.
struct EmailId {
  uint64_t hi = 0;
  uint64_t lo = 0;
  friend auto operator<=>(const EmailId&, const EmailId&) = default;
  // "M" and 26 characters of Crockford base32.
  std::string to_string() const;
};

// What changes about a message: one entry of a hot page.
struct HotEntry {
  ModSeq modseq;
  uint32_t deleted_at = 0;  // seconds since 1970 when \Deleted was set; 0 when it is not
  uint8_t flags = 0;        // SystemFlag bits
  uint8_t keyword_set = 0;  // index into the page's keyword_sets
  uint8_t slot = 0;         // uid & 127
  friend bool operator==(const HotEntry&, const HotEntry&) = default;
};

// What never changes and is small: one entry of a cold page.
struct Cold {
  ZonedTime internal_date;
  int64_t saved_seconds = 0;  // SAVEDATE (RFC 8514)
  uint64_t size = 0;          // octets of BODY[]
  engine::BlobId blob;
  EmailId email_id;
};

// What never changes and is derived from the octets, as mime made it (mime/wire.h).
struct Digest {
  std::string envelope;       // ENVELOPE as it goes on the wire
  std::string bodystructure;  // BODYSTRUCTURE as it goes on the wire
  std::string parts;          // mime::PartIndex, encoded
  std::string preview;        // RFC 8970
  std::string keys;  // what SORT, THREAD and SENTSINCE want: DigestKeys (digest.h), encoded
};

// Who changes something; kept in the change log.
struct Author {
  std::string session;     // correlation id of the session or job
  std::string credential;  // the login name that acted
};

// What an account may hold; 0 is "no limit".
struct QuotaLimit {
  uint64_t bytes = 0;
  uint64_t messages = 0;
  uint64_t mailboxes = 0;  // names, INBOX and those without messages included
};

struct QuotaUse {
  uint64_t bytes = 0;
  uint64_t messages = 0;
};

// Special uses of RFC 6154 and RFC 8457 as bits.
enum SpecialUse : uint16_t {
  use_all = 1,
  use_archive = 2,
  use_drafts = 4,
  use_flagged = 8,
  use_junk = 16,
  use_sent = 32,
  use_trash = 64,
  use_important = 128,
};

// A mailbox's definition: changes by CREATE, DELETE, RENAME and settings only.
struct MailboxDef {
  MailboxId id;
  MailboxId parent;          // 0: top level
  std::string leaf;          // the last level of its name
  uint16_t special_use = 0;  // SpecialUse bits
  bool selectable = true;    // false: a name that only holds others (\Noselect)
  int64_t created_seconds = 0;
  int64_t deleted_seconds = 0;  // not 0: gone from the tree, recoverable until purged
  std::string deleted_name;     // its full name then
};

// What a mailbox counts; changes with every message.
struct MailboxCounters {
  uint32_t uid_validity = 0;
  Uid uid_next = Uid(1);
  Uid first_recent = Uid(1);  // the first uid that no read-write session was told as \Recent
  uint32_t exists = 0;
  uint32_t unseen = 0;
  uint32_t deleted = 0;
  uint64_t size = 0;
  ModSeq highest_modseq = ModSeq(1);  // never 0
  friend bool operator==(const MailboxCounters&, const MailboxCounters&) = default;
};

// A message about to be stored. Its blob is staged (Account::stage) and not yet durable.
struct NewMessage {
  Cold cold;  // email_id and saved_seconds are filled in by the store
  Digest digest;
  uint8_t flags = 0;
  std::vector<std::string> keywords;
};

enum class FlagChange { replace, add, remove };

// A change as sessions and the log see it.
enum class ChangeKind : uint8_t {
  added = 1,
  flags = 2,
  expunged = 3,
  mailbox = 4,
  annotations = 5
};

}  // namespace eilpost::store
