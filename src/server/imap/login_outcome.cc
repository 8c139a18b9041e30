#include "server/imap/login_outcome.h"

#include "server/access/audit_log.h"
#include "server/imap/commands.h"

namespace eilpost::server {

namespace {

std::string tls_text(const net::Stream& stream) {
  if (const auto info = stream.tls_info()) return info->version;
  return stream.is_private() ? "before the balancer" : "none";
}

void audit(ImapSession& session, std::string_view what, const LoginTry& who,
           std::vector<std::pair<std::string_view, std::string>> more) {
  AuditLog* log = session.world().audit;
  if (log == nullptr) return;
  AuditEvent event;
  event.what = what;
  event.id = session.entry().id();
  event.fields = {{"name", who.name},
                  {"mechanism", std::string(who.mechanism)},
                  {"from", session.stream().peer().host()},
                  {"listener", session.policy().name},
                  {"tls", tls_text(session.stream())},
                  {"client", session.client_name.value_or("")}};
  for (auto& field : more) event.fields.push_back(std::move(field));
  log->write(event);
}

void count_result(ImapSession& session, std::string_view result, std::string_view mechanism) {
  session.world()
      .metrics
      .counter("eilpost_logins_total", "attempts to log in",
               {{"result", std::string(result)}, {"mechanism", std::string(mechanism)}})
      .add();
}

void count_failure(ImapSession& session) {
  if (++session.failed_logins >= limits::failed_logins_max) {
    session.bye(imap::CodeName::none, "too many failed logins");
  }
}

// By this id an administrator finds why (eilpost log explain).
std::string with_id(const ImapSession& session, std::string_view text) {
  return fmt::format("{} (id {})", session.text(text), session.log().id);
}

}  // namespace

imap::CodeName policy_code(const Error& error) {
  return error.code == Code::privacy_required ? imap::CodeName::privacy_required
                                              : imap::CodeName::contact_admin;
}

int tls_version_of(const net::Stream& stream) {
  const auto info = stream.tls_info();
  if (!info) return 0;
  if (info->version == "TLSv1.3") return 13;
  return info->version == "TLSv1.2" ? 12 : 0;
}

Reply login_refused(ImapSession& session, const LoginTry& who, const Error& error) {
  const bool by_policy = !session.refusal_text.empty();
  const std::string reason = std::exchange(session.refusal_text, std::string());
  session.log().info("login refused code={} name={} mechanism={} from={} detail={}",
                     by_policy ? "policy" : code_name(error.code), who.name, who.mechanism,
                     session.stream().peer().host(), error.detail);
  const std::string_view result = by_policy ? "policy" : code_name(error.code);
  count_result(session, result, who.mechanism);
  audit(session, "refused", who, {{"code", std::string(result)}, {"reason", error.detail}});
  // A storage that does not answer is nobody's guess: the session may try until it does.
  if (error.code != Code::unavailable) count_failure(session);
  if (by_policy) {
    return Reply::no(policy_code(error), with_id(session, reason));
  }
  const imap::ErrorReply answer = imap::error_reply(error.code);
  return {answer.condition, imap::ResponseCode(answer.code), with_id(session, answer.text)};
}

Reply login_broken(ImapSession& session, const LoginTry& who, const Error& error) {
  session.log().info("login refused mechanism={} detail={}", who.mechanism, error.detail);
  count_result(session, "broken", who.mechanism);
  count_failure(session);
  return Reply::bad("the authentication exchange was cancelled or malformed");
}

Reply login_done(ImapSession& session, const LoginTry& who) {
  count_result(session, "ok", who.mechanism);
  const directory::Identity& identity = session.identity();
  const LoginTry known{identity.login_name, who.mechanism};
  // Of a delegation both are named: whose mail it is, and who acts.
  const bool delegated = identity.delegated();
  audit(session, delegated ? "delegation" : "login", known,
        {{"account", std::to_string(identity.account.value)},
         {"actor", delegated ? identity.actor_name : ""},
         {"app_password", identity.app_password}});
  // RFC 9051 6.2.2: capabilities change with the login, so they come along.
  return Reply::ok(imap::ResponseCode(imap::CodeName::capability, session.capabilities()),
                   "logged in");
}

void observe_login_wait(ImapSession& session, int64_t micros) {
  static const std::vector<double> bounds = {0.001, 0.5, 1, 2, 4, 8, 16, 32, 64};
  session.world()
      .metrics
      .histogram("eilpost_login_wait_seconds", "waits of logins for wrong passwords before", bounds)
      .observe(static_cast<double>(micros) / 1e6);
}

void audit_ended(ImapSession& session, const Error& error) {
  const directory::Identity& identity = session.identity();
  audit(session, "ended", {identity.login_name, identity.mechanism},
        {{"account", std::to_string(identity.account.value)}, {"reason", error.detail}});
}

}  // namespace eilpost::server
