// STARTTLS, AUTHENTICATE, LOGIN. The mechanisms are pure step functions (protocol/sasl); what
// blocks runs on the directory's pools. Nothing here tells a peer whether an account exists.

#include "protocol/sasl/base64.h"
#include "protocol/sasl/server.h"
#include "server/imap/alerts.h"
#include "server/imap/commands.h"
#include "server/imap/login_outcome.h"

namespace eilpost::server {

namespace {

directory::Attempt make_attempt(ImapSession& session, std::string_view mechanism) {
  directory::Attempt attempt;
  attempt.source = session.stream().peer().host();
  attempt.mechanism = std::string(mechanism);
  const auto mechanisms = session.world().authenticator.mechanisms();
  if (!mechanisms) return attempt;
  if (mechanism == sasl::mechanism_name(sasl::Mechanism::gssapi)) {
    auto bound = session.stream().channel_binding(net::ChannelBinding::tls_server_end_point);
    if (bound) attempt.evidence.server_end_point = std::move(*bound);
  }
  if (!mechanisms->working().certificates) return attempt;
  const auto tls = session.stream().tls_info();
  if (tls && tls->peer && tls->peer->verified) {
    attempt.evidence.certificate = directory::ShownCertificate{
        .subject = tls->peer->subject, .upns = tls->peer->upns, .emails = tls->peer->emails};
  }
  return attempt;
}

// Passwords are hashed, one to a core; whatever else asks somebody over the network.
net::DiskPool& pool_for(ImapSession& session, const sasl::Lookup& lookup) {
  const bool hashes = std::holds_alternative<sasl::CheckPassword>(lookup);
  return hashes ? session.world().hashing : session.world().directory_pool;
}

// Whether the account may come in here, and its mail: with the check of the credentials one
// transaction, whose tagged answer is the only one.
net::Task<Reply> enter(ImapSession& session, LoginTry who, directory::Identity identity) {
  // Who cannot be judged does not come in.
  Result<> entered = co_await session.load_rules(identity);
  if (entered) entered = session.admit_by_policy(identity);
  if (entered) entered = co_await session.enter(std::move(identity));
  if (!entered) {
    session.forget_rules();
    co_return login_refused(session, who, entered.error());
  }
  co_await tell_alerts(session);
  co_return login_done(session, who);
}

net::Task<> wait_micros(int64_t micros) {
  if (micros <= 0) co_return;
  co_await net::sleep_for(std::chrono::microseconds(micros));
}

sasl::ChannelBindings bindings_of(const net::Stream& stream) {
  sasl::ChannelBindings out;
  const auto add = [&](net::ChannelBinding kind, sasl::BindingType type) {
    if (auto data = stream.channel_binding(kind)) out.push_back({type, std::move(*data)});
  };
  add(net::ChannelBinding::tls_exporter, sasl::BindingType::tls_exporter);
  add(net::ChannelBinding::tls_server_end_point, sasl::BindingType::tls_server_end_point);
  add(net::ChannelBinding::tls_unique, sasl::BindingType::tls_unique);
  return out;
}

// The next line of the client, which answers a challenge.
net::Task<Result<std::string>> read_answer(ImapSession& session) {
  session.framer().expect_raw_line();
  const net::Deadline deadline = session.deadline();
  while (true) {
    imap::FramerEvent event = session.framer().next();
    if (auto* line = std::get_if<imap::RawLine>(&event)) co_return std::move(line->line);
    if (!std::holds_alternative<imap::NeedMore>(event)) {
      co_return fail(Code::invalid, "expected one line of base64");
    }
    auto sent = co_await session.send();
    CO_TRY(sent);
    std::string chunk;
    auto got = co_await session.stream().read_append(chunk, 4096, deadline);
    CO_TRY(got);
    session.framer().feed(chunk);
  }
}

// One SASL exchange between the client, the mechanism and the directory.
class Exchange {
 public:
  Exchange(ImapSession& session, sasl::Mechanism mechanism, sasl::ServerOptions options)
      : session_(session),
        mechanism_(mechanism),
        server_(mechanism, std::move(options), session.world().random),
        attempt_(make_attempt(session, sasl::mechanism_name(mechanism))) {}

  // Whom the client claims to be; empty before it has said so.
  const std::string& name() const { return name_; }

  net::Task<Result<directory::Identity>> run(std::optional<std::string> initial) {
    sasl::Step step = server_.start(std::move(initial));
    while (true) {
      if (auto* challenge = std::get_if<sasl::Challenge>(&step)) {
        const std::string octets = std::move(challenge->octets);
        auto answer = co_await ask(octets);
        CO_TRY(answer);
        step = server_.step(*answer);
      } else if (auto* need = std::get_if<sasl::NeedLookup>(&step)) {
        const sasl::Lookup lookup = std::move(need->lookup);
        auto answer = co_await look_up(lookup);
        CO_TRY(answer);
        step = server_.resume(std::move(*answer));
      } else if (auto* failure = std::get_if<sasl::Failure>(&step)) {
        authenticator().refused(attempt_, *failure);
        co_return tl::unexpected(failure->error);
      } else {
        const sasl::Success success = std::get<sasl::Success>(std::move(step));
        if (!success.final_octets.empty()) {
          // IMAP has no place for data in the tagged OK: a last challenge with an empty answer.
          auto answer = co_await ask(success.final_octets);
          CO_TRY(answer);
        }
        co_return authenticator().finish(attempt_, success);
      }
    }
  }

 private:
  directory::Authenticator& authenticator() { return session_.world().authenticator; }

  net::Task<Result<std::string>> ask(std::string_view octets) {
    imap::append_continuation(session_.out(), sasl::base64_encode(octets));
    auto line = co_await read_answer(session_);
    CO_TRY(line);
    // RFC 9051 6.2.2: "*" cancels.
    if (*line == "*") co_return fail(Code::invalid, "the client cancelled the exchange");
    co_return sasl::base64_decode(*line);
  }

  net::Task<Result<sasl::LookupAnswer>> look_up(const sasl::Lookup& lookup) {
    const std::string name(sasl::claimed_name(lookup));
    name_ = name;
    auto admitted = session_.admit_by_policy(name, mechanism_);
    CO_TRY(admitted);
    std::string account = authenticator().claimed_account(lookup);
    co_await recall_devices(session_, std::move(account));
    auto wait = authenticator().admit(attempt_, lookup);
    CO_TRY(wait);
    const int64_t micros = *wait;
    observe_login_wait(session_, micros);
    co_await wait_micros(micros);
    auto job = [this, &lookup] { return authenticator().lookup(attempt_, lookup); };
    auto answer = co_await net::run_on(pool_for(session_, lookup), std::move(job));
    // Nobody has looked.
    if (!answer) authenticator().refused(attempt_, sasl::Failure{answer.error()});
    co_return answer;
  }

  ImapSession& session_;
  sasl::Mechanism mechanism_;
  sasl::Server server_;
  directory::Attempt attempt_;
  std::string name_;
};

}  // namespace

CommandTask run(ImapSession& session, const imap::StartTls&, RunOptions options) {
  if (!session.policy().starttls || session.stream().is_tls()) {
    co_return Reply::bad("STARTTLS is not offered here");
  }
  if (session.framer().buffered() > 0) {
    // Command injection: whatever came in the clear behind STARTTLS must not be taken as if it had
    // come under TLS (RFC 9051 6.2.1, RFC 3207's lesson). The connection ends.
    session.bye(imap::CodeName::client_bug, "nothing may follow STARTTLS before TLS has begun");
    co_return Reply::bad("pipelined behind STARTTLS");
  }
  imap::append_tagged(session.out(), options.tag, imap::Condition::ok, imap::ResponseCode(),
                      "begin TLS now");
  auto sent = co_await session.send();
  net::TlsStart start;
  start.deadline = net::after(std::chrono::seconds(limits::tls_handshake_seconds));
  auto upgraded = co_await session.stream().start_tls(session.policy().starttls, start);
  if (!sent || !upgraded) {
    session.log().info("STARTTLS failed");
    session.set_state(SessionState::logout);
    co_return Reply::silent();
  }
  session.entry().set_tls(true);
  session.framer().discard();
  co_return Reply::silent();
}

CommandTask run(ImapSession& session, const imap::Authenticate& command, RunOptions) {
  const auto mechanism = sasl::mechanism_named(command.mechanism);
  if (!mechanism) co_return Reply::no(imap::CodeName::cannot, "no such mechanism");
  const directory::ConnectionSecurity security = session.security();
  const directory::AuthPolicy offered = session.offered();
  const auto admitted = directory::admit(*mechanism, offered, security);
  if (!admitted) {
    const LoginTry nobody{"", sasl::mechanism_name(*mechanism)};
    co_return login_refused(session, nobody, admitted.error());
  }
  sasl::ServerOptions options;
  // To compute them costs as much as to check a proof.
  if (sasl::is_plus(*mechanism)) options.bindings = bindings_of(session.stream());
  options.plus_offered = directory::offer(offered, security).plus_offered;
  if (*mechanism == sasl::Mechanism::ntlm) {
    auto bound = session.stream().channel_binding(net::ChannelBinding::tls_server_end_point);
    const auto mechanisms = session.world().authenticator.mechanisms();
    if (mechanisms) options.ntlm = mechanisms->ntlm_target(std::move(bound).value_or(""));
  }
  std::optional<std::string> initial;
  if (command.initial_response) {
    auto decoded = sasl::base64_decode(*command.initial_response);
    if (!decoded) co_return Reply::bad("expected base64 as initial response");
    initial = std::move(*decoded);
  }
  auto exchange = std::make_unique<Exchange>(session, *mechanism, std::move(options));
  session.secret_exchange = true;
  auto identity = co_await exchange->run(std::move(initial));
  session.secret_exchange = false;
  LoginTry who{exchange->name(), sasl::mechanism_name(*mechanism)};
  if (!identity) {
    if (identity.error().code == Code::invalid) {
      co_return login_broken(session, who, identity.error());
    }
    co_return login_refused(session, who, identity.error());
  }
  Reply reply = co_await enter(session, std::move(who), std::move(*identity));
  co_return reply;
}

CommandTask run(ImapSession& session, const imap::Login& command, RunOptions) {
  const auto possible = directory::admit_login_command(session.offered(), session.security());
  LoginTry who{command.user, "LOGIN"};
  if (!possible) co_return login_refused(session, who, possible.error());
  const auto admitted = session.admit_by_policy(command.user, sasl::Mechanism::login);
  if (!admitted) co_return login_refused(session, who, admitted.error());
  directory::Attempt attempt = make_attempt(session, "LOGIN");
  sasl::CheckPassword claim;
  claim.name = command.user;
  claim.password = command.password;
  const sasl::Lookup lookup = claim;
  std::string account = session.world().authenticator.claimed_account(lookup);
  co_await recall_devices(session, std::move(account));
  auto wait = session.world().authenticator.admit(attempt, lookup);
  if (!wait) co_return login_refused(session, who, wait.error());
  const int64_t micros = *wait;
  observe_login_wait(session, micros);
  co_await wait_micros(micros);
  auto job = [&session, &attempt, &claim] {
    return session.world().authenticator.login(attempt, claim);
  };
  auto identity = co_await net::run_on(session.world().hashing, std::move(job));
  if (!identity) co_return login_refused(session, who, identity.error());
  Reply reply = co_await enter(session, std::move(who), std::move(*identity));
  co_return reply;
}

}  // namespace eilpost::server
