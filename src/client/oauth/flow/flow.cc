#include "client/oauth/flow/flow.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "client/oauth/flow/redirect.h"
#include "protocol/sasl/base64.h"
#include "protocol/sasl/crypto.h"

namespace eilpost::client::oauth {

namespace {

constexpr int64_t second_micros = 1'000'000;
constexpr const char* stopped = "stopped before anybody had signed in";

std::string scope_of(const Client& client) {
  return fmt::format("{}", fmt::join(client.provider.scopes, " "));
}

// A public client names itself; one with a secret proves who it is in the body too, which Google
// and Microsoft take, and all that list client_secret_post (RFC 6749 2.3.1).
Fields with_client(const Client& client, Fields fields) {
  fields.emplace_back("client_id", client.id);
  if (!client.secret.empty()) fields.emplace_back("client_secret", client.secret);
  return fields;
}

Result<net::HttpAnswer> post(const FlowWorld& world, const std::string& url, const Fields& fields) {
  net::HttpCall call;
  call.method = "POST";
  call.url = url;
  call.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                  {"Accept", "application/json"}};
  call.body = net::form_encoded(fields);
  return world.fetch(std::move(call));
}

Result<TokenAnswer> ask_tokens(const Client& client, const FlowWorld& world, Fields fields) {
  const Timestamp asked = world.clock.now();
  const auto answer =
      TRY(post(world, client.provider.token_endpoint, with_client(client, std::move(fields))));
  return parse_token_answer(answer, asked);
}

struct Device {
  std::string code;
  DeviceCode shown;
  int64_t interval = 5;  // RFC 8628 3.2
};

Result<Device> begin_device(const Client& client, const FlowWorld& world) {
  const Fields fields = with_client(client, {{"scope", scope_of(client)}});
  const auto answer = TRY(post(world, client.provider.device_endpoint, fields));
  const auto json = parse_json(answer.body);
  if (!json || !json->is_object()) {
    return fail(Code::unavailable,
                fmt::format("the device endpoint answers {} and no JSON", answer.status));
  }
  Device out;
  out.code = json->text_at("device_code");
  out.shown.user_code = json->text_at("user_code");
  out.shown.verification_uri = json->text_at("verification_uri");
  if (out.shown.verification_uri.empty()) {
    out.shown.verification_uri = json->text_at("verification_url");  // before the RFC
  }
  out.shown.complete_uri = json->text_at("verification_uri_complete");
  out.shown.expires_seconds =
      std::clamp<int64_t>(json->integer_at("expires_in").value_or(600), 1, 24 * 3600);
  out.interval = std::clamp<int64_t>(json->integer_at("interval").value_or(5), 1, 300);
  if (out.code.empty() || out.shown.user_code.empty() || out.shown.verification_uri.empty()) {
    TokenAnswer refused;
    refused.error = json->text_at("error");
    refused.description = json->text_at("error_description");
    return fail(Code::cannot, "the provider gives no device code: " + error_text(refused));
  }
  return out;
}

}  // namespace

std::string base64url(std::string_view octets) {
  std::string out = sasl::base64_encode(octets);
  out.erase(out.find_last_not_of('=') + 1);
  std::replace(out.begin(), out.end(), '+', '-');
  std::replace(out.begin(), out.end(), '/', '_');
  return out;
}

std::string pkce_challenge(std::string_view verifier) {
  return base64url(sasl::sha256(verifier));
}

Result<Tokens> device_flow(const Client& client, const FlowWorld& world,
                           const std::function<void(const DeviceCode&)>& show) {
  if (client.provider.device_endpoint.empty()) {
    return fail(Code::cannot, client.provider.name + " has no device flow for mail");
  }
  Device device = TRY(begin_device(client, world));
  const int64_t end = world.clock.steady_micros() + device.shown.expires_seconds * second_micros;
  show(device.shown);
  while (world.clock.steady_micros() < end) {
    if (!world.wait(device.interval)) return fail(Code::cancelled, stopped);
    auto answer = ask_tokens(client, world,
                             {{"grant_type", "urn:ietf:params:oauth:grant-type:device_code"},
                              {"device_code", device.code}});
    // RFC 8628 3.5: what does not answer is asked less and less often.
    if (!answer) {
      device.interval = std::min<int64_t>(2 * device.interval, 300);
      continue;
    }
    if (answer->tokens) return *answer->tokens;
    if (answer->error == "authorization_pending") continue;
    if (answer->error == "slow_down") {
      device.interval += 5;
      continue;
    }
    if (answer->error == "expired_token") break;
    const bool denied = answer->error == "access_denied";
    return fail(denied ? Code::permission : Code::cannot,
                "the provider gives no token: " + error_text(*answer));
  }
  return fail(Code::timeout, "the code has expired before anybody had signed in");
}

Result<Tokens> browser_flow(const Client& client, const FlowWorld& world, Random& random,
                            const BrowserOptions& options,
                            const std::function<void(const std::string& url)>& show) {
  const Provider& provider = client.provider;
  if (provider.authorization_endpoint.empty()) {
    return fail(Code::cannot, provider.name + " has no authorization endpoint");
  }
  const std::string verifier = base64url(random.octets(32));
  const std::string state = base64url(random.octets(16));
  auto redirect = TRY(RedirectListener::open(provider.redirect, state, provider.response_issuer));
  Fields fields = {{"response_type", "code"},
                   {"client_id", client.id},
                   {"redirect_uri", redirect->uri()},
                   {"scope", scope_of(client)},
                   {"state", state},
                   {"code_challenge", pkce_challenge(verifier)},
                   {"code_challenge_method", "S256"}};
  if (!options.login_hint.empty()) fields.emplace_back("login_hint", options.login_hint);
  fields.insert(fields.end(), provider.parameters.begin(), provider.parameters.end());
  const bool has_query = provider.authorization_endpoint.find('?') != std::string::npos;
  show(provider.authorization_endpoint + (has_query ? "&" : "?") + net::form_encoded(fields));
  const int64_t end = world.clock.steady_micros() + options.seconds_max * second_micros;
  std::optional<Result<std::string>> code;
  while (!(code = redirect->taken())) {
    if (world.clock.steady_micros() >= end) {
      return fail(Code::timeout, "the browser has not come back");
    }
    if (!world.wait(1)) return fail(Code::cancelled, stopped);
  }
  if (!*code) return tl::unexpected(code->error());
  auto answer = TRY(ask_tokens(client, world,
                               {{"grant_type", "authorization_code"},
                                {"code", **code},
                                {"redirect_uri", redirect->uri()},
                                {"code_verifier", verifier}}));
  if (answer.tokens) return *answer.tokens;
  return fail(Code::cannot, "the provider gives no token: " + error_text(answer));
}

Result<Tokens> refresh(const Client& client, const FlowWorld& world, const Tokens& old) {
  if (old.refresh.empty()) {
    return fail(Code::expired,
                "the token has expired, and the provider has given none to renew it");
  }
  auto answer = TRY(
      ask_tokens(client, world, {{"grant_type", "refresh_token"}, {"refresh_token", old.refresh}}));
  if (answer.tokens) {
    Tokens out = *answer.tokens;
    if (out.refresh.empty()) out.refresh = old.refresh;
    if (out.scope.empty()) out.scope = old.scope;
    return out;
  }
  // RFC 6749 5.2. Microsoft says interaction_required for the same.
  const bool over = answer.error == "invalid_grant" || answer.error == "interaction_required";
  return fail(over ? Code::expired : Code::unavailable,
              "the provider does not renew the token: " + error_text(answer));
}

Result<> revoke(const Client& client, const FlowWorld& world, const Tokens& tokens) {
  if (client.provider.revocation_endpoint.empty()) return {};
  const std::string& token = tokens.refresh.empty() ? tokens.access : tokens.refresh;
  const Fields fields = with_client(client, {{"token", token}});
  const auto answer = TRY(post(world, client.provider.revocation_endpoint, fields));
  if (answer.status == 200) return {};
  return fail(Code::unavailable,
              fmt::format("the provider answers {} to the revocation", answer.status));
}

}  // namespace eilpost::client::oauth
