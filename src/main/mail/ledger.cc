#include "main/mail/ledger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace eilpost {

namespace {

// Lines: "eilpost-import 1 ACCOUNT", then "batch ID MODSEQ", "key KEY"..., and "done ID" or
// "failed ID".
std::string head_line(const store::Account& account) {
  return fmt::format("eilpost-import 1 {}\n", account.partition().value);
}

Result<std::string> read_file(int fd) {
  std::string out;
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("ledger", errno);
    if (n == 0) return out;
    out.append(buffer, static_cast<size_t>(n));
  }
}

// Whether the account's log has a commit of that session after `modseq`.
Result<bool> committed(store::Account& account, const std::string& id, ModSeq modseq) {
  constexpr size_t rows_at_once = 1000;
  for (;;) {
    const auto rows = TRY(account.read_log(modseq, rows_at_once));
    if (rows.empty()) return false;
    for (const store::LogRow& row : rows) {
      for (const store::LogChange& change : row.changes) {
        if (change.author.session == id) return true;
        modseq = std::max(modseq, change.modseq);
      }
    }
    if (rows.size() < rows_at_once) return false;
  }
}

struct Batch {
  std::string id;
  ModSeq before;
  std::vector<std::string> keys;
};

std::string_view rest_of(std::string_view line, std::string_view word) {
  if (line.substr(0, word.size()) != word) return {};
  return line.substr(word.size());
}

}  // namespace

Ledger::Ledger(Ledger&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      account_(other.account_),
      done_(std::move(other.done_)),
      open_(std::move(other.open_)),
      open_id_(std::move(other.open_id_)) {}

Ledger::~Ledger() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Ledger> Ledger::open(const std::string& path, store::Account& account) {
  Ledger ledger;
  ledger.account_ = &account;
  ledger.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (ledger.fd_ < 0) return fail_errno("ledger " + path, errno);
  const std::string text = TRY(read_file(ledger.fd_));
  if (text.empty()) {
    TRY(ledger.write(head_line(account)));
    return ledger;
  }
  std::string_view rest = text;
  if (rest_of(rest, head_line(account)).data() == nullptr) {
    return fail(Code::invalid,
                path + " belongs to an import into another account; remove it or use --ledger");
  }
  Batch batch;
  // What follows the last line end was never written whole.
  for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (const auto key = rest_of(line, "key "); !key.empty()) {
      batch.keys.emplace_back(key);
    } else if (const auto begun = rest_of(line, "batch "); !begun.empty()) {
      const size_t blank = std::min(begun.find(' '), begun.size());
      batch = {std::string(begun.substr(0, blank)), ModSeq(0), {}};
      if (blank < begun.size()) {
        batch.before = ModSeq(std::strtoull(begun.data() + blank + 1, nullptr, 10));
      }
    } else if (!rest_of(line, "done ").empty()) {
      for (std::string& k : batch.keys) ledger.done_.insert(std::move(k));
      batch = {};
    } else if (!rest_of(line, "failed ").empty()) {
      batch = {};
    }
  }
  if (!rest.empty()) TRY(ledger.write("\n"));
  if (batch.id.empty()) return ledger;
  ledger.open_ = std::move(batch.keys);
  ledger.open_id_ = batch.id;
  const bool happened = TRY(committed(account, batch.id, batch.before));
  TRY(ledger.end(happened ? End::committed : End::failed));
  return ledger;
}

Result<> Ledger::write(const std::string& lines) {
  std::string_view left = lines;
  while (!left.empty()) {
    const ssize_t n = ::write(fd_, left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("ledger", errno);
    left.remove_prefix(static_cast<size_t>(n));
  }
  if (::fdatasync(fd_) != 0) return fail_errno("ledger", errno);
  return {};
}

Result<std::string> Ledger::begin(const std::vector<std::string>& keys, Random& random) {
  const auto head = account_->head();
  open_id_ = fmt::format("import-{:016x}{:016x}", random.next(), random.next());
  std::string lines = fmt::format("batch {} {}\n", open_id_, head ? head->last_modseq.value : 0);
  for (const std::string& key : keys) lines += "key " + key + "\n";
  open_ = keys;
  TRY(write(lines));
  return open_id_;
}

Result<> Ledger::end(End how) {
  const bool happened = how == End::committed;
  if (happened) {
    for (std::string& key : open_) done_.insert(std::move(key));
  }
  open_.clear();
  return write(fmt::format("{} {}\n", happened ? "done" : "failed", open_id_));
}

}  // namespace eilpost
