// A session's view of its selected mailbox: which messages it has been told of, in which order. The
// only place where message numbers exist. It shares the immutable tree of the mailbox's snapshot
// (store/page.h) and differs from it only by pages of messages that are gone but not yet announced.
// advance() compares what the session knows with what is and says what to announce; its cost grows
// with what changed, not with the mailbox. One session's coroutine.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/interval_set.h"
#include "base/result.h"
#include "protocol/imap/sequence_set.h"
#include "store/page.h"

namespace eilpost::server {

// What to announce, in this order: expunges, then the count, then changed flags (RFC
// 9051 7.4, 7.5).
struct Announcement {
  std::vector<Seq> expunged;  // descending, so that each number holds when it is read
  UidSet vanished;            // the same as uids
  bool exists_changed = false;
  UidSet added;
  struct Changed {
    Seq seq;
    Uid uid;
    bool flags = true;  // false: only the modseq is news (own silent change)
  };
  std::vector<Changed> changed;  // ascending
};

class View {
 public:
  View(store::SnapshotPtr snapshot, Uid first_recent);

  uint32_t exists() const { return shown_.exists(); }
  // Messages of this view that are \Recent to its session.
  uint32_t recent() const;
  bool is_recent(Uid uid) const { return uid >= first_recent_; }
  Uid first_recent() const { return first_recent_; }

  Uid uid_of(Seq seq) const { return shown_.uid_of(seq); }
  Seq seq_of(Uid uid) const { return shown_.seq_of(uid); }
  const store::MessageTree& shown() const { return shown_; }
  // The newest state that was looked at; entries of messages in `gone()` are not in it.
  const store::MailboxSnapshot& snapshot() const { return *snapshot_; }
  store::SnapshotPtr snapshot_ptr() const { return snapshot_; }
  // Expunged, but the session has not been told: its number stays (RFC 9051 7.5.1).
  const UidSet& gone() const { return gone_; }

  // The uids that a set names, those of this view only, ascending. Message numbers beyond the view
  // are Code::invalid (RFC 9051 6.4, answered BAD); uids that are not there are passed over.
  Result<UidSet> resolve(const imap::SequenceSet& set, bool uid) const;
  // Every uid of this view.
  UidSet present() const;
  // The message numbers of uids in this view.
  SeqSet seqs_of(const UidSet& uids) const;

  // \Recent aside, what HIGHESTMODSEQ this session may be told: never above a change that it has
  // not been told of (RFC 7162; a deferred expunge counts).
  ModSeq announced_modseq() const { return announced_modseq_; }

  // The session itself changed these at `modseq` and knows it: .SILENT.
  void silence(const UidSet& uids, ModSeq modseq);
  // Takes `now` as the state of things. With `expunges` false, messages that are gone stay.
  Announcement advance(store::SnapshotPtr now, bool expunges);

 private:
  struct Difference;
  void compare(const store::PagePtr& known, const store::PagePtr& now, bool expunges,
               Difference& out) const;

  store::SnapshotPtr snapshot_;
  store::MessageTree shown_;
  Uid first_recent_;
  UidSet gone_;
  ModSeq announced_modseq_;
  std::vector<std::pair<UidSet, ModSeq>> silent_;
};

// What a set names in a mailbox as ranges, which may hold uids that are not there: for those who
// only ask whether a message is in it. Message numbers beyond the mailbox name nothing (RFC 7377 2,
// of every search). Costs what the set costs, not what the mailbox costs.
UidSet bounds(const store::MessageTree& tree, const imap::SequenceSet& set, bool uid);

}  // namespace eilpost::server
