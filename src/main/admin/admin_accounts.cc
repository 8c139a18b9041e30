// eilpost account ...

#include <chrono>
#include <thread>

#include "main/admin/admin.h"

namespace eilpost {

namespace {

constexpr std::chrono::milliseconds step{20};
constexpr int steps_max = 500;

// Asks the account's sessions to end and waits a while for it.
void end_sessions(server::SessionTable& sessions, AccountId id) {
  for (int i = 0; i < steps_max && sessions.count(id) > 0; ++i) {
    sessions.end_account(id);
    std::this_thread::sleep_for(step);
  }
}

int done_or_failed(AdminContext& context, const std::string& name, const Result<>& result) {
  return result ? 0 : context.failed(name, result.error());
}

}  // namespace

int run_account_add(AdminContext& context, const AccountAdd& command) {
  if (context.password.empty() && !command.no_password) {
    return context.failed(command.name, {Code::invalid, "the password is empty"});
  }
  directory::NewAccount account;
  account.name = command.name;
  account.password = context.password;
  account.aliases = command.aliases;
  account.display_name = command.display_name;
  account.quota = {command.quota_bytes, command.quota_messages};
  const auto added = context.node.accounts().add(account);
  if (!added) return context.failed(command.name, added.error());
  const auto opened = context.open(*added);
  if (!opened) return context.failed(command.name, opened.error());
  context.output.print("added {}\n", added->login_name);
  return 0;
}

int run_account_list(AdminContext& context, const AccountList& command) {
  const auto print = [&](const directory::Account& a) {
    std::string aliases;
    for (const std::string& alias : a.aliases) {
      aliases += (aliases.empty() ? "" : " ") + alias;
    }
    if (command.json) {
      context.output.print(
          "{{\"id\":{},\"name\":{},\"address\":{},\"aliases\":{},\"display_name\":{},"
          "\"quota_bytes\":{},\"quota_messages\":{},\"disabled\":{}}}\n",
          a.id.value, json_string(a.login_name), json_string(a.primary_address),
          json_string(aliases), json_string(a.display_name), a.quota.bytes, a.quota.messages,
          a.disabled);
    } else {
      context.output.print("{}{}{}\n", a.login_name, a.disabled ? "  (disabled)" : "",
                           aliases.empty() ? "" : "  also " + aliases);
    }
    return !context.output.gone;
  };
  return done_or_failed(context, "account list", for_each_account(context.node.accounts(), print));
}

int run_account_passwd(AdminContext& context, const AccountPasswd& command) {
  const auto who = context.resolve(command.name);
  if (!who) return context.failed(command.name, who.error());
  if (context.password.empty()) {
    return context.failed(command.name, {Code::invalid, "the password is empty"});
  }
  return done_or_failed(context, command.name,
                        context.node.accounts().set_password(who->id, context.password));
}

int run_account_remove(AdminContext& context, const AccountRemove& command) {
  const auto who = context.resolve(command.name);
  if (!who) return context.failed(command.name, who.error());
  // From here on nobody logs in to it and no mail comes; the rest is taken up again after a crash.
  const auto removed = context.node.accounts().remove(who->id);
  if (!removed) return context.failed(command.name, removed.error());
  const auto purged = purge_removed_accounts(context.node);
  if (!purged) return context.failed(command.name, purged.error());
  context.output.print("removed {}\n", who->login_name);
  return 0;
}

Result<> purge_removed_accounts(Node& node) {
  server::ServerWorld& world = node.world();
  AccountId after;
  for (;;) {
    const auto page = TRY(node.accounts().removed(after));
    if (page.empty()) return {};
    for (const directory::RemovedAccount& removed : page) {
      const AccountId id = removed.account.id;
      end_sessions(world.sessions, id);
      if (world.sessions.count(id) > 0) {
        return fail(Code::in_use, "sessions of the account do not end");
      }
      TRY(world.store.remove_account(removed.account.partition()));
      TRY(node.accounts().mark_purged(id));
      after = id;
    }
  }
}

int run_account_alias(AdminContext& context, const AccountAlias& command) {
  const auto who = context.resolve(command.name);
  if (!who) return context.failed(command.name, who.error());
  directory::BuiltinDirectory& accounts = context.node.accounts();
  return done_or_failed(context, command.alias,
                        command.remove ? accounts.remove_alias(who->id, command.alias)
                                       : accounts.add_alias(who->id, command.alias));
}

int run_account_set(AdminContext& context, const AccountSet& command) {
  const auto who = context.resolve(command.name);
  if (!who) return context.failed(command.name, who.error());
  directory::BuiltinDirectory& accounts = context.node.accounts();
  Result<> result;
  if (command.quota_bytes || command.quota_messages) {
    directory::Quota quota = who->quota;
    quota.bytes = command.quota_bytes.value_or(quota.bytes);
    quota.messages = command.quota_messages.value_or(quota.messages);
    result = accounts.set_quota(who->id, quota);
  }
  if (result && command.display_name) {
    result = accounts.set_display_name(who->id, *command.display_name);
  }
  if (result && command.disabled) {
    result = accounts.set_disabled(who->id, *command.disabled);
    if (result && *command.disabled) end_sessions(context.world().sessions, who->id);
  }
  return done_or_failed(context, command.name, result);
}

}  // namespace eilpost
