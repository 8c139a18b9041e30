// Which port answers, what each says before anybody signs in, and what may be read on the way
// there. And how the server was found.

#include <fmt/format.h>

#include <algorithm>

#include "client/doctor/checks/checks.h"
#include "protocol/sasl/base64.h"

namespace eilpost::client::checks {

namespace {

std::string list_of(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

// "[RgBSADAAUAAyADgA...]" in a greeting: the name of a machine behind, as UTF-16LE in base64.
std::string name_in_greeting(std::string_view greeting) {
  const size_t open = greeting.find('[');
  const size_t end = greeting.find(']', open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || end == std::string_view::npos) return "";
  const auto octets = sasl::base64_decode(greeting.substr(open + 1, end - open - 1));
  if (!octets || octets->size() < 8 || octets->size() % 2 != 0) return "";
  std::string out;
  for (size_t i = 0; i < octets->size(); i += 2) {
    const char c = (*octets)[i];
    if ((*octets)[i + 1] != 0 || c <= ' ' || c >= 0x7f) return "";
    out += c;
  }
  return out;
}

PortLook look_of(const Endpoint& endpoint, Session& session) {
  PortLook out;
  out.endpoint = endpoint;
  out.tls = endpoint.security != Security::none;
  out.greeting = session.greeting();
  out.capabilities = session.capabilities();
  return out;
}

// Keeps what one way into a port says; false when it cannot be had.
Task<Result<PortLook>> look_at(Examination& exam, Endpoint endpoint) {
  auto session = co_await exam.look(endpoint);
  CO_TRY(session);
  PortLook look = look_of(endpoint, **session);
  exam.looks.push_back(look);
  co_await (*session)->logout();
  co_return look;
}

void add_row(Table& table, Examination& exam, const PortLook& look, std::string_view security) {
  table.rows.push_back({fmt::format("{}", look.endpoint.port), std::string(security),
                        exam.heard(look.greeting), exam.heard(list_of(look.capabilities))});
}

// What is offered to those who come in the clear.
void judge_clear(Section& section, const PortLook& look) {
  const int port = look.endpoint.port;
  if (look.endpoint.local) return;
  if (!look.has("STARTTLS")) {
    section.find(Grade::warning, "ports.no-starttls", fmt::format("Port {} has no STARTTLS", port),
                 "Whoever uses this port is read along by everybody on the way.",
                 "Switch STARTTLS on, or close the port and keep 993.");
  }
  const auto mechanisms = look.mechanisms();
  const bool plain = std::any_of(mechanisms.begin(), mechanisms.end(), [](const std::string& name) {
    return name == "PLAIN" || name == "LOGIN";
  });
  if (!look.has("LOGINDISABLED")) {
    section.find(Grade::warning, "ports.password-in-the-clear",
                 fmt::format("Port {} takes passwords before TLS", port),
                 "A program that is set to \"no encryption\", or that somebody on the way keeps "
                 "from STARTTLS, sends the password for everybody to read.",
                 "Require TLS for passwords; the server has to say LOGINDISABLED before it "
                 "(RFC 9051 11.1).");
  } else if (plain) {
    section.find(
        Grade::warning, "ports.plain-offered",
        fmt::format("Port {} says LOGINDISABLED and offers AUTH=PLAIN or AUTH=LOGIN", port),
        "Both cannot be true; programs that look at AUTH= only send the password.",
        "Take the mechanism off the list until TLS is there.");
  } else {
    section.find(Grade::good, "ports.no-password-in-the-clear",
                 fmt::format("Port {} takes no password before TLS", port));
  }
}

void unreachable(Examination& exam, Section& section, const Endpoint& endpoint,
                 const Error& error) {
  const bool main = endpoint == exam.options().endpoint;
  section.find(
      main ? Grade::problem : Grade::note, main ? "ports.unreachable" : "ports.closed",
      fmt::format("{} cannot be used: {}", print_endpoint(endpoint), exam.heard(error.detail)),
      main ? "Mail programs that are set to this port cannot work." : "",
      main ? "Look at the server's name and port, at the firewall, and whether the "
             "server runs."
           : "");
}

Task<> look_in_the_clear(Examination& exam, Section& section, Table& table, Endpoint endpoint) {
  Endpoint clear = endpoint;
  clear.security = Security::none;
  auto look = co_await look_at(exam, clear);
  if (!look) {
    unreachable(exam, section, endpoint, look.error());
    co_return;
  }
  add_row(table, exam, *look, "none yet");
  judge_clear(section, *look);
  if (!look->has("STARTTLS")) co_return;
  Endpoint secured = endpoint;
  secured.security = Security::starttls;
  auto under_tls = co_await look_at(exam, secured);
  if (under_tls) {
    add_row(table, exam, *under_tls, "STARTTLS");
    co_return;
  }
  section.find(Grade::problem, "ports.starttls-fails",
               fmt::format("Port {} lists STARTTLS, and it does not work: {}", endpoint.port,
                           exam.heard(under_tls.error().detail)),
               "Programs that insist on encryption cannot use this port.",
               "Look at the certificate and key that the server is set to use.");
}

// Two ways under TLS that offer different things.
void compare_ports(Examination& exam, Section& section) {
  const PortLook* first = nullptr;
  for (const PortLook& look : exam.looks) {
    if (!look.tls) continue;
    if (first == nullptr) {
      first = &look;
      continue;
    }
    auto left = first->capabilities;
    auto right = look.capabilities;
    std::sort(left.begin(), left.end());
    std::sort(right.begin(), right.end());
    std::vector<std::string> differ;
    std::set_symmetric_difference(left.begin(), left.end(), right.begin(), right.end(),
                                  std::back_inserter(differ));
    if (differ.empty()) continue;
    section.find(Grade::note, "ports.differ",
                 fmt::format("Ports {} and {} offer different things under TLS: {}",
                             first->endpoint.port, look.endpoint.port, exam.heard(list_of(differ))),
                 "What works in one program may not work in another that uses the other port.");
  }
}

}  // namespace

Task<Result<>> discovery(Examination& exam, Section& section) {
  const auto& steps = exam.options().discovery;
  if (steps.empty()) co_return Result<>();
  Table table{"", {"looked at", "found"}, {}};
  bool published = false;
  for (const DiscoveryStep& step : steps) {
    table.rows.push_back({step.where, exam.heard(step.found)});
    published = published || (step.usable && step.where.substr(0, 7) != "a guess");
  }
  section.tables.push_back(std::move(table));
  if (published) {
    section.find(Grade::good, "discovery.published", "The domain says where its server is");
  } else {
    section.find(Grade::warning, "discovery.unpublished",
                 "The domain does not say in a safe way where its server is",
                 "Mail programs have to guess the server, or people have to type its name.",
                 "Publish https://autoconfig.DOMAIN/mail/config-v1.1.xml and the SRV records "
                 "_imaps._tcp and _imap._tcp (RFC 6186).");
  }
  co_return Result<>();
}

Task<Result<>> ports(Examination& exam, Section& section) {
  Table table{"", {"port", "security", "greeting", "capabilities"}, {}};
  for (const Endpoint& endpoint : exam.endpoints()) {
    if (endpoint.security != Security::tls) {
      co_await look_in_the_clear(exam, section, table, endpoint);
      continue;
    }
    auto look = co_await look_at(exam, endpoint);
    if (look) {
      add_row(table, exam, *look, "TLS");
    } else {
      unreachable(exam, section, endpoint, look.error());
    }
  }
  if (!table.rows.empty()) section.tables.push_back(std::move(table));
  compare_ports(exam, section);
  for (const PortLook& look : exam.looks) {
    const std::string name = name_in_greeting(look.greeting);
    if (name.empty()) continue;
    section.find(Grade::note, "ports.greeting-names-host",
                 "The greeting names a machine behind it: " + exam.heard(name),
                 "It helps a help desk to find the right log, and an attacker to know the "
                 "inside.");
    break;
  }
  co_return Result<>();
}

}  // namespace eilpost::client::checks
