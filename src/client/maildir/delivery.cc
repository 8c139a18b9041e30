#include "client/maildir/delivery.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <system_error>
#include <thread>

#include "net/socket.h"

namespace eilpost::client {

namespace {

// Files that are made durable at the same time: the file system's journal then writes one record
// for many of them. One after the other takes fifty times as long, and syncfs() waits for whatever
// others have written besides.
constexpr size_t threads_max = 16;
constexpr size_t files_per_thread = 4;
constexpr size_t piece_bytes = 256 * 1024;

// Whether every line ends with CRLF and taking the CR away can be undone.
class LineLook {
 public:
  void feed(std::string_view octets) {
    for (const char c : octets) {
      if (c == '\n' && (before_ != '\r' || before_that_ == '\r')) plain_ = false;
      before_that_ = before_;
      before_ = c;
    }
  }
  bool plain() const { return plain_; }

 private:
  char before_ = '\0';
  char before_that_ = '\0';
  bool plain_ = true;
};

// CRLF becomes LF; the CR at a piece's end waits for the next.
class UnixLines {
 public:
  std::string feed(std::string_view octets) {
    std::string out;
    out.reserve(octets.size() + 1);
    for (const char c : octets) {
      if (held_ && c != '\n') out += '\r';
      held_ = c == '\r';
      if (!held_) out += c;
    }
    return out;
  }
  std::string finish() const { return held_ ? "\r" : ""; }

 private:
  bool held_ = false;
};

Result<> write_all(int fd, std::string_view octets, const std::string& path) {
  while (!octets.empty()) {
    const ssize_t written = ::write(fd, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(path, errno);
    octets.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<bool> is_plain(const Octets& message) {
  LineLook look;
  for (uint64_t at = 0; at < message.size() && look.plain();) {
    const std::string piece = TRY(message.read(at, piece_bytes));
    look.feed(piece);
    at += piece.size();
  }
  return look.plain();
}

Result<> write_message(int fd, const Octets& message, const std::string& path) {
  const bool plain = TRY(is_plain(message));
  UnixLines lines;
  for (uint64_t at = 0; at < message.size();) {
    const std::string piece = TRY(message.read(at, piece_bytes));
    TRY(write_all(fd, plain ? lines.feed(piece) : piece, path));
    at += piece.size();
  }
  if (plain) TRY(write_all(fd, lines.finish(), path));
  return {};
}

Result<> sync_file(const std::string& path) {
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fail_errno(path, errno);
  return {};
}

// As the format's author wants it: no "/" and no ":" in a name.
std::string host_name() {
  char name[256] = "localhost";
  ::gethostname(name, sizeof name - 1);
  std::string out;
  for (const char* at = name; *at != '\0'; ++at) {
    if (*at == '/') {
      out += "\\057";
    } else if (*at == ':') {
      out += "\\072";
    } else if (*at == ',') {
      out += "\\054";
    } else {
      out += *at;
    }
  }
  return out;
}

std::string file_name(const std::string& unique, MaildirFlags flags,
                      const MaildirMailbox& mailbox) {
  if (flags == 0) return "new/" + unique;
  return "cur/" + unique + ":2," + message_letters(flags, mailbox.keywords());
}

}  // namespace

std::string unique_message_name() {
  static const std::string host = host_name();
  static std::atomic<uint64_t> counter{0};
  const int64_t micros = std::chrono::duration_cast<std::chrono::microseconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
  return fmt::format("{}.M{}P{}Q{}.{}", micros / 1'000'000, micros % 1'000'000, ::getpid(),
                     ++counter, host);
}

MaildirDelivery::MaildirDelivery(const MaildirMailbox& mailbox, Options options)
    : mailbox_(mailbox), options_(options) {}

MaildirDelivery::~MaildirDelivery() {
  drop();
}

void MaildirDelivery::drop() {
  for (const File& file : files_) ::unlink((mailbox_.path() + "/tmp/" + file.unique).c_str());
  files_.clear();
}

Result<std::string> MaildirDelivery::add(const Octets& message, MaildirFlags flags, int64_t date) {
  File file{unique_message_name(), flags};
  const std::string path = mailbox_.path() + "/tmp/" + file.unique;
  const net::Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(path, errno);
  files_.push_back(file);
  TRY(write_message(fd.get(), message, path));
  // The disk begins with it: a journal record of commit() then has many files. That one tells.
  if (options_.durable) ::sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  const timespec times[] = {{date, 0}, {date, 0}};
  if (::futimens(fd.get(), times) != 0) return fail_errno(path, errno);
  return file.unique;
}

Result<> MaildirDelivery::sync_files(const std::string& tmp) {
  std::atomic<size_t> next{0};
  std::vector<Result<>> results(
      std::clamp(files_.size() / files_per_thread, size_t{1}, threads_max));
  const auto work = [&](Result<>& result) {
    for (size_t i = next++; i < files_.size() && result; i = next++) {
      result = sync_file(tmp + "/" + files_[i].unique);
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < results.size(); ++i) {
    try {
      threads.emplace_back(work, std::ref(results[i]));
    } catch (const std::system_error&) {
      break;  // no more threads are to be had: fewer do it
    }
  }
  work(results[0]);
  for (std::thread& thread : threads) thread.join();
  for (const Result<>& result : results) TRY(result);
  return {};
}

Result<> MaildirDelivery::commit() {
  Result<> done = place();
  // fsync() tells of a failure once: another try would believe in what is not on the disk.
  if (!done) drop();
  return done;
}

Result<> MaildirDelivery::place() {
  const std::string tmp = mailbox_.path() + "/tmp";
  if (options_.durable) TRY(sync_files(tmp));
  bool into_new = false;
  bool into_cur = false;
  while (!files_.empty()) {
    const File& file = files_.back();
    const std::string name = file_name(file.unique, file.flags, mailbox_);
    const std::string from = tmp + "/" + file.unique;
    const std::string to = mailbox_.path() + "/" + name;
    // The name is ours alone, so that nothing can be in its place.
    if (::rename(from.c_str(), to.c_str()) != 0) return fail_errno(to, errno);
    (file.flags == 0 ? into_new : into_cur) = true;
    files_.pop_back();
  }
  if (options_.durable && into_new) TRY(sync_directory(mailbox_.path() + "/new"));
  if (options_.durable && into_cur) TRY(sync_directory(mailbox_.path() + "/cur"));
  return {};
}

}  // namespace eilpost::client
