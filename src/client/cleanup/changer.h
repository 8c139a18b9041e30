// Does what a plan says and takes it back, each change through the journal: what is about to happen
// is on the disk before it happens, so that a change that was cut short - a lost connection, kill
// -9 - is settled before anything else is done. A mailbox with another UIDVALIDITY than the plan's
// or the journal's is left alone, but for the target of a move that is taken back: its messages are
// known by size and header; each message is judged again right before it is changed, and of
// duplicates whether the one that stays is still there. A lost connection is made again. Runs on
// one executor; its session is its own.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/account/account.h"
#include "client/cleanup/finder.h"
#include "client/cleanup/journal/journal.h"
#include "client/message/fingerprint.h"
#include "net/signal.h"

namespace eilpost::client {

struct ChangeTotals {
  uint64_t messages = 0;
  uint64_t octets = 0;
  uint64_t unchanged = 0;             // found, and no longer there or no longer fitting
  uint64_t lost = 0;                  // of undo: purged, so that nothing can bring them back
  std::vector<std::string> troubles;  // "INBOX: why"
};

struct ChangerOptions {
  std::string run;  // its name in the journal
  Timestamp now;    // by which ages are judged
  // Belong to the one who ends it; both outlive it.
  net::Signal* stop = nullptr;
  const std::atomic<bool>* stopping = nullptr;
  // What has been done, mailbox by mailbox: "INBOX: 200 messages moved to Trash".
  std::function<void(const std::string&)> progress;
};

class Changer {
 public:
  Changer(Account& account, Journal& journal, ChangerOptions options)
      : account_(account), journal_(journal), options_(std::move(options)) {}

  // The outer Error: nothing more can be done now, such as a connection that does not come back.
  Task<Result<ChangeTotals>> apply(Plan plan);
  // Takes back what `run` has done, the last first.
  Task<Result<ChangeTotals>> undo(std::string run);
  Task<> logout();

 private:
  // One thing that is tried again on a fresh connection.
  using Step = std::function<Task<Result<>>()>;
  Task<Result<>> persist(Step step, const std::string& what, ChangeTotals& totals);
  Task<Result<>> connect();
  // Whether the connection is of no more use after this.
  bool is_lost(const Error& error);
  bool stopping() const { return options_.stopping != nullptr && *options_.stopping; }

  Task<Result<>> apply_share(const Plan& plan, Share& share, ChangeTotals& totals);
  Task<Result<>> apply_batch(const Plan& plan, const Share& share, UidSet batch,
                             ChangeTotals& totals);
  // originals.cc: of duplicates, leaves those out whose original has gone or is about to go.
  Task<Result<>> drop_last_copies(const Share& share, std::vector<Message>& fitting);
  Task<Result<>> look_into(std::string mailbox, uint32_t uid_validity);
  // The mailbox, for changes, with the UIDVALIDITY that is expected.
  Task<Result<>> open(std::string mailbox, uint32_t uid_validity);
  Task<Result<std::vector<Message>>> messages(UidSet uids);
  Task<Result<>> make_target(const Plan& plan);
  // Fills in what the journal wants to know of a move, and makes the change.
  Task<Result<>> change(Change change, ChangeTotals& totals);
  Task<Result<Outcome>> perform(const Change& change);
  Change begin_change(ChangeKind kind, std::string mailbox, uint32_t uid_validity,
                      const std::vector<Message>& messages) const;

  // settle.cc
  Task<Result<>> settle();
  Task<Result<Outcome>> settle_move(const Change& change);
  // Where the messages of a move are in its target, by size and header: from here to there.
  using Moves = std::vector<std::pair<uint32_t, uint32_t>>;
  Task<Result<Moves>> locate(const Change& change);
  Task<Result<Moves>> same_content(const Change& change, Moves moves);
  Task<Result<Fingerprint>> content_of(uint32_t uid);

  // undo.cc
  Task<Result<>> undo_one(Journal::Entry entry, ChangeTotals& totals);
  Task<Result<>> undo_move(const Change& done, Outcome outcome, ChangeTotals& totals);
  // Where a move's messages are; found anew where uids mean nothing any more.
  Task<Result<>> open_target(const Change& done, Outcome& outcome);
  // How many of these uids are in the open mailbox, and not in what was read of them.
  Task<Result<uint64_t>> count_unclear(UidSet uids, uint64_t read);

  Account& account_;
  Journal& journal_;
  ChangerOptions options_;
  std::unique_ptr<Session> session_;
};

// How a journal knows the account: several servers may be behind one host's ports.
std::string journal_account(const Account& account);

// Of a journal: the run that undo takes back when none is named, the last one of the account that
// has something to take back and is no undo itself; "" for none.
std::string last_run(const Journal& journal, const std::string& account);

// "moved to Trash", "marked \Deleted": what a change did to its messages.
std::string change_words(const Change& change);

}  // namespace eilpost::client
