// Annotations: named values that clients keep with a mailbox or with the account (RFC 5464). Names
// begin with "/private/" or "/shared/" and compare without the case of ASCII letters. They belong
// to a mailbox's id, so they follow a rename, stay apart when a name comes again, and go when a
// deleted mailbox is purged. Not counted in the quota: they have limits of their own
// (limits::annotation*). Mutations: runner thread only. Reading blocks; any pool thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/tx.h"

namespace eilpost::store {

// Whose an annotation is: the second number of its key.
inline constexpr uint64_t annotation_shared = 0;
inline constexpr uint64_t annotation_owner = 1;  // "/private/" of the account's owner

// Mailbox 0: the account itself.
struct SetAnnotations {
  MailboxId mailbox;
  struct Change {
    std::string name;
    std::optional<std::string> value;  // nothing: removed
  };
  std::vector<Change> changes;  // all or none, in this order
};
// Tells sessions and the change log, and raises the mailbox's HIGHESTMODSEQ (RFC 7162 3.2).
Result<> log_annotations(Tx& tx, MailboxId mailbox, std::vector<std::string> names);
// The names that really changed. Code::not_found (no such mailbox), Code::too_big (a value),
// Code::limit (a name, or too many annotations).
Result<std::vector<std::string>> set_annotations(Tx& tx, const SetAnnotations& request);
// What `from` has, `to` gets too (RFC 5464 4.1: a rename of INBOX).
Result<> copy_annotations(Tx& tx, MailboxId from, MailboxId to);
// All of a mailbox that is purged.
Result<> drop_annotations(Tx& tx, MailboxId mailbox);

// Ascending by name.
Result<std::vector<AnnotationRow>> read_annotations(engine::Engine& engine, PartitionId partition,
                                                    MailboxId mailbox);
// The same of every mailbox that has any.
Result<std::map<MailboxId, std::vector<AnnotationRow>>> read_all_annotations(engine::Engine& engine,
                                                                             PartitionId partition);

}  // namespace eilpost::store
