// Carries one mailbox over: flags that have changed, messages that have gone, messages that have
// come. One coroutine reads from the source while another writes to the target; the ledger hears of
// each batch before it is sent and after it was heard of. A run that ends in the middle, however it
// ends, is completed by the next one. Uses both connections while it runs.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/migrate/copy/context.h"
#include "client/migrate/copy/prepare.h"
#include "client/migrate/copy/seen.h"
#include "client/migrate/sides/sides.h"

namespace eilpost::client {

// What is remembered between two tries of the same mailbox.
struct CopyTries {
  // One message at a time, to find the one that a server cannot do.
  bool careful = false;
  uint64_t in_hand = 0;
  std::map<uint64_t, int> failures;          // while in hand
  std::map<uint64_t, std::string> given_up;  // and why
  std::set<std::string> flags_refused;       // keywords, whatever the target says it keeps
};

// Messages of the target that are there a second time.
struct Doubles {
  std::vector<uint64_t> proven;  // the same octets, date and flags as were sent
  std::vector<SentAgain> of;     // whose they are, in the same order
  uint64_t doubtful = 0;         // the same octets, and another date or other flags
};

class MailboxCopy {
 public:
  MailboxCopy(MigrateContext& context, MailSource& source, MailTarget& target,
              const MappedMailbox& mailbox, MailboxReport& report, CopyTries& tries);

  // `peeked`: what the source told of the mailbox before it was opened.
  Task<Result<>> run(SourceMailbox peeked);

 private:
  struct Batch {
    std::vector<PreparedMessage> messages;
    std::vector<SourceMessage> elsewhere;  // in the target already, in another mailbox
    std::vector<std::pair<uint64_t, Error>> failed;
    uint64_t octets = 0;
  };
  struct Channel;
  // Numbers of the source that the ledger has, each list in order.
  struct Known {
    std::vector<uint64_t> copied;
    std::vector<uint64_t> intended;
  };

  // Beginning and end.
  void forget_earlier_try();
  Result<Known> known_messages();
  Task<Result<>> learn_doubtful(const Known& known, bool fresh, const std::vector<uint64_t>& gone);
  Task<Result<bool>> is_unchanged(const SourceMailbox& peeked);
  Task<Result<>> open_both();
  Task<Result<>> open_target();
  Task<Result<>> load_old(const std::vector<uint64_t>& gone);
  Task<Result<>> load_seen();
  Task<Result<>> finish(const std::vector<uint64_t>& ids, std::vector<uint64_t> intended);
  // What is known of, in changes.cc.
  Task<Result<>> carry_flags(const std::vector<uint64_t>& copied);
  Task<Result<>> compare_flags(std::map<uint64_t, imap::FlagList> flags);
  imap::FlagList carried(const LedgerMessage& row, const imap::FlagList& present);
  using GoneRow = std::pair<LedgerMessage, std::optional<uint64_t>>;
  Result<std::vector<GoneRow>> gone_rows(const std::vector<uint64_t>& ids);
  Task<Result<>> remove_gone(std::vector<uint64_t> gone);
  // The reading half, in reading.cc.
  Task<Result<>> copy_fresh(std::vector<uint64_t> fresh);
  static Task<> read_all(MailboxCopy* copy, std::shared_ptr<Channel> channel,
                         std::vector<uint64_t> fresh);
  Task<Result<>> read_chunk(Channel& channel, std::vector<uint64_t> ids);
  Task<Result<>> read_batch(Channel& channel, std::vector<SourceMessage> rows);
  Task<Result<std::vector<SourceMessage>>> take_placed(std::vector<SourceMessage>& rows);
  // The writing half.
  Task<Result<>> write_batch(Batch batch);
  Task<Result<>> look(std::vector<PreparedMessage>& messages, Ledger::Change& change);
  Task<Result<>> send(std::vector<PreparedMessage> messages, Ledger::Change change);
  using Outcomes = std::vector<Result<uint64_t>>;
  // What a refusal means, in doubtful.cc.
  Task<Result<>> doubt(std::vector<LedgerMessage>& sent, std::vector<AppendItem> items,
                       Outcomes& outcomes);
  Task<Result<>> send_bare(std::vector<LedgerMessage>& sent, std::vector<AppendItem> items,
                           Outcomes& outcomes);
  Task<Result<>> find_refused(const std::vector<LedgerMessage>& sent, Outcomes& outcomes);
  Result<> hear(std::vector<LedgerMessage> sent, const Outcomes& outcomes);
  Task<Result<>> add_flags(std::map<std::string, std::vector<uint64_t>> by_flags);
  Task<Result<>> change_flags(std::vector<uint64_t> numbers, MailTarget::Change change);
  Task<Result<>> commit(Ledger::Change change);
  bool is_renumbered(const PreparedMessage& prepared, Ledger::Change& change);
  imap::FlagList kept_flags(const imap::FlagList& flags);
  bool keeps_more();
  LedgerMessage row_of(const PreparedMessage& prepared, CopyState state);
  // What had to be sent twice, in doubles.cc.
  Task<> settle();
  void expect_doubles();
  Task<Result<>> settle_doubles();
  Task<Result<>> remove_doubles(Doubles doubles);
  // What is in another mailbox of the target, in placed.cc.
  bool is_label() const;
  Task<Result<>> write_placed(std::vector<SourceMessage> messages);
  Task<Result<>> link(MailTarget::From from, std::map<uint64_t, SourceMessage> by_number,
                      Ledger::Change& change);
  Task<Result<>> label(MailTarget::From from, std::map<uint64_t, SourceMessage> by_number,
                       Ledger::Change& change);

  MigrateContext& context_;
  MailSource& source_;
  MailTarget& target_;
  const MappedMailbox& mailbox_;
  MailboxReport& report_;
  CopyTries& tries_;
  SourceMailbox opened_;
  TargetMailbox there_;
  LedgerMailbox entry_;
  bool known_ = false;            // from an earlier run
  bool looking_ = false;          // not everything that is in the target, or may be, is known
  bool left_over_ = false;        // the next run has to look at this mailbox again
  bool untold_ = false;           // the target copied within itself and did not say to where
  std::set<uint64_t> unflagged_;  // in the target: their flags could not be changed
  // The target keeps what it did not keep before: no flag is believed to be there.
  bool flags_again_ = false;
  std::set<uint64_t> unheard_;  // of an earlier try or run
  bool sent_again_ = false;     // one of them
  Seen seen_;
  // Copied under a number that the source does not have any more: another UIDVALIDITY, or moved
  // away and back. By fingerprint; under another number it is the same message all the same.
  std::multimap<std::string, Ledger::Old> old_;
  std::set<std::pair<uint64_t, uint32_t>> renumbered_;  // of these, by number and UIDVALIDITY
  std::vector<LedgerMessage> outcomes_;  // of the last batch, to be written with the next one
};

}  // namespace eilpost::client
