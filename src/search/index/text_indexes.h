// The text indexes of a process's accounts: opened when they are first asked for, closed when many
// others have been used since. Which accounts a search has asked for is kept for the job that
// writes indexes. Thread safe.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "search/index/text_index.h"

namespace eilpost::search {

using TextIndexPtr = std::shared_ptr<TextIndex>;  // shared by the table, searches and the job

class TextIndexes {
 public:
  TextIndexes(IndexOptions options, Metrics& metrics);

  TextIndexPtr find(PartitionId partition);
  // Nothing is done on the disk before the index is asked.
  void want(PartitionId partition);
  // Those that were wanted since the last call.
  std::set<PartitionId> take_wanted();
  // The accounts that have an index on the disk. Blocks.
  std::vector<PartitionId> on_disk() const;
  // Closes what nobody uses beyond a number.
  void shed();
  // Closes everything that nobody uses.
  void close();

  IndexMetrics& metrics() { return metrics_; }
  const Helpers& helpers() const { return helpers_; }
  const IndexOptions& options() const { return options_; }

 private:
  void close_beyond(size_t count);
  const IndexOptions options_;
  IndexMetrics metrics_;
  const Helpers helpers_;
  std::mutex mutex_;
  struct Entry {
    TextIndexPtr index;
    std::list<PartitionId>::iterator place;
  };
  std::map<PartitionId, Entry> entries_;
  std::list<PartitionId> order_;  // the most recently used first
  std::set<PartitionId> wanted_;
};

// Brings an index up to date for callers that may wait and are not on a pool's thread: tools and
// tests. Code::in_use: somebody else is at it. Code::cancelled: `stop` said so.
struct BringUp {
  bool all = false;  // with everything that fills a block
  bool anew = false;
  std::function<bool(const IndexStatus&)> stop = {};  // asked now and then
};
Result<> bring_up_to_date(TextIndex& index, const store::AccountPtr& account, BringUp options);

// The program with each text key narrowed to what the index of the account proposes; it finds the
// same messages. Blocks.
Program narrow(const Program& program, TextIndex& index, store::Account& account,
               MailboxId mailbox);
// Whether narrow() may do anything.
bool has_text(const Program& program);

}  // namespace eilpost::search
