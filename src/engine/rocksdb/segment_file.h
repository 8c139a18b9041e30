// One segment file's system calls, with errors as values: write and read whole runs, make holes,
// find data. sync() ends the process when it fails, because what a failed fdatasync() leaves on the
// disk is unknown (the kernel marks the pages clean). Thread safe; blocks.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace eilpost::engine {

class SegmentIo {
 public:
  // Opens for reading and writing; makes the file, durably named, when `create` is set.
  struct Open {
    bool create = false;
  };
  static Result<std::shared_ptr<SegmentIo>> open(const std::string& path, Open how);
  ~SegmentIo();
  SegmentIo(const SegmentIo&) = delete;
  SegmentIo& operator=(const SegmentIo&) = delete;

  Result<> write(uint64_t offset, std::string_view octets);
  // Fewer octets at the end of the file.
  Result<std::string> read(uint64_t offset, uint64_t length) const;
  // Fills all of `into` or fails with Code::corrupt at the end of the file.
  Result<> read_into(uint64_t offset, std::vector<iovec> into) const;
  void sync();
  // Zeros in [from, to), and the disk's space back for every page that is all zeros then.
  Result<> clear(uint64_t from, uint64_t to);
  // Asks for disk space beyond the end of the file; a hint, except that a full disk is an error.
  Result<> preallocate(uint64_t from, uint64_t length);
  // Cuts the file, and what was preallocated beyond.
  Result<> truncate(uint64_t length);
  Result<uint64_t> size() const;
  // The first octet at or after `from` that is not in a hole; nothing when there is none.
  std::optional<uint64_t> next_data(uint64_t from) const;

 private:
  SegmentIo(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  Result<> clear_page_of_zeros(uint64_t at);

  int fd_;
  std::string path_;
};

// Makes the names in a directory durable. Ends the process when it fails.
void sync_directory(const std::string& directory);
// Logs why and aborts.
[[noreturn]] void stop_process(const std::string& why);

}  // namespace eilpost::engine
