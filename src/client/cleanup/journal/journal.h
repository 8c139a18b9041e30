// The journal of cleanups: a file that only grows, one record a line, each on the disk before
// begin() or end() returns. Whatever ends the process, what was about to be changed is known: a
// change without outcome is settled by whoever opens the journal next. One process at a time; for
// one thread. Memory: some 200 octets for each change, and a change is up to 200 messages.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/cleanup/journal/record.h"

namespace eilpost::client {

class Journal {
 public:
  // Makes it, and the directories above it, when there is none. Code::in_use: another cleanup has
  // it open; Code::permission: others may read or write it.
  static Result<std::unique_ptr<Journal>> open(std::string path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  enum class State : uint8_t { open, done, failed };
  // What is known of a change without reading it again.
  struct Entry {
    uint64_t number = 0;
    std::string run;
    std::string account;
    int64_t at = 0;
    ChangeKind kind = ChangeKind::mark;
    State state = State::open;
    uint64_t messages = 0;
    uint64_t octets = 0;
    uint64_t undoes = 0;
    bool partial = false;
    bool undone = false;
    uint64_t change_at = 0;   // offsets in the file
    uint64_t outcome_at = 0;  // 0: none
  };
  // In the order of the file.
  const std::vector<Entry>& entries() const { return entries_; }
  // Lines that are no record: the last one of a process that was killed, or damage.
  uint64_t unreadable() const { return unreadable_; }
  const std::string& path() const { return path_; }

  // Gives the change its number.
  Result<uint64_t> begin(Change change);
  Result<> end(Outcome outcome);
  Result<Change> change(const Entry& entry) const;
  // Code::not_found: it has none.
  Result<Outcome> outcome(const Entry& entry) const;

 private:
  Journal(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  Result<> load();
  void take(std::string_view line, uint64_t offset);
  void take(const Change& change, uint64_t offset);
  void take(const Outcome& outcome, uint64_t offset);
  Result<uint64_t> append(const Record& record);
  Result<Record> read(uint64_t offset) const;
  Entry* find(uint64_t number);

  std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
  uint64_t unreadable_ = 0;
  std::vector<Entry> entries_;  // by rising number
};

}  // namespace eilpost::client
