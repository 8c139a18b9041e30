// Brings the mailboxes of an account and a tree of Maildirs into step, in both directions: looks at
// both sides, decides (merge.h), acts, and remembers (state.h). Every step is in such an order that
// a kill at any point leaves nothing lost and nothing doubled: the next run looks again. What
// cannot be done - a message that the server refuses, a removal that nobody has agreed to - is told
// and left as it is. Runs on one executor; the account's sessions, the tree and the state are its
// own.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/account/account.h"
#include "client/maildir/maildir.h"
#include "client/sync/merge.h"
#include "client/sync/state.h"

namespace eilpost::client {

struct SyncOptions {
  // As LIST has them, over names whose levels are divided by '/'.
  std::vector<std::string> patterns = {"*"};
  std::vector<std::string> exclude;
  RemovalLimits limits;
  // A mailbox of the server where removed messages go; empty: they are expunged.
  std::string trash;
  bool restore = false;  // makes mailboxes again that are gone from one side
  bool durable = true;   // messages are on the disk before the state knows of them
  bool dry_run = false;  // tells what would be done
  int connections = 2;   // for downloads
};

struct SyncReport {
  uint64_t mailboxes = 0;
  uint64_t downloaded = 0;
  uint64_t uploaded = 0;
  uint64_t paired = 0;  // found on both sides, unknown to the state
  uint64_t moved_on_server = 0;
  uint64_t moved_locally = 0;
  uint64_t removed_on_server = 0;
  uint64_t removed_locally = 0;
  uint64_t flags_on_server = 0;  // messages whose flags were changed
  uint64_t flags_locally = 0;
  // What was left as it is, and why; the first hundred, and how many there are.
  std::vector<std::string> undone;
  uint64_t undone_count = 0;
  bool stopped = false;  // the user has asked to
  void leave(std::string why);
  bool changed_anything() const;
};

struct SyncHooks {
  std::function<void(const std::string& line)> tell;
  std::function<void(std::string_view label, uint64_t done, uint64_t total)> progress;
  // Asks the user, with what merge.h's question_about() says; null or false: no.
  std::function<bool(const std::string& question)> consent;
};

struct MailboxPair;
struct Look;

class Syncer {
 public:
  // `tree`, `state` and `stopping` outlive it.
  Syncer(Account& account, const MaildirTree& tree, SyncState& state, SyncOptions options,
         SyncHooks hooks, const std::atomic<bool>& stopping);
  ~Syncer();

  // All that the patterns name; `only`: of these no others. A lost connection is made again as long
  // as there is progress. An Error when nothing helps; what was done until then stays.
  Task<Result<SyncReport>> run(std::optional<std::set<std::string>> only = std::nullopt);

  // The server's name for a mailbox and back; known after the first run.
  std::string server_name(std::string_view name) const;
  std::string local_name(std::string_view server_name) const;

 private:
  struct Run;
  bool wanted(const Run& run, const std::string& name) const;
  Task<Result<>> attempt(Run& run);
  // One look at everything, and what follows from it. True: it is worth another.
  Task<Result<bool>> pass(Session& session, Run& run);
  Task<Result<>> list_mailboxes(Session& session, Run& run);
  Task<Result<bool>> complete(Session& session, Run& run, std::string name, bool known);
  Task<Result<>> find_pairs(Session& session, Run& run);
  Task<Result<>> look_at(Session& session, MailboxPair& pair, Look& look);
  Task<Result<>> look_at_both(Session& session, MailboxPair& pair, Look& look);
  Task<Result<>> learn(Session& session, Run& run, Look& look);
  void tell_plan(const Run& run, const Look& look, const SyncPlan& plan);
  Result<> keep_marks(Run& run);

  Account& account_;
  const MaildirTree& tree_;
  SyncState& state_;
  SyncOptions options_;
  SyncHooks hooks_;
  const std::atomic<bool>& stopping_;
  char delimiter_ = '/';
  std::string prefix_;
};

}  // namespace eilpost::client
