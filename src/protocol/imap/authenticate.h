// AUTHENTICATE (with the initial response of RFC 4959) and LOGIN. RFC 9051 6.2.2, 6.2.3. The
// secrets in these values are the session's to forget. Any thread.
#pragma once

#include <optional>
#include <string>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct Authenticate {
  std::string mechanism;  // upper case
  // Still base64, as continuation lines are; "=" (an empty response) is "".
  std::optional<std::string> initial_response;
  friend bool operator==(const Authenticate&, const Authenticate&) = default;
};
Result<Authenticate> parse_authenticate(Cursor& cursor);
void print_authenticate(CommandWriter& out, const Authenticate& command);

struct Login {
  std::string user;
  std::string password;
  friend bool operator==(const Login&, const Login&) = default;
};
Result<Login> parse_login(Cursor& cursor);
void print_login(CommandWriter& out, const Login& command);

}  // namespace eilpost::imap
