// A client's side of one SASL exchange, for the tools and the load generator:
//   initial() gives the initial response (nothing when the server speaks first), respond(challenge)
//   each
// further one; finish() after the server's OK says whether the server has proved itself (SCRAM).
// Not thread safe; may move between threads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "protocol/sasl/bearer.h"
#include "protocol/sasl/gssapi.h"
#include "protocol/sasl/mechanism.h"
#include "protocol/sasl/scram.h"

namespace eilpost::sasl {

struct Credentials {
  std::string name;
  std::string authzid;  // empty: act as oneself
  std::string password;
  std::string token;  // OAUTHBEARER, XOAUTH2
  std::string host;   // OAUTHBEARER tells the server which one it is talking to
  uint16_t port = 0;
  GssapiClient::Run gss;  // GSSAPI: a context of its own, which blocks
};

class Client {
 public:
  // `bindings` of this connection; `server_offers_plus` decides between the gs2 flags n, y and p.
  struct Options {
    ChannelBindings bindings;
    bool server_offers_plus = false;
  };
  Client(Mechanism mechanism, Credentials credentials, Options options, Random& random);

  Result<std::optional<std::string>> initial();
  // Code::invalid: the server's message is malformed; Code::auth_failed: it says no, or cannot
  // prove that it knows the password.
  Result<std::string> respond(std::string_view challenge);
  Result<> finish() const;
  // What the server said about a token that it refused; it is sent before the failure.
  const std::optional<BearerProblem>& problem() const { return problem_; }

 private:
  Result<std::string> respond_once(int turn);
  Result<std::string> respond_bearer(int turn, std::string_view challenge);
  Result<std::string> respond_scram(int turn, std::string_view challenge);
  Result<std::string> scram_first();
  Result<std::string> scram_final(std::string_view challenge);
  Result<std::string> scram_verify(std::string_view challenge);

  Mechanism mechanism_;
  Credentials credentials_;
  Options options_;
  int sent_ = 0;
  bool server_proved_ = false;
  ClientFirst first_;
  std::string channel_binding_;
  std::string server_signature_;
  std::optional<BearerProblem> problem_;
  GssapiClient gssapi_;
};

// The strongest mechanism of `offered` that can be used with these credentials and bindings;
// nothing if none can. A token is never sent as a password, nor a password as a token.
std::optional<Mechanism> choose_mechanism(const std::vector<Mechanism>& offered,
                                          const ChannelBindings& bindings);
std::optional<Mechanism> choose_mechanism(const std::vector<Mechanism>& offered,
                                          const ChannelBindings& bindings,
                                          const Credentials& credentials);

}  // namespace eilpost::sasl
