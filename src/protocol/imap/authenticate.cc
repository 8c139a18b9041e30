#include "protocol/imap/authenticate.h"

namespace eilpost::imap {
namespace {

bool is_base64_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/' || c == '=';
}

}  // namespace

// authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp]; initial-resp = base64 / "="
Result<Authenticate> parse_authenticate(Cursor& cursor) {
  TRY(cursor.space());
  Authenticate command;
  command.mechanism = upper_ascii(TRY(cursor.atom("a SASL mechanism")));
  cursor.skip_spaces();
  if (cursor.at_end()) return command;
  std::string_view rest = cursor.rest();
  size_t length = 0;
  while (length < rest.size() && is_base64_char(rest[length])) ++length;
  if (length == 0) return cursor.expected("the initial response in base64");
  std::string_view response = rest.substr(0, length);
  cursor.skip(length);
  command.initial_response = response == "=" ? std::string() : std::string(response);
  return command;
}

void print_authenticate(CommandWriter& out, const Authenticate& command) {
  out.raw("AUTHENTICATE ").raw(command.mechanism);
  if (!command.initial_response) return;
  out.raw(" ").raw(command.initial_response->empty() ? "=" : *command.initial_response);
}

// login = "LOGIN" SP userid SP password
Result<Login> parse_login(Cursor& cursor) {
  TRY(cursor.space());
  Login command;
  command.user = TRY(cursor.astring("a user name"));
  TRY(cursor.space());
  command.password = TRY(cursor.astring("a password"));
  return command;
}

void print_login(CommandWriter& out, const Login& command) {
  out.raw("LOGIN ").astring(command.user).raw(" ").astring(command.password);
}

}  // namespace eilpost::imap
