// eilpost check: the store's check (store/check.h) over one account or all.

#include "directory/account_rows.h"
#include "main/admin/admin.h"
#include "main/progress.h"
#include "store/check.h"

namespace eilpost {

namespace {

class CheckRun {
 public:
  CheckRun(AdminContext& context, const Check& command)
      : context_(context), command_(command), progress_(context.output, context.world().clock) {}

  // False: stop.
  bool check(const directory::Account& who) {
    store::CheckOptions options;
    options.repair = command_.repair;
    options.octets = !command_.quick;
    const store::AccountPtr account = context_.world().store.account(who.partition());
    const auto total = total_of(*account);
    options.progress = [&](uint64_t done) { progress_.show(who.login_name, done, total); };
    options.stop = [&] { return context_.output.abandoned(); };
    const auto report = store::check_account(*account, options);
    progress_.finish();
    check_login_rows(who);
    if (!report) {
      // An account without a login or a mail so far.
      if (report.error().code == Code::not_found) return true;
      failed_ = true;
      context_.failed(who.login_name, report.error());
      return true;
    }
    print(who, *account, *report);
    return !report->stopped;
  }

  int exit_code() const { return failed_ ? 1 : 0; }

 private:
  // Grants and the like, which lie beside the mail.
  void check_login_rows(const directory::Account& who) {
    const auto found = directory::check_account_rows(context_.world().engine, who.id);
    if (!found) {
      failed_ = true;
      context_.failed(who.login_name, found.error());
      return;
    }
    for (const std::string& what : *found) {
      failed_ = true;
      context_.output.print("{}: {}\n", who.login_name, what);
    }
  }

  static uint64_t total_of(store::Account& account) {
    if (!store::refresh_wait(account)) return 0;
    uint64_t total = 0;
    for (const auto& entry : account.folders()->entries()) {
      const auto counters = account.counters(entry.def->id);
      if (counters) total += counters->exists;
    }
    return total;
  }

  void print(const directory::Account& who, store::Account& account,
             const store::CheckReport& report) {
    Output& output = context_.output;
    output.print("{}: {} mailboxes, {} messages, {} octets read, {} rows: ", who.login_name,
                 report.mailboxes, report.messages, report.octets, report.rows);
    if (report.found == 0) {
      output.print("{}\n", report.stopped ? "stopped" : "nothing wrong");
      return;
    }
    output.print("{} findings, {} repaired\n", report.found, report.repaired);
    if (report.found > report.repaired) failed_ = true;
    const store::FoldersPtr folders = account.folders();
    for (const store::CheckFinding& finding : report.findings) {
      std::string where = folders && finding.mailbox ? folders->name(finding.mailbox) : "";
      if (where.empty()) where = finding.mailbox ? "a mailbox that is gone" : "account";
      if (finding.uid) where += fmt::format(" uid {}", finding.uid.value);
      output.print("  {}: {}{}\n", where, finding.what, finding.repaired ? " (repaired)" : "");
    }
    if (report.found > report.findings.size()) output.print("  ...\n");
  }

  AdminContext& context_;
  const Check& command_;
  Progress progress_;
  bool failed_ = false;
};

}  // namespace

int run_check(AdminContext& context, const Check& command) {
  CheckRun run(context, command);
  if (!command.account.empty()) {
    const auto who = context.resolve(command.account);
    if (!who) return context.failed(command.account, who.error());
    run.check(*who);
    return run.exit_code();
  }
  const auto all = for_each_account(context.node.accounts(), [&](const directory::Account& who) {
    const bool go_on = run.check(who);
    context.world().store.shed();
    return go_on;
  });
  if (!all) return context.failed("check", all.error());
  return run.exit_code();
}

}  // namespace eilpost
