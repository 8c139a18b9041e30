// The server's side of NTLM, version 2 only (MS-NLMP 3.2). A domain controller checks the response;
// here the message integrity code is checked, without which somebody in between could take out what
// binds the exchange to this connection, and that binding itself (MS-NLMP 3.2.5.1.2). Callers use
// sasl/server.h. Not thread safe; belongs to one exchange.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/sasl/mechanism.h"

namespace eilpost::sasl {

struct NtlmTarget {
  std::string domain;  // NetBIOS names
  std::string computer;
  std::string dns_domain;
  std::string server_end_point;  // RFC 5929 4; empty without TLS
  uint64_t time = 0;             // FILETIME: 100 ns since 1601
  bool require_mic = true;
  bool require_binding = false;  // under TLS
};

class NtlmServer {
 public:
  struct Options {
    NtlmTarget target;
    std::string challenge;  // 8 random octets
  };
  explicit NtlmServer(Options options) : options_(std::move(options)) {}
  Step start(std::optional<std::string> initial);
  Step step(std::string_view octets);
  Step resume(Result<NtlmReply> answer);

 private:
  enum class State { negotiate, authenticate, lookup, over };
  Step negotiate(std::string_view octets);
  Step authenticate(std::string_view octets);
  Result<> check_binding(bool has_mic, const std::optional<std::string_view>& binding) const;
  Result<> check_mic(const NtlmReply& reply) const;

  Options options_;
  State state_ = State::negotiate;
  std::string negotiate_;
  std::string challenge_;
  std::string authenticate_;
  bool has_mic_ = false;
  bool key_exchange_ = false;
  std::string encrypted_key_;
  std::string mic_;
};

// The MD5 of the binding's structure, as clients put it among the attributes (MS-NLMP 2.2.2.1).
std::string ntlm_channel_binding(std::string_view server_end_point);
// RC4, which NTLM wraps its session key with; the same both ways.
std::string rc4(std::string_view key, std::string_view data);

}  // namespace eilpost::sasl
