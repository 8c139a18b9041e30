#include "client/account/account.h"

namespace eilpost::client {

Account::Account(AccountSpec spec, Hooks hooks, Random& random)
    : spec_(std::move(spec)), hooks_(std::move(hooks)), random_(random) {}

Result<std::unique_ptr<Account>> Account::make(AccountSpec spec, Hooks hooks, Random& random) {
  std::unique_ptr<Account> account(new Account(std::move(spec), std::move(hooks), random));
  if (account->spec_.endpoint.security != Security::none) {
    account->tls_ = TRY(net::TlsContext::client(account->spec_.tls));
  }
  return account;
}

std::string Account::label() const {
  const std::string whose = spec_.authzid.empty() ? spec_.name : spec_.authzid;
  return whose + " at " + spec_.endpoint.host;
}

Result<> Account::read_secret_now() {
  TRY(secret(""));
  return {};
}

Result<std::string> Account::secret(const std::string& rejected) {
  if (spec_.tokens) return spec_.tokens(rejected);
  if (spec_.kind == SignIn::Kind::certificate || spec_.kind == SignIn::Kind::ticket) {
    return std::string();
  }
  if (!secret_read_) {
    const bool token = spec_.kind == SignIn::Kind::token;
    secret_ = TRY(read_secret(spec_.secret, (token ? "Token of " : "Password of ") + label()));
    secret_read_ = true;
  }
  return secret_;
}

Task<Result<std::unique_ptr<Session>>> Account::connect() {
  auto good = secret("");
  CO_TRY(good);
  auto session = co_await start(*good);
  if (session || !spec_.tokens) co_return session;
  const Code code = session.error().code;
  if (code != Code::auth_failed && code != Code::expired) co_return session;
  // The server's clock may be ahead of ours, or the token was revoked: once more with a fresh one.
  auto fresh = secret(*good);
  if (!fresh) {
    co_return fail(session.error().code,
                   session.error().detail + "; no other token: " + fresh.error().detail);
  }
  if (*fresh == *good) co_return session;
  auto again = co_await start(std::move(*fresh));
  co_return again;
}

Task<Result<std::unique_ptr<Session>>> Account::start(std::string secret) {
  SessionOptions options;
  options.endpoint = spec_.endpoint;
  options.tls = tls_;
  options.silence = spec_.silence;
  options.compression = spec_.compression;
  options.hooks = hooks_;
  SignIn sign_in;
  sign_in.name = spec_.name;
  sign_in.authzid = spec_.authzid;
  sign_in.kind = spec_.tokens ? SignIn::Kind::token : spec_.kind;
  sign_in.secret = std::move(secret);
  sign_in.mechanism = spec_.mechanism;
  auto session = co_await Session::start(std::move(options), std::move(sign_in), random_);
  co_return session;
}

}  // namespace eilpost::client
