// With what a tool signs in, and which mechanism it takes. A password is never sent where a token
// was meant, and a password or LOGIN never goes over a connection in the clear unless the endpoint
// says `none`. Values; pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/sasl/client.h"

namespace eilpost::client {

struct SignIn {
  std::string name;
  std::string authzid;  // whose mailbox to open; empty: the name's own
  // Exactly one kind is used: password, OAuth token, client certificate (EXTERNAL), Kerberos
  // ticket.
  enum class Kind { password, token, certificate, ticket };
  Kind kind = Kind::password;
  std::string secret;  // password or token; empty for the others
  // Asked for by name ("PLAIN", "LOGIN" means the mechanism, "login-command" the command); empty:
  // the strongest that fits.
  std::string mechanism;
};

// How to sign in on this connection. `login_command`: by LOGIN.
struct SignInChoice {
  std::optional<sasl::Mechanism> mechanism;
  bool login_command = false;
};
struct SignInServer {
  std::vector<std::string> mechanisms;  // listed as AUTH=
  bool login_disabled = false;
  sasl::ChannelBindings bindings;
};
// Code::cannot: none fits, with what the server offers.
Result<SignInChoice> choose_sign_in(const SignIn& sign_in, const SignInServer& server);

}  // namespace eilpost::client
