// Finds what a rule means, mailbox by mailbox, without changing anything: mailboxes are opened
// read-only. Memory is bounded by the number of messages, not by their size: 32 octets for each
// that might have a duplicate, 80 for each whose content had to be read, ranges of uids for what
// was found, and of each duplicate the place of the one that stays. Belongs to the session's
// coroutine.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client/cleanup/rule.h"
#include "client/session/session.h"

namespace eilpost::client {

// Where a message is.
struct Place {
  std::string mailbox;
  Uid uid;
  uint32_t uid_validity = 0;
};

// What was found in one mailbox.
struct Share {
  std::string mailbox;
  uint32_t uid_validity = 0;
  UidSet uids;
  uint64_t octets = 0;
  // Messages that could not be judged: gone meanwhile, not told by the server, or two with one uid.
  uint64_t unclear = 0;
  std::map<uint32_t, Place> originals;  // of duplicates, by uid: the one that stays
  std::string trouble;  // why the mailbox could not be looked at; nothing of it is in `uids` then
};
struct Plan {
  Rule rule;
  std::vector<Share> shares;  // those of mailboxes where something was found, or is to be told
  std::string target;         // of trash
  bool target_missing = false;
  uint64_t messages() const;
  uint64_t octets() const;
};

class Finder {
 public:
  // Called for each message found; `original` is the one that stays of duplicates, else null. An
  // Error ends the search.
  using Visit = std::function<Result<>(const Rule& rule, const std::string& mailbox,
                                       const Message& message, const Place* original)>;
  Finder(Session& session, Timestamp now, Visit visit)
      : session_(session), now_(now), visit_(std::move(visit)) {}

  // What an earlier rule, other than one that only lists, has found is not found again: the first
  // rule that fits a message has it. Code::not_found: no mailbox of that name.
  Task<Result<Plan>> find(Rule rule);

 private:
  // A message that may have a twin: the same hash is the same header, or the same size where the
  // header has nothing to go by. (Copies that came by two ways have two sizes.)
  struct Candidate {
    uint64_t hash = 0;
    uint64_t size = 0;
    uint64_t label_of = 0;  // Gmail's X-GM-MSGID
    uint32_t mailbox = 0;
    uint32_t uid = 0;
  };
  struct Copy;
  using Take = std::function<Result<>(const Message& message)>;

  Task<Result<>> list();
  Task<Result<>> open(Share& share);
  // Each message of `uids` (all: nothing given) that fits the rule and is nobody's yet.
  Task<Result<>> look(const Rule& rule, Share& share, std::optional<UidSet> uids, Take take);
  // A mailbox that cannot be read does not keep the others back: true, and it is noted.
  bool passed_over(Share& share, const Error& error);
  Task<Result<>> find_plainly(Plan& plan);
  bool has_labels() const;
  Task<Result<>> find_duplicates(Plan& plan);
  Task<Result<std::vector<Candidate>>> candidates(Plan& plan);
  Task<Result<>> read_copies(Share& share, uint32_t mailbox, std::vector<Candidate> candidates,
                             std::vector<Copy>& copies);
  Task<Result<>> tell_duplicates(Plan& plan, std::vector<Copy> copies);

  Session& session_;
  Timestamp now_;
  Visit visit_;
  bool listed_ = false;
  std::vector<MailboxInfo> mailboxes_;
  std::map<std::string, UidSet> taken_;  // by earlier rules
};

}  // namespace eilpost::client
