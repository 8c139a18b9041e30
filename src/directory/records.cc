#include "directory/records.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "protocol/sasl/crypto.h"

namespace eilpost::directory {

namespace {
constexpr char schema = '\x01';
constexpr uint8_t head_format = 1;
constexpr uint8_t account_format_1 = 1;
constexpr uint8_t account_format_2 = 2;
constexpr uint8_t name_format = 1;
constexpr size_t row_key_octets_max = 250;
constexpr uint64_t list_length_max = 100'000;

constexpr uint8_t flag_disabled = 1;
constexpr uint8_t flag_verifier = 2;
constexpr uint8_t flag_removed = 4;
constexpr uint8_t flag_purged = 8;
constexpr uint8_t flag_admin = 16;
constexpr uint8_t flag_mailbox_quota = 32;
constexpr uint8_t flag_hidden = 64;
constexpr uint8_t flag_extra = 128;

// The fields of format 2. Tag 0 ends the list; lists of names are fields that repeat.
enum Tag : uint64_t {
  tag_end = 0,
  tag_id = 1,
  tag_login_name = 2,
  tag_primary_address = 3,
  tag_alias = 4,
  tag_display_name = 5,
  tag_quota_bytes = 6,
  tag_quota_messages = 7,
  tag_quota_mailboxes = 8,
  tag_created = 9,
  tag_flags = 10,  // disabled, purged, admin, by their bits of format 1
  tag_password_hash = 11,
  tag_verifier = 12,
  tag_removed = 13,
  tag_hidden = 14,
  tag_extra = 15,
  tag_directory = 16,
  tag_outside_key = 17,
  tag_verifier_sha_1 = 18,
};

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

Result<AccountVerifier> verifier_of(AccountRecord record, sasl::ScramHash hash) {
  auto& held = hash == sasl::ScramHash::sha_1 ? record.verifier_sha_1 : record.verifier;
  if (!held) return fail(Code::not_found, "the account has no such verifier");
  return AccountVerifier{.account = std::move(record.account), .verifier = std::move(*held)};
}

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

std::string outside_row_key(std::string_view directory, std::string_view outside_key) {
  std::string out = {schema, 'o'};
  out += directory;
  out += '\0';
  const bool fits = out.size() + 1 + outside_key.size() <= row_key_octets_max;
  // The octet tells the two forms apart.
  out += fits ? 'k' : 's';
  out += fits ? std::string(outside_key) : sasl::sha256(outside_key);
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

namespace {

class FieldWriter {
 public:
  void text(Tag tag, std::string_view value) {
    if (!value.empty()) field(tag, value);
  }
  void number(Tag tag, uint64_t value) {
    if (value == 0) return;
    std::string octets;
    put_varint(octets, value);
    field(tag, octets);
  }
  void time(Tag tag, Timestamp value) {
    std::string octets;
    put_svarint(octets, value.micros);
    field(tag, octets);
  }
  void texts(Tag tag, const std::vector<std::string>& values) {
    for (const auto& value : values) field(tag, value);
  }
  void field(uint64_t tag, std::string_view value) {
    put_varint(out_, tag);
    put_bytes(out_, value);
  }
  std::string finish() {
    put_varint(out_, tag_end);
    return seal_value(account_format_2, out_);
  }

 private:
  std::string out_;
};

void put_verifier(std::string& out, const sasl::ScramVerifier& verifier) {
  put_bytes(out, verifier.salt);
  put_varint(out, verifier.iterations);
  put_bytes(out, verifier.stored_key);
  put_bytes(out, verifier.server_key);
}

std::string print_account_2(const AccountRecord& record) {
  const Account& account = record.account;
  FieldWriter out;
  out.number(tag_id, account.id.value);
  out.text(tag_login_name, account.login_name);
  out.text(tag_primary_address, account.primary_address);
  out.texts(tag_alias, account.aliases);
  out.text(tag_display_name, account.display_name);
  out.number(tag_quota_bytes, account.quota.bytes);
  out.number(tag_quota_messages, account.quota.messages);
  out.number(tag_quota_mailboxes, account.quota.mailboxes);
  out.time(tag_created, account.created);
  out.number(tag_flags, (account.disabled ? flag_disabled : 0U) |
                            (record.purged ? flag_purged : 0U) | (account.admin ? flag_admin : 0U));
  out.text(tag_password_hash, record.password_hash);
  if (record.verifier) {
    std::string octets;
    put_verifier(octets, *record.verifier);
    out.text(tag_verifier, octets);
  }
  if (record.verifier_sha_1) {
    std::string octets;
    put_verifier(octets, *record.verifier_sha_1);
    out.text(tag_verifier_sha_1, octets);
  }
  if (record.removed) out.time(tag_removed, *record.removed);
  out.texts(tag_hidden, account.hidden_capabilities);
  out.texts(tag_extra, account.extra_capabilities);
  out.text(tag_directory, account.directory);
  out.text(tag_outside_key, account.outside_key);
  for (const auto& [tag, value] : record.other_fields) out.field(tag, value);
  return out.finish();
}

bool fits_format_1(const AccountRecord& record) {
  return record.account.directory.empty() && record.account.outside_key.empty() &&
         !record.verifier_sha_1 && record.other_fields.empty();
}

// One value that fills its field.
Result<uint64_t> number_of(std::string_view field) {
  Reader in(field);
  const auto out = TRY(in.varint());
  TRY(at_end(in));
  return out;
}

Result<Timestamp> time_of(std::string_view field) {
  Reader in(field);
  const Timestamp out{TRY(in.svarint())};
  TRY(at_end(in));
  return out;
}

Result<> add_text(std::vector<std::string>& to, std::string_view field) {
  if (to.size() >= list_length_max) return fail(Code::corrupt, "an account with an endless list");
  to.emplace_back(field);
  return {};
}

void set_flags(AccountRecord& record, uint64_t flags) {
  record.account.disabled = (flags & flag_disabled) != 0;
  record.account.admin = (flags & flag_admin) != 0;
  record.purged = (flags & flag_purged) != 0;
}

Result<> parse_secret_field(AccountRecord& record, uint64_t tag, std::string_view field) {
  switch (tag) {
    case tag_password_hash: record.password_hash = field; return {};
    case tag_verifier: {
      Reader in(field);
      record.verifier = TRY(parse_verifier(in));
      return at_end(in);
    }
    case tag_verifier_sha_1: {
      Reader in(field);
      record.verifier_sha_1 = TRY(parse_verifier(in));
      record.verifier_sha_1->hash = sasl::ScramHash::sha_1;
      return at_end(in);
    }
    case tag_removed: record.removed = TRY(time_of(field)); return {};
    default: record.other_fields.emplace_back(tag, std::string(field)); return {};
  }
}

Result<> parse_field(AccountRecord& record, uint64_t tag, std::string_view field) {
  Account& account = record.account;
  switch (tag) {
    case tag_id: account.id = AccountId(TRY(number_of(field))); return {};
    case tag_login_name: account.login_name = field; return {};
    case tag_primary_address: account.primary_address = field; return {};
    case tag_alias: return add_text(account.aliases, field);
    case tag_display_name: account.display_name = field; return {};
    case tag_quota_bytes: account.quota.bytes = TRY(number_of(field)); return {};
    case tag_quota_messages: account.quota.messages = TRY(number_of(field)); return {};
    case tag_quota_mailboxes: account.quota.mailboxes = TRY(number_of(field)); return {};
    case tag_created: account.created = TRY(time_of(field)); return {};
    case tag_flags: set_flags(record, TRY(number_of(field))); return {};
    case tag_hidden: return add_text(account.hidden_capabilities, field);
    case tag_extra: return add_text(account.extra_capabilities, field);
    case tag_directory: account.directory = field; return {};
    case tag_outside_key: account.outside_key = field; return {};
    default: return parse_secret_field(record, tag, field);
  }
}

Result<AccountRecord> parse_account_2(Reader in) {
  AccountRecord out;
  for (uint64_t tag = TRY(in.varint()); tag != tag_end; tag = TRY(in.varint())) {
    TRY(parse_field(out, tag, TRY(in.bytes())));
  }
  TRY(at_end(in));
  return out;
}

}  // namespace

std::string print_account(const AccountRecord& record) {
  if (!fits_format_1(record)) return print_account_2(record);
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
  if (record.verifier) put_verifier(out, *record.verifier);
  if (record.removed) put_svarint(out, record.removed->micros);
  if (account.quota.mailboxes != 0) put_varint(out, account.quota.mailboxes);
  for (const auto* names : {&account.hidden_capabilities, &account.extra_capabilities}) {
    if (names->empty()) continue;
    put_varint(out, names->size());
    for (const auto& name : *names) put_bytes(out, name);
  }
  return seal_value(account_format_1, out);
}

Result<AccountRecord> parse_account(std::string_view value) {
  const auto unsealed = TRY(unseal_value(value));
  if (unsealed.format == account_format_2) return parse_account_2(Reader(unsealed.payload));
  Reader in(TRY(payload_of(value, account_format_1)));
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
