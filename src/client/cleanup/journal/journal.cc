#include "client/cleanup/journal/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace eilpost::client {

namespace {

constexpr size_t read_bytes = 64 * 1024;
constexpr size_t line_bytes_max = 1024 * 1024;

// The directories above `path`, for nobody else; those that are there stay as they are.
Result<> make_directories(const std::filesystem::path& path) {
  const std::filesystem::path above = path.parent_path();
  if (above.empty() || ::access(above.c_str(), F_OK) == 0) return {};
  TRY(make_directories(above));
  if (::mkdir(above.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(above.native(), errno);
  return {};
}

// A name that a crash must not take back.
Result<> sync_directory(const std::filesystem::path& path) {
  const std::string above = path.has_parent_path() ? path.parent_path().native() : ".";
  const int fd = ::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail_errno(above, errno);
  const bool synced = ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (!synced) return fail_errno(above, error);
  return {};
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(std::string path) {
  TRY(make_directories(path));
  const int fd = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail_errno(path, errno);
  std::unique_ptr<Journal> journal(new Journal(std::move(path), fd));
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail_errno(journal->path_, errno);
  // Mailbox names and sizes are nobody else's; and a journal that others write moves mail.
  if ((status.st_mode & 077) != 0) {
    return fail(Code::permission, journal->path_ + ": others may read it; chmod 600 it first");
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno(journal->path_, errno);
    return fail(Code::in_use, journal->path_ + ": another cleanup is using this journal");
  }
  if (status.st_size == 0) TRY(sync_directory(journal->path_));
  TRY(journal->load());
  return journal;
}

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

Result<> Journal::load() {
  std::string pending;
  std::string piece(read_bytes, '\0');
  uint64_t line_at = 0;
  for (;;) {
    const ssize_t got = ::pread(fd_, piece.data(), piece.size(), static_cast<off_t>(size_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(path_, errno);
    if (got == 0) break;
    size_ += static_cast<uint64_t>(got);
    pending.append(piece, 0, static_cast<size_t>(got));
    size_t begin = 0;
    for (size_t end = pending.find('\n'); end != std::string::npos;
         end = pending.find('\n', begin)) {
      take(std::string_view(pending).substr(begin, end - begin), line_at);
      line_at += end + 1 - begin;
      begin = end + 1;
    }
    pending.erase(0, begin);
    if (pending.size() > line_bytes_max) {
      return fail(Code::corrupt, path_ + ": a line longer than any record: not a journal");
    }
  }
  if (pending.empty()) return {};
  // A process was killed while it wrote: what it announced here it has not begun. The next record
  // gets a line of its own.
  ++unreadable_;
  if (::write(fd_, "\n", 1) != 1) return fail_errno(path_, errno);
  ++size_;
  return {};
}

Journal::Entry* Journal::find(uint64_t number) {
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), number,
                       [](const Entry& entry, uint64_t wanted) { return entry.number < wanted; });
  return found != entries_.end() && found->number == number ? &*found : nullptr;
}

void Journal::take(std::string_view line, uint64_t offset) {
  const auto record = parse_record(line);
  if (!record) {
    ++unreadable_;
  } else if (const auto* change = std::get_if<Change>(&*record)) {
    take(*change, offset);
  } else {
    take(std::get<Outcome>(*record), offset);
  }
}

void Journal::take(const Change& change, uint64_t offset) {
  if (!entries_.empty() && change.number <= entries_.back().number) {
    ++unreadable_;
    return;
  }
  Entry entry;
  entry.number = change.number;
  entry.run = change.run;
  entry.account = change.account;
  entry.at = change.at;
  entry.kind = change.kind;
  entry.messages = change.uids.count();
  entry.octets = change.octets;
  entry.undoes = change.undoes;
  entry.partial = change.partial;
  entry.change_at = offset;
  entries_.push_back(std::move(entry));
}

void Journal::take(const Outcome& outcome, uint64_t offset) {
  Entry* entry = find(outcome.number);
  if (entry == nullptr) {
    ++unreadable_;
    return;
  }
  entry->state = outcome.done ? State::done : State::failed;
  entry->outcome_at = offset;
  // A move back that was cut short has left some behind: those are still to be taken back.
  const bool whole = outcome.done && !entry->partial &&
                     (entry->kind != ChangeKind::move || outcome.moved.size() >= entry->messages);
  Entry* undone = entry->undoes != 0 && whole ? find(entry->undoes) : nullptr;
  if (undone != nullptr) undone->undone = true;
}

Result<uint64_t> Journal::append(const Record& record) {
  const std::string line = print_record(record);
  const auto again = parse_record(line);
  if (!again || *again != record) {
    return fail(Code::invalid, path_ +
                                   ": a mailbox's name cannot be written down; its octets are "
                                   "no UTF-8");
  }
  const std::string octets = line + "\n";
  const ssize_t written = ::write(fd_, octets.data(), octets.size());
  if (written < 0) return fail_errno(path_, errno);
  const uint64_t offset = size_;
  size_ += static_cast<uint64_t>(written);
  if (static_cast<size_t>(written) != octets.size()) return fail_errno(path_, ENOSPC);
  if (::fdatasync(fd_) != 0) return fail_errno(path_, errno);
  return offset;
}

Result<uint64_t> Journal::begin(Change change) {
  change.number = entries_.empty() ? 1 : entries_.back().number + 1;
  const uint64_t offset = TRY(append(change));
  take(change, offset);
  return change.number;
}

Result<> Journal::end(Outcome outcome) {
  const uint64_t offset = TRY(append(outcome));
  take(outcome, offset);
  return {};
}

Result<Record> Journal::read(uint64_t offset) const {
  std::string line;
  for (size_t end = std::string::npos; end == std::string::npos; end = line.find('\n')) {
    const size_t had = line.size();
    line.resize(had + read_bytes);
    const ssize_t got =
        ::pread(fd_, line.data() + had, read_bytes, static_cast<off_t>(offset + had));
    if (got < 0) return fail_errno(path_, errno);
    if (got == 0) return fail(Code::corrupt, path_ + ": a record is gone");
    line.resize(had + static_cast<size_t>(got));
  }
  return parse_record(std::string_view(line).substr(0, line.find('\n')));
}

Result<Change> Journal::change(const Entry& entry) const {
  auto record = TRY(read(entry.change_at));
  auto* change = std::get_if<Change>(&record);
  if (change == nullptr) return fail(Code::corrupt, path_ + ": a record is gone");
  return std::move(*change);
}

Result<Outcome> Journal::outcome(const Entry& entry) const {
  if (entry.state == State::open) return fail(Code::not_found, "the change has no outcome");
  auto record = TRY(read(entry.outcome_at));
  auto* outcome = std::get_if<Outcome>(&record);
  if (outcome == nullptr) return fail(Code::corrupt, path_ + ": a record is gone");
  return std::move(*outcome);
}

}  // namespace eilpost::client
