// eilpost account ...

#include <algorithm>
#include <chrono>
#include <thread>

#include "directory/client_masks.h"
#include "directory/well_known_passwords.h"
#include "main/admin/admin.h"
#include "protocol/imap/values.h"

namespace eilpost {

namespace {

constexpr std::chrono::milliseconds step{20};
constexpr int steps_max = 500;
// Other nodes look every 5 s, and count as gone after 30.
constexpr std::chrono::milliseconds other_step{250};
constexpr int other_steps_max = 160;
constexpr int64_t seconds_per_day = 86400;

// The same on the other nodes: waits until each has heard of it.
Result<> end_sessions_elsewhere(store::Cluster& cluster, AccountId id) {
  const auto version = TRY(cluster.end_sessions(id));
  for (int i = 0; i < other_steps_max && !TRY(cluster.seen_by_all(version)); ++i) {
    std::this_thread::sleep_for(other_step);
  }
  return {};
}

// Asks the account's sessions to end and waits a while for it.
Result<> end_sessions(Node& node, AccountId id) {
  server::SessionTable& sessions = node.world().sessions;
  for (int i = 0; i < steps_max && sessions.count(id) > 0; ++i) {
    sessions.end_account(id);
    std::this_thread::sleep_for(step);
  }
  if (node.cluster() == nullptr) return {};
  return end_sessions_elsewhere(*node.cluster(), id);
}

int done_or_failed(AdminContext& context, const std::string& name, const Result<>& result) {
  return result ? 0 : context.failed(name, result.error());
}

Result<> check_new_password(const std::string& password, const std::string& name) {
  if (password.empty()) return fail(Code::invalid, "the password is empty");
  if (directory::is_well_known_password(password, name)) {
    return fail(Code::invalid, "that password is one that everybody guesses; choose another");
  }
  return {};
}

}  // namespace

int run_account_add(AdminContext& context, const AccountAdd& command) {
  if (!command.no_password) {
    const auto checked = check_new_password(context.password, command.name);
    if (!checked) return context.failed(command.name, checked.error());
  }
  directory::NewAccount account;
  account.name = command.name;
  account.password = context.password;
  account.aliases = command.aliases;
  account.display_name = command.display_name;
  account.quota = {command.quota_bytes, command.quota_messages, command.quota_mailboxes};
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
          "\"quota_bytes\":{},\"quota_messages\":{},\"disabled\":{},\"directory\":{}}}\n",
          a.id.value, json_string(a.login_name), json_string(a.primary_address),
          json_string(aliases), json_string(a.display_name), a.quota.bytes, a.quota.messages,
          a.disabled, json_string(a.directory));
    } else {
      const std::string where = context.node.directories().whereabouts(a);
      context.output.print("{}{}{}{}\n", a.login_name, a.disabled ? "  (disabled)" : "",
                           where.empty() ? "" : "  (" + where + ")",
                           aliases.empty() ? "" : "  also " + aliases);
    }
    return !context.output.gone;
  };
  return done_or_failed(context, "account list", for_each_account(context.node.accounts(), print));
}

int run_account_show(AdminContext& context, const AccountShow& command) {
  const auto who = context.resolve(command.name);
  if (!who) return context.failed(command.name, who.error());
  const auto opened = context.open(*who);
  if (!opened) return context.failed(command.name, opened.error());
  const store::QuotaLimit limit = server::quota_limit(who->quota, *context.world().settings.get());
  const auto head = (*opened)->head();
  const store::QuotaUse used = head ? head->used : store::QuotaUse();
  const auto limited = [](uint64_t value) {
    return value == 0 ? std::string("no limit") : std::to_string(value);
  };
  Output& out = context.output;
  out.print("name          {}\n", who->login_name);
  out.print("id            {}\n", who->id.value);
  if (!who->display_name.empty()) out.print("display name  {}\n", who->display_name);
  for (const std::string& alias : who->aliases) out.print("alias         {}\n", alias);
  if (!who->directory.empty()) {
    out.print("directory     {}\n", context.node.directories().whereabouts(*who));
    out.print("outside key   {}\n", who->outside_key);
  }
  for (const std::string& group : who->groups) out.print("group         {}\n", group);
  out.print("enabled       {}\n", who->disabled ? "no" : "yes");
  out.print("admin         {}\n", who->admin ? "yes" : "no");
  out.print("octets        {} of {}\n", used.bytes, limited(limit.bytes));
  out.print("messages      {} of {}\n", used.messages, limited(limit.messages));
  out.print("mailboxes     {} of {}\n", (*opened)->folders()->size(), limited(limit.mailboxes));
  for (const std::string& name : who->hidden_capabilities) out.print("hidden        {}\n", name);
  for (const std::string& name : who->extra_capabilities) out.print("offered       {}\n", name);
  const auto masks = directory::read_client_masks(context.world().account_rows, who->id);
  if (!masks) return context.failed(command.name, masks.error());
  for (const directory::ClientMask& mask : *masks) {
    std::string since;
    imap::append_date(since, imap::date_of_days(mask.since.seconds() / seconds_per_day));
    out.print("learned       {} is hidden from {}: {} ({})\n", mask.capability,
              mask.client.empty() ? "clients without ID" : json_string(mask.client), mask.why,
              since);
  }
  return 0;
}

int run_account_passwd(AdminContext& context, const AccountPasswd& command) {
  const auto who = context.resolve(command.name);
  if (!who) return context.failed(command.name, who.error());
  const auto checked = check_new_password(context.password, who->login_name);
  if (!checked) return context.failed(command.name, checked.error());
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
      TRY(end_sessions(node, id));
      if (world.sessions.count(id) > 0) {
        return fail(Code::in_use, "sessions of the account do not end");
      }
      TRY(world.store.remove_account(removed.account.partition()));
      TRY(world.account_rows.remove(id));
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

namespace {

// What stays hidden of an account's capabilities, and what comes to it.
std::vector<std::string> hidden_after(std::vector<std::string> hidden, const AccountSet& command) {
  const auto is_shown = [&](const std::string& name) {
    const auto same = [&](const std::string& shown) { return imap::equal_nocase(shown, name); };
    return std::any_of(command.show.begin(), command.show.end(), same);
  };
  std::erase_if(hidden, is_shown);
  hidden.insert(hidden.end(), command.hide.begin(), command.hide.end());
  return hidden;
}

}  // namespace

int run_account_set(AdminContext& context, const AccountSet& command) {
  const auto who = context.resolve(command.name);
  if (!who) return context.failed(command.name, who.error());
  directory::BuiltinDirectory& accounts = context.node.accounts();
  Result<> result;
  if (command.quota_bytes || command.quota_messages || command.quota_mailboxes) {
    directory::Quota quota = who->quota;
    quota.bytes = command.quota_bytes.value_or(quota.bytes);
    quota.messages = command.quota_messages.value_or(quota.messages);
    quota.mailboxes = command.quota_mailboxes.value_or(quota.mailboxes);
    result = accounts.set_quota(who->id, quota);
  }
  if (result && command.display_name) {
    result = accounts.set_display_name(who->id, *command.display_name);
  }
  if (result && command.admin) result = accounts.set_admin(who->id, *command.admin);
  if (result && (!command.hide.empty() || !command.show.empty())) {
    result =
        accounts.set_hidden_capabilities(who->id, hidden_after(who->hidden_capabilities, command));
  }
  for (const std::string& name : command.show) {
    if (!result) break;
    const auto gone = directory::forget_client_masks(context.world().account_rows, who->id, name);
    if (!gone) result = tl::unexpected(gone.error());
  }
  if (result && command.offered) {
    result = accounts.set_extra_capabilities(who->id, *command.offered);
  }
  if (result && command.disabled) {
    result = accounts.set_disabled(who->id, *command.disabled);
    if (result && *command.disabled) result = end_sessions(context.node, who->id);
  }
  return done_or_failed(context, command.name, result);
}

}  // namespace eilpost
