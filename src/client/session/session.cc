#include "client/session/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "net/connect.h"
#include "protocol/sasl/base64.h"

namespace eilpost::client {

namespace {

const imap::IdParameters our_id = {{"name", "Eilpost"}};

sasl::ChannelBindings bindings_of(const net::Stream& stream) {
  sasl::ChannelBindings out;
  const std::pair<net::ChannelBinding, sasl::BindingType> kinds[] = {
      {net::ChannelBinding::tls_exporter, sasl::BindingType::tls_exporter},
      {net::ChannelBinding::tls_unique, sasl::BindingType::tls_unique},
      {net::ChannelBinding::tls_server_end_point, sasl::BindingType::tls_server_end_point},
  };
  for (const auto& [kind, type] : kinds) {
    if (auto data = stream.channel_binding(kind)) out.push_back({type, std::move(*data)});
  }
  return out;
}

bool offers_plus(const std::vector<std::string>& capabilities) {
  return std::any_of(capabilities.begin(), capabilities.end(), [](const std::string& name) {
    return imap::equal_nocase(std::string_view(name).substr(0, 5), "AUTH=") && name.size() > 5 &&
           imap::equal_nocase(std::string_view(name).substr(name.size() - 5), "-PLUS");
  });
}

sasl::Credentials credentials_of(const SignIn& sign_in, const Endpoint& endpoint) {
  sasl::Credentials out;
  out.name = sign_in.name;
  out.authzid = sign_in.authzid;
  const bool token = sign_in.kind == SignIn::Kind::token;
  (token ? out.token : out.password) = sign_in.secret;
  if (!endpoint.local) {
    out.host = endpoint.host;
    out.port = endpoint.port;
  }
  return out;
}

// Why a token is refused, as the challenge before the refusal says it.
std::string problem_words(const sasl::BearerProblem& problem) {
  if (problem.reason.empty()) return problem.status;
  return problem.status + ": " + problem.reason;
}

// A failure of TLS, with what may be done about it.
Error with_advice(Error error) {
  if (error.detail.find("wrong version number") != std::string::npos) {
    error.detail += ": nothing there speaks TLS from the first octet (imap://HOST is STARTTLS)";
  } else if (error.detail.find("certificate verify failed") != std::string::npos) {
    error.detail += " (--ca-file FILE trusts another authority)";
  }
  return error;
}

// The answer to a challenge as it stands behind "+".
Result<std::string> next_response(sasl::Client& exchange, std::string_view challenge) {
  const std::string octets = TRY(sasl::base64_decode(challenge));
  return exchange.respond(octets);
}

}  // namespace

Session::Session(SessionOptions options, net::Stream stream)
    : options_(std::move(options)), connection_(std::move(stream), connection_options()) {
  in_clear_ = options_.endpoint.security == Security::starttls;
}

ConnectionOptions Session::connection_options() {
  ConnectionOptions out;
  out.silence = options_.silence;
  out.held_literal_bytes_max = options_.held_literal_bytes_max;
  out.response_bytes_max = options_.response_bytes_max;
  out.trace = options_.hooks.trace;
  // The connection is a member of the session and never moves.
  out.observer = [this](const imap::Response& response) { observe(response); };
  return out;
}

// --- beginning ---

Task<Result<std::unique_ptr<Session>>> Session::open(SessionOptions options) {
  const Endpoint endpoint = options.endpoint;
  net::ConnectOptions connect;
  connect.deadline = net::after(options.connect);
  if (endpoint.security == Security::tls) connect.tls = options.tls;
  net::Stream stream;
  if (endpoint.local) {
    auto connected = co_await net::connect_unix(endpoint.host, std::move(connect));
    CO_TRY(connected);
    stream = std::move(*connected);
  } else {
    auto connected = co_await net::connect_tcp(endpoint.host, endpoint.port, std::move(connect));
    if (!connected) {
      co_return wrap(with_advice(std::move(connected).error()), print_endpoint(endpoint));
    }
    stream = std::move(*connected);
  }
  std::unique_ptr<Session> session(new Session(std::move(options), std::move(stream)));
  auto greeted = co_await session->greet();
  if (!greeted) co_return wrap(std::move(greeted).error(), print_endpoint(endpoint));
  co_return session;
}

Task<Result<std::unique_ptr<Session>>> Session::start(SessionOptions options, SignIn sign_in,
                                                      Random& random) {
  auto session = co_await open(std::move(options));
  CO_TRY(session);
  auto signed_in = co_await (*session)->sign_in(std::move(sign_in), random);
  CO_TRY(signed_in);
  co_return session;
}

Task<Result<>> Session::greet() {
  auto greeting = co_await connection_.greeting();
  CO_TRY(greeting);
  greeting_ = greeting->text;
  if (capabilities_.empty()) {
    auto told = co_await ask_capability();
    CO_TRY(told);
  }
  if (endpoint().security == Security::starttls) {
    auto secured = co_await begin_tls();
    CO_TRY(secured);
  }
  co_return Result<>();
}

// What was said in the clear is forgotten: somebody on the way may have said it (RFC 9051 6.2.1).
// Alerts are not even shown (observe()).
Task<Result<>> Session::begin_tls() {
  if (!has("STARTTLS")) {
    co_return fail(Code::privacy_required,
                   "the server does not offer STARTTLS, and without TLS nothing is sent to it");
  }
  imap::CommandBody body = imap::StartTls();
  auto agreed = co_await command(std::move(body));
  CO_TRY(agreed);
  auto secured = co_await connection_.start_tls(options_.tls, endpoint().host);
  if (!secured) co_return tl::unexpected(with_advice(std::move(secured).error()));
  in_clear_ = false;
  capabilities_.clear();
  auto told = co_await ask_capability();
  co_return told;
}

Task<Result<>> Session::ask_capability() {
  imap::CommandBody body = imap::Capability();
  auto answer = co_await command(std::move(body));
  CO_TRY(answer);
  if (capabilities_.empty()) {
    co_return fail(Code::invalid, "the server does not say what it is capable of");
  }
  co_return Result<>();
}

// Servers that want to know who comes refuse SELECT before (163.com); others use it to help.
Task<Result<>> Session::tell_id() {
  if (!options_.tell_id || !has("ID")) co_return Result<>();
  imap::Id id;
  id.parameters = our_id;
  imap::CommandBody body = std::move(id);
  auto told = co_await command(std::move(body));
  // A refusal costs nothing.
  if (!told && connection_.stream()) co_return Result<>();
  CO_TRY(told);
  co_return Result<>();
}

// --- signing in ---

Task<Result<>> Session::sign_in(SignIn sign_in, Random& random) {
  auto done = co_await try_sign_in(sign_in, random);
  CO_TRY(done);
  const std::vector<std::string> before = capabilities_;
  if (!capability_told_) {
    auto told = co_await ask_capability();
    CO_TRY(told);
    if (capabilities_ != before) note(Quirk::capability_unannounced);
  }
  if (has("LITERAL+")) {
    connection_.write_options().literals = imap::LiteralForm::plus;
  } else if (has("LITERAL-") || has("IMAP4rev2")) {
    connection_.write_options().literals = imap::LiteralForm::minus;
  }
  connection_.write_options().binary = has("BINARY") || has("IMAP4rev2");
  auto identified = co_await tell_id();
  CO_TRY(identified);
  auto compressed = co_await begin_compress();
  co_return compressed;
}

Task<Result<>> Session::begin_compress() {
  const bool near = endpoint().local || connection_.stream().peer().is_loopback();
  const bool wanted = options_.compression == Compression::always ||
                      (options_.compression == Compression::automatic && !near);
  if (!wanted || !has("COMPRESS=DEFLATE")) co_return Result<>();
  imap::Compress compress;
  compress.algorithm = "DEFLATE";
  imap::CommandBody body = std::move(compress);
  auto agreed = co_await command(std::move(body));
  // A refusal costs nothing (RFC 4978 3: COMPRESSIONACTIVE where TLS compresses).
  if (!agreed && is_alive()) co_return Result<>();
  CO_TRY(agreed);
  auto begun = connection_.start_deflate();
  co_return begun;
}

Task<Result<>> Session::try_sign_in(const SignIn& sign_in, Random& random) {
  SignInServer server;
  for (const std::string& name : capabilities_) {
    if (imap::equal_nocase(std::string_view(name).substr(0, 5), "AUTH=")) {
      server.mechanisms.push_back(name.substr(5));
    }
  }
  server.login_disabled = has("LOGINDISABLED");
  server.bindings = bindings_of(connection_.stream());
  auto choice = choose_sign_in(sign_in, server);
  CO_TRY(choice);
  capability_told_ = false;
  if (choice->login_command) {
    mechanism_ = "LOGIN";
    auto done = co_await login_command(sign_in);
    co_return done;
  }
  mechanism_ = std::string(sasl::mechanism_name(*choice->mechanism));
  const bool initial = has("SASL-IR") || has("IMAP4rev2");
  auto done = co_await authenticate(*choice->mechanism, sign_in, random, initial);
  // Some list SASL-IR and call the initial response a syntax error.
  if (!done && initial && done.error().code == Code::invalid && connection_.bye().empty()) {
    note(Quirk::sasl_ir_refused);
    auto again = co_await authenticate(*choice->mechanism, sign_in, random, false);
    co_return again;
  }
  co_return done;
}

Task<Result<>> Session::login_command(const SignIn& sign_in) {
  imap::Login login;
  login.user = sign_in.name;
  login.password = sign_in.secret;
  imap::CommandBody body = std::move(login);
  auto answer = co_await command(std::move(body));
  if (!answer && answer.error().code == Code::cannot) {
    answer.error().code = Code::auth_failed;  // the old way: NO without a code
  }
  CO_TRY(answer);
  co_return Result<>();
}

Task<Result<>> Session::authenticate(sasl::Mechanism mechanism, const SignIn& sign_in,
                                     Random& random, bool initial_response) {
  sasl::Credentials credentials = credentials_of(sign_in, endpoint());
  sasl::Client::Options how;
  how.bindings = bindings_of(connection_.stream());
  how.server_offers_plus = offers_plus(capabilities_);
  sasl::Client exchange(mechanism, std::move(credentials), std::move(how), random);
  auto first = exchange.initial();
  CO_TRY(first);
  imap::Authenticate start;
  start.mechanism = std::string(sasl::mechanism_name(mechanism));
  bool first_sent = !first->has_value();
  if (initial_response && first->has_value()) {
    start.initial_response = sasl::base64_encode(**first);
    first_sent = true;
  }
  imap::Command command;
  command.body = std::move(start);
  auto ticket = co_await connection_.send(std::move(command), Expect());
  CO_TRY(ticket);
  Connection::LineKind secret;
  secret.secret = true;
  Result<> trouble;
  for (;;) {
    auto turn = co_await connection_.wait_turn(*ticket);
    CO_TRY(turn);
    if (const auto* answer = std::get_if<Answer>(&*turn)) {
      observe_status(answer->tagged);
      if (!answer->ok()) {
        Error refused = error_of(answer->tagged);
        if (refused.code == Code::cannot) refused.code = Code::auth_failed;
        // What the exchange had to say (a token's reason) tells more than the bare NO.
        if (!trouble) refused.detail += " (" + trouble.error().detail + ")";
        if (exchange.problem()) {
          refused.detail += " (" + problem_words(*exchange.problem()) + ")";
        }
        co_return tl::unexpected(std::move(refused));
      }
      if (!trouble) co_return trouble;
      co_return exchange.finish();
    }
    // RFC 9051 6.2.2: behind "*" only the answer may come.
    if (!trouble) co_return fail(Code::invalid, "the server goes on: " + trouble.error().detail);
    std::string line;
    if (!first_sent) {
      first_sent = true;
      line = sasl::base64_encode(**first);
    } else {
      auto response = next_response(exchange, std::get<imap::Continuation>(*turn).text);
      line = response ? sasl::base64_encode(*response) : "*";
      if (!response) trouble = tl::unexpected(response.error());
    }
    auto sent = co_await connection_.send_line(std::move(line), secret);
    CO_TRY(sent);
  }
}

// --- commands ---

Task<Result<imap::StatusResponse>> Session::finish(Connection::Ticket ticket) {
  auto answer = co_await connection_.wait(std::move(ticket));
  CO_TRY(answer);
  observe_status(answer->tagged);
  if (!answer->ok()) co_return tl::unexpected(error_of(answer->tagged));
  co_return std::move(answer->tagged);
}

Task<Result<imap::StatusResponse>> Session::command(imap::CommandBody body) {
  Expect nothing;
  auto answer = co_await command(std::move(body), std::move(nothing));
  co_return answer;
}

Task<Result<imap::StatusResponse>> Session::command(imap::CommandBody body, Expect expect) {
  imap::Command command;
  command.body = std::move(body);
  auto ticket = co_await connection_.send(std::move(command), std::move(expect));
  CO_TRY(ticket);
  auto answer = co_await finish(std::move(*ticket));
  co_return answer;
}

Task<Result<imap::StatusResponse>> Session::uid_command(imap::CommandBody body, Expect expect) {
  imap::Command command;
  command.uid = true;
  command.body = std::move(body);
  auto ticket = co_await connection_.send(std::move(command), std::move(expect));
  CO_TRY(ticket);
  auto answer = co_await finish(std::move(*ticket));
  co_return answer;
}

Task<Result<imap::StatusResponse>> Session::text_command(std::string text, Expect expect) {
  auto ticket = co_await connection_.send_text(std::move(text), std::move(expect));
  CO_TRY(ticket);
  auto answer = co_await finish(std::move(*ticket));
  co_return answer;
}

Task<> Session::logout() {
  if (!connection_.stream()) co_return;
  imap::CommandBody body = imap::Logout();
  auto answer = co_await command(std::move(body));
  (void)answer;  // whether it was heard or not, this is the end
  const net::Deadline deadline = net::after(std::chrono::seconds(2));
  co_await connection_.stream().shutdown(deadline);
}

bool Session::has(std::string_view capability) const {
  return std::any_of(capabilities_.begin(), capabilities_.end(),
                     [&](const std::string& name) { return imap::equal_nocase(name, capability); });
}

std::optional<std::string> Session::capability_value(std::string_view name) const {
  for (const std::string& capability : capabilities_) {
    const size_t equals = capability.find('=');
    if (equals == std::string::npos) continue;
    if (imap::equal_nocase(std::string_view(capability).substr(0, equals), name)) {
      return capability.substr(equals + 1);
    }
  }
  return std::nullopt;
}

// --- what the server says in passing ---

void Session::note(Quirk quirk) {
  if (quirks_.note(quirk) && options_.hooks.quirk) {
    options_.hooks.quirk(endpoint().host, quirk_info(quirk));
  }
}

void Session::observe(const imap::Response& response) {
  if (const auto* status = std::get_if<imap::StatusResponse>(&response)) observe_status(*status);
  if (const auto* told = std::get_if<imap::CapabilityData>(&response)) {
    capabilities_ = told->names;
    capability_told_ = true;
  }
  if (in_clear_) return;
  if (const auto* on = std::get_if<imap::EnabledData>(&response)) {
    enabled_.insert(enabled_.end(), on->names.begin(), on->names.end());
  }
  if (const auto* id = std::get_if<imap::IdData>(&response)) server_id_ = id->parameters;
  if (selected_) observe_mailbox(response);
}

void Session::observe_status(const imap::StatusResponse& status) {
  if (status.code.name == imap::CodeName::capability) {
    capabilities_ = status.code.words;
    capability_told_ = true;
  }
  if (in_clear_) return;
  const bool web = status.code.name == imap::CodeName::other &&
                   imap::equal_nocase(std::string_view(status.code.text).substr(0, 8), "WEBALERT");
  if (status.code.name == imap::CodeName::alert || web) {
    std::string text = web ? status.text + " (" + status.code.text.substr(8) + " )" : status.text;
    alerts_.push_back(text);
    if (options_.hooks.alert) options_.hooks.alert(endpoint().host, text);
  }
  const auto throttle = throttle_of(status);
  if (throttle && status.condition == imap::Condition::ok) note(Quirk::throttled_ok);
}

}  // namespace eilpost::client
