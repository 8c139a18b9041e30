// An account on some server, as a tool knows it: where, who, by what secret. connect() gives
// signed-in sessions, as many as are asked for; the secret is read once, a token again before it
// expires. For one executor; connect() may block for a moment while a secret is read or a token
// renewed.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/random.h"
#include "client/account/secret.h"
#include "client/session/session.h"

namespace eilpost::client {

// A token that is good at this moment; may block. `rejected` is the one that the server has just
// refused, which must not be given again; "" at first.
using Tokens = std::function<Result<std::string>(const std::string& rejected)>;

struct AccountSpec {
  Endpoint endpoint;
  std::string name;
  std::string authzid;    // whose mailbox to open with `name`'s credentials; empty: one's own
  std::string mechanism;  // empty: the strongest that fits
  SignIn::Kind kind = SignIn::Kind::password;
  SecretSource secret;  // of a password, or of a token that somebody else renews
  Tokens tokens;        // with these `secret` is not read; `kind` is token
  net::TlsClientSettings tls;
  std::chrono::seconds silence{120};
  Compression compression = Compression::automatic;
};

class Account {
 public:
  // Code::invalid, Code::io: the certificates of `spec.tls` cannot be used.
  static Result<std::unique_ptr<Account>> make(AccountSpec spec, Hooks hooks, Random& random);

  Task<Result<std::unique_ptr<Session>>> connect();
  // Asks for the secret ahead of connect(), so that a prompt comes before anything else happens.
  Result<> read_secret_now();

  const AccountSpec& spec() const { return spec_; }
  // "bob@imap.example.org", for people.
  std::string label() const;

 private:
  Account(AccountSpec spec, Hooks hooks, Random& random);
  // `rejected` as Tokens have it.
  Result<std::string> secret(const std::string& rejected);
  Task<Result<std::unique_ptr<Session>>> start(std::string secret);

  AccountSpec spec_;
  Hooks hooks_;
  Random& random_;
  std::shared_ptr<net::TlsContext> tls_;  // shared with the sessions' streams
  std::string secret_;
  bool secret_read_ = false;
};

}  // namespace eilpost::client
