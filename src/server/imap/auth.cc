// STARTTLS, AUTHENTICATE, LOGIN. The mechanisms are pure step functions (protocol/sasl); what
// blocks runs on the directory's pools. Nothing here tells a peer whether an account exists.

#include "protocol/sasl/base64.h"
#include "protocol/sasl/server.h"
#include "server/imap/commands.h"

namespace eilpost::server {

namespace {

directory::Attempt make_attempt(ImapSession& session, std::string_view mechanism) {
  directory::Attempt attempt;
  attempt.source = session.stream().peer().to_string();
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

Reply ok_logged_in(ImapSession& session) {
  // RFC 9051 6.2.2: capabilities change with the login, so they come along.
  return Reply::ok(imap::ResponseCode(imap::CodeName::capability, session.capabilities()),
                   "logged in");
}

void count_failure(ImapSession& session) {
  if (++session.failed_logins >= limits::failed_logins_max) {
    session.bye(imap::CodeName::none, "too many failed logins");
  }
}

Reply refuse(ImapSession& session, const Error& error) {
  session.log().info("login refused code={} detail={}", code_name(error.code), error.detail);
  // A storage that does not answer is nobody's guess: the session may try until it does.
  if (error.code != Code::unavailable) count_failure(session);
  const imap::ErrorReply answer = imap::error_reply(error.code);
  return {answer.condition, imap::ResponseCode(answer.code), std::string(answer.text)};
}

net::Task<Reply> enter(ImapSession& session, directory::Identity identity) {
  auto entered = co_await session.enter(std::move(identity));
  if (!entered) co_return refuse(session, entered.error());
  co_return ok_logged_in(session);
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
        server_(mechanism, std::move(options), session.world().random),
        attempt_(make_attempt(session, sasl::mechanism_name(mechanism))) {}

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
    auto wait = authenticator().admit(attempt_, lookup);
    CO_TRY(wait);
    const int64_t micros = *wait;
    co_await wait_micros(micros);
    auto job = [this, &lookup] { return authenticator().lookup(attempt_, lookup); };
    auto answer = co_await net::run_on(pool_for(session_, lookup), std::move(job));
    co_return answer;
  }

  ImapSession& session_;
  sasl::Server server_;
  directory::Attempt attempt_;
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
  const auto admitted = directory::admit(*mechanism, session.policy().auth, security);
  if (!admitted) co_return reply_for(session, admitted.error());
  sasl::ServerOptions options;
  options.bindings = bindings_of(session.stream());
  options.plus_offered = directory::offer(session.policy().auth, security).plus_offered;
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
  auto identity = co_await exchange->run(std::move(initial));
  if (!identity) {
    if (identity.error().code == Code::invalid) {
      session.log().info("login refused detail={}", identity.error().detail);
      count_failure(session);
      co_return Reply::bad("the authentication exchange was cancelled or malformed");
    }
    co_return refuse(session, identity.error());
  }
  Reply reply = co_await enter(session, std::move(*identity));
  co_return reply;
}

CommandTask run(ImapSession& session, const imap::Login& command, RunOptions) {
  const auto admitted = directory::admit_login_command(session.policy().auth, session.security());
  if (!admitted) co_return reply_for(session, admitted.error());
  directory::Attempt attempt = make_attempt(session, "LOGIN");
  sasl::CheckPassword claim;
  claim.name = command.user;
  claim.password = command.password;
  const sasl::Lookup lookup = claim;
  auto wait = session.world().authenticator.admit(attempt, lookup);
  if (!wait) co_return refuse(session, wait.error());
  const int64_t micros = *wait;
  co_await wait_micros(micros);
  auto job = [&session, &attempt, &claim] {
    return session.world().authenticator.login(attempt, claim);
  };
  auto identity = co_await net::run_on(session.world().hashing, std::move(job));
  if (!identity) co_return refuse(session, identity.error());
  Reply reply = co_await enter(session, std::move(*identity));
  co_return reply;
}

}  // namespace eilpost::server
