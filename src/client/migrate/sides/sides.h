// The two ends of a migration as the copier sees them, whatever stands behind: an account on an
// IMAP server, a Maildir, mbox files. A message has a number in its mailbox: its uid, or one made
// of its file's name. Both are tables of functions over one connection each and belong to one
// coroutine at a time. Errors: when is_alive() is false afterwards the connection is of no more
// use.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/message/octets.h"
#include "client/names/mapping.h"
#include "client/session/appending.h"

namespace eilpost::client {

struct SourceMailbox {
  uint32_t validity = 1;
  // Whether anything has changed since the last time is told by these; 0: it has to be looked at.
  uint32_t next = 0;
  uint32_t messages = 0;
  uint64_t modseq = 0;
};

struct SourceMessage {
  uint64_t id = 0;
  imap::FlagList flags;
  std::optional<imap::DateTime> date;
  std::optional<uint64_t> size;  // as the server says
  std::string email_id;
  std::shared_ptr<Octets> octets;
};

struct SourceBatch {
  std::vector<SourceMessage> messages;  // those that are gone are missing
  std::vector<std::pair<uint64_t, Error>> failed;
};

using AclEntry = std::pair<std::string, std::string>;  // identifier and rights
using Acl = std::vector<AclEntry>;

struct MailSource {
  std::function<Task<Result<NameSide>>()> names;
  // Without opening it; what is not told is 0.
  std::function<Task<Result<SourceMailbox>>(std::string mailbox)> peek;
  std::function<Task<Result<SourceMailbox>>(std::string mailbox)> open;
  // Of the open mailbox, rising.
  std::function<Task<Result<std::vector<uint64_t>>>()> ids;
  // What is known of these messages without their octets, in any order.
  using Row = std::function<Result<>(SourceMessage)>;
  std::function<Task<Result<>>(std::vector<uint64_t> ids, Row row)> rows;
  // The flags of these messages; or, with `modseq`, of all that have changed since.
  struct FlagsOf {
    std::vector<uint64_t> ids;
    uint64_t modseq = 0;
  };
  std::function<Task<Result<>>(FlagsOf which, Row row)> flags;
  std::function<Task<Result<SourceBatch>>(std::vector<uint64_t> ids)> bodies;
  // Empty where there is none.
  std::function<Task<Result<Acl>>(std::string mailbox)> acl;
  std::function<Task<Result<std::vector<imap::MetadataEntry>>>(std::string mailbox)> metadata;
  std::function<bool()> is_alive;
  std::function<Task<>()> close;
  std::string own_name;  // whose ACL entry needs no copy
};

struct TargetMailbox {
  uint32_t validity = 1;
  uint64_t next = 0;  // the number that the next message will have at least; 0: not known
  uint32_t messages = 0;
  bool keywords_allowed = true;
  imap::FlagList flags_allowed;  // those that stay; empty: all that are no keywords
};

struct TargetRow {
  uint64_t number = 0;
  imap::FlagList flags;
  std::optional<uint64_t> size;
  std::string header;  // of Message-ID, Date, From, Subject
};

struct MailTarget {
  std::function<Task<Result<NameSide>>()> names;
  // Nothing when it exists.
  std::function<Task<Result<>>(std::string mailbox, std::string special_use)> create;
  std::function<Task<Result<TargetMailbox>>(std::string mailbox)> open;
  // Numbers in the open mailbox from `from` on, rising.
  std::function<Task<Result<std::vector<uint64_t>>>(uint64_t from)> numbers;
  struct RowsWanted {
    bool header = false;
  };
  using Row = std::function<Result<>(TargetRow)>;
  std::function<Task<Result<>>(std::vector<uint64_t> numbers, RowsWanted wanted, Row row)> rows;
  // The octets of some messages of the open mailbox; those that are gone are missing.
  std::function<Task<Result<SourceBatch>>(std::vector<uint64_t> numbers)> bodies;
  // At the end of the open mailbox. One outcome each: the number, 0 when it is not told. Where none
  // was taken, one may have kept the others back: `alone` tells.
  std::function<Task<Result<std::vector<Result<uint64_t>>>>(std::vector<AppendItem> items)> append;
  // Flags of messages of the open mailbox; `add` false: takes them away.
  struct Change {
    bool add = true;
    imap::FlagList flags;
  };
  std::function<Task<Result<>>(std::vector<uint64_t> numbers, Change change)> store;
  // Copies messages of another mailbox into the open one: pairs of old and new numbers. Null where
  // the side cannot.
  using Numbers = std::vector<std::pair<uint64_t, uint64_t>>;
  struct From {
    std::string mailbox;
    uint32_t validity = 0;
  };
  std::function<Task<Result<Numbers>>(From from, std::vector<uint64_t> numbers)> copy;
  // Removes these messages of the open mailbox for good.
  std::function<Task<Result<>>(std::vector<uint64_t> numbers)> remove;
  std::function<Task<Result<>>(std::string mailbox)> subscribe;
  // Code::cannot where the side has no such thing.
  std::function<Task<Result<>>(std::string mailbox, AclEntry entry)> set_acl;
  std::function<Task<Result<>>(std::string mailbox, std::vector<imap::MetadataEntry> entries)>
      set_metadata;
  std::function<bool()> is_alive;
  std::function<Task<>()> close;
  std::string own_name;  // whose rights no ACL entry may narrow
};

// How to get one more of them.
using ConnectSource = std::function<Task<Result<MailSource>>()>;
using ConnectTarget = std::function<Task<Result<MailTarget>>()>;

}  // namespace eilpost::client
