// eilpost account resolve, eilpost grant ...

#include <ctime>

#include "main/admin/admin.h"

namespace eilpost {

namespace {

constexpr int64_t day_micros = 86'400'000'000;

std::string utc(Timestamp time) {
  const time_t seconds = time.seconds();
  std::tm tm{};
  ::gmtime_r(&seconds, &tm);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
  return text;
}

std::string name_of(AdminContext& context, AccountId id) {
  const auto found = context.node.accounts().find(id);
  return found ? found->login_name : "account " + std::to_string(id.value) + " (removed)";
}

Result<> print_grants(AdminContext& context, const directory::Account& account) {
  const Timestamp now = context.world().clock.now();
  for (const directory::Grant& grant : TRY(context.node.grants().list(account.id))) {
    std::string until = "for ever";
    if (grant.expires) until = (grant.holds(now) ? "until " : "expired ") + utc(*grant.expires);
    context.output.print("{}  to {}  {}  {}  given {}{}\n", account.login_name,
                         name_of(context, grant.to), directory::rights_name(grant.rights), until,
                         utc(grant.given), grant.by.empty() ? "" : " by " + grant.by);
  }
  return {};
}

}  // namespace

int run_account_resolve(AdminContext& context, const AccountResolve& command) {
  const auto lines = context.node.directories().explain(command.name);
  if (!lines) return context.failed(command.name, lines.error());
  bool refused = false;
  for (const std::string& line : *lines) {
    context.output.print("{}\n", line);
    refused = line.starts_with("refused:");
  }
  return refused ? 1 : 0;
}

int run_grant_list(AdminContext& context, const GrantList& command) {
  Result<> done;
  if (!command.account.empty()) {
    const auto who = context.resolve(command.account);
    if (!who) return context.failed(command.account, who.error());
    done = print_grants(context, *who);
  } else {
    const auto walked =
        for_each_account(context.node.accounts(), [&](const directory::Account& who) {
          done = print_grants(context, who);
          return done.has_value() && !context.output.gone;
        });
    if (done && !walked) done = walked;
  }
  return done ? 0 : context.failed("grant list", done.error());
}

int run_grant_add(AdminContext& context, const GrantAdd& command) {
  const auto who = context.resolve(command.account);
  if (!who) return context.failed(command.account, who.error());
  const auto to = context.resolve(command.to);
  if (!to) return context.failed(command.to, to.error());
  const auto rights = directory::rights_named(command.rights);
  if (!rights) return context.failed("grant add", {Code::invalid, "unknown rights"});
  directory::Grant grant;
  grant.to = to->id;
  grant.rights = *rights;
  grant.given = context.world().clock.now();
  grant.by = "admin";
  if (command.days > 0) {
    grant.expires = Timestamp{grant.given.micros + static_cast<int64_t>(command.days) * day_micros};
  }
  const auto added = context.node.grants().add(who->id, grant);
  if (!added) return context.failed("grant add", added.error());
  context.output.print("{} may open the mail of {} ({})\n", to->login_name, who->login_name,
                       command.rights);
  return 0;
}

int run_grant_remove(AdminContext& context, const GrantRemove& command) {
  const auto who = context.resolve(command.account);
  if (!who) return context.failed(command.account, who.error());
  const auto to = context.resolve(command.to);
  if (!to) return context.failed(command.to, to.error());
  const auto removed = context.node.grants().remove(who->id, to->id);
  if (!removed) return context.failed("grant remove", removed.error());
  // Sessions that stand on it end with the account's other sessions: clients come again.
  context.world().sessions.end_account(who->id);
  context.output.print("{} may no longer open the mail of {}\n", to->login_name, who->login_name);
  return 0;
}

}  // namespace eilpost
