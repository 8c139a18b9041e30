// The row keys of an account's partition, all big-endian so that they sort. First octet: schema
// version (1); second: what it is. Keys stay far below the engine's 250 octets except names.
//
//   H                      head
//   D <mailbox>            mailbox definition
//   K <mailbox>            mailbox counters
//   W <mailbox>            keyword table
//   P <mailbox> <page>     hot page: flags, keywords, modseq, time marked deleted
//   M <mailbox> <page> <slot>  cold entry and digest of one message; slot 255: the sealed page
//   R <mailbox> <page>     recoverable page: what was expunged, when and how
//   B <blob>               holders of a blob beyond the first
//   L <modseq>             change log
//   S <name>               subscription
//   T <name>               tombstone: the highest UIDVALIDITY the name ever had
//   N <mailbox> <owner> <name>  annotation; mailbox 0: of the account
//   Q                      what the annotations take
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "engine/engine.h"

namespace eilpost::store::keys {

inline constexpr uint8_t schema = 1;
inline constexpr uint32_t page_slots = 128;
inline constexpr uint8_t sealed_slot = 255;

// A page is a fixed range of 128 uids that never splits.
inline uint32_t page_of(Uid uid) {
  return uid.value >> 7;
}
inline uint8_t slot_of(Uid uid) {
  return static_cast<uint8_t>(uid.value & 127);
}
inline Uid uid_at(uint32_t page, uint8_t slot) {
  return Uid((page << 7) | slot);
}

std::string head();
std::string definition(MailboxId mailbox);
std::string counters(MailboxId mailbox);
std::string keywords(MailboxId mailbox);
std::string hot_page(MailboxId mailbox, uint32_t page);
std::string message(MailboxId mailbox, uint32_t page, uint8_t slot);
std::string recoverable(MailboxId mailbox, uint32_t page);
std::string blob_holders(engine::BlobId blob);
std::string log(ModSeq modseq);
std::string subscription(std::string_view name);
std::string tombstone(std::string_view name);
// `name` with its letters in lower case, at most limits::annotation_name_bytes_max octets.
std::string annotation(MailboxId mailbox, uint64_t owner, std::string_view name);
std::string annotation_use();

// All rows of one kind, and all of one kind in one mailbox: [first, last).
engine::Range all(char kind);
engine::Range all(char kind, MailboxId mailbox);
// The rows of kind M of one page.
engine::Range message_page(MailboxId mailbox, uint32_t page);
// The log from `after` (exclusive).
engine::Range log_after(ModSeq after);

// What stands behind the kind octet. The key must be of that kind.
MailboxId mailbox_of(std::string_view key);
uint32_t page_in(std::string_view key);          // P, M, R
uint8_t slot_in(std::string_view key);           // M
ModSeq modseq_of(std::string_view key);          // L
std::string_view name_of(std::string_view key);  // S, T

}  // namespace eilpost::store::keys
