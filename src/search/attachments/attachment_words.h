// The words of an account's attachments, which FUZZY is asked of beside the messages' own texts: a
// file of sealed records that is only appended to, read through when it is opened, and written anew
// when half of it is about messages that are gone. It knows which messages have been looked at, so
// that each attachment is read once, whatever came of it, and copies of a message share its words.
// A cache: what is damaged ends the file there, and what it lost is read again. Thread safe; blocks
// on the disk.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/interval_set.h"
#include "base/result.h"
#include "search/attachments/word_record.h"

namespace eilpost::search {

class AttachmentWords {
 public:
  explicit AttachmentWords(std::string path) : path_(std::move(path)) {}
  ~AttachmentWords() { close(); }
  AttachmentWords(const AttachmentWords&) = delete;
  AttachmentWords& operator=(const AttachmentWords&) = delete;

  // What another origin has made is forgotten. Done already: nothing.
  Result<> open(const std::string& origin);
  void close();
  bool is_open();

  // The uids of a mailbox, among these, that have not been looked at.
  IntervalSet not_looked_at(MailboxId mailbox, const IntervalSet& uids);
  // The mailbox has these, and no others.
  Result<> keep_only(MailboxId mailbox, const IntervalSet& uids);
  std::vector<MailboxId> mailboxes();
  // Whether the blob's words are known; then the message has them.
  Result<bool> hold_known(MailboxId mailbox, Uid uid, engine::BlobId blob);
  // A message has been looked at, and this is what its attachments say, nothing included.
  Result<> put(MailboxId mailbox, Uid uid, engine::BlobId blob,
               const std::vector<std::string>& words);
  // Messages without attachments that helpers read.
  Result<> put_none(MailboxId mailbox, const IntervalSet& uids);

  // Each ended by a line end; "" when it has none.
  Result<std::string> words(engine::BlobId blob);
  // Messages that have attachments which were read.
  uint64_t messages();
  uint64_t bytes();
  // Writes the file anew when that is worth it.
  Result<> tidy();

 private:
  struct Place {
    uint64_t offset = 0;
    uint32_t size = 0;  // of the record
    uint32_t holders = 0;
  };
  Result<> load(const std::string& origin);
  Result<> append(const WordRecord& record);
  void apply(const WordRecord& record, uint64_t offset, uint64_t size);
  void hold(const WordRecord& record);
  void forget(MailboxId mailbox, Interval uids);
  Result<std::string> read_record(const Place& place);
  Result<std::string> anew();
  Result<> open_file();

  const std::string path_;
  std::mutex mutex_;  // all below
  int fd_ = -1;
  std::string origin_;
  uint64_t bytes_ = 0;
  uint64_t dead_ = 0;  // octets of records that say nothing any more
  std::map<MailboxId, IntervalSet> looked_;
  std::map<engine::BlobId, Place> blobs_;
  std::map<std::pair<MailboxId, uint32_t>, engine::BlobId> held_;
};

}  // namespace eilpost::search
