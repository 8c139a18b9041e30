#include "engine/rocksdb/segment_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "engine/rocksdb/segment_format.h"

namespace eilpost::engine {

void stop_process(const std::string& why) {
  log::write(log::Level::error, "engine", "",
             "stopping, since the state on disk is unknown: " + why);
  std::abort();
}

void sync_directory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || ::fsync(fd) != 0) {
    stop_process(fail_errno("fsync of " + directory, errno).value().detail);
  }
  ::close(fd);
}

Result<std::shared_ptr<SegmentIo>> SegmentIo::open(const std::string& path, Open how) {
  const int flags = O_RDWR | O_CLOEXEC | (how.create ? O_CREAT | O_EXCL : 0);
  const int fd = ::open(path.c_str(), flags, 0600);
  if (fd < 0) return fail_errno(path, errno);
  return std::shared_ptr<SegmentIo>(new SegmentIo(fd, path));
}

SegmentIo::~SegmentIo() {
  ::close(fd_);
}

Result<> SegmentIo::write(uint64_t offset, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t n = ::pwrite(fd_, octets.data(), octets.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Code::io, fail_errno("write to " + path_, errno).value().detail);
    octets.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

Result<std::string> SegmentIo::read(uint64_t offset, uint64_t length) const {
  std::string out(length, '\0');
  size_t have = 0;
  while (have < out.size()) {
    const ssize_t n =
        ::pread(fd_, out.data() + have, out.size() - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Code::io, fail_errno("read of " + path_, errno).value().detail);
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  out.resize(have);
  return out;
}

Result<> SegmentIo::read_into(uint64_t offset, std::vector<iovec> into) const {
  size_t at = 0;
  while (at < into.size()) {
    const int count = static_cast<int>(std::min<size_t>(into.size() - at, IOV_MAX));
    const ssize_t n = ::preadv(fd_, &into[at], count, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Code::io, fail_errno("read of " + path_, errno).value().detail);
    if (n == 0) return fail(Code::corrupt, path_ + " ends within a blob");
    offset += static_cast<uint64_t>(n);
    auto got = static_cast<size_t>(n);
    while (at < into.size() && got >= into[at].iov_len) got -= into[at++].iov_len;
    if (got == 0) continue;
    into[at].iov_base = static_cast<char*>(into[at].iov_base) + got;
    into[at].iov_len -= got;
  }
  return {};
}

void SegmentIo::sync() {
  if (::fdatasync(fd_) != 0)
    stop_process(fail_errno("fdatasync of " + path_, errno).value().detail);
}

Result<> SegmentIo::clear(uint64_t from, uint64_t to) {
  if (from >= to) return {};
  const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (::fallocate(fd_, mode, static_cast<off_t>(from), static_cast<off_t>(to - from)) != 0) {
    if (errno != EOPNOTSUPP)
      return fail(Code::io, fail_errno("hole in " + path_, errno).value().detail);
    // A file system without holes: without its header the record does not exist.
    return write(from, std::string(std::min(to - from, segment_unit), '\0'));
  }
  TRY(clear_page_of_zeros(from / segment_page * segment_page));
  return clear_page_of_zeros((to - 1) / segment_page * segment_page);
}

// A hole only frees whole pages. Whoever clears the last record of a shared page finds zeros here.
Result<> SegmentIo::clear_page_of_zeros(uint64_t at) {
  const std::string page = TRY(read(at, segment_page));
  if (page.find_first_not_of('\0') != std::string::npos) return {};
  const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (::fallocate(fd_, mode, static_cast<off_t>(at), segment_page) != 0) {
    return fail(Code::io, fail_errno("hole in " + path_, errno).value().detail);
  }
  return {};
}

Result<> SegmentIo::preallocate(uint64_t from, uint64_t length) {
  const int done =
      ::fallocate(fd_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(from), static_cast<off_t>(length));
  if (done == 0 || (errno != ENOSPC && errno != EDQUOT && errno != EFBIG)) return {};
  return fail(Code::io, fail_errno("space for " + path_, errno).value().detail);
}

Result<> SegmentIo::truncate(uint64_t length) {
  // Twice: ext4 frees what was preallocated beyond the end only when the length does not grow.
  for (int i = 0; i < 2; ++i) {
    if (::ftruncate(fd_, static_cast<off_t>(length)) == 0) continue;
    return fail(Code::io, fail_errno("truncation of " + path_, errno).value().detail);
  }
  return {};
}

Result<uint64_t> SegmentIo::size() const {
  struct stat about {};
  if (::fstat(fd_, &about) != 0) return fail_errno(path_, errno);
  return static_cast<uint64_t>(about.st_size);
}

std::optional<uint64_t> SegmentIo::next_data(uint64_t from) const {
  const off_t at = ::lseek(fd_, static_cast<off_t>(from), SEEK_DATA);
  if (at >= 0) return static_cast<uint64_t>(at);
  if (errno == ENXIO) return std::nullopt;
  return from;  // a file system that cannot say
}

}  // namespace eilpost::engine
