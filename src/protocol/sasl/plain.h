// PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login): messages and the server's side. Callers
// use server.h, which chooses among mechanisms. Not thread safe; belongs to one exchange.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/sasl/mechanism.h"

namespace eilpost::sasl {

// message = [authzid] UTF8NUL authcid UTF8NUL passwd
struct PlainMessage {
  std::string authzid;
  std::string authcid;
  std::string password;
  friend bool operator==(const PlainMessage&, const PlainMessage&) = default;
};
Result<PlainMessage> parse_plain(std::string_view octets);
std::string print_plain(const PlainMessage& message);

class PlainServer {
 public:
  Step start(std::optional<std::string> initial);
  Step step(std::string_view octets);
  Step resume(Result<> answer);

 private:
  std::string authcid_;
  std::string authzid_;
};

class LoginServer {
 public:
  Step start(std::optional<std::string> initial);
  Step step(std::string_view octets);
  Step resume(Result<> answer);

 private:
  bool has_name_ = false;
  std::string name_;
};

}  // namespace eilpost::sasl
