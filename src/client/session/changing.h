// Changes to messages in the selected mailbox: flags, COPY, MOVE, EXPUNGE, each by the best that
// the server has and without harm where it lacks it. Belongs to the session's coroutine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/session/session.h"

namespace eilpost::client {

enum class FlagChange { add, remove, replace };

// UID STORE, .SILENT. The answer are the uids that were left alone because they have changed since
// `unchanged_since` (MODIFIED, RFC 7162 3.1.3); without CONDSTORE that condition is not asked.
Task<Result<UidSet>> store_flags(Session& session, UidSet uids, FlagChange change,
                                 imap::FlagList flags,
                                 std::optional<uint64_t> unchanged_since = std::nullopt);

struct Copied {
  // From here, to there; empty where the server does not say (no UIDPLUS, or a COPYUID that makes
  // no sense, which is noted).
  std::vector<std::pair<Uid, Uid>> uids;
  uint32_t uid_validity = 0;  // of the target
};
// UID COPY. Code::not_found: no such target (TRYCREATE).
Task<Result<Copied>> copy_messages(Session& session, UidSet uids, std::string target);
// UID MOVE; without MOVE a copy, then \Deleted and UID EXPUNGE of what was there. Code::corrupt: a
// COPYUID that does not name every message; then nothing is removed. Where they cannot be expunged
// (expunge_messages()) they stay marked \Deleted, and `expunged` is false.
struct Moved {
  Copied copied;
  bool expunged = true;
};
Task<Result<Moved>> move_messages(Session& session, UidSet uids, std::string target);

// Removes those of `uids` that are marked \Deleted, and nothing else. Without UIDPLUS only EXPUNGE
// is there: it is used when no other message of the mailbox is marked, else Code::cannot.
Task<Result<>> expunge_messages(Session& session, UidSet uids);

}  // namespace eilpost::client
