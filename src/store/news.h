// What others have done to an account since a modseq, mailbox by mailbox, as its change log has it:
// what a session that was told of everything up to there is to be told next (NOTIFY). Blocks; any
// pool thread.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "store/types.h"

namespace eilpost::store {

// Of one mailbox; what `session` itself did is told apart.
struct MailboxNews {
  bool added = false;
  bool expunged = false;
  bool flags = false;
  bool named = false;       // made, deleted or renamed by others
  bool named_here = false;  // by the session
  UidSet added_here;
  std::set<std::string> annotations;  // names of those that others have changed
};

struct NewsSince {
  bool complete = false;  // false: the log does not reach back that far, anything may have changed
  std::map<MailboxId, MailboxNews> mailboxes;  // 0: the account itself
};

// Changes above `after`, up to `last`.
struct NewsRange {
  ModSeq after;
  ModSeq last;
};
Result<NewsSince> read_news(engine::Engine& engine, PartitionId partition, NewsRange range,
                            const std::string& session);

}  // namespace eilpost::store
