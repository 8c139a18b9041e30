#include "server/access/audit_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <system_error>

#include "base/log.h"

namespace eilpost::server {

namespace {

const log::Source source{"audit", ""};
constexpr size_t value_octets_max = 2000;

void append_json(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text.substr(0, value_octets_max)) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (octet < 0x20 || octet == 0x7f) {
      out += fmt::format("\\u{:04x}", octet);
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string print_time(Timestamp at) {
  const std::time_t seconds = at.seconds();
  std::tm broken{};
  ::gmtime_r(&seconds, &broken);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", broken.tm_year + 1900,
                     broken.tm_mon + 1, broken.tm_mday, broken.tm_hour, broken.tm_min,
                     broken.tm_sec, at.micros % 1'000'000);
}

}  // namespace

std::string print_audit(const AuditEvent& event, Timestamp at) {
  std::string out = fmt::format(R"({{"time":"{}","event":"{}")", print_time(at), event.what);
  const auto add = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    out += fmt::format(",\"{}\":", name);
    append_json(out, value);
  };
  add("id", event.id);
  for (const auto& [name, value] : event.fields) add(name, value);
  return out + "}\n";
}

std::string audit_field(std::string_view line, std::string_view name) {
  const std::string head = fmt::format("\"{}\":\"", name);
  const size_t at = line.find(head);
  if (at == std::string_view::npos) return "";
  std::string out;
  for (size_t i = at + head.size(); i < line.size() && line[i] != '"'; ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      ++i;
      if (line[i] == 'u') {
        i += 4;
        out += '?';
        continue;
      }
    }
    out += line[i];
  }
  return out;
}

AuditLog::AuditLog(AuditSettings settings, const Clock& clock)
    : settings_(std::move(settings)), clock_(clock) {}

AuditLog::~AuditLog() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::unique_ptr<AuditLog>> AuditLog::open(AuditSettings settings, const Clock& clock) {
  std::unique_ptr<AuditLog> out(new AuditLog(std::move(settings), clock));
  if (!out->settings_.file.empty()) TRY(out->open_file());
  return out;
}

Result<> AuditLog::open_file() {
  const int fd =
      ::open(settings_.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail_errno(settings_.file, errno);
  struct stat info {};
  size_ = ::fstat(fd, &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  return {};
}

void AuditLog::rotate() {
  for (int i = settings_.keep; i > 0; --i) {
    const std::string from = i == 1 ? settings_.file : fmt::format("{}.{}", settings_.file, i - 1);
    // A file that is not there yet is none to move.
    (void)std::rename(from.c_str(), fmt::format("{}.{}", settings_.file, i).c_str());
  }
  if (const auto opened = open_file(); !opened) source.error("{}", opened.error().detail);
}

void AuditLog::write(const AuditEvent& event) {
  if (settings_.file.empty()) return;
  const std::string line = print_audit(event, clock_.now());
  const std::lock_guard lock(mutex_);
  const bool full = settings_.rotate_bytes != 0 && settings_.keep > 0 && size_ != 0 &&
                    size_ + line.size() > settings_.rotate_bytes;
  if (full) rotate();
  const ssize_t written = ::write(fd_, line.data(), line.size());
  const bool good = written == static_cast<ssize_t>(line.size());
  if (good) size_ += line.size();
  if (good != failing_) return;
  failing_ = !good;
  if (good) {
    source.info("{} takes lines again", settings_.file);
  } else {
    source.error("{}: {}", settings_.file, std::generic_category().message(errno));
  }
}

Result<> AuditLog::reopen() {
  if (settings_.file.empty()) return {};
  const std::lock_guard lock(mutex_);
  return open_file();
}

std::vector<std::string> AuditLog::files() const {
  std::vector<std::string> out;
  if (settings_.file.empty()) return out;
  for (int i = settings_.keep; i > 0; --i) {
    std::string name = fmt::format("{}.{}", settings_.file, i);
    if (::access(name.c_str(), R_OK) == 0) out.push_back(std::move(name));
  }
  out.push_back(settings_.file);
  return out;
}

}  // namespace eilpost::server
