#include "main/admin/admin.h"

#include <fmt/format.h>

#include "main/admin/session_lines.h"
#include "server/access/audit_log.h"

namespace eilpost {

std::string AdminContext::path(const std::string& given) const {
  if (!given.empty() && given.front() == '/') return given;
  return directory + "/" + given;
}

int AdminContext::failed(std::string_view what, const Error& error) {
  output.error("eilpost: {}: {}\n", what, error.detail);
  return 1;
}

Result<directory::Account> AdminContext::resolve(const std::string& name) {
  auto found = node.directories().resolve(name);
  if (!found && found.error().code == Code::not_found) {
    return fail(Code::not_found, "no such account");
  }
  return found;
}

Result<store::AccountPtr> AdminContext::open(const directory::Account& account) {
  return server::open_account_wait(world().store, account.partition(), *world().settings.get());
}

int run_admin(AdminContext& context, const AdminCommand& command) {
  struct Visitor {
    AdminContext& c;
    int operator()(const AccountAdd& v) { return run_account_add(c, v); }
    int operator()(const AccountList& v) { return run_account_list(c, v); }
    int operator()(const AccountShow& v) { return run_account_show(c, v); }
    int operator()(const AccountPasswd& v) { return run_account_passwd(c, v); }
    int operator()(const AccountRemove& v) { return run_account_remove(c, v); }
    int operator()(const AccountAlias& v) { return run_account_alias(c, v); }
    int operator()(const AccountSet& v) { return run_account_set(c, v); }
    int operator()(const AppPasswordAdd& v) { return run_app_password_add(c, v); }
    int operator()(const AppPasswordList& v) { return run_app_password_list(c, v); }
    int operator()(const AppPasswordRemove& v) { return run_app_password_remove(c, v); }
    int operator()(const AccountResolve& v) { return run_account_resolve(c, v); }
    int operator()(const GrantList& v) { return run_grant_list(c, v); }
    int operator()(const GrantAdd& v) { return run_grant_add(c, v); }
    int operator()(const GrantRemove& v) { return run_grant_remove(c, v); }
    int operator()(const MailboxList& v) { return run_mailbox_list(c, v); }
    int operator()(const Check& v) { return run_check(c, v); }
    int operator()(const Backup& v) { return run_backup(c, v); }
    int operator()(const Import& v) { return run_import(c, v); }
    int operator()(const Export& v) { return run_export(c, v); }
    int operator()(const Sessions&) { return run_sessions(c); }
    int operator()(const ClusterStatus& v) { return run_cluster_status(c, v); }
    int operator()(const StoreCopy& v) { return run_store_copy(c, v); }
    int operator()(const IndexStatusCommand& v) { return run_index_status(c, v); }
    int operator()(const IndexRebuild& v) { return run_index_rebuild(c, v); }
    int operator()(const IndexDrop& v) { return run_index_drop(c, v); }
    int operator()(const ConfigExplain& v) { return run_config_explain(c, v); }
    int operator()(const AbuseList&) { return run_abuse_list(c); }
    int operator()(const AbuseForget& v) { return run_abuse_forget(c, v); }
    int operator()(const LogExplain& v) { return run_log_explain(c, v); }
    int operator()(const TraceAccount& v) { return run_trace(c, v); }
    int operator()(const AccountPolicy& v) { return run_account_policy(c, v); }
    int operator()(const AlertSend& v) { return run_alert_send(c, v); }
    int operator()(const AlertList&) { return run_alert_list(c); }
    int operator()(const AlertRemove& v) { return run_alert_remove(c, v); }
    int operator()(const AlertRules&) { return run_alert_rules(c); }
  };
  return std::visit(Visitor{context}, command);
}

int run_admin_audited(AdminContext& context, const AdminCommand& command,
                      const std::vector<std::string>& arguments) {
  const int code = run_admin(context, command);
  server::AuditLog* audit = context.world().audit;
  // `eilpost top` asks each second.
  if (audit == nullptr || std::holds_alternative<Sessions>(command)) return code;
  std::string words;
  for (const std::string& word : arguments) words += (words.empty() ? "" : " ") + word;
  audit->write({"admin", "", {{"command", words}, {"exit", std::to_string(code)}}});
  return code;
}

Result<> for_each_account(directory::Directory& directory,
                          const std::function<bool(const directory::Account&)>& f) {
  AccountId after;
  for (;;) {
    const auto page = TRY(directory.list(after));
    if (page.empty()) return {};
    for (const directory::Account& account : page) {
      if (!f(account)) return {};
    }
    after = page.back().id;
  }
}

namespace {

std::string use_names(uint16_t uses) {
  constexpr std::pair<uint16_t, std::string_view> names[] = {
      {store::use_all, "all"},       {store::use_archive, "archive"},
      {store::use_drafts, "drafts"}, {store::use_flagged, "flagged"},
      {store::use_junk, "junk"},     {store::use_sent, "sent"},
      {store::use_trash, "trash"},   {store::use_important, "important"}};
  std::string out;
  for (const auto& [bit, name] : names) {
    if ((uses & bit) != 0) out += fmt::format("{}{}", out.empty() ? "" : ",", name);
  }
  return out;
}

void print_mailbox(Output& output, const std::string& name, const store::MailboxDef& def,
                   const store::MailboxCounters& counters, bool json) {
  if (json) {
    output.print(
        "{{\"name\":{},\"messages\":{},\"unseen\":{},\"bytes\":{},\"uid_validity\":{},"
        "\"uid_next\":{},\"highest_modseq\":{},\"use\":{}}}\n",
        json_string(name), counters.exists, counters.unseen, counters.size, counters.uid_validity,
        counters.uid_next.value, counters.highest_modseq.value,
        json_string(use_names(def.special_use)));
    return;
  }
  output.print("{:>9} {:>9} {:>14}  {:<10} {}\n", counters.exists, counters.unseen, counters.size,
               use_names(def.special_use), name);
}

}  // namespace

int run_mailbox_list(AdminContext& context, const MailboxList& command) {
  const auto who = context.resolve(command.account);
  if (!who) return context.failed(command.account, who.error());
  const auto account = context.open(*who);
  if (!account) return context.failed(command.account, account.error());
  const store::FoldersPtr folders = (*account)->folders();
  if (!command.json) {
    context.output.print("{:>9} {:>9} {:>14}  {:<10} {}\n", "MESSAGES", "UNSEEN", "BYTES", "USE",
                         "NAME");
  }
  for (const auto& entry : folders->entries()) {
    if (!entry.def->selectable) continue;
    const auto counters = (*account)->counters(entry.def->id);
    if (counters) print_mailbox(context.output, entry.name, *entry.def, *counters, command.json);
  }
  return 0;
}

int run_sessions(AdminContext& context) {
  for (const server::SessionInfo& session : context.world().sessions.list()) {
    context.output.put(Channel::out, print_session_line(session));
  }
  return 0;
}

}  // namespace eilpost
