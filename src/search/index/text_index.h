// The text index of one account: for each block of messages the grams (grams.h) of their texts, in
// Xapian segments that are written once, checked against their checksum when they are opened, and
// merged now and then. It is a cache: any of its files may be damaged or missing, what it lost is
// indexed again. It answers candidates only, never results: a superset of the messages that match,
// to be looked into by the Evaluator; a message that is not indexed is always a candidate.
// What is written is made by one caller at a time (begin() to tidy(), in this order, on a pool that
// may block); candidates() and status() may be called meanwhile, by any thread that may block.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/metrics.h"
#include "base/result.h"
#include "search/attachments/attachment_words.h"
#include "search/attachments/helpers.h"
#include "search/index/grams.h"
#include "search/index/manifest.h"
#include "search/index/xapian.h"
#include "search/program.h"
#include "store/account.h"

namespace eilpost::search {

struct IndexOptions {
  std::string directory;  // of all indexes; each account has one of its own in it
  // The text of a message beyond which it is not indexed: every search looks into it.
  uint64_t message_text_max = 4 * 1024 * 1024;
  uint32_t block_messages = 64;
  uint64_t block_text_max = 256 * 1024;
  // Messages that wait until they are worth a segment: an eighth of what is indexed, within these.
  uint64_t wait_messages_min = 256;
  uint64_t wait_messages_max = 2048;
  uint32_t segment_blocks_max = 128;      // of one that is made
  uint64_t merged_messages_max = 131072;  // of one that is merged
  // What reads attachments, and how these are confined.
  std::vector<Helper> helpers;
  Confinement confinement;
};

// What all indexes of a process count together.
struct IndexMetrics {
  explicit IndexMetrics(Metrics& metrics);
  Counter& messages;
  Counter& text_bytes;
  Counter& rebuilt;
  Counter& failures;
  Counter& narrowed;
  Gauge& waiting;
  Gauge& bytes;
};

struct IndexStatus {
  uint64_t indexed = 0;  // messages
  uint64_t waiting = 0;
  uint64_t always = 0;  // too large or not readable
  size_t segments = 0;
  uint32_t blocks = 0;
  uint64_t bytes = 0;
  uint64_t text_bytes = 0;
  uint64_t attachments = 0;  // messages whose attachments were read
  ModSeq cursor;
};

class TextIndex {
 public:
  // The helpers must outlive it.
  TextIndex(const IndexOptions& options, const Helpers& helpers, IndexMetrics& metrics,
            PartitionId partition);
  ~TextIndex();
  TextIndex(const TextIndex&) = delete;
  TextIndex& operator=(const TextIndex&) = delete;

  // The uids of the mailbox that may have the text that a header, body or text key asks for;
  // nothing when the index cannot tell. The account must be loaded.
  std::optional<UidSet> candidates(store::Account& account, MailboxId mailbox, const Program& key);
  // The words of the attachments of a message, each ended by a line end. The account must be
  // loaded.
  std::string attachment_words(store::Account& account, engine::BlobId blob);
  IndexStatus status();
  // So that status() tells what is on the disk. The account must be loaded.
  Result<> open(store::Account& account);

  // Begins and ends to be the one who writes; false: somebody else is.
  bool take() { return !taken_.exchange(true); }
  void release() { taken_ = false; }

  // Opens what is there, or begins anew; forgets what is damaged or mostly dead. The account must
  // be loaded and refreshed.
  Result<> begin(store::Account& account);
  // Reads some of the change log; true when there is more.
  Result<bool> follow(store::Account& account);
  // The mailboxes of which it knows too much or too little, each to be given to compare().
  std::vector<MailboxId> unequal(store::Account& account);
  void compare(MailboxId mailbox, const store::MessageTree& tree);
  // Indexes a block when enough waits, or all that fills one; true when there is more.
  Result<bool> index_some(store::Account& account, bool all);
  // Makes what was indexed part of the index.
  Result<> publish();
  // Merges what is small; true when there may be more.
  Result<bool> tidy();
  // What read_attachments() needs, behind publish(): the messages that the index knows of, indexed
  // or not, and where their attachments' words are.
  std::map<MailboxId, IntervalSet> known();
  AttachmentWords& attachments() { return attachments_; }
  // Forgets what was begun and not published; after an error of the above.
  void give_up();
  // Forgets everything, files too.
  Result<> drop();

 private:
  struct OpenSegment {
    SegmentInfo info;
    std::string path;
    std::mutex mutex;
    std::unique_ptr<Segment> file;  // under the mutex
    std::atomic<bool> damaged{false};
  };
  using SegmentPtr = std::shared_ptr<OpenSegment>;  // shared with searches under way
  // Changed in place only while nobody else has it.
  using PlacementPtr = std::shared_ptr<const Placement>;
  static std::string term_of_blob(engine::BlobId blob);
  struct Placed {
    MailboxId mailbox;
    Uid uid;
    BlockId block = always_block;
  };
  // What index_some() has made and publish() will name.
  struct Draft {
    std::unique_ptr<SegmentWriter> writer;
    std::vector<Placed> placed;
    std::map<std::string, BlockId> blobs;          // terms of blobs in the writer
    std::vector<std::pair<MailboxId, Uid>> taken;  // from what waits
    uint64_t text_bytes = 0;
    uint64_t messages = 0;
  };
  // One block being gathered.
  struct Block {
    GramSet grams;
    std::vector<std::string> blob_terms;
    std::vector<std::pair<MailboxId, Uid>> members;
    uint64_t text_bytes = 0;
  };

  Result<Manifest> load(const IndexOrigin& origin);
  Result<bool> is_of(store::Account& account);
  void start_anew(const IndexOrigin& origin, ModSeq cursor);
  Result<> save();
  void remove_strangers();
  Result<> ensure_open(OpenSegment& segment);
  Result<std::vector<uint32_t>> ask(OpenSegment& segment, const std::vector<std::string>& terms);
  Result<std::optional<BlockId>> block_of_blob(const std::string& term);
  Result<> gather(store::Account& account, Block& block);
  Result<> gather_page(store::Account& account, Block& block, MailboxId mailbox,
                       const std::vector<Uid>& uids);
  Result<> gather_message(store::Account& account, Block& block,
                          const store::PageData::Message& message, Placed place);
  bool is_full(const Block& block) const;
  Result<> write(Block& block);
  bool enough_waits();
  void apply(const store::LogChange& change, store::Account& account);
  void add(MailboxId mailbox, const UidSet& uids);
  void remove(MailboxId mailbox, const IntervalSet& uids);
  void forget_segment(const SegmentPtr& segment);
  Result<> merge(const std::vector<SegmentPtr>& parts);
  Result<SegmentPtr> adopt(const std::string& made, SegmentInfo info);
  std::vector<SegmentPtr> to_merge();
  uint64_t waiting_unlocked() const;
  void tell_waiting();
  std::string path_of(uint64_t number) const;

  const IndexOptions options_;
  const Helpers& helpers_;
  IndexMetrics& metrics_;
  const std::string directory_;  // of this account
  AttachmentWords attachments_;  // open while there are helpers
  std::atomic<bool> taken_{false};
  std::mutex open_mutex_;  // one opens
  std::mutex mutex_;       // all below but draft_
  bool opened_ = false;
  IndexOrigin origin_;
  ModSeq cursor_;
  ModSeq saved_cursor_;
  uint64_t next_number_ = 1;
  BlockId next_block_ = 1;
  std::vector<SegmentPtr> segments_;                            // ascending by base
  std::map<MailboxId, std::shared_ptr<Placement>> placements_;  // shared with searches
  std::map<MailboxId, UidSet> pending_;
  bool changed_ = false;       // since it was saved
  uint64_t told_waiting_ = 0;  // of the metric
  uint64_t told_bytes_ = 0;
  Draft draft_;  // of the one who writes
};

}  // namespace eilpost::search
