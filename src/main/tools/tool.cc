#include "main/tools/tool.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <thread>

#include "client/discovery/discovery.h"
#include "client/oauth/token_source.h"
#include "client/session/endpoint.h"

namespace eilpost {

namespace {

// Those that ask a tool to stop, and the one that ends their watcher.
sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&set, number);
  return set;
}

// Tokens of a login in the cache. They outlive whoever asked for them, and so does the clock.
Result<client::Tokens> cached_tokens(const AccountArguments& arguments, const std::string& user) {
  namespace oauth = client::oauth;
  oauth::TokenWanted wanted;
  wanted.cache_path = arguments.token_cache;
  if (wanted.cache_path.empty()) wanted.cache_path = TRY(oauth::default_cache_path());
  wanted.provider = arguments.provider;
  wanted.user = user;
  return client::Tokens([wanted](const std::string& rejected) {
    const SystemClock clock;
    oauth::TokenWanted now = wanted;
    now.rejected = rejected;
    return oauth::good_token(now, clock, oauth::https_fetch);
  });
}

// --server and --user as they are meant: where no server is named, the domain of the mail address
// tells it, and the user is told what was found.
Result<client::EndpointText> endpoint_of(const AccountArguments& arguments,
                                         const std::string& prefix) {
  if (!arguments.server.empty()) {
    auto endpoint = client::parse_endpoint(arguments.server);
    if (!endpoint) return wrap(std::move(endpoint).error(), "--" + prefix + "server");
    if (!arguments.user.empty()) endpoint->user = arguments.user;
    return endpoint;
  }
  if (arguments.user.find('@') == std::string::npos) {
    return fail(Code::invalid, fmt::format("--{}server: expected a server, or a mail address as "
                                           "--{}user, by which it can be found",
                                           prefix, prefix));
  }
  const auto sources = TRY(client::system_sources(arguments.ca_file));
  auto found = client::discover(arguments.user, sources);
  if (!found) return wrap(std::move(found).error(), "--" + prefix + "server");
  process_output().error("{}: {} as {}, found by {}\n", arguments.user,
                         client::print_endpoint(found->endpoint), found->user, found->way);
  return client::EndpointText{found->endpoint, found->user};
}

}  // namespace

CLI::App* add_tool(CLI::App& parent, const char* name, const char* help) {
  auto* command = parent.add_subcommand(name, help);
  command->set_help_flag("-h,--help", "Show this help");
  return command;
}

void add_account_options(CLI::App& command, const std::string& prefix,
                         AccountArguments& arguments) {
  const auto name = [&](const char* option) { return "--" + prefix + option; };
  const size_t before = command.get_options().size();
  command
      .add_option(name("server"), arguments.server,
                  "imaps://HOST, imap://HOST (STARTTLS), HOST or HOST:PORT; without it the server "
                  "is looked for by the mail address that is the login name")
      ->type_name("SERVER");
  command.add_option(name("user"), arguments.user, "Login name")->type_name("NAME");
  command
      .add_option(name("password"), arguments.password,
                  "Where the password is: prompt (default), env:NAME, file:PATH, fd:NUMBER or "
                  "command:LINE")
      ->type_name("SOURCE");
  command
      .add_option(name("token"), arguments.token,
                  "Where an OAuth access token is, instead of a password")
      ->type_name("SOURCE");
  command
      .add_option(name("oauth"), arguments.provider,
                  "The tokens of this provider (google, microsoft or its URL), after eilpost oauth "
                  "login")
      ->type_name("PROVIDER");
  add_token_cache_option(command, prefix, arguments.token_cache);
  command
      .add_option(name("as"), arguments.authzid,
                  "Open this account's mail with the credentials of --" + prefix + "user")
      ->type_name("NAME");
  command.add_option(name("mechanism"), arguments.mechanism, "This SASL mechanism and no other")
      ->type_name("NAME");
  command.add_option(name("ca-file"), arguments.ca_file, "Trust these certificates (PEM)")
      ->type_name("FILE");
  command.add_option(name("certificate"), arguments.certificate, "Client certificate (PEM)")
      ->type_name("FILE");
  command.add_option(name("key"), arguments.key, "Its key (PEM)")->type_name("FILE");
  command.add_flag(name("kerberos"), arguments.ticket, "Sign in with a Kerberos ticket");
  command.add_flag(name("insecure"), arguments.insecure, "Do not verify the server's certificate");
  command
      .add_option(name("silence"), arguments.silence_seconds,
                  "Seconds without a word from the server before it is given up")
      ->type_name("SECONDS")
      ->check(CLI::Range(5, 86400))
      ->capture_default_str();
  command
      .add_option(name("compress"), arguments.compress,
                  "Compress what goes over the line where the server can: auto (default: unless "
                  "it is on this machine), always (behind a tunnel), never")
      ->type_name("WHEN")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  const char* group = prefix == "from-" ? "Source account"
                      : prefix == "to-" ? "Target account"
                                        : "Account";
  const auto options = command.get_options();
  for (size_t i = before; i < options.size(); ++i) options[i]->group(group);
}

void add_token_cache_option(CLI::App& command, const std::string& prefix, std::string& path) {
  command
      .add_option("--" + prefix + "token-cache", path,
                  "The file with the tokens (~/.cache/eilpost/tokens.json)")
      ->type_name("FILE");
}

Result<client::AccountSpec> account_spec(const AccountArguments& arguments,
                                         const std::string& prefix) {
  client::AccountSpec out;
  const auto endpoint = TRY(endpoint_of(arguments, prefix));
  out.endpoint = endpoint.endpoint;
  out.name = endpoint.user;
  out.authzid = arguments.authzid;
  out.mechanism = arguments.mechanism;
  out.silence = std::chrono::seconds(arguments.silence_seconds);
  if (arguments.compress == "always") out.compression = client::Compression::always;
  if (arguments.compress == "never") out.compression = client::Compression::never;
  const bool token = !arguments.token.empty();
  if (token && !arguments.password.empty()) {
    return fail(Code::invalid, "--" + prefix + "token and --" + prefix + "password: give one");
  }
  const bool cached = !arguments.provider.empty();
  if (cached && (token || !arguments.password.empty())) {
    return fail(Code::invalid, "--" + prefix + "oauth does without a password and a token");
  }
  using Kind = client::SignIn::Kind;
  if (token || cached) out.kind = Kind::token;
  if (arguments.ticket) out.kind = Kind::ticket;
  if (!token && !cached && !arguments.ticket && !arguments.certificate.empty() &&
      arguments.password.empty()) {
    out.kind = Kind::certificate;
  }
  const std::string& source = token ? arguments.token : arguments.password;
  if (!source.empty()) {
    auto parsed = client::parse_secret_source(source);
    if (!parsed) {
      return wrap(std::move(parsed).error(), "--" + prefix + (token ? "token" : "password"));
    }
    out.secret = std::move(*parsed);
  }
  if (out.name.empty() && (out.kind == Kind::password || out.kind == Kind::token)) {
    return fail(Code::invalid, "--" + prefix + "user: expected a login name");
  }
  if (cached) out.tokens = TRY(cached_tokens(arguments, out.name));
  out.tls.verify = !arguments.insecure;
  out.tls.ca_file = arguments.ca_file;
  out.tls.chain_file = arguments.certificate;
  out.tls.key_file = arguments.key;
  return out;
}

// Waits for the stop signals on a thread of its own; SIGUSR1 ends it.
struct ToolWorld::Watcher {
  std::thread thread;
};

ToolWorld::BlockedSignals::BlockedSignals() {
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

ToolWorld::ToolWorld()
    : output(process_output()), io_(1), stop_(io_.executor(0)), watcher_(new Watcher) {
  watcher_->thread = std::thread([this, set = watched_signals(), handle = stop_.handle()] {
    for (;;) {
      int number = 0;
      if (sigwait(&set, &number) != 0 || number == SIGUSR1) return;
      if (stopping_.exchange(true)) ::_exit(130);
      handle.notify();
    }
  });
}

ToolWorld::~ToolWorld() {
  pthread_kill(watcher_->thread.native_handle(), SIGUSR1);
  watcher_->thread.join();
  io_.stop();
}

int ToolWorld::run(const char* name, net::Task<Result<int>> task) {
  const Result<int> done = net::block_on(executor(), std::move(task));
  if (done) return *done;
  output.error("eilpost {}: {}\n", name, done.error().detail);
  return 1;
}

client::Hooks ToolWorld::hooks() {
  client::Hooks out;
  // Shared by the copies of the hook: one text is shown once, however many connections hear it.
  auto shown = std::make_shared<std::set<std::string, std::less<>>>();
  out.alert = [this, shown](std::string_view server, std::string_view text) {
    if (!shown->insert(std::string(text)).second) return;
    output.error("{} says: {}\n", server, text);
  };
  out.quirk = [this, shown](std::string_view server, const client::QuirkInfo& quirk) {
    if (!shown->insert(std::string(quirk.name)).second) return;
    output.error("{} {}: {}\n", server, quirk.what, quirk.remedy);
  };
  return out;
}

}  // namespace eilpost
