#include "server/session_table.h"

#include <algorithm>

namespace eilpost::server {

// `info` is under `mutex`, except for the octet counts and what never changes (id, protocol, ...).
struct SessionTable::Row {
  uint64_t number = 0;
  mutable std::mutex mutex;
  SessionInfo info;
  std::atomic<uint64_t> bytes_in{0};
  std::atomic<uint64_t> bytes_out{0};
  net::Signal::Handle signal;
  uint32_t end_reasons = 0;
  uint32_t policy_reasons = 0;
};

namespace {

// Digits of a correlation id: no letters that are read as digits.
constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

std::string base32(uint64_t value, int digits) {
  std::string out(static_cast<size_t>(digits), '0');
  for (auto at = out.rbegin(); at != out.rend(); ++at) {
    *at = alphabet[value & 31];
    value >>= 5;
  }
  return out;
}

}  // namespace

SessionTable::SessionTable(Random& random) : id_seed_(random.next()) {}

// Six digits that tell this run of the server from others, and the session's number.
std::string SessionTable::make_id() {
  const uint64_t number = next_.load();
  return base32(id_seed_, 6) + base32(number, number >> 30 == 0 ? 6 : 13);
}

SessionTable::Entry SessionTable::add(SessionStart start) {
  auto row = std::make_shared<Row>();
  row->info.protocol = std::move(start.protocol);
  row->info.listener = std::move(start.listener);
  row->info.peer = std::move(start.peer);
  row->info.since = start.now;
  row->info.state = "greeting";
  row->signal = std::move(start.signal);
  row->end_reasons = start.end_reasons;
  row->policy_reasons = start.policy_reasons;
  Entry entry;
  entry.table_ = this;
  entry.row_ = row;
  std::lock_guard lock(mutex_);
  row->info.id = make_id();
  row->number = next_.fetch_add(1);
  rows_.emplace(row->number, std::move(row));
  return entry;
}

void SessionTable::uncount(AccountId account) {
  if (!account) return;
  const auto at = per_account_.find(account);
  if (at != per_account_.end() && --at->second == 0) per_account_.erase(at);
}

void SessionTable::forget(const Row& row) {
  std::lock_guard lock(mutex_);
  uncount(row.info.account);
  rows_.erase(row.number);
}

size_t SessionTable::count() const {
  std::lock_guard lock(mutex_);
  return rows_.size();
}

size_t SessionTable::count(AccountId account) const {
  std::lock_guard lock(mutex_);
  const auto at = per_account_.find(account);
  return at == per_account_.end() ? 0 : at->second;
}

std::vector<SessionInfo> SessionTable::list() const {
  std::vector<std::shared_ptr<Row>> rows;
  {
    std::lock_guard lock(mutex_);
    rows.reserve(rows_.size());
    for (const auto& [number, row] : rows_) rows.push_back(row);
  }
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a->number < b->number; });
  std::vector<SessionInfo> out;
  out.reserve(rows.size());
  for (const auto& row : rows) {
    {
      std::lock_guard lock(row->mutex);
      out.push_back(row->info);
    }
    out.back().bytes_in = row->bytes_in.load(std::memory_order_relaxed);
    out.back().bytes_out = row->bytes_out.load(std::memory_order_relaxed);
  }
  return out;
}

bool SessionTable::end(std::string_view id) {
  std::lock_guard lock(mutex_);
  for (const auto& [number, row] : rows_) {
    if (row->info.id != id) continue;
    row->signal.notify(row->end_reasons);
    return true;
  }
  return false;
}

size_t SessionTable::end_account(AccountId account) {
  size_t ended = 0;
  std::lock_guard lock(mutex_);
  for (const auto& [number, row] : rows_) {
    std::lock_guard row_lock(row->mutex);
    if (row->info.account != account) continue;
    row->signal.notify(row->end_reasons);
    ++ended;
  }
  return ended;
}

void SessionTable::recheck_policy() {
  std::lock_guard lock(mutex_);
  for (const auto& [number, row] : rows_) {
    if (row->policy_reasons != 0) row->signal.notify(row->policy_reasons);
  }
}

SessionTable::Entry::Entry(Entry&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)), row_(std::move(other.row_)) {}

SessionTable::Entry& SessionTable::Entry::operator=(Entry&& other) noexcept {
  std::swap(table_, other.table_);
  std::swap(row_, other.row_);
  return *this;
}

SessionTable::Entry::~Entry() {
  if (table_ != nullptr) table_->forget(*row_);
}

const std::string& SessionTable::Entry::id() const {
  return row_->info.id;
}

Result<> SessionTable::Entry::login(AccountId account, std::string_view login_name) {
  {
    std::lock_guard lock(table_->mutex_);
    size_t& sessions = table_->per_account_[account];
    if (sessions >= table_->per_account_max_.load()) {
      return fail(Code::limit, "too many sessions of account " + std::to_string(account.value));
    }
    ++sessions;
  }
  std::lock_guard lock(row_->mutex);
  row_->info.account = account;
  row_->info.login_name = login_name;
  row_->info.state = "authenticated";
  return {};
}

void SessionTable::Entry::logout() {
  std::lock_guard table_lock(table_->mutex_);
  std::lock_guard lock(row_->mutex);
  table_->uncount(row_->info.account);
  row_->info.account = AccountId();
  row_->info.login_name.clear();
  row_->info.mailbox.clear();
  row_->info.state = "greeting";
}

void SessionTable::Entry::set_tls(bool tls) {
  std::lock_guard lock(row_->mutex);
  row_->info.tls = tls;
}

void SessionTable::Entry::set_client(std::string_view client) {
  std::lock_guard lock(row_->mutex);
  row_->info.client = client;
}

void SessionTable::Entry::set_state(std::string_view state) {
  std::lock_guard lock(row_->mutex);
  row_->info.state = state;
}

void SessionTable::Entry::set_mailbox(std::string_view mailbox) {
  std::lock_guard lock(row_->mutex);
  row_->info.mailbox = mailbox;
}

void SessionTable::Entry::set_bytes(uint64_t in, uint64_t out) {
  row_->bytes_in.store(in, std::memory_order_relaxed);
  row_->bytes_out.store(out, std::memory_order_relaxed);
}

}  // namespace eilpost::server
