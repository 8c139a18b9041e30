#include "main/backup/backup_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "base/bytes.h"
#include "net/socket.h"

namespace eilpost {

namespace {

constexpr size_t piece_bytes = 1024 * 1024;
constexpr std::string_view first_line = "eilpost-backup 1";

Result<size_t> read_piece(int fd, std::string& buffer, uint64_t at, uint64_t left) {
  const size_t want = static_cast<size_t>(std::min<uint64_t>(left, buffer.size()));
  for (;;) {
    const ssize_t n = ::pread(fd, buffer.data(), want, static_cast<off_t>(at));
    if (n >= 0) return static_cast<size_t>(n);
    if (errno != EINTR) return fail_errno("read", errno);
  }
}

Result<> write_piece(int fd, std::string_view octets, uint64_t at) {
  // Zeros are left as holes: removed messages shall not take space in the backup.
  if (octets.find_first_not_of('\0') == std::string_view::npos) return {};
  while (!octets.empty()) {
    const ssize_t n = ::pwrite(fd, octets.data(), octets.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("write", errno);
    octets.remove_prefix(static_cast<size_t>(n));
    at += static_cast<uint64_t>(n);
  }
  return {};
}

Result<BackupFile> copy_octets(const CopyRequest& request, int from, int to) {
  BackupFile out;
  std::string buffer(piece_bytes, '\0');
  while (out.length < request.length) {
    const size_t n = TRY(read_piece(from, buffer, out.length, request.length - out.length));
    if (n == 0) return fail(Code::io, request.from + " is shorter than expected");
    const std::string_view piece(buffer.data(), n);
    out.crc = crc32c(piece, out.crc);
    TRY(write_piece(to, piece, out.length));
    out.length += n;
    if (request.step && !request.step(n)) return fail(Code::cancelled, "stopped");
  }
  if (::ftruncate(to, static_cast<off_t>(out.length)) != 0) return fail_errno("truncate", errno);
  if (::fsync(to) != 0) return fail_errno("fsync", errno);
  return out;
}

void print_files(std::string& out, std::string_view kind,
                 const std::map<std::string, BackupFile>& files) {
  for (const auto& [name, file] : files) {
    out += fmt::format("{} {} {:08x} {}\n", kind, file.length, file.crc, name);
  }
}

}  // namespace

std::string print_manifest(const Manifest& manifest) {
  std::string out = fmt::format("{}\nstore {}\ncreated {}\nstate {}\n", first_line, manifest.store,
                                manifest.created, manifest.state);
  print_files(out, "file", manifest.files);
  for (const auto& [name, file] : manifest.segments) {
    const auto sealed = manifest.sealed.find(name);
    const bool is_sealed = sealed != manifest.sealed.end() && sealed->second;
    print_files(out, is_sealed ? "sealed" : "segment", {{name, file}});
  }
  return out + fmt::format("end {:08x}\n", crc32c(out));
}

Result<Manifest> parse_manifest(std::string_view text) {
  Manifest out;
  const size_t end = text.rfind("end ");
  if (text.substr(0, first_line.size()) != first_line || end == std::string_view::npos ||
      text.substr(end) != fmt::format("end {:08x}\n", crc32c(text.substr(0, end)))) {
    return fail(Code::corrupt, "the backup's MANIFEST is damaged or of another release");
  }
  std::istringstream lines{std::string(text.substr(0, end))};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind == "store") words >> out.store;
    if (kind == "created") words >> out.created;
    if (kind == "state") words >> out.state;
    if (kind != "file" && kind != "sealed" && kind != "segment") continue;
    BackupFile file;
    std::string name;
    words >> file.length >> std::hex >> file.crc >> std::ws;
    std::getline(words, name);
    if (!words && name.empty()) return fail(Code::corrupt, "a line of MANIFEST: " + line);
    (kind == "file" ? out.files : out.segments)[name] = file;
    if (kind == "sealed") out.sealed[name] = true;
  }
  return out;
}

Result<Manifest> read_manifest(const std::string& backup) {
  std::ifstream in(backup + "/MANIFEST", std::ios::binary);
  if (!in) return fail(Code::not_found, backup + " holds no backup");
  std::ostringstream text;
  text << in.rdbuf();
  return parse_manifest(text.str());
}

Result<> sync_directory(const std::string& path) {
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fail_errno(path, errno);
  return {};
}

Result<> write_manifest(const std::string& backup, const Manifest& manifest) {
  const std::string temporary = backup + "/MANIFEST.new";
  {
    const net::Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd) return fail_errno(temporary, errno);
    TRY(write_piece(fd.get(), print_manifest(manifest), 0));
    if (::fsync(fd.get()) != 0) return fail_errno(temporary, errno);
  }
  if (::rename(temporary.c_str(), (backup + "/MANIFEST").c_str()) != 0) {
    return fail_errno(backup + "/MANIFEST", errno);
  }
  return sync_directory(backup);
}

Result<BackupFile> copy_file(const CopyRequest& request) {
  const net::Fd from(::open(request.from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from) return fail_errno(request.from, errno);
  const std::string temporary = request.to + ".part";
  const net::Fd to(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!to) return fail_errno(temporary, errno);
  auto copied = copy_octets(request, from.get(), to.get());
  if (!copied) {
    ::unlink(temporary.c_str());
    return wrap(std::move(copied).error(), request.to);
  }
  if (::rename(temporary.c_str(), request.to.c_str()) != 0) return fail_errno(request.to, errno);
  return copied;
}

Result<BackupFile> sum_file(const std::string& path) {
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno(path, errno);
  BackupFile out;
  std::string buffer(piece_bytes, '\0');
  for (;;) {
    const auto n = read_piece(fd.get(), buffer, out.length, buffer.size());
    if (!n) return wrap(n.error(), path);
    if (*n == 0) return out;
    out.crc = crc32c(std::string_view(buffer.data(), *n), out.crc);
    out.length += *n;
  }
}

Result<> verify_backup(const std::string& backup, const Manifest& manifest,
                       const std::function<bool(uint64_t)>& step) {
  const std::pair<const std::map<std::string, BackupFile>&, std::string> parts[] = {
      {manifest.files, manifest.state + "/"}, {manifest.segments, "segments/"}};
  for (const auto& [files, directory] : parts) {
    for (const auto& [name, file] : files) {
      const std::string path = fmt::format("{}/{}{}", backup, directory, name);
      const BackupFile there = TRY(sum_file(path));
      if (!(there == file)) return fail(Code::corrupt, path + " is not as it was written");
      if (!step(file.length)) return fail(Code::cancelled, "stopped");
    }
  }
  return {};
}

}  // namespace eilpost
