// A transaction: what a mutation sees and changes. A mutation is a pure function of a Tx; it may
// run again on fresh state after a conflict, so it draws nothing but from the Tx. Several waiting
// mutations of one account run one after the other on one Tx, each in a layer of its own that is
// merged when it succeeds and dropped when it fails; what was merged commits as one batch.
// Used by the account's runner only (account.h), one thread at a time; its reads block.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "engine/engine.h"
#include "store/folders.h"
#include "store/page.h"
#include "store/records.h"

namespace eilpost::store {

// What the account keeps in memory of its partition, all of one version.
struct AccountState {
  engine::Version version = 0;
  Head head;
  FoldersPtr folders;
  ModSeq annotations;  // no annotation has changed after this modseq
  std::map<MailboxId, MailboxCounters> counters;
  std::map<MailboxId, SnapshotPtr> snapshots;  // of mailboxes somebody looked into
  std::map<MailboxId, PagePtr> tails;          // of others: the newest page that came with a commit
};

struct TxContext {
  engine::Engine& engine;
  PartitionId partition;
  Random& random;
  Timestamp now;  // account time: max(clock, last seen)
};

// A row of the log is deleted with this commit: the floor rises, the counts fall.
void forget_log_row(Head& head, const engine::Row& row);

// Keywords compare without the case of ASCII letters (RFC 9051 2.3.2).
bool same_keyword(std::string_view a, std::string_view b);

class Tx {
 public:
  Tx(TxContext context, const AccountState& base) : context_(context), base_(base) {}
  Tx(const Tx&) = delete;
  Tx& operator=(const Tx&) = delete;

  // For the runner.
  void begin(Author author);
  void merge();
  void discard();
  bool has_writes() const;
  size_t merged_bytes() const { return merged_bytes_; }
  size_t layer_bytes() const;
  // Everything merged as one batch, the head, counters, pages and log row included.
  Result<engine::Batch> batch();
  const std::string& commit_id() const { return commit_id_; }
  ModSeq last_modseq() const {
    return group_.head ? group_.head->last_modseq : base_.head.last_modseq;
  }
  // Applies what was merged to `state` (the base, after the commit made `version` of it). Answers
  // the mailboxes that changed; id 0 stands for the tree of names.
  std::vector<MailboxId> apply_to(AccountState& state, engine::Version version);
  const std::vector<engine::BlobId>& doomed_blobs() const { return group_.doomed; }
  // Pages whose rows of kind M were changed, other than by adding messages.
  std::vector<std::pair<MailboxId, uint32_t>> rewritten_pages() const;
  // Mailboxes that somebody else changed while a mutation loaded them, which failed with
  // Code::conflict: as of the base, but for what the log since then names (load.h).
  const std::map<MailboxId, SnapshotPtr>& outrun() const { return outrun_; }
  // Whether the storage was asked and said that the base is the present version.
  bool looked() const { return looked_; }
  // Whether what follows its commit is some microseconds' work that does not block.
  bool is_small() const;
  // Removes the blobs this Tx staged itself, which its batch will never name, as far as the storage
  // answers.
  void drop_staged();

  // For mutations.
  Timestamp now() const { return context_.now; }
  Head& head();  // to change
  const Head& peek_head() const;
  const FolderTree& folders() const { return *base_.folders; }
  // True when a mutation of this Tx changed names: the next one that looks at names waits for its
  // commit, since folders() is the tree before it.
  bool folders_changed() const { return group_.folders; }

  Result<MailboxCounters*> counters(MailboxId mailbox);  // to change
  Result<MailboxCounters> peek_counters(MailboxId mailbox);
  void add_counters(MailboxId mailbox, const MailboxCounters& counters);  // of a new mailbox
  Result<HotPage*> page(MailboxId mailbox, uint32_t page);      // to change; made empty if absent
  Result<PagePtr> peek_page(MailboxId mailbox, uint32_t page);  // null when absent
  // Numbers of the pages of `mailbox` that may hold uids of `uids`, ascending.
  Result<std::vector<uint32_t>> pages_of(MailboxId mailbox, const UidSet& uids);
  Result<SnapshotPtr> snapshot(MailboxId mailbox);  // of the base version, loaded if need be
  Result<KeywordTable> keywords(MailboxId mailbox);
  // The indexes of `names` in the mailbox's table; unknown ones are added. Code::limit when full.
  Result<KeywordSet> intern_keywords(MailboxId mailbox, const std::vector<std::string>& names);
  // The modseq of this mutation, drawn at its first use.
  ModSeq modseq();
  EmailId new_email_id();

  Result<std::optional<std::string>> get(const std::string& key);
  // Reads how many holders the blobs have, all at once: holding or releasing one of them then reads
  // nothing.
  Result<> know_holders(const std::vector<engine::BlobId>& blobs);
  // All rows of the range as they stand in this Tx; rows_max bounds what is read, roughly.
  Result<std::vector<engine::Row>> scan(engine::Range range);
  void put(std::string key, std::string value);
  // put() of a key that no row beneath this mutation can have (one with a fresh uid): del() of it
  // within the same mutation then leaves no trace.
  void put_fresh(std::string key, std::string value);
  void del(std::string key);

  void put_def(const MailboxDef& def);
  void forget_mailbox(MailboxId mailbox);  // its counters and pages in memory
  void subscribe(const std::string& name);
  void unsubscribe(const std::string& name);

  // Octets as a blob of this partition; durable with the commit.
  Result<engine::BlobId> stage(std::string_view octets, std::string place);
  void sync_blob(engine::BlobId blob) { mine_.sync.push_back(blob); }
  // One holder of `blob` fewer; the last one dooms it.
  Result<> release_blob(engine::BlobId blob);
  // One holder more.
  Result<> hold_blob(engine::BlobId blob);

  void log(ChangeKind kind, MailboxId mailbox, UidSet uids);
  void log_annotations(MailboxId mailbox, std::vector<std::string> names);

 private:
  using PageKey = std::pair<MailboxId, uint32_t>;
  struct RowChange {
    std::optional<std::string> value;  // nothing: deleted
    bool fresh = false;
  };
  struct Layer {
    std::map<std::string, RowChange> rows;
    size_t row_bytes = 0;
    std::optional<Head> head;
    std::map<MailboxId, MailboxCounters> counters;
    std::map<PageKey, HotPage> pages;
    std::map<MailboxId, KeywordTable> keywords;
    std::map<MailboxId, MailboxDef> defs;
    std::vector<MailboxId> forgotten;
    std::vector<LogChange> changes;
    std::vector<engine::BlobId> sync;
    std::vector<engine::BlobId> staged;
    std::vector<engine::BlobId> doomed;
    std::vector<std::string> unsubscribed;
    bool folders = false;
  };

  Result<engine::ReadResult> checked(Result<engine::ReadResult> read);
  FoldersPtr changed_folders(const FolderTree& before) const;
  LogRow log_row() const;
  void cut_log(engine::Batch& out);
  void keep_tails(AccountState& state, const std::map<MailboxId, std::vector<PagePtr>>& pages);
  void batch_pages(engine::Batch& out) const;
  void remove_blobs(const std::vector<engine::BlobId>& blobs);
  void change_row(std::string key, RowChange change);

  TxContext context_;
  const AccountState& base_;
  Author author_;
  std::optional<ModSeq> modseq_;
  Layer group_;
  Layer mine_;
  size_t merged_bytes_ = 0;
  bool looked_ = false;
  std::string commit_id_;
  std::map<MailboxId, SnapshotPtr> loaded_;  // snapshots of the base version read by this Tx
  std::map<MailboxId, SnapshotPtr> outrun_;
  std::map<std::string, std::optional<std::string>> known_;  // likewise rows; nothing: no such row
};

}  // namespace eilpost::store
