// The port on which a browser brings the answer of an authorization server back (RFC 8252 7.3): a
// small HTTP server on loopback that takes one answer, the one with our state, and tells the user
// that the window can be closed. What anybody else sends it is refused and changes nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "client/oauth/flow/redirect_query.h"

namespace eilpost::client::oauth {

class RedirectListener {
 public:
  // `redirect`: "http://127.0.0.1", "http://localhost/cb", "http://[::1]:8080"; without a port the
  // kernel chooses one. `issuer`: what "iss" must be (RFC 9207), "" for any. Code::invalid: not
  // loopback; Code::in_use: the port is.
  static Result<std::unique_ptr<RedirectListener>> open(const std::string& redirect,
                                                        std::string state, std::string issuer);
  ~RedirectListener();
  RedirectListener(const RedirectListener&) = delete;
  RedirectListener& operator=(const RedirectListener&) = delete;

  // The redirect with its port, as it is sent to the provider.
  const std::string& uri() const;
  // The authorization code, once the browser has been here; an Error when the provider said no.
  std::optional<Result<std::string>> taken() const;

 private:
  struct State;
  explicit RedirectListener(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace eilpost::client::oauth
