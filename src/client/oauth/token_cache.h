// The logins that `eilpost oauth login` has made, with their tokens, in one file that only its
// owner can read. It is locked as long as a TokenCache lives: a refresh token that is good once
// must not be used by two processes. Written by rename, so that a crash leaves the old or the new
// file. Blocks; for one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/oauth/tokens.h"

namespace eilpost::client::oauth {

struct Login {
  std::string provider;  // as --oauth names it: "google", or an issuer's URL
  std::string user;
  std::string client_id;
  std::string client_secret;
  std::string token_endpoint;
  std::string revocation_endpoint;
  std::string ca_file;  // that the provider's certificate is verified by; "": the system's
  Tokens tokens;
  friend bool operator==(const Login&, const Login&) = default;
};

// parse_logins(print_logins(x)) == x. Code::invalid: no such file.
std::string print_logins(const std::vector<Login>& logins);
Result<std::vector<Login>> parse_logins(std::string_view text);

// $XDG_CACHE_HOME/eilpost/tokens.json, else in ~/.cache. Code::invalid: neither is known.
Result<std::string> default_cache_path();

class TokenCache {
 public:
  // An absent file is an empty one; directories are made. Code::permission: others may read or
  // write the file, or it is somebody else's; Code::in_use: it stays locked for half a minute.
  static Result<std::unique_ptr<TokenCache>> open(std::string path);
  ~TokenCache();
  TokenCache(const TokenCache&) = delete;
  TokenCache& operator=(const TokenCache&) = delete;

  const std::vector<Login>& logins() const { return logins_; }
  // Null when there is none.
  const Login* find(std::string_view provider, std::string_view user) const;
  // Takes the place of the one of that provider and user; on the disk when this returns.
  Result<> put(Login login);
  Result<> remove(std::string_view provider, std::string_view user);

 private:
  TokenCache(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  Result<> load();
  Result<> save() const;

  std::string path_;
  int lock_ = -1;
  std::vector<Login> logins_;
};

}  // namespace eilpost::client::oauth
