#include "client/session/sign_in.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "protocol/imap/values.h"

namespace eilpost::client {

namespace {

bool lists(const SignInServer& server, std::string_view mechanism) {
  return std::any_of(server.mechanisms.begin(), server.mechanisms.end(),
                     [&](const std::string& name) { return imap::equal_nocase(name, mechanism); });
}

std::string offer_of(const SignInServer& server) {
  if (server.mechanisms.empty()) {
    return server.login_disabled ? "it offers none before TLS" : "it offers LOGIN only";
  }
  return fmt::format("it offers {}", fmt::join(server.mechanisms, ", "));
}

// By the kind of credential, strongest first; passwords are ranked by sasl::choose_mechanism.
std::vector<std::string_view> mechanisms_of(SignIn::Kind kind) {
  switch (kind) {
    case SignIn::Kind::token: return {"OAUTHBEARER", "XOAUTH2"};
    case SignIn::Kind::certificate: return {"EXTERNAL"};
    case SignIn::Kind::ticket: return {"GSSAPI"};
    case SignIn::Kind::password: break;
  }
  return {};
}

std::string_view kind_name(SignIn::Kind kind) {
  switch (kind) {
    case SignIn::Kind::password: return "a password";
    case SignIn::Kind::token: return "an OAuth token";
    case SignIn::Kind::certificate: return "a client certificate";
    case SignIn::Kind::ticket: return "a Kerberos ticket";
  }
  return "";
}

Result<SignInChoice> choose_named(const SignIn& sign_in, const SignInServer& server) {
  if (imap::equal_nocase(sign_in.mechanism, "login-command")) {
    if (sign_in.kind != SignIn::Kind::password) {
      return fail(Code::cannot, "the LOGIN command takes a password only");
    }
    return SignInChoice{std::nullopt, true};
  }
  const auto mechanism = sasl::mechanism_named(sign_in.mechanism);
  if (!mechanism) {
    return fail(Code::cannot, fmt::format("\"{}\" is no mechanism known here", sign_in.mechanism));
  }
  if (!lists(server, sign_in.mechanism)) {
    return fail(Code::cannot, fmt::format("the server does not offer {}; {}", sign_in.mechanism,
                                          offer_of(server)));
  }
  return SignInChoice{mechanism, false};
}

Result<SignInChoice> choose_for_password(const SignIn& sign_in, const SignInServer& server) {
  std::vector<sasl::Mechanism> offered;
  for (const std::string& name : server.mechanisms) {
    if (const auto mechanism = sasl::mechanism_named(name)) offered.push_back(*mechanism);
  }
  if (const auto best = sasl::choose_mechanism(offered, server.bindings)) {
    return SignInChoice{best, false};
  }
  if (server.login_disabled) {
    return fail(Code::privacy_required, "the server takes no password here; " + offer_of(server));
  }
  if (!sign_in.authzid.empty()) {
    return fail(Code::cannot,
                "the server knows only the LOGIN command, which cannot open another's "
                "mailbox");
  }
  return SignInChoice{std::nullopt, true};
}

}  // namespace

Result<SignInChoice> choose_sign_in(const SignIn& sign_in, const SignInServer& server) {
  if (!sign_in.mechanism.empty()) return choose_named(sign_in, server);
  if (sign_in.kind == SignIn::Kind::password) return choose_for_password(sign_in, server);
  for (const std::string_view name : mechanisms_of(sign_in.kind)) {
    const auto mechanism = sasl::mechanism_named(name);
    if (mechanism && lists(server, name)) return SignInChoice{mechanism, false};
  }
  return fail(Code::cannot, fmt::format("the server takes no {} here; {}",
                                        kind_name(sign_in.kind).substr(2), offer_of(server)));
}

}  // namespace eilpost::client
