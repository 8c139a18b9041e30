#include "protocol/imap/capability.h"

#include <algorithm>
#include <array>

#include "protocol/imap/writer.h"

namespace eilpost::imap {
namespace {

// When a capability is listed.
enum class Offered : uint8_t {
  always,
  before_login,
  after_login,
  starttls,       // before login, where TLS can still be started
  login_refused,  // before login, where LOGIN would be
  mechanisms,     // before login: one AUTH= for each
  append_limit,   // after login, with its number
  uid_only,       // after login of an account that has opted in
  message_limit,  // likewise, with its number
  admin,          // after login of somebody who may change quotas
};

struct Entry {
  std::string_view name;
  Offered offered;
};

// In the order to print. LITERAL+ excludes LITERAL- (RFC 7888 4).
constexpr auto table = std::to_array<Entry>({
    {"IMAP4rev1", Offered::always},
    {"IMAP4rev2", Offered::always},
    {"LITERAL+", Offered::always},
    {"ID", Offered::always},
    {"ENABLE", Offered::always},
    {"SASL-IR", Offered::before_login},
    {"STARTTLS", Offered::starttls},
    {"LOGINDISABLED", Offered::login_refused},
    {"AUTH=", Offered::mechanisms},
    {"IDLE", Offered::always},
    {"NAMESPACE", Offered::after_login},
    {"CHILDREN", Offered::after_login},
    {"UNSELECT", Offered::after_login},
    {"UIDPLUS", Offered::after_login},
    {"MOVE", Offered::after_login},
    {"ESEARCH", Offered::after_login},
    {"PARTIAL", Offered::after_login},
    {"MULTISEARCH", Offered::after_login},
    {"FILTERS", Offered::after_login},
    {"CONTEXT=SEARCH", Offered::after_login},
    {"CONTEXT=SORT", Offered::after_login},
    {"SEARCH=FUZZY", Offered::after_login},
    {"SEARCHRES", Offered::after_login},
    {"SORT", Offered::after_login},
    {"SORT=DISPLAY", Offered::after_login},
    {"ESORT", Offered::after_login},
    {"I18NLEVEL=1", Offered::after_login},
    {"I18NLEVEL=2", Offered::after_login},
    {"LANGUAGE", Offered::always},
    {"THREAD=ORDEREDSUBJECT", Offered::after_login},
    {"THREAD=REFERENCES", Offered::after_login},
    {"THREAD=REFS", Offered::after_login},
    {"LIST-EXTENDED", Offered::after_login},
    {"LIST-STATUS", Offered::after_login},
    {"SPECIAL-USE", Offered::after_login},
    {"CREATE-SPECIAL-USE", Offered::after_login},
    {"BINARY", Offered::after_login},
    {"STATUS=SIZE", Offered::after_login},
    {"CONDSTORE", Offered::after_login},
    {"QRESYNC", Offered::after_login},
    {"WITHIN", Offered::after_login},
    {"MULTIAPPEND", Offered::after_login},
    {"SAVEDATE", Offered::after_login},
    {"OBJECTID", Offered::after_login},
    {"APPENDLIMIT=", Offered::append_limit},
    {"CATENATE", Offered::after_login},
    {"REPLACE", Offered::after_login},
    {"PREVIEW", Offered::after_login},
    {"UTF8=ACCEPT", Offered::after_login},
    {"INPROGRESS", Offered::after_login},
    {"UIDBATCHES", Offered::after_login},
    {"UIDONLY", Offered::uid_only},
    {"MESSAGELIMIT=", Offered::message_limit},
    {"METADATA", Offered::after_login},
    {"METADATA-SERVER", Offered::after_login},
    {"LIST-METADATA", Offered::after_login},
    {"LIST-MYRIGHTS", Offered::after_login},
    {"XLIST", Offered::after_login},
    {"QUOTA", Offered::after_login},
    {"QUOTA=RES-STORAGE", Offered::after_login},
    {"QUOTA=RES-MESSAGE", Offered::after_login},
    {"QUOTA=RES-MAILBOX", Offered::after_login},
    {"QUOTASET", Offered::admin},
    {"UNAUTHENTICATE", Offered::after_login},
    {"COMPRESS=DEFLATE", Offered::after_login},
    {"NOTIFY", Offered::after_login},
});

struct EnableName {
  std::string_view name;
  Enableable what;
};
constexpr auto enable_names = std::to_array<EnableName>({
    {"IMAP4rev2", Enableable::imap4rev2},
    {"CONDSTORE", Enableable::condstore},
    {"QRESYNC", Enableable::qresync},
    {"METADATA", Enableable::metadata},
    {"METADATA-SERVER", Enableable::metadata_server},
    {"UTF8=ACCEPT", Enableable::utf8_accept},
    {"UIDONLY", Enableable::uid_only},
});

bool is_offered(Offered offered, const CapabilityState& state) {
  switch (offered) {
    case Offered::always: return true;
    case Offered::before_login:
    case Offered::mechanisms: return !state.authenticated;
    case Offered::after_login:
    case Offered::append_limit: return state.authenticated;
    case Offered::uid_only: return state.authenticated && state.uid_only;
    case Offered::message_limit: return state.authenticated && state.message_limit > 0;
    case Offered::admin: return state.authenticated && state.admin;
    case Offered::starttls: return !state.authenticated && !state.tls && state.starttls_offered;
    case Offered::login_refused: return !state.authenticated && !state.plaintext_allowed;
  }
  return false;
}

}  // namespace

std::vector<std::string> capabilities(const CapabilityState& state) {
  std::vector<std::string> names;
  auto add = [&](std::string name) {
    auto same = [&](const std::string& hidden) { return equal_nocase(hidden, name); };
    if (std::none_of(state.hidden.begin(), state.hidden.end(), same)) {
      names.push_back(std::move(name));
    }
  };
  for (const Entry& entry : table) {
    if (!is_offered(entry.offered, state)) continue;
    std::string name(entry.name);
    if (entry.offered == Offered::mechanisms) {
      for (const std::string& mechanism : state.mechanisms) add(name + mechanism);
      continue;
    }
    if (entry.offered == Offered::append_limit) append_number(name, state.append_limit_bytes);
    if (entry.offered == Offered::message_limit) append_number(name, state.message_limit);
    add(std::move(name));
  }
  return names;
}

std::optional<Enableable> enableable(std::string_view name) {
  for (const EnableName& known : enable_names) {
    if (equal_nocase(known.name, name)) return known.what;
  }
  return std::nullopt;
}

std::string_view enableable_name(Enableable what) {
  for (const EnableName& known : enable_names) {
    if (known.what == what) return known.name;
  }
  return {};
}

}  // namespace eilpost::imap
