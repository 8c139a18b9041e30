// What TLS is worth on each port: versions, cipher, certificate, and whether commands that somebody
// puts in front of STARTTLS are taken for the client's.

#include <fmt/format.h>

#include <array>

#include "client/doctor/checks/checks.h"
#include "net/connect.h"
#include "net/tls_inspect.h"

namespace eilpost::client::checks {

namespace {

using net::TlsProtocol;

constexpr int64_t day_seconds = 86400;
constexpr int64_t renew_days = 14;
constexpr auto handshake_time = std::chrono::seconds(15);

std::string day_text(Timestamp time) {
  std::string out;
  imap::append_date(out, imap::date_of_days(time.seconds() / day_seconds));
  return out;
}

// Where a handshake can begin: a TCP connection, or one behind STARTTLS' answer.
struct Ready {
  std::unique_ptr<Session> session;
  net::Stream stream;
  net::Stream& octets() { return session ? session->connection().stream() : stream; }
};

Task<Result<Ready>> make_ready(Examination& exam, Endpoint endpoint) {
  Ready out;
  if (endpoint.security == Security::tls) {
    net::ConnectOptions how;
    how.deadline = net::after(handshake_time);
    auto stream = co_await net::connect_tcp(endpoint.host, endpoint.port, how);
    CO_TRY(stream);
    out.stream = std::move(*stream);
    co_return out;
  }
  endpoint.security = Security::none;
  auto session = co_await exam.look(endpoint);
  CO_TRY(session);
  auto agreed = co_await ask(**session, "STARTTLS");
  CO_TRY(agreed);
  CO_TRY(agreed->answer);
  out.session = std::move(*session);
  co_return out;
}

Task<Result<net::TlsInspection>> inspect(Examination& exam, Endpoint endpoint,
                                         std::optional<TlsProtocol> version) {
  auto ready = co_await make_ready(exam, endpoint);
  CO_TRY(ready);
  net::TlsInspectOptions options;
  options.server_name = endpoint.host;
  options.ca_file = exam.options().tls.ca_file;
  options.version = version;
  options.deadline = net::after(handshake_time);
  auto seen = co_await net::inspect_tls(ready->octets(), std::move(options));
  co_return seen;
}

// --- the certificate ---

void judge_times(Section& section, const std::string& port, const net::InspectedCertificate& own,
                 Timestamp now) {
  const int64_t days = (own.not_after.seconds() - now.seconds()) / day_seconds;
  if (own.not_after < now) {
    section.find(
        Grade::problem, "tls.certificate-expired",
        fmt::format("The certificate of port {} expired on {}", port, day_text(own.not_after)),
        "Mail programs warn or refuse to connect; people who click the warning away can "
        "be led to another server.",
        "Renew the certificate, and see why that did not happen by itself.");
  } else if (now < own.not_before) {
    section.find(Grade::problem, "tls.certificate-not-yet-valid",
                 fmt::format("The certificate of port {} is valid from {} only", port,
                             day_text(own.not_before)),
                 "Mail programs warn or refuse to connect.",
                 "Look at the clocks of the server and of this machine.");
  } else if (days < renew_days) {
    section.find(Grade::warning, "tls.certificate-expires-soon",
                 fmt::format("The certificate of port {} expires in {} days, on {}", port, days,
                             day_text(own.not_after)),
                 "From that day on nobody gets at the mail.",
                 "Renew it, and see why that did not happen by itself.");
  } else {
    section.find(Grade::good, "tls.certificate-in-time",
                 fmt::format("The certificate of port {} is valid until {} ({} days)", port,
                             day_text(own.not_after), days));
  }
}

void judge_trust(Examination& exam, Section& section, const std::string& port,
                 const net::TlsInspection& seen) {
  const bool expired = seen.distrust.find("expired") != std::string::npos ||
                       seen.distrust.find("not yet valid") != std::string::npos;
  if (seen.distrust.empty()) {
    section.find(Grade::good, "tls.trusted", fmt::format("The chain of port {} is trusted", port));
    return;
  }
  if (expired) return;  // judge_times() has said so
  const bool alone = seen.chain.size() == 1;
  std::string todo =
      "Use a certificate of an authority that mail programs know, or give people "
      "that authority's certificate (here: --ca-file).";
  if (alone && !seen.chain.front().self_signed) {
    todo = "Send the intermediate certificate too: the server sends only its own, issued by " +
           exam.heard(seen.chain.front().issuer) + ". Browsers fetch it; mail programs do not.";
  }
  section.find(
      Grade::problem, "tls.untrusted",
      fmt::format("The certificate of port {} is not trusted: {}", port, exam.heard(seen.distrust)),
      "Mail programs warn or refuse to connect, and cannot tell this server from a "
      "forged one.",
      std::move(todo));
}

void judge_certificate(Examination& exam, Section& section, const Endpoint& endpoint,
                       const net::TlsInspection& seen) {
  const std::string port = fmt::format("{}", endpoint.port);
  judge_trust(exam, section, port, seen);
  if (seen.chain.empty()) return;
  const net::InspectedCertificate& own = seen.chain.front();
  judge_times(section, port, own, exam.clock().now());
  if (!seen.name_matches) {
    section.find(
        Grade::problem, "tls.wrong-name",
        fmt::format("The certificate of port {} is not for {} but for {}", port, endpoint.host,
                    own.names.empty() ? exam.heard(own.subject)
                                      : exam.heard(fmt::format("{}", fmt::join(own.names, ", ")))),
        "Mail programs that are set to this name warn or refuse to connect.",
        "Set them to a name that the certificate has, or add the name to it.");
  }
  if (own.security_bits < 112 || own.weak_signature) {
    section.find(Grade::warning, "tls.weak-certificate",
                 fmt::format("The certificate of port {} is weak: {}, signed with {}", port,
                             own.key, own.signature),
                 "Systems of this decade refuse it.",
                 "Replace it by one with RSA of 2048 bits or more, or EC P-256, and SHA-256.");
  }
}

Table chain_table(Examination& exam, const Endpoint& endpoint, const net::TlsInspection& seen) {
  Table out{fmt::format("Certificates of port {}, as sent", endpoint.port),
            {"until", "key", "signature", "subject and issuer"},
            {}};
  for (const net::InspectedCertificate& one : seen.chain) {
    std::string who = one.subject + ", by " + (one.self_signed ? "itself" : one.issuer);
    if (!one.names.empty()) who += fmt::format(", for {}", fmt::join(one.names, ", "));
    out.rows.push_back({day_text(one.not_after), one.key, one.signature, exam.heard(who)});
  }
  return out;
}

// --- versions ---

struct Versions {
  std::array<bool, 4> taken{};
  bool has(TlsProtocol version) const { return taken[static_cast<size_t>(version)]; }
};

void judge_versions(Section& section, const Endpoint& endpoint, const Versions& versions) {
  const int port = endpoint.port;
  if (!versions.has(TlsProtocol::tls12) && !versions.has(TlsProtocol::tls13)) {
    section.find(Grade::problem, "tls.only-old",
                 fmt::format("Port {} has no TLS of this decade", port),
                 "Mail programs refuse to connect.", "Switch TLS 1.2 and 1.3 on.");
  } else if (!versions.has(TlsProtocol::tls13)) {
    section.find(Grade::note, "tls.no-13", fmt::format("Port {} has no TLS 1.3", port),
                 "Connections are made more slowly, and who talks to whom is seen better.");
  }
  if (versions.has(TlsProtocol::tls10) || versions.has(TlsProtocol::tls11)) {
    section.find(Grade::warning, "tls.old-versions",
                 fmt::format("Port {} takes TLS 1.0 or 1.1", port),
                 "They are broken and withdrawn (RFC 8996); devices that still need them do so "
                 "at everybody's cost.",
                 "Switch them off, or keep them on a port of their own for such devices.");
  }
}

Task<> inspect_port(Examination& exam, Section& section, Table& table, Endpoint endpoint) {
  std::optional<TlsProtocol> version;
  auto best = co_await inspect(exam, endpoint, version);
  if (!best) {
    section.find(Grade::problem, "tls.fails",
                 fmt::format("No TLS comes about on port {}: {}", endpoint.port,
                             exam.heard(best.error().detail)),
                 "No mail program can use this port safely.",
                 "Look at the certificate and key that the server is set to use.");
    co_return;
  }
  Versions versions;
  std::vector<std::string> row = {fmt::format("{}", endpoint.port)};
  for (size_t i = 0; i < versions.taken.size(); ++i) {
    version = static_cast<TlsProtocol>(i);
    auto one = co_await inspect(exam, endpoint, version);
    versions.taken[i] = one.has_value();
    row.emplace_back(one ? "yes" : "no");
  }
  row.push_back(fmt::format("{} ({} bits{})", best->cipher, best->secret_bits,
                            best->forward_secrecy ? "" : ", no forward secrecy"));
  table.rows.push_back(std::move(row));
  judge_versions(section, endpoint, versions);
  if (best->secret_bits < 128 || !best->forward_secrecy) {
    section.find(Grade::warning, "tls.weak-cipher",
                 fmt::format("Port {} chooses {}", endpoint.port, best->cipher),
                 "Who records the connection and gets the key later, or has much time, reads it.",
                 "Offer ECDHE with AES-GCM or ChaCha20 first.");
  }
  judge_certificate(exam, section, endpoint, *best);
  section.tables.push_back(chain_table(exam, endpoint, *best));
}

// --- commands before STARTTLS ---

// What follows STARTTLS in the same packet may come from somebody on the way; a server that answers
// it under TLS takes it for the client's (RFC 9051 11.1, "command injection").
Task<Result<>> inject(Examination& exam, Section& section, Endpoint endpoint) {
  endpoint.security = Security::none;
  auto session = co_await exam.look(endpoint);
  CO_TRY(session);
  Connection& connection = (*session)->connection();
  Expect nothing;
  std::string both = "STARTTLS\r\nINJECTED NOOP";
  auto ticket = co_await connection.send_text(std::move(both), std::move(nothing));
  CO_TRY(ticket);
  auto answer = co_await connection.wait(std::move(*ticket));
  CO_TRY(answer);
  if (!answer->ok()) co_return Result<>();
  net::TlsClientSettings any;
  any.verify = false;
  auto context = net::TlsContext::client(std::move(any));
  CO_TRY(context);
  auto secured = co_await connection.start_tls(*context, endpoint.host);
  // A server that drops the connection, or whose TLS stumbles over the octets, is on the safe side.
  if (!secured) co_return Result<>();
  const uint64_t before = connection.unreadable();
  auto asked = co_await ask(**session, "NOOP");
  if (!asked || connection.unreadable() == before) co_return Result<>();
  section.find(Grade::problem, "tls.starttls-injection",
               fmt::format("Port {} answers under TLS what came before it", endpoint.port),
               "Somebody on the way can put commands in front of the client's, which then run in "
               "its name.",
               "Update the server: it has to drop what it has read beyond STARTTLS.");
  co_return Result<>();
}

}  // namespace

Task<Result<>> tls(Examination& exam, Section& section) {
  Table table{"", {"port", "TLS 1.0", "1.1", "1.2", "1.3", "cipher"}, {}};
  std::vector<Endpoint> injectable;
  const std::vector<PortLook> looks = exam.looks;
  for (const PortLook& look : looks) {
    if (look.endpoint.local) continue;
    Endpoint endpoint = look.endpoint;
    if (!look.tls) {
      if (!look.has("STARTTLS")) continue;
      endpoint.security = Security::starttls;
      injectable.push_back(endpoint);
    } else if (endpoint.security == Security::starttls) {
      continue;  // the same port, which its look in the clear stands for
    }
    co_await inspect_port(exam, section, table, endpoint);
  }
  if (!table.rows.empty()) section.tables.insert(section.tables.begin(), std::move(table));
  for (const Endpoint& endpoint : injectable) {
    auto done = co_await inject(exam, section, endpoint);
    CO_TRY(done);
  }
  co_return Result<>();
}

}  // namespace eilpost::client::checks
