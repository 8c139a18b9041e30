#include "engine/rocksdb/files.h"

#include <fcntl.h>
#include <rocksdb/file_system.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/log.h"
#include "engine/rocksdb/segment_file.h"

namespace eilpost::engine {
namespace {

// RocksDB would go on after a failed fsync; what is on the disk then is unknown, so we do not.
// A file-size limit counts as a full disk, which RocksDB can recover from.
class GuardedFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  GuardedFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, std::string name)
      : FSWritableFileOwnerWrapper(std::move(file)), name_(std::move(name)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    errno = 0;
    return limited(FSWritableFileOwnerWrapper::Append(data, options, debug));
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& verification,
                           rocksdb::IODebugContext* debug) override {
    errno = 0;
    return limited(FSWritableFileOwnerWrapper::Append(data, options, verification, debug));
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    return synced(FSWritableFileOwnerWrapper::Sync(options, debug));
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return synced(FSWritableFileOwnerWrapper::Fsync(options, debug));
  }

 private:
  static rocksdb::IOStatus limited(rocksdb::IOStatus status) {
    if (status.ok() || (errno != EFBIG && errno != EDQUOT)) return status;
    auto full = rocksdb::IOStatus::NoSpace(status.ToString());
    full.SetRetryable(true);
    return full;
  }
  rocksdb::IOStatus synced(rocksdb::IOStatus status) const {
    if (!status.ok()) stop_process("fsync of " + name_ + ": " + status.ToString());
    return status;
  }
  std::string name_;
};

// The log grows by zeros that are written before they are needed: a sync of octets written over
// them changes no metadata and costs the disk one flush instead of two. A log that a crash left
// ends in zeros, which RocksDB reads as its end.
class LogFile final : public GuardedFile {
 public:
  LogFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, const std::string& name)
      : GuardedFile(std::move(file), name), fd_(::open(name.c_str(), O_WRONLY | O_CLOEXEC)) {}
  ~LogFile() override { drop(); }

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    grow(data.size());
    return GuardedFile::Append(data, options, debug);
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& verification,
                           rocksdb::IODebugContext* debug) override {
    grow(data.size());
    return GuardedFile::Append(data, options, verification, debug);
  }
  rocksdb::IOStatus Close(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    drop();
    return GuardedFile::Close(options, debug);
  }

 private:
  static constexpr uint64_t step = 256 * 1024;

  void grow(uint64_t octets) {
    const uint64_t from = std::max(zeroed_, written_);
    written_ += octets;
    if (fd_ < 0 || written_ <= zeroed_) return;
    const std::string zeros(written_ + step - from, '\0');
    const ssize_t n = ::pwrite(fd_, zeros.data(), zeros.size(), static_cast<off_t>(from));
    // A nearly full disk: the log goes on without.
    if (n != static_cast<ssize_t>(zeros.size())) return drop();
    zeroed_ = from + zeros.size();
  }
  void drop() {
    if (fd_ < 0) return;
    if (::ftruncate(fd_, static_cast<off_t>(written_)) != 0) {
      log::write(log::Level::warn, "engine", "", "a log file keeps zeros at its end");
    }
    ::close(fd_);
    fd_ = -1;
  }

  int fd_;
  uint64_t written_ = 0;
  uint64_t zeroed_ = 0;
};

bool is_log(const std::string& name) {
  return name.size() > 4 && name.compare(name.size() - 4, 4, ".log") == 0;
}

class GuardedFiles final : public rocksdb::FileSystemWrapper {
 public:
  GuardedFiles() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "eilpost"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override {
    auto status = target()->NewWritableFile(name, options, result, debug);
    if (!status.ok() || !is_log(name)) return guard(name, status, result);
    *result = std::make_unique<LogFile>(std::move(*result), name);
    return status;
  }
  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* result,
                                       rocksdb::IODebugContext* debug) override {
    return guard(name, target()->ReopenWritableFile(name, options, result, debug), result);
  }
  rocksdb::IOStatus ReuseWritableFile(const std::string& name, const std::string& old_name,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      rocksdb::IODebugContext* debug) override {
    return guard(name, target()->ReuseWritableFile(name, old_name, options, result, debug), result);
  }

 private:
  static rocksdb::IOStatus guard(const std::string& name, rocksdb::IOStatus status,
                                 std::unique_ptr<rocksdb::FSWritableFile>* file) {
    if (status.ok()) *file = std::make_unique<GuardedFile>(std::move(*file), name);
    return status;
  }
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> guarded_files() {
  return std::make_shared<GuardedFiles>();
}

}  // namespace eilpost::engine
