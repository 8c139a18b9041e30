// What sync remembers: for each mailbox what both sides looked like when they last agreed, for each
// message its uid, its name in the Maildir, its flags and what it can be known by again. One SQLite
// file. It may be thrown away at any time: the next run pairs the messages anew. Blocks; one
// thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "client/maildir/maildir.h"
#include "client/sqlite.h"
#include "client/sync/merge.h"

namespace eilpost::client {

// A mailbox at the end of its last complete sync; zeros: the next run looks at everything.
struct SyncMarks {
  uint32_t uid_validity = 0;
  uint32_t uid_next = 0;
  uint64_t modseq = 0;
  uint32_t messages = 0;  // on the server
  MaildirTimes times;
};

struct SyncMailbox {
  int64_t id = 0;
  std::string name;  // as in the Maildir: levels divided by '/'
  SyncMarks marks;
  KeywordTable keywords;  // that the flags of its messages are bits of
};

struct SyncMessage {
  std::string name;  // unique, in the Maildir
  MaildirFlags flags = 0;
  ContentKey key;
};

class SyncState {
 public:
  // Of this account; another's is Code::invalid. Code::in_use: another process is at it.
  // Code::corrupt: not to be read, or of another version of Eilpost: to be thrown away.
  static Result<SyncState> open(const std::string& path, const std::string& account);

  Result<Database::Transaction> begin() { return database_.begin(); }

  Result<std::vector<SyncMailbox>> mailboxes();
  Result<SyncMailbox> add_mailbox(const std::string& name);
  Result<> save(const SyncMailbox& mailbox);
  // With all that is known of its messages.
  Result<> remove_mailbox(int64_t mailbox);

  // Messages that are in step, by rising uid. How many.
  Result<> each(
      int64_t mailbox,
      const std::function<Result<>(Uid uid, std::string_view name, MaildirFlags flags)>& message);
  Result<uint64_t> count(int64_t mailbox);
  // Code::not_found.
  Result<SyncMessage> message(int64_t mailbox, Uid uid);
  Result<> put(int64_t mailbox, Uid uid, const SyncMessage& message);
  Result<> set_flags(int64_t mailbox, Uid uid, MaildirFlags flags);
  Result<> remove(int64_t mailbox, Uid uid);

  // Messages in the Maildir whose uid is not known. `sent_from`: sent to the server when UIDNEXT
  // was this; `answered`: the server has taken it and did not say as which.
  struct Loose {
    SyncMessage message;
    uint32_t sent_from = 0;
    bool answered = false;
  };
  Result<std::vector<Loose>> loose(int64_t mailbox);
  Result<> put_loose(int64_t mailbox, const Loose& loose);
  Result<> remove_loose(int64_t mailbox, const std::string& name);
  // The uids of the mailbox mean nothing any more (UIDVALIDITY): all of it is loose.
  Result<> loosen(int64_t mailbox);

 private:
  explicit SyncState(Database database) : database_(std::move(database)) {}
  Result<> prepare();

  Database database_;
  // After the database, which they need to the end.
  struct Statements {
    Statement save;
    Statement count;
    Statement message;
    Statement put;
    Statement set_flags;
    Statement remove;
    Statement put_loose;
    Statement remove_loose;
  };
  std::optional<Statements> statements_;
};

// Of a unique name; stays for ever.
uint64_t hash_of_name(std::string_view name);
// Of client/message/fingerprint.h's header_key(): "" is 0.
uint64_t hash_of_header(std::string_view header_key);

}  // namespace eilpost::client
