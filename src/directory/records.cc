#include "directory/records.h"

#include <fmt/format.h>

#include "base/bytes.h"

namespace eilpost::directory {

namespace {
constexpr char schema = '\x01';
constexpr uint8_t head_format = 1;
constexpr uint8_t account_format = 1;
constexpr uint8_t name_format = 1;
constexpr uint64_t list_length_max = 100'000;

constexpr uint8_t flag_disabled = 1;
constexpr uint8_t flag_verifier = 2;
constexpr uint8_t flag_removed = 4;
constexpr uint8_t flag_purged = 8;
constexpr uint8_t flag_admin = 16;
constexpr uint8_t flag_mailbox_quota = 32;
constexpr uint8_t flag_hidden = 64;
constexpr uint8_t flag_extra = 128;

Result<std::string_view> payload_of(std::string_view value, uint8_t format) {
  const auto unsealed = TRY(unseal_value(value));
  if (unsealed.format != format) {
    return fail(Code::corrupt, fmt::format("directory row of format {}", unsealed.format));
  }
  return unsealed.payload;
}

Result<uint64_t> list_length(Reader& in) {
  const auto length = TRY(in.varint());
  if (length > list_length_max) return fail(Code::corrupt, "directory row with an endless list");
  return length;
}

Result<> at_end(const Reader& in) {
  if (!in.done()) return fail(Code::corrupt, "directory row with octets behind its end");
  return {};
}

Result<std::string> text_of(Reader& in) {
  return std::string(TRY(in.bytes()));
}

Result<std::vector<std::string>> parse_texts(Reader& in) {
  std::vector<std::string> out;
  for (uint64_t left = TRY(list_length(in)); left > 0; --left) out.push_back(TRY(text_of(in)));
  return out;
}

Result<Account> parse_plain_account(Reader& in) {
  Account out;
  out.id = AccountId(TRY(in.varint()));
  out.login_name = TRY(text_of(in));
  out.primary_address = TRY(text_of(in));
  for (uint64_t left = TRY(list_length(in)); left > 0; --left) {
    out.aliases.push_back(TRY(text_of(in)));
  }
  out.display_name = TRY(text_of(in));
  out.quota.bytes = TRY(in.varint());
  out.quota.messages = TRY(in.varint());
  out.created.micros = TRY(in.svarint());
  return out;
}

Result<sasl::ScramVerifier> parse_verifier(Reader& in) {
  sasl::ScramVerifier out;
  out.salt = TRY(text_of(in));
  const auto iterations = TRY(in.varint());
  if (iterations > UINT32_MAX) return fail(Code::corrupt, "verifier with too many iterations");
  out.iterations = static_cast<uint32_t>(iterations);
  out.stored_key = TRY(text_of(in));
  out.server_key = TRY(text_of(in));
  return out;
}
}  // namespace

std::string head_key() {
  return {schema, 'h'};
}

std::string account_key(AccountId id) {
  std::string out = {schema, 'a'};
  put_u64be(out, id.value);
  return out;
}

std::string name_key(std::string_view folded) {
  std::string out = {schema, 'n'};
  out += folded;
  return out;
}

Result<AccountId> parse_account_key(std::string_view key) {
  if (key.size() != 10 || key[0] != schema || key[1] != 'a') {
    return fail(Code::corrupt, "not an account's key");
  }
  return AccountId(load_u64be(key.substr(2)));
}

std::string print_head(const HeadRecord& head) {
  std::string out;
  put_varint(out, head.next_id);
  put_bytes(out, head.secret);
  put_varint(out, head.commit_ids.size());
  for (const auto& id : head.commit_ids) put_bytes(out, id);
  return seal_value(head_format, out);
}

Result<HeadRecord> parse_head(std::string_view value) {
  Reader in(TRY(payload_of(value, head_format)));
  HeadRecord out;
  out.next_id = TRY(in.varint());
  out.secret = TRY(text_of(in));
  for (uint64_t left = TRY(list_length(in)); left > 0; --left) {
    out.commit_ids.push_back(TRY(text_of(in)));
  }
  TRY(at_end(in));
  return out;
}

std::string print_account(const AccountRecord& record) {
  const Account& account = record.account;
  std::string out;
  put_varint(out, account.id.value);
  put_bytes(out, account.login_name);
  put_bytes(out, account.primary_address);
  put_varint(out, account.aliases.size());
  for (const auto& alias : account.aliases) put_bytes(out, alias);
  put_bytes(out, account.display_name);
  put_varint(out, account.quota.bytes);
  put_varint(out, account.quota.messages);
  put_svarint(out, account.created.micros);
  put_u8(out, static_cast<uint8_t>(
                  (account.disabled ? flag_disabled : 0) | (record.verifier ? flag_verifier : 0) |
                  (record.removed ? flag_removed : 0) | (record.purged ? flag_purged : 0) |
                  (account.admin ? flag_admin : 0) |
                  (account.quota.mailboxes != 0 ? flag_mailbox_quota : 0) |
                  (account.hidden_capabilities.empty() ? 0 : flag_hidden) |
                  (account.extra_capabilities.empty() ? 0 : flag_extra)));
  put_bytes(out, record.password_hash);
  if (record.verifier) {
    put_bytes(out, record.verifier->salt);
    put_varint(out, record.verifier->iterations);
    put_bytes(out, record.verifier->stored_key);
    put_bytes(out, record.verifier->server_key);
  }
  if (record.removed) put_svarint(out, record.removed->micros);
  if (account.quota.mailboxes != 0) put_varint(out, account.quota.mailboxes);
  for (const auto* names : {&account.hidden_capabilities, &account.extra_capabilities}) {
    if (names->empty()) continue;
    put_varint(out, names->size());
    for (const auto& name : *names) put_bytes(out, name);
  }
  return seal_value(account_format, out);
}

Result<AccountRecord> parse_account(std::string_view value) {
  Reader in(TRY(payload_of(value, account_format)));
  AccountRecord out;
  out.account = TRY(parse_plain_account(in));
  const auto flags = TRY(in.u8());
  out.account.disabled = (flags & flag_disabled) != 0;
  out.purged = (flags & flag_purged) != 0;
  out.password_hash = TRY(text_of(in));
  if ((flags & flag_verifier) != 0) out.verifier = TRY(parse_verifier(in));
  if ((flags & flag_removed) != 0) out.removed = Timestamp{TRY(in.svarint())};
  out.account.admin = (flags & flag_admin) != 0;
  if ((flags & flag_mailbox_quota) != 0) out.account.quota.mailboxes = TRY(in.varint());
  if ((flags & flag_hidden) != 0) out.account.hidden_capabilities = TRY(parse_texts(in));
  if ((flags & flag_extra) != 0) out.account.extra_capabilities = TRY(parse_texts(in));
  TRY(at_end(in));
  return out;
}

std::string print_name(AccountId id) {
  std::string out;
  put_varint(out, id.value);
  return seal_value(name_format, out);
}

Result<AccountId> parse_name(std::string_view value) {
  Reader in(TRY(payload_of(value, name_format)));
  const AccountId out(TRY(in.varint()));
  TRY(at_end(in));
  return out;
}

}  // namespace eilpost::directory
