#include "search/attachments/attachment_words.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/limits.h"
#include "search/index/files.h"

namespace eilpost::search {

namespace {

// About what a record of one holder takes.
constexpr uint64_t held_bytes = 32;
// A file that has less that is dead is left as it is.
constexpr uint64_t dead_bytes_min = 256 * 1024;

WordRecord looked_at(MailboxId mailbox, Interval uids, WordRecord::Kind kind) {
  WordRecord out;
  out.kind = kind;
  out.mailbox = mailbox;
  out.uids = uids;
  return out;
}

}  // namespace

void AttachmentWords::hold(const WordRecord& record) {
  forget(record.mailbox, record.uids);
  looked_[record.mailbox].add(record.uids.first, record.uids.last);
  const auto known = blobs_.find(record.blob);
  if (known == blobs_.end()) return;
  known->second.holders += 1;
  held_[{record.mailbox, record.uids.first}] = record.blob;
}

void AttachmentWords::forget(MailboxId mailbox, Interval uids) {
  if (const auto at = looked_.find(mailbox); at != looked_.end()) {
    at->second.remove(uids.first, uids.last);
    if (at->second.empty()) looked_.erase(at);
  }
  const auto first = held_.lower_bound({mailbox, uids.first});
  const auto last = held_.upper_bound({mailbox, uids.last});
  for (auto at = first; at != last; ++at) {
    dead_ += held_bytes;
    const auto blob = blobs_.find(at->second);
    if (blob == blobs_.end() || --blob->second.holders > 0) continue;
    dead_ += blob->second.size;
    blobs_.erase(blob);
  }
  held_.erase(first, last);
}

// What a record of the file says; `words` has no holder before a `held` follows.
void AttachmentWords::apply(const WordRecord& record, uint64_t offset, uint64_t size) {
  switch (record.kind) {
    case WordRecord::Kind::origin: origin_ = record.text; break;
    case WordRecord::Kind::looked:
      looked_[record.mailbox].add(record.uids.first, record.uids.last);
      break;
    case WordRecord::Kind::words:
      blobs_[record.blob] = {offset, static_cast<uint32_t>(size), 0};
      break;
    case WordRecord::Kind::held: hold(record); break;
    case WordRecord::Kind::gone:
      forget(record.mailbox, record.uids);
      dead_ += size;
      break;
  }
}

Result<> AttachmentWords::open_file() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) return fail_errno(path_, errno);
  return {};
}

Result<> AttachmentWords::load(const std::string& origin) {
  const auto octets = read_file(path_);
  if (!octets && octets.error().code != Code::not_found) return tl::unexpected(octets.error());
  std::string_view rest = octets ? std::string_view(*octets) : std::string_view();
  origin_.clear();
  bytes_ = 0;
  dead_ = 0;
  looked_.clear();
  blobs_.clear();
  held_.clear();
  while (!rest.empty()) {
    const size_t before = rest.size();
    const auto record = take_record(rest);
    const bool first = bytes_ == 0;
    if (!record || first != (record->kind == WordRecord::Kind::origin)) break;
    if (first && record->text != origin) break;
    apply(*record, bytes_, before - rest.size());
    bytes_ += before - rest.size();
  }
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), error);
  if (error) return fail(Code::io, path_ + ": " + error.message());
  TRY(open_file());
  // What a crash has cut, or somebody else has made.
  if (::ftruncate(fd_, static_cast<off_t>(bytes_)) != 0) return fail_errno(path_, errno);
  if (bytes_ > 0) return {};
  WordRecord record;
  record.text = origin;
  return append(record);
}

Result<> AttachmentWords::open(const std::string& origin) {
  std::lock_guard lock(mutex_);
  if (fd_ >= 0 && origin_ == origin) return {};
  auto loaded = load(origin);
  if (!loaded && fd_ >= 0) ::close(std::exchange(fd_, -1));
  return loaded;
}

void AttachmentWords::close() {
  std::lock_guard lock(mutex_);
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  looked_.clear();
  blobs_.clear();
  held_.clear();
}

bool AttachmentWords::is_open() {
  std::lock_guard lock(mutex_);
  return fd_ >= 0;
}

Result<> AttachmentWords::append(const WordRecord& record) {
  if (fd_ < 0) return fail(Code::unavailable, path_ + " is not open");
  const std::string octets = encode(record);
  std::string_view rest = octets;
  while (!rest.empty()) {
    const ssize_t put = ::write(fd_, rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      const int why = errno;
      // Half a record would end the file for whoever reads it next.
      (void)!::ftruncate(fd_, static_cast<off_t>(bytes_));
      return fail_errno(path_, why);
    }
    rest.remove_prefix(static_cast<size_t>(put));
  }
  apply(record, bytes_, octets.size());
  bytes_ += octets.size();
  return {};
}

IntervalSet AttachmentWords::not_looked_at(MailboxId mailbox, const IntervalSet& uids) {
  std::lock_guard lock(mutex_);
  const auto at = looked_.find(mailbox);
  return at == looked_.end() ? uids : uids.subtract(at->second);
}

Result<> AttachmentWords::keep_only(MailboxId mailbox, const IntervalSet& uids) {
  std::lock_guard lock(mutex_);
  const auto at = looked_.find(mailbox);
  if (at == looked_.end()) return {};
  const IntervalSet gone = at->second.subtract(uids);
  for (const Interval& i : gone.intervals()) {
    TRY(append(looked_at(mailbox, i, WordRecord::Kind::gone)));
  }
  return {};
}

std::vector<MailboxId> AttachmentWords::mailboxes() {
  std::lock_guard lock(mutex_);
  std::vector<MailboxId> out;
  for (const auto& [mailbox, uids] : looked_) out.push_back(mailbox);
  return out;
}

Result<bool> AttachmentWords::hold_known(MailboxId mailbox, Uid uid, engine::BlobId blob) {
  std::lock_guard lock(mutex_);
  if (blobs_.count(blob) == 0) return false;
  WordRecord record = looked_at(mailbox, {uid.value, uid.value}, WordRecord::Kind::held);
  record.blob = blob;
  TRY(append(record));
  return true;
}

Result<> AttachmentWords::put(MailboxId mailbox, Uid uid, engine::BlobId blob,
                              const std::vector<std::string>& words) {
  std::lock_guard lock(mutex_);
  const Interval one{uid.value, uid.value};
  if (bytes_ - dead_ >= limits::attachment_words_bytes_max) {
    return append(looked_at(mailbox, one, WordRecord::Kind::looked));
  }
  WordRecord record;
  record.kind = WordRecord::Kind::words;
  record.blob = blob;
  for (const std::string& word : words) record.text += word + "\n";
  TRY(append(record));
  record = looked_at(mailbox, one, WordRecord::Kind::held);
  record.blob = blob;
  return append(record);
}

Result<> AttachmentWords::put_none(MailboxId mailbox, const IntervalSet& uids) {
  std::lock_guard lock(mutex_);
  for (const Interval& i : uids.intervals()) {
    TRY(append(looked_at(mailbox, i, WordRecord::Kind::looked)));
  }
  return {};
}

Result<std::string> AttachmentWords::read_record(const Place& place) {
  std::string out(place.size, '\0');
  size_t have = 0;
  while (have < out.size()) {
    const auto at = static_cast<off_t>(place.offset + have);
    const ssize_t got = ::pread(fd_, out.data() + have, out.size() - have, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(path_, errno);
    if (got == 0) return fail(Code::corrupt, path_ + " is too short");
    have += static_cast<size_t>(got);
  }
  return out;
}

Result<std::string> AttachmentWords::words(engine::BlobId blob) {
  std::lock_guard lock(mutex_);
  const auto at = blobs_.find(blob);
  if (at == blobs_.end()) return std::string();
  const std::string octets = TRY(read_record(at->second));
  std::string_view rest = octets;
  WordRecord record = TRY(take_record(rest));
  return std::move(record.text);
}

uint64_t AttachmentWords::messages() {
  std::lock_guard lock(mutex_);
  return held_.size();
}

uint64_t AttachmentWords::bytes() {
  std::lock_guard lock(mutex_);
  return bytes_;
}

// What the file would be if it were written at once.
Result<std::string> AttachmentWords::anew() {
  WordRecord first;
  first.text = origin_;
  std::string out = encode(first);
  for (const auto& [blob, place] : blobs_) {
    if (place.holders > 0) out += TRY(read_record(place));
  }
  for (const auto& [mailbox, uids] : looked_) {
    for (const Interval& i : uids.intervals()) {
      out += encode(looked_at(mailbox, i, WordRecord::Kind::looked));
    }
  }
  for (const auto& [message, blob] : held_) {
    WordRecord record =
        looked_at(message.first, {message.second, message.second}, WordRecord::Kind::held);
    record.blob = blob;
    out += encode(record);
  }
  return out;
}

Result<> AttachmentWords::tidy() {
  std::lock_guard lock(mutex_);
  if (fd_ < 0 || dead_ < dead_bytes_min || dead_ * 2 < bytes_) return {};
  TRY(replace_file(path_, TRY(anew())));
  const std::string origin = origin_;
  return load(origin);
}

}  // namespace eilpost::search
