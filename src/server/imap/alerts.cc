#include "server/imap/alerts.h"

#include <ctime>

#include "server/access/alerts.h"
#include "server/imap/commands.h"
#include "server/imap/login_outcome.h"
#include "server/lmtp/delivery.h"
#include "store/mutations.h"

namespace eilpost::server {

namespace {

LoginFacts facts_of(ImapSession& session) {
  const directory::Identity& identity = session.identity();
  LoginFacts out;
  // Places and programs are those of the one who acts.
  out.account = identity.actor;
  const auto who =
      identity.delegated() ? ImapSession::actor_of(identity) : ImapSession::claimant_of(identity);
  out.names = who ? who->names : std::vector<std::string>{identity.login_name};
  // Everything that shows the same password is the same credential.
  const bool password = !who || sasl::reveals_password(who->mechanism);
  out.credential = password ? "password" : identity.mechanism;
  if (!identity.app_password.empty()) out.credential = "app password " + identity.app_password;
  out.address = session.stream().peer().host();
  out.client = session.client_name.value_or("");
  out.is_private = session.stream().is_private();
  out.tls_version = tls_version_of(session.stream());
  if (who) out.endings = session.decide(&*who).endings;
  if (const auto head = session.account().head()) out.bytes_used = head->used.bytes;
  out.bytes_max = session.quota().bytes;
  return out;
}

// The one that LANGUAGE has chosen (RFC 5255), else that of all.
AlertLanguage language_of(const ImapSession& session) {
  switch (session.language) {
    case Language::english: return AlertLanguage::english;
    case Language::german: return AlertLanguage::german;
    case Language::international: break;
  }
  return session.settings().alerts.language;
}

std::string mail_date(Timestamp at) {
  constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = at.seconds();
  std::tm t{};
  ::gmtime_r(&seconds, &t);
  return fmt::format("{}, {} {} {} {:02}:{:02}:{:02} +0000", days[t.tm_wday], t.tm_mday,
                     months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

std::string mail_of(ImapSession& session, const std::string& text, AlertLanguage language) {
  const std::string& host = session.settings().hostname;
  const directory::Identity& identity = session.identity();
  const std::string& to =
      identity.primary_address.empty() ? identity.login_name : identity.primary_address;
  std::string out;
  out += fmt::format("From: Eilpost <postmaster@{}>\r\nTo: <{}>\r\nSubject: {}\r\n", host, to,
                     alert_subject(language));
  out += fmt::format("Date: {}\r\nMessage-ID: <alert.{:016x}@{}>\r\n",
                     mail_date(session.world().clock.now()), session.world().random.next(), host);
  // RFC 3834 5: nobody is to answer this by a program.
  out += "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n";
  out += "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
  return out + text + "\r\n";
}

net::Task<> deliver(ImapSession& session, std::string message) {
  std::vector<DeliveryTarget> targets(1);
  targets[0].account = session.account_ptr();
  targets[0].mailbox = store::inbox_id;
  targets[0].quota = session.quota();
  targets[0].login_name = session.identity().login_name;
  auto delivery = std::make_unique<Delivery>(session.world(), session.entry().id(),
                                             std::move(targets), std::string_view());
  co_await delivery->add(message);
  const auto results = co_await delivery->finish();
  for (const auto& result : results) {
    if (!result) session.log().warn("an alert was not mailed: {}", result.error().detail);
  }
}

net::Task<> tell(ImapSession& session, std::vector<Alert> alerts) {
  const AlertLanguage language = language_of(session);
  const bool utf8 = session.utf8_on() || session.language != Language::international;
  for (const Alert& alert : alerts) {
    const std::string text = alert_text(alert, language);
    session.log().info("alert kind={} key={}", alert_name(alert.kind), alert.key);
    // Only who has asked for UTF-8, or for a language (RFC 5255 3.2), gets it.
    imap::append_untagged(session.out(), imap::Condition::ok,
                          imap::ResponseCode(imap::CodeName::alert),
                          utf8 ? text : ascii_text(text));
    // Not into the mail of somebody else.
    if (!alert.mail || session.identity().delegated()) continue;
    std::string message = mail_of(session, text, language);
    co_await deliver(session, std::move(message));
  }
}

}  // namespace

net::Task<> tell_alerts(ImapSession& session) {
  Alerts* alerts = session.world().alerts;
  if (alerts == nullptr) co_return;
  const LoginFacts facts = facts_of(session);
  const AlertSettings& settings = session.settings().alerts;
  if (!session.alerts_told) {
    auto always = alerts->every_login(facts, settings);
    co_await tell(session, std::move(always));
  }
  session.alerts_told = true;
  if (alerts->quiet(facts)) co_return;
  auto job = [alerts, facts, settings] { return alerts->judge(facts, settings); };
  auto judged = co_await net::run_on(session.world().directory_pool, std::move(job));
  if (!judged) {
    // Nobody stays out for that.
    session.log().warn("alerts: {}", judged.error().detail);
    co_return;
  }
  co_await tell(session, std::move(*judged));
}

net::Task<> recall_devices(ImapSession& session, std::string account) {
  ServerWorld& world = session.world();
  directory::FailureDelays& delays = world.authenticator.delays();
  const std::string address = session.stream().peer().host();
  if (world.alerts == nullptr || account.empty()) co_return;
  directory::FailureDelays::Who who;
  who.account = account;
  who.address = address;
  if (!delays.asks_for_devices(who)) co_return;
  // The same is done for a name that nobody has.
  auto job = [&world, account]() -> Result<std::vector<std::string>> {
    const auto found = TRY(world.directory.resolve(account));
    return world.alerts->devices(found.id);
  };
  auto devices = co_await net::run_on(world.directory_pool, std::move(job));
  if (!devices && devices.error().code != Code::not_found) co_return;
  delays.learn(account, devices ? *devices : std::vector<std::string>());
}

}  // namespace eilpost::server
