// Runs admin commands on a Node: in the server on a thread of the control socket, or in the process
// of the command. Every run_... answers the command's exit code, 0 or 1, and prints what it has to
// say. They block and may run several at a time; never on a pool's thread.
#pragma once

#include <string>

#include "base/json.h"
#include "main/admin/admin_command.h"
#include "main/node.h"
#include "main/output.h"
#include "store/account.h"

namespace eilpost {

struct AdminContext {
  Node& node;
  Output& output;
  std::string directory;  // relative paths begin here
  std::string password;   // for commands that want one

  server::ServerWorld& world() { return node.world(); }
  std::string path(const std::string& given) const;
  // Prints "WHAT: detail" and answers 1.
  int failed(std::string_view what, const Error& error);
  // The account by any of its names, and its mail.
  Result<directory::Account> resolve(const std::string& name);
  Result<store::AccountPtr> open(const directory::Account& account);
};

int run_admin(AdminContext& context, const AdminCommand& command);
// The same for a command as it was typed, which the audit log gets to know.
int run_admin_audited(AdminContext& context, const AdminCommand& command,
                      const std::vector<std::string>& arguments);

// admin_accounts.cc
int run_account_add(AdminContext& context, const AccountAdd& command);
int run_account_list(AdminContext& context, const AccountList& command);
int run_account_passwd(AdminContext& context, const AccountPasswd& command);
int run_account_remove(AdminContext& context, const AccountRemove& command);
int run_account_alias(AdminContext& context, const AccountAlias& command);
int run_account_show(AdminContext& context, const AccountShow& command);
int run_account_set(AdminContext& context, const AccountSet& command);
// admin_names.cc
int run_account_resolve(AdminContext& context, const AccountResolve& command);
int run_grant_list(AdminContext& context, const GrantList& command);
int run_grant_add(AdminContext& context, const GrantAdd& command);
int run_grant_remove(AdminContext& context, const GrantRemove& command);
// Removes the mail of accounts that were removed, where that is not done yet.
Result<> purge_removed_accounts(Node& node);
// admin_app_passwords.cc
int run_app_password_add(AdminContext& context, const AppPasswordAdd& command);
int run_app_password_list(AdminContext& context, const AppPasswordList& command);
int run_app_password_remove(AdminContext& context, const AppPasswordRemove& command);
// admin.cc
int run_mailbox_list(AdminContext& context, const MailboxList& command);
int run_sessions(AdminContext& context);
// admin_check.cc
int run_check(AdminContext& context, const Check& command);
// backup.cc
int run_backup(AdminContext& context, const Backup& command);
// import.cc, export.cc
int run_import(AdminContext& context, const Import& command);
int run_export(AdminContext& context, const Export& command);

// admin_cluster.cc
int run_cluster_status(AdminContext& context, const ClusterStatus& command);
// admin_index.cc
int run_index_status(AdminContext& context, const IndexStatusCommand& command);
int run_index_rebuild(AdminContext& context, const IndexRebuild& command);
int run_index_drop(AdminContext& context, const IndexDrop& command);
// explain.cc
int run_account_policy(AdminContext& context, const AccountPolicy& command);
int run_config_explain(AdminContext& context, const ConfigExplain& command);
// access_commands.cc
int run_abuse_list(AdminContext& context);
int run_abuse_forget(AdminContext& context, const AbuseForget& command);
int run_log_explain(AdminContext& context, const LogExplain& command);
int run_trace(AdminContext& context, const TraceAccount& command);
// alert_commands.cc
int run_alert_send(AdminContext& context, const AlertSend& command);
int run_alert_list(AdminContext& context);
int run_alert_remove(AdminContext& context, const AlertRemove& command);
int run_alert_rules(AdminContext& context);
// store_copy.cc
int run_store_copy(AdminContext& context, const StoreCopy& command);

// Calls f(account) for every account until it answers false.
Result<> for_each_account(directory::Directory& directory,
                          const std::function<bool(const directory::Account&)>& f);
// A string of JSON, quoted.
std::string json_string(std::string_view text);

}  // namespace eilpost
