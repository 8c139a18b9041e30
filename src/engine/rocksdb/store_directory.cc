#include "engine/rocksdb/store_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "engine/rocksdb/segment_file.h"

namespace eilpost::engine {
namespace {

constexpr std::string_view format_prefix = "eilpost-store ";

Result<int> lock_directory(const std::string& path) {
  const std::string name = path + "/LOCK";
  const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail_errno(name, errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int saved = errno;
  ::close(fd);
  if (saved == EWOULDBLOCK) return fail(Code::in_use, path + " is in use by another process");
  return fail_errno(name, saved);
}

Result<uint32_t> parse_format(const std::string& path, const std::string& text) {
  uint32_t schema = 0;
  if (text.substr(0, format_prefix.size()) == format_prefix) {
    std::from_chars(text.data() + format_prefix.size(), text.data() + text.size(), schema);
  }
  if (schema == 0) return fail(Code::corrupt, path + "/FORMAT is damaged");
  if (schema > store_schema) {
    return fail(Code::invalid,
                fmt::format("{} has schema {}, written by a newer release; this one reads {} to {}",
                            path, schema, store_schema_oldest, store_schema));
  }
  if (schema < store_schema_oldest) {
    return fail(Code::invalid,
                fmt::format("{} has schema {}; this release reads {} to {}: upgrade in steps", path,
                            schema, store_schema_oldest, store_schema));
  }
  return schema;
}

}  // namespace

Result<> write_store_format(const std::string& path, uint32_t schema) {
  const std::string name = path + "/FORMAT";
  const std::string fresh = name + ".new";
  ::unlink(fresh.c_str());
  {
    const auto file = TRY(SegmentIo::open(fresh, {.create = true}));
    TRY(file->write(0, fmt::format("{}{}\n", format_prefix, schema)));
    file->sync();
  }
  if (::rename(fresh.c_str(), name.c_str()) != 0) return fail_errno(name, errno);
  sync_directory(path);
  return {};
}

Result<std::unique_ptr<StoreDirectory>> StoreDirectory::open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return fail(Code::io, path + ": " + error.message());
  const int fd = TRY(lock_directory(path));
  std::unique_ptr<StoreDirectory> directory(new StoreDirectory(path, fd));
  std::ifstream file(path + "/FORMAT", std::ios::binary);
  if (file) {
    std::ostringstream text;
    text << file.rdbuf();
    directory->schema_ = TRY(parse_format(path, text.str()));
  } else {
    if (std::filesystem::exists(directory->rows(), error)) {
      return fail(Code::corrupt, path + " has rows but no FORMAT file");
    }
    TRY(write_store_format(path, store_schema));
  }
  std::filesystem::create_directories(directory->segments(), error);
  if (error) return fail(Code::io, directory->segments() + ": " + error.message());
  sync_directory(path);
  return directory;
}

StoreDirectory::~StoreDirectory() {
  ::close(lock_fd_);
}

}  // namespace eilpost::engine
