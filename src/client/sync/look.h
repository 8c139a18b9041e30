// Looking at both sides of a mailbox, and finding out what has changed since they last agreed: with
// QRESYNC the server tells just that, and times of directories that have not changed replace the
// look at their files. An answer that is not whole - fewer messages than the server says there are,
// files renamed during the scan - never makes a message count as gone. Rows are compact, so that a
// million of them fit into memory. One thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/maildir/maildir.h"
#include "client/session/session.h"
#include "client/sync/merge.h"
#include "client/sync/state.h"

namespace eilpost::client {

// Strings that stay where they are until all of them go.
class NamePool {
 public:
  std::string_view add(std::string_view text);

 private:
  std::deque<std::string> chunks_;
};

// A mailbox of a run.
struct MailboxPair {
  uint32_t index = 0;  // as Strays name it
  std::string server_name;
  SyncMailbox state;
  std::optional<MaildirMailbox> maildir;

  SyncMarks seen;                          // by this look
  bool server_same = false;                // as the marks say
  bool maildir_same = false;               // likewise
  bool read_only = false;                  // on the server
  MaildirFlags stored_flags = UINT32_MAX;  // those that the server keeps
  std::vector<SyncRow> rows;               // by rising uid; what is made later comes behind
  size_t known = 0;                        // rows of before
  // Something was left as it is, or could not be seen for sure: the next run looks at everything.
  bool unsure = false;
  std::string doubt;        // why the server's answer is not whole; "" when it is
  bool uids_wrong = false;  // they do not rise with message numbers: they may be others tomorrow
};

// What looking at all mailboxes has found without a partner.
struct Look {
  Strays strays;
  // Of strays.local, each at the same index: "cur/UNIQUE:2,FS".
  std::vector<std::string_view> files;
  NamePool names;
};

// "UNIQUE" of "cur/UNIQUE:2,FS".
std::string_view unique_of(std::string_view file);
// What a message is known by, of its octets.
Result<ContentKey> key_of(const Octets& message);

// Compares what STATUS says with the marks; another UIDVALIDITY loosens what was known.
Task<Result<>> ask_status(Session& session, SyncState& state, MailboxPair& pair);
// Rows from the state, and what the Maildir holds.
Result<> look_at_maildir(SyncState& state, MailboxPair& pair, Look& look);
// What the server holds. Selects the mailbox.
Task<Result<>> look_at_server(Session& session, MailboxPair& pair, Look& look, bool read_only);
// The uids that the state knows mean nothing any more: what was known is loose, what was seen is
// forgotten. Between a look at this mailbox and find_strays().
Result<> forget_uids(SyncState& state, MailboxPair& pair, Look& look);
// Rows that are gone from one side become strays, those gone from both are forgotten.
Result<> find_strays(SyncState& state, MailboxPair& pair, Look& look);

// Selects the mailbox unless it is. Code::conflict: it has another UIDVALIDITY than before.
Task<Result<>> enter(Session& session, MailboxPair& pair, bool read_only);
// Sizes, and headers where wanted, of the strays of one mailbox that lack them.
Task<Result<>> learn_remote_keys(Session& session, MailboxPair& pair, Look& look, bool headers);
Result<> learn_local_keys(const MailboxPair& pair, Look& look);
// Fingerprints of those that doubtful() names in this mailbox.
Task<Result<>> learn_prints(Session& session, MailboxPair& pair, Look& look,
                            const Doubtful& doubts);

}  // namespace eilpost::client
