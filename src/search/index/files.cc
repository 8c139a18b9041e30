#include "search/index/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <functional>

#include "base/bytes.h"

namespace eilpost::search {

namespace {

constexpr size_t piece_bytes = 256 * 1024;

class File {
 public:
  File(const std::string& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)), path_(path) {
    if (fd_ < 0) errno_ = errno;
  }
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  Result<> opened() const {
    if (fd_ >= 0) return {};
    if (errno_ == ENOENT) return fail(Code::not_found, path_ + ": there is no such file");
    return fail_errno(path_, errno_);
  }
  Result<> write(std::string_view octets) const {
    while (!octets.empty()) {
      const ssize_t written = ::write(fd_, octets.data(), octets.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return fail_errno(path_, errno);
      octets.remove_prefix(static_cast<size_t>(written));
    }
    return {};
  }
  Result<> sync() const {
    if (::fdatasync(fd_) != 0) return fail_errno(path_, errno);
    return {};
  }
  // All of it, in pieces.
  Result<> read(const std::function<void(std::string_view)>& each) const {
    std::string piece(piece_bytes, '\0');
    for (;;) {
      const ssize_t got = ::read(fd_, piece.data(), piece.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail_errno(path_, errno);
      if (got == 0) return {};
      each(std::string_view(piece).substr(0, static_cast<size_t>(got)));
    }
  }

 private:
  int fd_;
  int errno_ = 0;
  std::string path_;
};

}  // namespace

Result<> replace_file(const std::string& path, std::string_view octets) {
  const std::string fresh = path + ".new";
  {
    const File file(fresh, O_WRONLY | O_CREAT | O_TRUNC);
    TRY(file.opened());
    TRY(file.write(octets));
    TRY(file.sync());
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return fail_errno(path, errno);
  return {};
}

Result<std::string> read_file(const std::string& path) {
  const File file(path, O_RDONLY);
  TRY(file.opened());
  std::string out;
  TRY(file.read([&](std::string_view piece) { out += piece; }));
  return out;
}

Result<FileSum> sum_file(const std::string& path) {
  const File file(path, O_RDONLY);
  TRY(file.opened());
  FileSum sum;
  TRY(file.read([&](std::string_view piece) {
    sum.bytes += piece.size();
    sum.checksum = crc32c(piece, sum.checksum);
  }));
  return sum;
}

}  // namespace eilpost::search
