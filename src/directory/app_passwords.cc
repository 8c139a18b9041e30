#include "directory/app_passwords.h"

#include <algorithm>

#include "base/bytes.h"
#include "protocol/sasl/crypto.h"

namespace eilpost::directory {

namespace {
constexpr uint8_t format = 1;
constexpr uint8_t flag_read_only = 1;
constexpr uint8_t flag_used = 2;
constexpr size_t letters = 20;  // 100 bits
constexpr size_t group = 5;
constexpr size_t salt_octets = 16;
constexpr size_t label_octets_max = 100;
constexpr uint64_t services_max = 20;
constexpr int64_t use_noted_micros = 900'000'000;
// Crockford's: none looks like another.
constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::string_view hex = "0123456789abcdef";

// What a person may type: blanks or dashes between the groups, and capitals.
std::string normal(std::string_view typed) {
  std::string out;
  for (const char c : typed) {
    if (c == '-' || c == ' ') continue;
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

std::string random_text(Random& random, std::string_view from, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += from[random.below(from.size())];
  return out;
}

std::string grouped(const std::string& secret) {
  std::string out;
  for (size_t at = 0; at < secret.size(); at += group) {
    out += (at == 0 ? "" : "-") + secret.substr(at, group);
  }
  return out;
}

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= label_octets_max &&
         std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

Result<std::string> text_of(Reader& in) {
  return std::string(TRY(in.bytes()));
}
}  // namespace

bool AppPassword::allows(std::string_view service) const {
  return services.empty() || std::find(services.begin(), services.end(), service) != services.end();
}

AccountRow print_app_password(const AppPassword& entry) {
  AccountRow row;
  row.format = format;
  std::string& out = row.payload;
  put_u8(out, static_cast<uint8_t>((entry.read_only ? flag_read_only : 0) |
                                   (entry.last_used ? flag_used : 0)));
  put_bytes(out, entry.label);
  put_varint(out, entry.services.size());
  for (const auto& service : entry.services) put_bytes(out, service);
  put_svarint(out, entry.created.micros);
  if (entry.last_used) put_svarint(out, entry.last_used->micros);
  put_bytes(out, entry.last_source);
  put_bytes(out, entry.salt);
  put_bytes(out, entry.digest);
  return row;
}

Result<AppPassword> parse_app_password(const std::string& id, const AccountRow& row) {
  if (row.format != format) return fail(Code::corrupt, "app password of an unknown format");
  Reader in(row.payload);
  AppPassword out;
  out.id = id;
  const auto flags = TRY(in.u8());
  out.read_only = (flags & flag_read_only) != 0;
  out.label = TRY(text_of(in));
  const auto services = TRY(in.varint());
  if (services > services_max) return fail(Code::corrupt, "app password for endless services");
  for (uint64_t i = 0; i < services; ++i) out.services.push_back(TRY(text_of(in)));
  out.created.micros = TRY(in.svarint());
  if ((flags & flag_used) != 0) out.last_used = Timestamp{TRY(in.svarint())};
  out.last_source = TRY(text_of(in));
  out.salt = TRY(text_of(in));
  out.digest = TRY(text_of(in));
  if (!in.done()) return fail(Code::corrupt, "app password with octets behind its end");
  return out;
}

bool AppPasswords::looks_like_one(std::string_view password) {
  // Longer than any that a person types; the rest is not worth copying.
  if (password.size() > 2 * letters) return false;
  auto text = normal(password);
  const bool fits = text.size() == letters && std::all_of(text.begin(), text.end(), [](char c) {
                      return alphabet.find(c) != std::string_view::npos;
                    });
  sasl::wipe(text);
  return fits;
}

Result<MadeAppPassword> AppPasswords::add(AccountId account, const NewAppPassword& wanted) {
  if (!is_label(wanted.label)) {
    return fail(Code::invalid, "a label has 1 to 100 octets, and no control characters");
  }
  if (wanted.services.size() > services_max) return fail(Code::limit, "too many services");
  auto secret = random_text(random_, alphabet, letters);
  AppPassword entry{.id = random_text(random_, hex, 8),
                    .label = wanted.label,
                    .services = wanted.services,
                    .read_only = wanted.read_only,
                    .created = clock_.now(),
                    .salt = random_.octets(salt_octets)};
  entry.digest = sasl::hmac_sha256(entry.salt, secret);
  TRY(rows_.edit(account, RowKind::app_password, [&](RowMap& rows) -> Result<> {
    if (rows.size() >= app_passwords_max) return fail(Code::limit, "too many app passwords");
    for (const auto& [id, row] : rows) {
      const auto other = parse_app_password(id, row);
      if (other && (other->label == entry.label || id == entry.label)) {
        return fail(Code::already_exists, "there is an app password \"" + entry.label + "\"");
      }
    }
    rows[entry.id] = print_app_password(entry);
    return {};
  }));
  return MadeAppPassword{.entry = std::move(entry), .secret = grouped(secret)};
}

Result<std::vector<AppPassword>> AppPasswords::list(AccountId account) {
  std::vector<AppPassword> out;
  for (const auto& [id, row] : TRY(rows_.read(account, RowKind::app_password))) {
    out.push_back(TRY(parse_app_password(id, row)));
  }
  std::sort(out.begin(), out.end(), [](const AppPassword& a, const AppPassword& b) {
    return a.created != b.created ? a.created < b.created : a.id < b.id;
  });
  return out;
}

Result<> AppPasswords::remove(AccountId account, const std::string& id_or_label) {
  return rows_.edit(account, RowKind::app_password, [&](RowMap& rows) -> Result<> {
    if (rows.erase(id_or_label) > 0) return {};
    for (auto at = rows.begin(); at != rows.end(); ++at) {
      const auto entry = parse_app_password(at->first, at->second);
      if (!entry || entry->label != id_or_label) continue;
      rows.erase(at);
      return {};
    }
    return fail(Code::not_found, "no such app password");
  });
}

Result<std::optional<AppPassword>> AppPasswords::check(AccountId account, std::string_view password,
                                                       std::string_view source) {
  auto secret = normal(password);
  std::optional<AppPassword> found;
  for (const auto& entry : TRY(list(account))) {
    if (sasl::equal_in_constant_time(sasl::hmac_sha256(entry.salt, secret), entry.digest)) {
      found = entry;
    }
  }
  sasl::wipe(secret);
  if (!found) return found;
  const auto now = clock_.now();
  if (found->last_used && now.micros - found->last_used->micros < use_noted_micros) return found;
  const auto noted = rows_.edit(account, RowKind::app_password, [&](RowMap& rows) -> Result<> {
    const auto row = rows.find(found->id);
    if (row == rows.end()) return fail(Code::not_found, "the app password was taken away");
    auto entry = TRY(parse_app_password(row->first, row->second));
    entry.last_used = now;
    entry.last_source = std::string(source);
    row->second = print_app_password(entry);
    return {};
  });
  if (!noted && noted.error().code == Code::not_found) return std::optional<AppPassword>();
  // That its use could not be noted keeps nobody out.
  return found;
}

}  // namespace eilpost::directory
