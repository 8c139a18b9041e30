#include "store/keys.h"

#include "base/bytes.h"

namespace eilpost::store::keys {

namespace {

std::string start(char kind) {
  std::string key;
  key.reserve(24);
  put_u8(key, schema);
  key.push_back(kind);
  return key;
}

std::string start(char kind, MailboxId mailbox) {
  std::string key = start(kind);
  put_u64be(key, mailbox.value);
  return key;
}

std::string with_page(char kind, MailboxId mailbox, uint32_t page) {
  std::string key = start(kind, mailbox);
  put_u32be(key, page);
  return key;
}

// Names longer than a key may be are kept by their first octets and a checksum of the whole; the
// value carries the name itself.
std::string with_name(char kind, std::string_view name) {
  constexpr size_t kept = 200;
  std::string key = start(kind);
  if (name.size() <= kept) return key.append(name);
  key.append(name.substr(0, kept));
  key.push_back('\0');
  put_u32be(key, crc32c(name));
  put_u32be(key, static_cast<uint32_t>(name.size()));
  return key;
}

}  // namespace

std::string head() {
  return start('H');
}
std::string definition(MailboxId mailbox) {
  return start('D', mailbox);
}
std::string counters(MailboxId mailbox) {
  return start('K', mailbox);
}
std::string keywords(MailboxId mailbox) {
  return start('W', mailbox);
}
std::string hot_page(MailboxId mailbox, uint32_t page) {
  return with_page('P', mailbox, page);
}
std::string recoverable(MailboxId mailbox, uint32_t page) {
  return with_page('R', mailbox, page);
}
std::string subscription(std::string_view name) {
  return with_name('S', name);
}
std::string tombstone(std::string_view name) {
  return with_name('T', name);
}

std::string message(MailboxId mailbox, uint32_t page, uint8_t slot) {
  std::string key = with_page('M', mailbox, page);
  put_u8(key, slot);
  return key;
}

std::string annotation(MailboxId mailbox, uint64_t owner, std::string_view name) {
  std::string key = start('N', mailbox);
  put_u64be(key, owner);
  return key.append(name);
}
std::string annotation_use() {
  return start('Q');
}

std::string blob_holders(engine::BlobId blob) {
  std::string key = start('B');
  put_u64be(key, blob.hi);
  put_u64be(key, blob.lo);
  return key;
}

std::string log(ModSeq modseq) {
  std::string key = start('L');
  put_u64be(key, modseq.value);
  return key;
}

engine::Range all(char kind) {
  return {start(kind), start(static_cast<char>(kind + 1))};
}

engine::Range all(char kind, MailboxId mailbox) {
  return {start(kind, mailbox), start(kind, MailboxId(mailbox.value + 1))};
}

engine::Range message_page(MailboxId mailbox, uint32_t page) {
  return {message(mailbox, page, 0), with_page('M', mailbox, page + 1)};
}

engine::Range log_after(ModSeq after) {
  return {log(ModSeq(after.value + 1)), start(static_cast<char>('L' + 1))};
}

MailboxId mailbox_of(std::string_view key) {
  return MailboxId(load_u64be(key.substr(2)));
}
uint32_t page_in(std::string_view key) {
  return load_u32be(key.substr(10));
}
uint8_t slot_in(std::string_view key) {
  return static_cast<uint8_t>(key[14]);
}
ModSeq modseq_of(std::string_view key) {
  return ModSeq(load_u64be(key.substr(2)));
}
std::string_view name_of(std::string_view key) {
  return key.substr(2);
}

}  // namespace eilpost::store::keys
