#include "server/access/alert.h"

#include <fmt/args.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "directory/policy/rules.h"

namespace eilpost::server {

namespace {

constexpr std::array<std::string_view, alert_kind_count> kind_names = {
    "new_place", "new_client", "unencrypted", "old_tls",
    "ending",    "quota",      "broadcast",   "maintenance"};
constexpr std::array<std::string_view, 5> frequency_names = {"never", "once", "weekly", "daily",
                                                             "login"};

struct Words {
  std::string_view english;
  std::string_view german;
};

Words words_of(AlertKind kind) {
  switch (kind) {
    case AlertKind::new_place:
      return {
          "Somebody logged in to your account from {0} for the first time. If it was not you, "
          "change your password and tell your administrator.",
          "Jemand hat sich erstmals von {0} aus bei Ihrem Konto angemeldet. Waren Sie es "
          "nicht, so ändern Sie Ihr Passwort und sagen Sie es Ihrem Administrator."};
    case AlertKind::new_client:
      return {
          "Your account is used with {0} for the first time. If it was not you, change your "
          "password and tell your administrator.",
          "Ihr Konto wird erstmals mit {0} benutzt. Waren Sie es nicht, so ändern Sie Ihr "
          "Passwort und sagen Sie es Ihrem Administrator."};
    case AlertKind::unencrypted:
      return {
          "This connection is not encrypted: what you send and receive can be read on the "
          "way. Switch TLS on in your mail program.",
          "Diese Verbindung ist nicht verschlüsselt: was Sie senden und empfangen, kann "
          "unterwegs gelesen werden. Schalten Sie TLS in Ihrem Mailprogramm ein."};
    case AlertKind::old_tls:
      return {"Your mail program uses the old TLS {0}. Update it.",
              "Ihr Mailprogramm benutzt das alte TLS {0}. Aktualisieren Sie es."};
    case AlertKind::ending:
      return {
          "Logging in by {0} ends on {1}. Set your mail program to another way of logging in "
          "before.",
          "Die Anmeldung mit {0} endet am {1}. Stellen Sie Ihr Mailprogramm vorher auf eine "
          "andere Art der Anmeldung um."};
    case AlertKind::quota:
      return {"Your mailbox is {0} % full. Delete what you do not need.",
              "Ihr Postfach ist zu {0} % voll. Löschen Sie, was Sie nicht brauchen."};
    case AlertKind::broadcast:
    case AlertKind::maintenance: return {"{0}", "{0}"};
  }
  return {"{0}", "{0}"};
}

}  // namespace

std::string_view alert_name(AlertKind kind) {
  return kind_names[static_cast<size_t>(kind)];
}
std::optional<AlertKind> alert_named(std::string_view name) {
  const auto at = std::find(kind_names.begin(), kind_names.end(), name);
  if (at == kind_names.end()) return std::nullopt;
  return static_cast<AlertKind>(at - kind_names.begin());
}
std::string_view frequency_name(AlertFrequency frequency) {
  return frequency_names[static_cast<size_t>(frequency)];
}
AlertRule default_rule(AlertKind kind) {
  AlertRule out;
  out.kind = kind;
  switch (kind) {
    case AlertKind::new_place:
    case AlertKind::new_client:
    case AlertKind::broadcast: out.frequency = AlertFrequency::once; break;
    case AlertKind::unencrypted:
    case AlertKind::maintenance: out.frequency = AlertFrequency::login; break;
    case AlertKind::ending:
    case AlertKind::quota: out.frequency = AlertFrequency::daily; break;
    // TLS 1.2 is old and sound: for administrators who want to be rid of it.
    case AlertKind::old_tls: out.frequency = AlertFrequency::never; break;
  }
  return out;
}

bool concerns(const std::vector<std::string>& patterns, const std::vector<std::string>& names) {
  if (patterns.empty()) return true;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return directory::account_fits(pattern, name);
    });
  });
}

AlertRule rule_of(const AlertSettings& settings, AlertKind kind,
                  const std::vector<std::string>& names) {
  AlertRule out = default_rule(kind);
  for (const AlertRule& rule : settings.rules) {
    if (rule.kind == kind && concerns(rule.accounts, names)) out = rule;
  }
  return out;
}

std::string alert_text(const Alert& alert, AlertLanguage language) {
  if (!alert.english.empty()) {
    return language == AlertLanguage::german && !alert.german.empty() ? alert.german
                                                                      : alert.english;
  }
  const Words words = words_of(alert.kind);
  fmt::dynamic_format_arg_store<fmt::format_context> arguments;
  // The words ask for two at most.
  for (size_t i = 0; i < 2; ++i) {
    arguments.push_back(i < alert.arguments.size() ? alert.arguments[i] : std::string());
  }
  return fmt::vformat(language == AlertLanguage::german ? words.german : words.english, arguments);
}

std::string alert_subject(AlertLanguage language) {
  return language == AlertLanguage::german ? "Hinweis zu Ihrem Konto" : "About your account";
}

std::string ascii_text(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> letters[] = {
      {"ä", "ae"}, {"ö", "oe"}, {"ü", "ue"}, {"ß", "ss"}, {"Ä", "Ae"}, {"Ö", "Oe"}, {"Ü", "Ue"}};
  std::string out;
  while (!text.empty()) {
    const auto octet = static_cast<unsigned char>(text[0]);
    const auto letter = std::find_if(std::begin(letters), std::end(letters), [&](const auto& l) {
      return text.substr(0, l.first.size()) == l.first;
    });
    if (letter != std::end(letters)) {
      out += letter->second;
      text.remove_prefix(letter->first.size());
      continue;
    }
    if (octet >= 0xc0) out += '?';  // one for each character
    if (octet < 0x80) out += octet < 0x20 || octet == 0x7f ? ' ' : text[0];
    text.remove_prefix(1);
  }
  return out;
}

std::string print_broadcast(const Broadcast& broadcast) {
  std::string out;
  put_u8(out, static_cast<uint8_t>(broadcast.kind));
  put_bytes(out, broadcast.english);
  put_bytes(out, broadcast.german);
  put_svarint(out, broadcast.sent.micros);
  put_svarint(out, broadcast.until.micros);
  put_u8(out, broadcast.mail ? 1 : 0);
  put_varint(out, broadcast.accounts.size());
  for (const std::string& account : broadcast.accounts) put_bytes(out, account);
  return out;
}

Result<Broadcast> parse_broadcast(std::string_view id, std::string_view octets) {
  Reader reader(octets);
  Broadcast out;
  out.id = id;
  const uint8_t kind = TRY(reader.u8());
  if (kind >= alert_kind_count) return fail(Code::corrupt, "an alert of no kind");
  out.kind = static_cast<AlertKind>(kind);
  out.english = TRY(reader.bytes());
  out.german = TRY(reader.bytes());
  out.sent.micros = TRY(reader.svarint());
  out.until.micros = TRY(reader.svarint());
  out.mail = TRY(reader.u8()) != 0;
  const uint64_t count = TRY(reader.varint());
  for (uint64_t i = 0; i < count; ++i) out.accounts.emplace_back(TRY(reader.bytes()));
  if (!reader.done()) return fail(Code::corrupt, "an alert with more behind it");
  return out;
}

bool is_due(AlertFrequency frequency, std::optional<Timestamp> last, Timestamp now) {
  constexpr int64_t day = 86'400LL * 1'000'000;
  switch (frequency) {
    case AlertFrequency::never: return false;
    case AlertFrequency::login: return true;
    case AlertFrequency::once: return !last;
    case AlertFrequency::daily: return !last || now.micros - last->micros >= day;
    case AlertFrequency::weekly: return !last || now.micros - last->micros >= 7 * day;
  }
  return false;
}

}  // namespace eilpost::server
