// Does what was planned, in an order in which a kill at any point does no harm: what is added is
// durable before the state knows of it, what is removed goes last, and a message on its way to the
// server is noted first. What other programs have renamed or removed meanwhile is passed over and
// looked at again. One coroutine.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "client/account/account.h"
#include "client/session/appending.h"
#include "client/sync/look.h"
#include "client/sync/syncer.h"

namespace eilpost::client {

// What all of a run share; all of it outlives it.
struct SyncWorld {
  Account& account;
  SyncState& state;
  const SyncOptions& options;
  const SyncHooks& hooks;
  const std::atomic<bool>& stopping;
  SyncReport& report;
  std::string trash = {};  // the server's name for it
};

// What is to be done to the flags of one mailbox's messages on the server.
struct FlagWork {
  struct Change {
    MaildirFlags add = 0;
    MaildirFlags remove = 0;
    friend auto operator<=>(const Change&, const Change&) = default;
  };
  std::map<Change, UidSet> stores;
  // What both sides have when that is done.
  std::vector<std::pair<Uid, MaildirFlags>> agreed;
};

class Applier {
 public:
  Applier(SyncWorld world, Session& session, std::vector<MailboxPair>& pairs, Look& look,
          const SyncPlan& plan);

  // Everything but removals; mailboxes where nothing is left to do have their rows in step.
  Task<Result<>> add_and_change();
  // What question_about() is asked with. `pairs` that were not looked at count, too.
  Result<std::vector<Removals>> removals();
  Task<Result<>> remove();
  // Something has changed meanwhile, or the server did not say what became of a message.
  bool again() const { return again_; }

 private:
  struct Item {
    uint32_t mailbox;
    size_t first;  // of a SyncPlan's pair, or the one index
    size_t second;
  };
  MailboxPair& pair_of(uint32_t index) { return pairs_[index]; }
  MaildirEntry local_entry(size_t index) const;
  void meanwhile(MailboxPair& pair);
  void leave(MailboxPair& pair, std::string why);
  Result<> add_row(MailboxPair& pair, SyncRow row, const SyncMessage& message);

  Result<> link();
  Result<> rename();
  Result<> renumber();
  Result<> move_files();
  Result<> move_file(const Gone& gone, const FreshRemote& there);
  Task<Result<>> move_on_server();
  Task<Result<>> move_between(MailboxPair& from, MailboxPair& to, std::vector<Item> items);
  Task<Result<>> upload(MailboxPair& pair, std::vector<size_t> which);
  Task<Result<>> upload_batch(MailboxPair& pair, std::vector<size_t> which);
  Result<> take_appended(MailboxPair& pair, const FreshLocal& local, SyncState::Loose note,
                         const Appended& appended);

  // In changes.cc.
  Task<Result<>> change_flags(MailboxPair& pair);
  Result<FlagWork> change_files(MailboxPair& pair);
  // The answer: those that have stayed as they were although the server says otherwise.
  Task<Result<UidSet>> store(MailboxPair& pair, FlagWork::Change change, UidSet uids);
  Task<Result<UidSet>> take_away(MailboxPair& pair, UidSet uids);
  Task<Result<>> remove_on_server(MailboxPair& pair, std::vector<size_t> which);
  Result<> remove_files(MailboxPair& pair, const std::vector<size_t>& which);

  SyncWorld world_;
  Session& session_;
  std::vector<MailboxPair>& pairs_;
  Look& look_;
  const SyncPlan& plan_;
  bool again_ = false;
};

// Brings messages of the server into the Maildir, over several connections where there are many.
// In download.cc.
Task<Result<>> download(SyncWorld world, Session& session, MailboxPair& pair,
                        std::vector<FreshRemote> wanted);

}  // namespace eilpost::client
