// What a migration has done, in a file that lives between its runs: a second run copies nothing
// twice, and after a crash at any moment the next one knows what may have been on its way. A
// message is written down as `intended` before it is sent and as `copied` after the target has it;
// what is found intended is looked for in the target before it is sent again. A commit is on the
// disk when it returns. Everything blocks; one thread at a time, one process at a time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/message/fingerprint.h"
#include "client/sqlite.h"

namespace eilpost::client {

enum class CopyState : uint8_t {
  intended,  // perhaps sent: nothing was heard
  copied,
  failed,   // it could not be read, or the target refuses it; tried again by the next run
  removed,  // it was copied, and removed from the target when it had gone from the source
};

struct LedgerMessage {
  // In the source: an IMAP uid, or a number made of a file's name.
  uint64_t id = 0;
  CopyState state = CopyState::intended;
  std::string fingerprint;  // Fingerprint::text()
  std::string email_id;     // "" where the source has none
  uint64_t octets = 0;      // as they came
  // Of the source, as far as the target keeps them, as they were last carried over: "\Seen work".
  std::string flags;
  uint64_t target = 0;  // in the target; 0: not told
  std::string reason;   // why it failed
};

struct LedgerMailbox {
  int64_t id = 0;
  std::string source;
  std::string target;
  uint32_t source_validity = 0;
  uint32_t target_validity = 0;
  // What was sent and not heard of has at least this number in the target.
  uint64_t look_from = 0;
  // Of the source when everything in it had been carried over; 0 or false: it has not.
  bool complete = false;
  uint32_t source_next = 0;
  uint32_t source_messages = 0;
  uint64_t source_modseq = 0;
  // Flags of messages here that the target did not keep.
  std::string flags_lost;
  // Until then (Unix time; 0: never) what was sent again may turn up a second time in the target,
  // with at least this number.
  uint64_t again_from = 0;
  int64_t again_until = 0;
};

// A message that was sent again, because nothing was heard of it and it was not found.
struct SentAgain {
  uint32_t validity = 0;
  uint64_t id = 0;
  uint64_t times = 0;
  uint64_t target = 0;  // the number of the one that counts
  std::string flags;
};

// Of all mailboxes.
struct LedgerTotals {
  uint64_t copied = 0;
  uint64_t octets = 0;
  uint64_t failed = 0;
  uint64_t removed = 0;
};

class Ledger {
 public:
  // Made when it is missing. Code::invalid: it belongs to a migration between other accounts;
  // Code::in_use, Code::corrupt, Code::io.
  static Result<Ledger> open(const std::string& path, const std::string& from,
                             const std::string& to);

  Result<std::vector<LedgerMailbox>> mailboxes();
  // nullopt: no run has come to it.
  Result<std::optional<LedgerMailbox>> known(const std::string& source);
  // The mailbox of that name, made when it is missing; `known` says which.
  struct Found {
    LedgerMailbox mailbox;
    bool known = false;
  };
  Result<Found> mailbox(const std::string& source, const std::string& target);
  Result<> save(const LedgerMailbox& mailbox);

  // Ids of its present UIDVALIDITY in these states, rising.
  Result<std::vector<uint64_t>> ids(const LedgerMailbox& mailbox, CopyState state);
  // Up to `limit` messages in that state with ids above `after`, rising.
  Result<std::vector<LedgerMessage>> page(const LedgerMailbox& mailbox, CopyState state,
                                          uint64_t after, size_t limit);
  // Those of `ids` that were copied.
  Result<std::vector<LedgerMessage>> copied(const LedgerMailbox& mailbox,
                                            const std::vector<uint64_t>& ids);
  // Numbers in a target mailbox that are taken, by whichever source mailbox; rising.
  Result<std::vector<uint64_t>> taken(const std::string& target);
  // Where the message with this EMAILID has been put.
  struct Place {
    std::string target;  // mailbox
    uint32_t validity = 0;
    uint64_t number = 0;
  };
  Result<std::optional<Place>> place_of(const std::string& email_id);

  // In how many other places the target has this message, when another mailbox of the source shows
  // it and has no copy of its own for that: Gmail's "All Mail", or a label that became a keyword.
  Result<std::optional<uint64_t>> other_places(const LedgerMailbox& mailbox,
                                               const LedgerMessage& message);

  // What was copied under another UIDVALIDITY than the present one.
  struct Old {
    std::string fingerprint;
    std::string email_id;
    uint32_t validity = 0;
    uint64_t id = 0;
  };
  Result<std::vector<Old>> old(const LedgerMailbox& mailbox);
  // Nothing is known any more of where its messages are in the target: each has to be looked for.
  Result<> doubt(const LedgerMailbox& mailbox);

  // Messages, the mailbox itself and the octets read on this day, all or nothing.
  struct Change {
    LedgerMailbox mailbox;
    std::vector<LedgerMessage> messages;
    // These have such an id under the present UIDVALIDITY.
    std::vector<std::pair<Old, uint64_t>> renumbered;
    std::vector<uint64_t> again;  // ids that are sent once more
    int64_t day = 0;
    uint64_t octets = 0;
  };
  Result<> commit(const Change& change);
  Result<uint64_t> octets_on(int64_t day);
  Result<LedgerTotals> totals(const LedgerMailbox& mailbox);
  // Those that are copied and whose number is known.
  Result<std::vector<SentAgain>> sent_again(const LedgerMailbox& mailbox);
  // The second one of these has turned up.
  Result<> came_again(const LedgerMailbox& mailbox, const std::vector<SentAgain>& which);
  Result<> forget_again(const LedgerMailbox& mailbox);

 private:
  explicit Ledger(Database database) : database_(std::move(database)) {}
  Result<> prepare();
  Result<> write(const LedgerMailbox& mailbox);

  // Before the statements, which may not outlive it.
  Database database_;
  std::vector<Statement> statements_;
};

}  // namespace eilpost::client
