#include "client/oauth/token_source.h"

#include <fmt/format.h>

#include <memory>

namespace eilpost::client::oauth {

namespace {

std::string login_hint(const TokenWanted& wanted) {
  return fmt::format("eilpost oauth login --provider {} --user {}", wanted.provider, wanted.user);
}

// It may still do though it is time for a fresh one.
bool is_alive(const Tokens& tokens, Timestamp now) {
  return !tokens.access.empty() && (tokens.expires == 0 || now.seconds() < tokens.expires);
}

}  // namespace

Result<Fetch> https_fetch(const std::string& ca_file) {
  net::HttpClientOptions options;
  options.ca_file = ca_file;
  options.timeout = std::chrono::seconds(20);
  // Shared by the copies of the function.
  std::shared_ptr<net::HttpClient> http = TRY(net::HttpClient::create(std::move(options)));
  return Fetch([http](net::HttpCall call) { return http->fetch_wait(std::move(call)); });
}

Result<std::string> good_token(const TokenWanted& wanted, const Clock& clock,
                               const MakeFetch& make_fetch) {
  auto cache = TRY(TokenCache::open(wanted.cache_path));
  const Login* found = cache->find(wanted.provider, wanted.user);
  if (found == nullptr) {
    return fail(Code::not_found, fmt::format("{} has not signed in at {}: {}", wanted.user,
                                             wanted.provider, login_hint(wanted)));
  }
  Login login = *found;
  const Timestamp now = clock.now();
  const bool rejected = login.tokens.access == wanted.rejected;
  if (!rejected && is_fresh(login.tokens, now)) return login.tokens.access;
  Client client;
  client.provider.name = login.provider;
  client.provider.token_endpoint = login.token_endpoint;
  client.id = login.client_id;
  client.secret = login.client_secret;
  auto fetch = TRY(make_fetch(login.ca_file));
  const FlowWorld world{std::move(fetch), clock, [](int64_t) { return false; }};
  auto fresh = refresh(client, world, login.tokens);
  if (!fresh) {
    // A provider that is down for a moment costs nothing as long as the token lasts.
    if (fresh.error().code != Code::expired && !rejected && is_alive(login.tokens, now)) {
      return login.tokens.access;
    }
    if (fresh.error().code != Code::expired) return tl::unexpected(std::move(fresh).error());
    return fail(Code::expired, fresh.error().detail + "; sign in again: " + login_hint(wanted));
  }
  login.tokens = std::move(*fresh);
  const std::string access = login.tokens.access;
  TRY(cache->put(std::move(login)));
  return access;
}

}  // namespace eilpost::client::oauth
