#include "directory/outside/ldap_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "base/limits.h"
#include "protocol/sasl/saslprep.h"

namespace eilpost::directory {

namespace {

// [MS-ADTS] 2.2.16: ADS_UF_ACCOUNTDISABLE.
constexpr unsigned long disabled_bit = 2;

std::string folded(std::string_view name) {
  return fold_name(name, {}).value_or("");
}

bool is_text(std::string_view octets) {
  return std::all_of(octets.begin(), octets.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// "SMTP:a@b" is the primary one of several, "smtp:" another, "x400:" no address of ours.
std::string address_of(std::string_view value) {
  const size_t colon = value.find(':');
  if (colon == std::string_view::npos) return folded(value);
  if (lower(std::string(value.substr(0, colon))) != "smtp") return "";
  return folded(value.substr(colon + 1));
}

void add_unique(std::vector<std::string>& to, std::string value, size_t most) {
  if (value.empty() || to.size() >= most) return;
  const auto at = std::lower_bound(to.begin(), to.end(), value);
  if (at == to.end() || *at != value) to.insert(at, std::move(value));
}

const AdDomain* domain_of(const std::string& dn, const std::vector<AdDomain>& domains) {
  const std::string name = lower(dn);
  const AdDomain* best = nullptr;
  for (const AdDomain& domain : domains) {
    const bool inside = name.size() > domain.base.size() && name.ends_with("," + domain.base);
    if (inside && (best == nullptr || domain.base.size() > best->base.size())) best = &domain;
  }
  return best;
}

std::string login_name_of(const Entry& entry) {
  if (!entry.upn.empty()) return entry.upn;
  if (!entry.realm.empty() && !entry.user.empty()) return entry.user + "@" + entry.realm;
  return entry.user.empty() ? entry.primary_address : entry.user;
}

void add(std::vector<LdapFilter>& to, const std::string& attribute, const std::string& value) {
  if (!attribute.empty() && !value.empty()) to.push_back(equal_to(attribute, value));
}

LdapFilter by_name(const LdapSchema& schema, const Spelling& name) {
  std::vector<LdapFilter> any;
  add(any, schema.user, name.user.empty() ? name.local : name.user);
  add(any, schema.nickname, name.bare() ? name.user : "");
  add(any, schema.upn, name.address);
  add(any, schema.mail, name.address);
  add(any, schema.addresses, name.address);
  if (!name.address.empty()) add(any, schema.addresses, "smtp:" + name.address);
  // Some directories have whole addresses for user names.
  add(any, schema.user, name.address);
  // Folding turns some letters into others, as PRECIS does not.
  const std::string& folded_user = name.user.empty() ? name.local : name.user;
  if (!name.mapped.empty() && name.mapped != folded_user) {
    add(any, schema.user, name.mapped);
    add(any, schema.nickname, name.bare() ? name.mapped : "");
    const std::string address = name.realm.empty() ? "" : name.mapped + "@" + name.realm;
    for (const auto* attribute : {&schema.upn, &schema.mail, &schema.addresses}) {
      add(any, *attribute, address);
    }
  }
  return any_of(std::move(any));
}

Result<std::string> unhex(std::string_view text) {
  std::string out;
  if (text.size() % 2 != 0) return fail(Code::not_found, "a key that is none");
  for (size_t i = 0; i < text.size(); i += 2) {
    unsigned value = 0;
    const auto end = text.data() + i + 2;
    const auto parsed = std::from_chars(text.data() + i, end, value, 16);
    if (parsed.ptr != end) return fail(Code::not_found, "a key that is none");
    out += static_cast<char>(value);
  }
  return out;
}

}  // namespace

LdapSchema active_directory_schema() {
  LdapSchema out;
  out.object_filter = "(&(objectClass=user)(!(objectClass=computer)))";
  out.key = "objectGUID";
  out.user = "sAMAccountName";
  out.upn = "userPrincipalName";
  out.mail = "mail";
  out.addresses = "proxyAddresses";
  out.nickname = "mailNickname";
  out.sid = "objectSid";
  out.display_name = "displayName";
  out.disabled = "userAccountControl";
  out.stamp = "pwdLastSet";
  out.active_directory = true;
  return out;
}

LdapSchema inet_org_person_schema() {
  LdapSchema out;
  out.object_filter = "(objectClass=inetOrgPerson)";
  out.key = "entryUUID";
  out.user = "uid";
  out.mail = "mail";
  out.display_name = "cn";
  return out;
}

Result<> check_schema(const LdapSchema& schema) {
  TRY(parse_filter(schema.object_filter));
  if (schema.key.empty()) return fail(Code::invalid, "an account needs a key attribute");
  if (schema.user.empty() && schema.mail.empty() && schema.upn.empty()) {
    return fail(Code::invalid, "an account needs an attribute with its name");
  }
  for (const std::string& name : attributes_of(schema)) {
    const bool good = std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '.' || c == ';' || c == '_';
    });
    if (!good) return fail(Code::invalid, fmt::format("\"{}\" is no attribute", name));
  }
  return {};
}

std::vector<std::string> attributes_of(const LdapSchema& schema) {
  std::vector<std::string> out;
  for (const auto* name :
       {&schema.key, &schema.user, &schema.upn, &schema.mail, &schema.addresses, &schema.nickname,
        &schema.sid, &schema.display_name, &schema.disabled, &schema.stamp}) {
    if (!name->empty()) out.push_back(*name);
  }
  return out;
}

Result<LdapFilter> filter_for(const LdapSchema& schema, const Query& query) {
  LdapFilter wanted;
  switch (query.by) {
    case Query::By::name: wanted = by_name(schema, query.name); break;
    case Query::By::key: {
      // Written as digits because it is binary, or as it is.
      const bool binary = query.text.starts_with("x");
      wanted =
          equal_to(schema.key, binary ? TRY(unhex(std::string_view(query.text).substr(1)))
                                      : query.text.substr(std::min<size_t>(1, query.text.size())));
      break;
    }
    case Query::By::sid: {
      const std::string sid = parse_sid(query.text);
      if (schema.sid.empty() || sid.empty()) return fail(Code::not_found, "no SIDs there");
      wanted = equal_to(schema.sid, sid);
      break;
    }
  }
  if (wanted.kind == LdapFilter::Kind::any_of && wanted.parts.empty()) {
    return fail(Code::not_found, "no attribute for such a name");
  }
  return all_of({TRY(parse_filter(schema.object_filter)), std::move(wanted)});
}

std::optional<Entry> entry_of(const LdapSchema& schema, const LdapEntry& found,
                              const std::vector<AdDomain>& domains) {
  Entry out;
  out.handle = found.dn;
  const std::string& key = found.first(schema.key);
  out.key = is_text(key) && !schema.active_directory ? "t" + key : "x" + hex(key);
  if (!schema.user.empty()) out.user = folded(found.first(schema.user));
  if (!schema.upn.empty()) out.upn = folded(found.first(schema.upn));
  if (const AdDomain* domain = domain_of(found.dn, domains)) {
    out.netbios = domain->netbios;
    out.realm = domain->realm;
  }
  if (!schema.mail.empty()) {
    for (const auto& value : found.all(schema.mail)) {
      const std::string address = folded(value);
      if (out.primary_address.empty()) out.primary_address = address;
      add_unique(out.addresses, address, limits::entry_addresses_max);
    }
  }
  if (!schema.addresses.empty()) {
    for (const auto& value : found.all(schema.addresses)) {
      const std::string address = address_of(value);
      if (value.starts_with("SMTP:") && !address.empty()) out.primary_address = address;
      add_unique(out.addresses, address, limits::entry_addresses_max);
    }
  }
  std::erase(out.addresses, out.primary_address);
  if (!schema.nickname.empty()) {
    for (const auto& value : found.all(schema.nickname)) {
      add_unique(out.nicknames, folded(value), limits::entry_addresses_max);
    }
  }
  if (!schema.sid.empty()) out.sid = print_sid(found.first(schema.sid));
  if (!schema.display_name.empty())
    out.display_name = found.first(schema.display_name).substr(0, 1000);
  if (!schema.stamp.empty()) out.stamp = found.first(schema.stamp);
  if (!schema.disabled.empty()) {
    const std::string& flags = found.first(schema.disabled);
    out.disabled = (std::strtoul(flags.c_str(), nullptr, 10) & disabled_bit) != 0;
  }
  out.login_name = login_name_of(out);
  if (key.empty() || out.login_name.empty()) return std::nullopt;
  return out;
}

std::string hex(std::string_view octets) {
  std::string out;
  for (const char c : octets) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string print_sid(std::string_view binary) {
  if (binary.size() < 8) return "";
  const auto count = static_cast<unsigned char>(binary[1]);
  if (binary[0] != 1 || binary.size() != 8 + 4 * static_cast<size_t>(count)) return "";
  uint64_t authority = 0;
  for (size_t i = 2; i < 8; ++i) {
    authority = authority << 8 | static_cast<unsigned char>(binary[i]);
  }
  std::string out = fmt::format("S-1-{}", authority);
  for (size_t i = 0; i < count; ++i) {
    out += fmt::format("-{}", load_u32le(binary.substr(8 + 4 * i)));
  }
  return out;
}

std::string parse_sid(std::string_view text) {
  if (!text.starts_with("S-1-") && !text.starts_with("s-1-")) return "";
  text.remove_prefix(4);
  std::vector<uint64_t> numbers;
  while (!text.empty()) {
    const auto part = text.substr(0, text.find('-'));
    uint64_t value = 0;
    const auto parsed = std::from_chars(part.data(), part.data() + part.size(), value);
    if (part.empty() || parsed.ec != std::errc() || parsed.ptr != part.data() + part.size()) {
      return "";
    }
    numbers.push_back(value);
    text.remove_prefix(std::min(part.size() + 1, text.size()));
  }
  if (numbers.empty() || numbers.size() > 16 || numbers.front() >= 1ULL << 48) return "";
  std::string out = {1, static_cast<char>(numbers.size() - 1)};
  for (int shift = 40; shift >= 0; shift -= 8) {
    out += static_cast<char>(numbers.front() >> shift & 0xff);
  }
  for (size_t i = 1; i < numbers.size(); ++i) {
    if (numbers[i] > UINT32_MAX) return "";
    put_u32le(out, static_cast<uint32_t>(numbers[i]));
  }
  return out;
}

}  // namespace eilpost::directory
