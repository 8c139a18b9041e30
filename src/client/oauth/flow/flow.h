// The ways to a token: the user types a code on another device (RFC 8628), or a browser on this one
// brings an authorization code back to a port of ours (RFC 8252) with PKCE (RFC 7636); and from one
// token to the next by refresh (RFC 6749 6). All of them block.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "client/oauth/provider.h"
#include "client/oauth/tokens.h"

namespace eilpost::client::oauth {

// Us, as the provider knows us.
struct Client {
  Provider provider;
  std::string id;
  std::string secret;  // "": a public client
};

struct FlowWorld {
  Fetch fetch;
  const Clock& clock;
  // Waits; false: the user wants it to end.
  std::function<bool(int64_t seconds)> wait;
};

// What the user has to do.
struct DeviceCode {
  std::string user_code;
  std::string verification_uri;
  std::string complete_uri;  // with the code in it; "": there is none
  int64_t expires_seconds = 0;
};
// Code::cannot: the provider has no device flow; Code::permission: the user said no; Code::timeout:
// the code has expired; Code::cancelled.
Result<Tokens> device_flow(const Client& client, const FlowWorld& world,
                           const std::function<void(const DeviceCode&)>& show);

struct BrowserOptions {
  std::string login_hint;  // who is to sign in; "": nobody in particular
  int64_t seconds_max = 600;
};
// `show` is given the address that the user's browser has to open. Code::permission: the user said
// no; Code::timeout: nobody came back; Code::cancelled.
Result<Tokens> browser_flow(const Client& client, const FlowWorld& world, Random& random,
                            const BrowserOptions& options,
                            const std::function<void(const std::string& url)>& show);

// A new refresh token takes the old one's place; without one the old one stays good (RFC 6749 6).
// Code::expired: the refresh token is not good any more, the user has to sign in again.
Result<Tokens> refresh(const Client& client, const FlowWorld& world, const Tokens& old);

// RFC 7009. Nothing where the provider has no revocation.
Result<> revoke(const Client& client, const FlowWorld& world, const Tokens& tokens);

// base64url without padding (RFC 7636 A).
std::string base64url(std::string_view octets);
// S256 (RFC 7636 4.2).
std::string pkce_challenge(std::string_view verifier);

}  // namespace eilpost::client::oauth
