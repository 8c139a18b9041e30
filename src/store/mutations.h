// Every change of an account as a function of a Tx (tx.h), to be run by Account::mutate. Each draws
// at most one modseq, keeps counters, quota and log in the same commit, and either happens whole or
// answers an error and changes nothing. Uids in requests that do not exist (any more) are passed
// over and appear in no result (RFC 9051 6.4.9). Runner thread only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/tx.h"

namespace eilpost::store {

// append.cc ---------------------------------------------------------------------------------------

struct AppendRequest {
  MailboxId mailbox;
  std::vector<NewMessage> messages;  // all or none (RFC 3502)
  QuotaLimit quota;
};
struct AppendResult {
  uint32_t uid_validity = 0;
  std::vector<Uid> uids;  // ascending, one for each message
  ModSeq modseq;
};
// Code::over_quota, Code::not_found, Code::limit (too many keywords).
Result<AppendResult> append(Tx& tx, const AppendRequest& request);
// The same within another limit than the request's.
Result<AppendResult> append(Tx& tx, const AppendRequest& request, const QuotaLimit& quota);

// What append and copy share: one message more at the end of `mailbox`.
struct Arrival {
  Cold cold;
  const Digest* digest = nullptr;
  uint8_t flags = 0;
  KeywordSet keywords;
};
Result<Uid> add_message(Tx& tx, MailboxId mailbox, MailboxCounters& counters,
                        const Arrival& arrival);
// Code::over_quota when `added` more do not fit.
Result<> check_quota(Tx& tx, const QuotaLimit& limit, QuotaUse added);
// Packs the messages of a full page: cold entries in one row, digests in a blob.
Result<> seal_page(Tx& tx, MailboxId mailbox, uint32_t page);

// The cold entries of a page, expunged ones too, with their digests if asked for.
struct PageRows {
  std::vector<ColdSlot> cold;
  std::vector<Digest> digests;  // as many as `cold`, or none
  bool sealed = false;
  engine::BlobId digest_blob;
};
Result<PageRows> page_rows(Tx& tx, engine::Engine& engine, MailboxId mailbox, uint32_t page,
                           bool with_digests);
// The same of these slots (ascending) at least, for what a few cost where that is less.
Result<PageRows> slot_rows(Tx& tx, engine::Engine& engine, MailboxId mailbox, uint32_t page,
                           const std::vector<uint8_t>& slots, bool with_digests);

// flags.cc ----------------------------------------------------------------------------------------

struct StoreRequest {
  MailboxId mailbox;
  UidSet uids;
  FlagChange change = FlagChange::replace;
  uint8_t flags = 0;
  std::vector<std::string> keywords;
  std::optional<ModSeq> unchanged_since;  // RFC 7162 3.1.3
  std::optional<ModSeq> known_modseq;     // up to which the author knows of all changes
  // The mailbox as the author has been told of it, or null. Of +FLAGS and -FLAGS unchanged_since
  // then refuses only where a flag that they name is not as it was (RFC 7162 3.1.12).
  SnapshotPtr told;
};
struct StoreResult {
  ModSeq modseq;     // of the change; 0 when nothing changed
  UidSet changed;    // really changed
  UidSet modified;   // refused by unchanged_since
  UidSet overtaken;  // of `changed`: changed by others above known_modseq before
};
Result<StoreResult> store_flags(Tx& tx, const StoreRequest& request);

// The mailbox's first-recent uid, and from this commit on every present message is taken
// (\Recent, RFC 3501 2.3.2).
Result<Uid> take_recent(Tx& tx, MailboxId mailbox);

// expunge.cc --------------------------------------------------------------------------------------

struct ExpungeRequest {
  MailboxId mailbox;
  std::optional<UidSet> uids;  // only these; nothing: all
};
struct ExpungeResult {
  UidSet uids;  // gone, all had \Deleted
  ModSeq modseq;
  bool more = false;  // a step of a large expunge: ask again
};
Result<ExpungeResult> expunge(Tx& tx, engine::Engine& engine, const ExpungeRequest& request);

// Takes `uids` out of `mailbox`, leaving recoverable rows. Shared with move.
Result<> take_out(Tx& tx, engine::Engine& engine, MailboxId mailbox, const UidSet& uids,
                  bool moved);

// Removes what was expunged before `before_seconds` for good, a bounded step at a time.
struct PurgeResult {
  uint64_t messages = 0;
  bool more = false;
};
Result<PurgeResult> purge(Tx& tx, engine::Engine& engine, int64_t before_seconds);

// replace.cc --------------------------------------------------------------------------------------

struct ReplaceRequest {
  // Its quota holds for what is added less what goes. One message for one is never too many, nor
  // are its octets when it is not the larger one.
  AppendRequest append;
  MailboxId mailbox;  // of the message that goes
  Uid uid;
};
// Code::expunge_issued when it is gone already; and as append().
Result<AppendResult> replace(Tx& tx, engine::Engine& engine, const ReplaceRequest& request);

// change_log.cc -----------------------------------------------------------------------------------

// Cuts the log below what is older than `before_micros`, and to limits::log_rows_max and
// log_bytes_max, a bounded step at a time; true: more to do.
Result<bool> trim_log(Tx& tx, int64_t before_micros);
// Whether the log is beyond a limit: time to trim it.
bool log_too_long(const Head& head);

// copy.cc -----------------------------------------------------------------------------------------

struct CopyRequest {
  MailboxId from;
  MailboxId to;
  UidSet uids;
  bool move = false;
  QuotaLimit quota;
};
struct CopyResult {
  uint32_t uid_validity = 0;
  std::vector<std::pair<Uid, Uid>> uids;  // source and destination, both ascending
  ModSeq modseq;
};
// Code::limit when one commit cannot hold it.
Result<CopyResult> copy(Tx& tx, engine::Engine& engine, const CopyRequest& request);

// mailboxes.cc ------------------------------------------------------------------------------------

struct CreateRequest {
  std::string name;
  uint16_t special_use = 0;
  QuotaLimit quota = {};
};
// Missing superior names are made too (RFC 9051 6.3.4). Code::already_exists, Code::limit,
// Code::over_quota (too many names), Code::cannot (a name that may not be).
Result<MailboxId> create_mailbox(Tx& tx, const CreateRequest& request);
// Code::not_found, Code::cannot (INBOX), Code::has_children (a name without messages that has
// inferiors). The messages stay recoverable.
Result<MailboxId> delete_mailbox(Tx& tx, const std::string& name);
// INBOX is not renamed this way: its messages are moved by the caller (RFC 9051 6.3.6).
Result<MailboxId> rename_mailbox(Tx& tx, const std::string& from, const std::string& to,
                                 const QuotaLimit& quota = {});
Result<bool> subscribe(Tx& tx, const std::string& name, bool subscribed);
Result<bool> set_special_use(Tx& tx, const std::string& name, uint16_t special_use);
// A UIDVALIDITY that this account never gave before.
uint32_t next_uid_validity(Tx& tx);
// The rows of a new account: head and INBOX.
engine::Batch new_account_batch(Timestamp now);

}  // namespace eilpost::store
