// What two-way sync decides, as pure functions over what three know of a message: the server, the
// Maildir, and the state, which is what both had when they last agreed. Nothing here can lose mail:
// a message is removed from one side only when the state says that it was on both, what is on one
// side only is brought to the other, and messages without a word of the state are paired before
// anything is copied. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "client/maildir/names.h"
#include "client/message/fingerprint.h"

namespace eilpost::client {

// --- one message that the state knows ---

struct SyncRow {
  uint64_t name = 0;  // hash of its unique name in the Maildir
  Uid uid;
  MaildirFlags base = 0;    // on both sides when they last agreed
  MaildirFlags remote = 0;  // on the server, if it is there
  MaildirFlags local = 0;   // in the Maildir, if it is there
  bool on_server = false;
  bool in_maildir = false;
};

enum class Fate : uint8_t {
  keep,         // on both sides: flags are merged
  forget,       // on neither
  gone_local,   // somebody took it out of the Maildir: so from the server, or moved there
  gone_remote,  // the other way round
  restore,      // gone from one side and marked \Flagged on the other since: it is kept
};
Fate fate_of(const SyncRow& row);

// Three-way, flag by flag: what one side has changed counts.
MaildirFlags merge_flags(MaildirFlags base, MaildirFlags remote, MaildirFlags local);
// Without a base: what either has, but \Deleted only when both have it.
MaildirFlags join_flags(MaildirFlags remote, MaildirFlags local);

// --- messages that have no partner ---

// What a message is known by on both sides without its body.
struct ContentKey {
  uint64_t header = 0;  // of Message-ID, Date, From, Subject; 0: nothing to go by
  uint64_t size = 0;    // in octets, with CRLF
  friend bool operator==(const ContentKey&, const ContentKey&) = default;
};

// On the server, unknown to the state.
struct FreshRemote {
  uint32_t mailbox = 0;
  Uid uid;
  MaildirFlags flags = 0;
  ContentKey key;
  std::optional<Fingerprint> print;  // only where doubtful() asked for it
};
// In the Maildir, unknown to the state or `loose`: once in step with a message whose uid is not
// known any more, or sent to the server without an answer.
struct FreshLocal {
  uint32_t mailbox = 0;
  uint64_t name = 0;
  MaildirFlags flags = 0;
  ContentKey key;
  std::optional<Fingerprint> print;
  std::optional<MaildirFlags> base;  // of a loose one
  uint32_t sent_from = 0;            // it was sent when UIDNEXT was this; 0: it was not
  bool answered = false;             // and the server has taken it
};
// A row whose fate is gone_local or gone_remote.
struct Gone {
  uint32_t mailbox = 0;
  Uid uid;
  uint64_t name = 0;
  MaildirFlags base = 0;
  MaildirFlags flags = 0;  // where it still is
  ContentKey key;
};

struct Strays {
  std::vector<FreshRemote> remote;
  std::vector<FreshLocal> local;
  std::vector<Gone> gone_local;   // on the server only
  std::vector<Gone> gone_remote;  // in the Maildir only
};

// Those of strays.remote whose fingerprint has to be known, with that of the local ones they may
// be: their header says the same, their size does not.
struct Doubtful {
  std::vector<size_t> remote;
  std::vector<size_t> local;
};
Doubtful doubtful(const Strays& strays);

// Indexes into Strays; each stray is in exactly one of them.
struct SyncPlan {
  using Pairs = std::vector<std::pair<size_t, size_t>>;
  Pairs links;                        // remote and local: the same message, in one mailbox
  Pairs move_remote;                  // gone_local and local: MOVE to where its file went
  Pairs renamed;                      // the same within one mailbox: its file has another name
  Pairs move_local;                   // gone_remote and remote: the file follows the message
  Pairs renumbered;                   // the same within one mailbox: it has another uid
  std::vector<size_t> download;       // of remote
  std::vector<size_t> upload;         // of local
  std::vector<size_t> remove_remote;  // of gone_local
  std::vector<size_t> remove_local;   // of gone_remote
};
SyncPlan plan_strays(const Strays& strays);

// --- what may be removed ---

// One mailbox, one side.
struct Removals {
  std::string mailbox;
  bool on_server = false;  // from there; else from the Maildir
  uint64_t known = 0;      // messages that were on both sides
  uint64_t removed = 0;    // of these
};
struct RemovalLimits {
  uint64_t messages_max = 100;      // of a run, both sides together
  bool allow_empty = false;         // a mailbox may lose all it had
  uint64_t small_mailbox_max = 10;  // it may always, unless every mailbox is emptied
};
// Why the user has to be asked first; "" when he need not.
std::string question_about(const std::vector<Removals>& removals, const RemovalLimits& limits);

}  // namespace eilpost::client
