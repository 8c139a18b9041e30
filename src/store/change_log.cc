// The change log: reading it, what it says to QRESYNC, and cutting it.

#include <algorithm>

#include "base/limits.h"
#include "store/account.h"
#include "store/keys.h"
#include "store/mutations.h"
#include "store/news.h"

namespace eilpost::store {

namespace {

// Rows that one commit of a cut takes away.
constexpr size_t step_rows = 4096;

// The log of an account that an earlier release wrote.
Result<> count_log(Tx& tx, Head& head) {
  uint64_t rows = 0;
  uint64_t bytes = 0;
  engine::Range range = keys::log_after(ModSeq(0));
  range.rows_max = step_rows;
  for (;;) {
    const auto some = TRY(tx.scan(range));
    for (const engine::Row& row : some) bytes += row.key.size() + row.value.size();
    rows += some.size();
    if (some.empty()) break;
    range.first = some.back().key + '\0';
  }
  head.log_rows = rows;
  head.log_bytes = bytes;
  head.log_counted = true;
  return {};
}

// Calls f(row) for each row of the log above `since`, until f answers false.
template <class F>
Result<> for_log(engine::Engine& engine, PartitionId partition, ModSeq since, F&& f) {
  engine::Range range = keys::log_after(since);
  for (bool more = true; more;) {
    const auto read = TRY(engine.read(partition, range));
    more = read.more && !read.rows.empty();
    if (more) range.first = read.rows.back().key + '\0';
    for (const auto& row : read.rows) {
      if (!f(TRY(decode_log(row.value)))) return {};
    }
  }
  return {};
}

// Whether the log that was read holds every change above `since`. The floor only rises: what
// stands at or above it after the scan was not cut during it.
Result<bool> reaches(engine::Engine& engine, PartitionId partition, ModSeq since) {
  const auto read = TRY(engine.read(partition, std::vector<std::string>{keys::head()}));
  if (read.rows.empty()) return fail(Code::not_found, "the account is gone");
  return since >= TRY(decode_head(read.rows[0].value)).log_floor;
}

}  // namespace

bool log_too_long(const Head& head) {
  return head.log_counted &&
         (head.log_rows > limits::log_rows_max || head.log_bytes > limits::log_bytes_max);
}

Result<bool> trim_log(Tx& tx, int64_t before_micros) {
  engine::Range range = keys::log_after(ModSeq(0));
  range.rows_max = step_rows;
  size_t dropped = 0;
  const auto rows = TRY(tx.scan(range));
  Head head = tx.peek_head();
  if (!head.log_counted) TRY(count_log(tx, head));
  for (const auto& row : rows) {
    if (dropped == step_rows) break;
    const LogRow decoded = TRY(decode_log(row.value));
    if (decoded.micros >= before_micros && !log_too_long(head)) break;
    forget_log_row(head, row);
    tx.del(row.key);
    ++dropped;
  }
  if (dropped > 0) tx.head() = head;
  return dropped == step_rows;
}

Result<std::vector<LogRow>> Account::read_log(ModSeq after, size_t rows_max) {
  std::vector<LogRow> out;
  engine::Range range = keys::log_after(after);
  for (bool more = true; more && out.size() < rows_max;) {
    range.rows_max = rows_max - out.size();
    const auto read = TRY(services_.engine.read(partition_, range));
    more = read.more && !read.rows.empty();
    if (more) range.first = read.rows.back().key + '\0';
    for (const auto& row : read.rows) out.push_back(TRY(decode_log(row.value)));
  }
  return out;
}

namespace {

void add_news(MailboxNews& news, const LogChange& change, bool here) {
  switch (change.kind) {
    case ChangeKind::added:
      if (here) news.added_here.add(change.uids);
      news.added = news.added || !here;
      break;
    case ChangeKind::flags: news.flags = news.flags || !here; break;
    case ChangeKind::expunged: news.expunged = news.expunged || !here; break;
    case ChangeKind::mailbox: (here ? news.named_here : news.named) = true; break;
    case ChangeKind::annotations:
      if (!here) news.annotations.insert(change.entries.begin(), change.entries.end());
      break;
  }
}

}  // namespace

Result<NewsSince> read_news(engine::Engine& engine, PartitionId partition, NewsRange range,
                            const std::string& session) {
  // Beyond this many rows the caller's other way (every mailbox's counters) costs less.
  constexpr size_t rows_max = 20000;
  NewsSince out;
  size_t rows = 0;
  TRY(for_log(engine, partition, range.after, [&](const LogRow& row) {
    if (++rows > rows_max) return false;
    for (const LogChange& change : row.changes) {
      if (change.modseq <= range.after || change.modseq > range.last) continue;
      add_news(out.mailboxes[change.mailbox], change, change.author.session == session);
    }
    return true;
  }));
  out.complete = rows <= rows_max && TRY(reaches(engine, partition, range.after));
  return out;
}

Result<ChangesSince> Account::changes_since(MailboxId mailbox, ModSeq since) {
  // Beyond this many rows the caller's other way (every absent uid) costs less.
  constexpr size_t rows_max = 20000;
  ChangesSince out;
  std::vector<Interval> gone;
  size_t rows = 0;
  TRY(for_log(services_.engine, partition_, since, [&](const LogRow& row) {
    if (++rows > rows_max) return false;
    for (const LogChange& change : row.changes) {
      if (change.mailbox != mailbox || change.kind != ChangeKind::expunged) continue;
      if (change.modseq <= since) continue;
      const auto& uids = change.uids.raw().intervals();
      gone.insert(gone.end(), uids.begin(), uids.end());
    }
    return true;
  }));
  if (rows > rows_max || !TRY(reaches(services_.engine, partition_, since))) return out;
  out.complete = true;
  std::sort(gone.begin(), gone.end(),
            [](const Interval& a, const Interval& b) { return a.first < b.first; });
  for (const Interval& i : gone) out.vanished.raw().add(i.first, i.last);
  return out;
}

Result<AnnotationsSince> Account::annotations_since(ModSeq since, const std::string& session) {
  AnnotationsSince out;
  TRY(for_log(services_.engine, partition_, since, [&](const LogRow& row) {
    for (const LogChange& change : row.changes) {
      if (change.author.session == session) continue;
      if (change.entries.empty()) continue;
      out.names[change.mailbox].insert(change.entries.begin(), change.entries.end());
    }
    return true;
  }));
  out.complete = TRY(reaches(services_.engine, partition_, since));
  return out;
}

}  // namespace eilpost::store
