// `eilpost oauth`: signs in at a provider of tokens, shows what is in the cache, signs out.

#include <fmt/format.h>

#include <thread>

#include "base/json.h"
#include "client/account/shell.h"
#include "client/oauth/challenge.h"
#include "client/oauth/token_source.h"
#include "main/tools/cleanup/report.h"
#include "main/tools/tools.h"

namespace eilpost {

namespace {

namespace oauth = client::oauth;

struct OAuthArguments {
  std::string provider;
  std::string server;  // that says which provider it trusts
  std::string user;
  std::string client_id;
  std::string client_secret;  // a source
  std::vector<std::string> scopes;
  std::string redirect;
  std::string browser;
  std::string ca_file;
  std::string cache;
  bool device = false;
  bool json = false;
};

Result<std::string> cache_path(const OAuthArguments& arguments) {
  if (!arguments.cache.empty()) return arguments.cache;
  return oauth::default_cache_path();
}

// What the IMAP server says about its provider.
net::Task<Result<sasl::BearerProblem>> ask_server(client::SessionOptions options,
                                                  std::string user) {
  auto session = co_await client::Session::open(std::move(options));
  CO_TRY(session);
  auto told = co_await oauth::ask_provider(**session, std::move(user));
  (*session)->connection().close();
  co_return told;
}

Result<oauth::Provider> provider_of_server(ToolWorld& world, const OAuthArguments& arguments,
                                           const oauth::Fetch& fetch) {
  auto endpoint = client::parse_endpoint(arguments.server);
  if (!endpoint) return wrap(std::move(endpoint).error(), "--server");
  client::SessionOptions options;
  options.endpoint = endpoint->endpoint;
  options.hooks = world.hooks();
  if (options.endpoint.security != client::Security::none) {
    net::TlsClientSettings tls;
    tls.ca_file = arguments.ca_file;
    options.tls = TRY(net::TlsContext::client(std::move(tls)));
  }
  const auto told =
      TRY(net::block_on(world.executor(), ask_server(std::move(options), arguments.user)));
  oauth::Provider out = TRY(oauth::discover(fetch, told.openid_configuration));
  if (!told.scope.empty()) out.scopes.push_back(told.scope);
  return out;
}

Result<oauth::Provider> provider_of(ToolWorld& world, const OAuthArguments& arguments,
                                    const oauth::Fetch& fetch) {
  oauth::Provider out;
  if (arguments.provider.empty() == arguments.server.empty()) {
    return fail(Code::invalid, "expected --provider, or --server that says which one it trusts");
  }
  const oauth::Provider* known = oauth::known_provider(arguments.provider);
  if (known != nullptr) {
    out = *known;
  } else if (!arguments.server.empty()) {
    out = TRY(provider_of_server(world, arguments, fetch));
  } else if (arguments.provider.find("://") != std::string::npos) {
    out = TRY(oauth::discover(fetch, arguments.provider));
  } else {
    return fail(Code::invalid,
                fmt::format("--provider: expected one of {}, or the URL of an issuer",
                            oauth::known_provider_names()));
  }
  if (!arguments.scopes.empty()) out.scopes = arguments.scopes;
  if (!arguments.redirect.empty()) out.redirect = arguments.redirect;
  return out;
}

// Until the time is over or the user wants it to end.
bool wait_or_stop(const ToolWorld& world, int64_t seconds) {
  for (int64_t tenths = 0; tenths < 10 * seconds && !world.stopping(); ++tenths) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return !world.stopping();
}

void show_device(ToolWorld& world, const oauth::DeviceCode& code) {
  world.output.print("Open {} on any device and type the code {}\n", code.verification_uri,
                     code.user_code);
  if (!code.complete_uri.empty()) world.output.print("or open {}\n", code.complete_uri);
  world.output.print("The code is good for {} min.\n", (code.expires_seconds + 59) / 60);
  std::fflush(stdout);
}

void show_url(ToolWorld& world, const std::string& browser, const std::string& url) {
  world.output.print("Open this address in a browser on this machine:\n{}\n", url);
  std::fflush(stdout);
  if (browser.empty()) return;
  client::ShellCommand command;
  command.line = browser;
  command.environment = {"EILPOST_URL=" + url};
  const auto child = client::start_shell(command);
  if (!child) {
    world.output.error("{}\n", child.error().detail);
    return;
  }
  // A browser may stay for hours; one that ends is not left behind as a zombie.
  std::thread([pid = *child] { client::wait_for_shell(pid); }).detach();
}

Result<oauth::Tokens> sign_in(ToolWorld& world, const OAuthArguments& arguments,
                              const oauth::Client& client, const oauth::Fetch& fetch) {
  const oauth::FlowWorld flow{fetch, world.clock,
                              [&world](int64_t seconds) { return wait_or_stop(world, seconds); }};
  if (arguments.device) {
    return oauth::device_flow(
        client, flow, [&world](const oauth::DeviceCode& code) { show_device(world, code); });
  }
  oauth::BrowserOptions options;
  options.login_hint = arguments.user;
  const auto show = [&](const std::string& url) { show_url(world, arguments.browser, url); };
  return oauth::browser_flow(client, flow, world.random, options, show);
}

Result<int> run_login(ToolWorld& world, const OAuthArguments& arguments) {
  const std::string path = TRY(cache_path(arguments));
  // What would make the result useless is found before the user has done anything.
  TRY(oauth::TokenCache::open(path));
  const oauth::Fetch fetch = TRY(oauth::https_fetch(arguments.ca_file));
  oauth::Client client;
  client.provider = TRY(provider_of(world, arguments, fetch));
  client.id = arguments.client_id;
  if (!arguments.client_secret.empty()) {
    auto source = client::parse_secret_source(arguments.client_secret);
    if (!source) return wrap(std::move(source).error(), "--client-secret");
    client.secret = TRY(client::read_secret(*source, "Client secret of " + client.id));
  }
  oauth::Login login;
  login.tokens = TRY(sign_in(world, arguments, client, fetch));
  login.provider = client.provider.name;
  login.user = arguments.user;
  login.client_id = client.id;
  login.client_secret = client.secret;
  login.token_endpoint = client.provider.token_endpoint;
  login.revocation_endpoint = client.provider.revocation_endpoint;
  login.ca_file = arguments.ca_file;
  if (login.tokens.refresh.empty()) {
    world.output.error("{} gives no refresh token: this login ends with the token{}\n",
                       login.provider,
                       login.tokens.expires == 0 ? "" : ", " + time_text(login.tokens.expires));
  }
  auto cache = TRY(oauth::TokenCache::open(path));
  TRY(cache->put(std::move(login)));
  world.output.print("Signed in. Tools use it with --oauth {} --user {}\n", client.provider.name,
                     arguments.user);
  return 0;
}

Result<int> run_status(ToolWorld& world, const OAuthArguments& arguments) {
  auto cache = TRY(oauth::TokenCache::open(TRY(cache_path(arguments))));
  const Timestamp now = world.clock.now();
  for (const oauth::Login& login : cache->logins()) {
    const bool fresh = oauth::is_fresh(login.tokens, now);
    const bool renewable = !login.tokens.refresh.empty();
    const char* state = fresh ? "good" : renewable ? "is renewed at the next use" : "over";
    const std::string expires = login.tokens.expires == 0 ? "" : time_text(login.tokens.expires);
    if (arguments.json) {
      const Json::Object out = {
          {"provider", Json{login.provider}},   {"user", Json{login.user}},
          {"client_id", Json{login.client_id}}, {"scope", Json{login.tokens.scope}},
          {"expires", Json{expires}},           {"fresh", Json{fresh}},
          {"renewable", Json{renewable}}};
      world.output.print("{}\n", print_json(Json{out}));
      continue;
    }
    world.output.print("{} at {}: {}{}{}\n", login.user, login.provider, state,
                       expires.empty() ? "" : ", token until " + expires,
                       renewable ? "" : ", cannot be renewed");
  }
  if (cache->logins().empty() && !arguments.json) world.output.print("No logins.\n");
  return 0;
}

Result<int> run_logout(ToolWorld& world, const OAuthArguments& arguments) {
  auto cache = TRY(oauth::TokenCache::open(TRY(cache_path(arguments))));
  const oauth::Login* login = cache->find(arguments.provider, arguments.user);
  if (login == nullptr) {
    return fail(Code::not_found,
                fmt::format("no login of {} at {}", arguments.user, arguments.provider));
  }
  oauth::Client client;
  client.provider.revocation_endpoint = login->revocation_endpoint;
  client.id = login->client_id;
  client.secret = login->client_secret;
  const oauth::FlowWorld flow{TRY(oauth::https_fetch(login->ca_file)), world.clock,
                              [](int64_t) { return false; }};
  const auto revoked = oauth::revoke(client, flow, login->tokens);
  const bool told = !login->revocation_endpoint.empty();
  TRY(cache->remove(arguments.provider, arguments.user));
  if (!revoked) {
    world.output.error("the tokens are removed here, and not revoked: {}\n",
                       revoked.error().detail);
    return 1;
  }
  world.output.print("Signed out{}.\n",
                     told ? ", tokens revoked" : "; the provider has no revocation of tokens");
  return 0;
}

using Run = Result<int> (*)(ToolWorld& world, const OAuthArguments& arguments);

CLI::App* add_command(CLI::App& parent, const ToolHost& host,
                      const std::shared_ptr<OAuthArguments>& arguments, const char* name,
                      const char* help, Run run) {
  CLI::App* command = add_tool(parent, name, help);
  add_token_cache_option(*command, "", arguments->cache);
  command->callback([arguments, run, choose = host.choose] {
    choose([arguments, run] {
      ToolWorld world;
      const auto code = run(world, *arguments);
      if (code) return *code;
      world.output.error("eilpost oauth: {}\n", code.error().detail);
      return code.error().code == Code::invalid ? 2 : 1;
    });
  });
  return command;
}

void add_login_options(CLI::App& login, OAuthArguments& arguments) {
  login
      .add_option("--provider", arguments.provider,
                  "google, microsoft, or the URL of another issuer of tokens")
      ->type_name("PROVIDER");
  login
      .add_option("--server", arguments.server,
                  "Ask this IMAP server which provider it trusts, instead of --provider")
      ->type_name("SERVER");
  login.add_option("--user", arguments.user, "Login name at the mail server")
      ->type_name("NAME")
      ->required();
  login
      .add_option("--client-id", arguments.client_id,
                  "What the provider calls this program, where you have registered it")
      ->type_name("ID")
      ->required();
  login
      .add_option("--client-secret", arguments.client_secret,
                  "Where the client's secret is, if it has one: prompt, env:NAME, file:PATH, "
                  "fd:NUMBER or command:LINE")
      ->type_name("SOURCE");
  login.add_option("--scope", arguments.scopes, "Ask for this scope instead; may be repeated")
      ->type_name("SCOPE");
  login.add_flag("--device", arguments.device,
                 "Sign in on another device, by a code that is shown here");
  login
      .add_option("--redirect", arguments.redirect,
                  "Where the browser comes back to: http://127.0.0.1, http://[::1] or "
                  "http://localhost, with a port and a path if the provider wants them")
      ->type_name("URL");
  login
      .add_option("--browser", arguments.browser,
                  "Run this by sh, with the address to open in EILPOST_URL")
      ->type_name("COMMAND");
  login
      .add_option("--ca-file", arguments.ca_file,
                  "Trust these certificates (PEM) of the provider and of --server")
      ->type_name("FILE");
}

}  // namespace

void add_oauth(ToolHost& host) {
  // Shared with the commands' callbacks, which outlive this function.
  auto arguments = std::make_shared<OAuthArguments>();
  CLI::App* parent =
      add_tool(host.app, "oauth", "Sign in at Google, Microsoft or an own provider, for the tools");
  parent->require_subcommand(1);
  CLI::App* login = add_command(*parent, host, arguments, "login",
                                "Sign in, with a browser or by a code", run_login);
  add_login_options(*login, *arguments);
  CLI::App* status =
      add_command(*parent, host, arguments, "status", "Show the logins that are kept", run_status);
  status->add_flag("--json", arguments->json, "Print JSON, one object a line");
  CLI::App* logout = add_command(*parent, host, arguments, "logout",
                                 "Forget a login, and have its tokens revoked", run_logout);
  logout->add_option("--provider", arguments->provider, "As at login")
      ->type_name("PROVIDER")
      ->required();
  logout->add_option("--user", arguments->user, "As at login")->type_name("NAME")->required();
  parent->footer(
      "The tools use a login with --oauth PROVIDER; its token is renewed before it expires. A "
      "password is\nnever used instead. Exit codes: 0 done, 1 failed, 2 wrong usage.");
}

}  // namespace eilpost
