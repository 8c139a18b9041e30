#include "client/migrate/verify.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "client/migrate/copy/prepare.h"
#include "client/migrate/copy/seen.h"

namespace eilpost::client {

namespace {

constexpr size_t rows_at_once = 5000;
constexpr size_t bodies_at_once = 50;
constexpr size_t missing_max = 10'000;  // that are looked for under another number

using Rows = std::map<uint64_t, LedgerMessage>;  // by number in the target

bool keeps(const TargetMailbox& there, const std::string& flag) {
  if (flag.front() != '\\' && there.keywords_allowed) return true;
  if (there.flags_allowed.empty()) return true;
  return std::any_of(there.flags_allowed.begin(), there.flags_allowed.end(),
                     [&](const std::string& one) { return imap::equal_nocase(one, flag); });
}

// Keywords compare without regard to case (RFC 9051 2.3.2).
bool has_flag(const imap::FlagList& flags, const std::string& wanted) {
  return std::any_of(flags.begin(), flags.end(),
                     [&](const std::string& one) { return imap::equal_nocase(one, wanted); });
}

// What the target cannot keep is no difference: that was told when it was copied.
bool same_flags(const TargetMailbox& there, const imap::FlagList& wanted,
                const imap::FlagList& present, bool keywords_may_be_more) {
  for (const std::string& flag : wanted) {
    if (keeps(there, flag) && !has_flag(present, flag)) return false;
  }
  return std::all_of(present.begin(), present.end(), [&](const std::string& flag) {
    return has_flag(wanted, flag) || (keywords_may_be_more && flag.front() != '\\');
  });
}

Task<Result<>> compare_content(MigrateContext& context, MailTarget& target, const Rows& rows,
                               std::vector<uint64_t> numbers, VerifyReport& report) {
  for (size_t at = 0; at < numbers.size(); at += bodies_at_once) {
    const size_t end = std::min(numbers.size(), at + bodies_at_once);
    std::vector<uint64_t> some(numbers.begin() + static_cast<ptrdiff_t>(at),
                               numbers.begin() + static_cast<ptrdiff_t>(end));
    auto batch = co_await target.bodies(std::move(some));
    CO_TRY(batch);
    auto job = [messages = std::move(batch->messages)]() mutable {
      return prepare_messages(std::move(messages));
    };
    auto prepared = co_await net::run_on(context.pool, std::move(job));
    CO_TRY(prepared);
    for (const PreparedMessage& one : *prepared) {
      const LedgerMessage& row = rows.at(one.message.id);
      const bool same = row.fingerprint.empty() || row.fingerprint == one.fingerprint;
      if (!same) {
        ++report.content_differs;
      } else if (one.message.octets->size() != row.octets) {
        ++report.octets_differ;
      }
    }
  }
  co_return Result<>();
}

// What is both in the source and in the target.
std::string flags_there(const imap::FlagList& wanted, const imap::FlagList& present) {
  imap::FlagList out;
  std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(out),
               [&](const std::string& flag) { return has_flag(present, flag); });
  return flags_text(std::move(out));
}

bool is_touched(const MailboxReport& report, uint64_t id) {
  return std::binary_search(report.touched.begin(), report.touched.end(), id);
}

// Those of `missing` that are there under another number, which some servers had told wrongly:
// found by what is in them, and written down. What this run has sent, and the server has taken and
// not kept, is looked for by the next run and sent again; what was there once stays gone.
Task<Result<>> find_missing(MigrateContext& context, MailTarget& target, LedgerMailbox entry,
                            std::vector<LedgerMessage> missing, MailboxReport& report) {
  auto job = [&context, &entry] { return context.ledger.taken(entry.target); };
  auto taken = co_await net::run_on(context.pool, std::move(job));
  CO_TRY(taken);
  Seen seen;
  auto loaded = co_await seen.load(context, target, 0, *taken);
  CO_TRY(loaded);
  std::vector<Seen::Wanted> wanted;
  for (const LedgerMessage& row : missing) wanted.push_back({row.fingerprint, ""});
  auto found = co_await seen.find(context, target, std::move(wanted));
  CO_TRY(found);
  Ledger::Change change;
  for (size_t i = 0; i < missing.size(); ++i) {
    LedgerMessage& row = missing[i];
    if ((*found)[i] != 0) {
      row.target = (*found)[i];
      --report.verify.missing;
      ++report.verify.compared;
    } else if (row.target == 0 && !seen.empty()) {
      // Something is there that nobody knows: it may be this one, rewritten.
      --report.verify.missing;
      continue;
    } else if (is_touched(report, row.id)) {
      row.state = CopyState::intended;
      // It may come to light under the number that was told.
      entry.look_from = std::min(entry.look_from, row.target);
      row.target = 0;
      entry.complete = false;
    } else {
      continue;
    }
    change.messages.push_back(std::move(row));
  }
  change.mailbox = std::move(entry);
  auto write = [&context, change = std::move(change)] { return context.ledger.commit(change); };
  auto written = co_await net::run_on(context.pool, std::move(write));
  co_return written;
}

// Of a target that was renumbered nothing is known: the next run looks for each message.
Task<Result<>> doubt_all(MigrateContext& context, LedgerMailbox entry, MailboxReport& report) {
  auto doubt = [&context, &entry]() -> Result<uint64_t> {
    const uint64_t copied = TRY(context.ledger.totals(entry)).copied;
    TRY(context.ledger.doubt(entry));
    return copied;
  };
  auto lost = co_await net::run_on(context.pool, std::move(doubt));
  CO_TRY(lost);
  report.verify.missing = *lost;
  report.notes.emplace_back("the target's UIDVALIDITY has changed: the next run looks for each");
  co_return Result<>();
}

// What comparing has found besides counts.
struct Found {
  std::vector<LedgerMessage> missing;
  Ledger::Change unkept;  // flags that the target has taken and not kept: the next run sets them
};

Task<Result<>> compare_page(MigrateContext& context, MailTarget& target, const TargetMailbox& there,
                            Rows rows, MailboxReport& report, Found& out) {
  const bool labels = context.options.labels == MigrateOptions::Labels::keywords;
  const bool all = context.options.verify == MigrateOptions::Verify::content;
  VerifyReport& verify = report.verify;
  std::vector<uint64_t> numbers;
  for (const auto& [number, row] : rows) numbers.push_back(number);
  std::vector<uint64_t> doubtful;
  std::set<uint64_t> seen;
  auto take = [&](TargetRow row) -> Result<> {
    const auto at = rows.find(row.number);
    if (at == rows.end()) return {};
    seen.insert(row.number);
    const LedgerMessage& copied = at->second;
    const imap::FlagList flags = flags_of_text(copied.flags);
    if (!same_flags(there, flags, row.flags, labels)) {
      ++verify.flags_differ;
      std::string kept = flags_there(flags, row.flags);
      if (kept != copied.flags && is_touched(report, copied.id)) {
        out.unkept.messages.push_back(copied);
        out.unkept.messages.back().flags = std::move(kept);
      }
    }
    const bool size = copied.octets == 0 || !row.size || *row.size == copied.octets;
    if (all || !size) doubtful.push_back(row.number);
    return {};
  };
  const MailTarget::RowsWanted wanted;
  auto asked = co_await target.rows(numbers, wanted, take);
  CO_TRY(asked);
  verify.compared += seen.size();
  for (auto& [number, row] : rows) {
    if (seen.count(number) > 0) continue;
    ++verify.missing;
    if (out.missing.size() < missing_max) out.missing.push_back(row);
  }
  auto compared = co_await compare_content(context, target, rows, std::move(doubtful), verify);
  co_return compared;
}

}  // namespace

Task<Result<>> verify_mailbox(MigrateContext& context, MailTarget& target,
                              const MappedMailbox& mailbox, MailboxReport& report) {
  auto find = [&context, &mailbox] { return context.ledger.known(mailbox.source.name); };
  auto found = co_await net::run_on(context.pool, std::move(find));
  CO_TRY(found);
  report.verify = VerifyReport();
  if (!*found || (*found)->target != mailbox.target) co_return Result<>();  // nothing was copied
  LedgerMailbox entry = **found;
  std::sort(report.touched.begin(), report.touched.end());
  auto there = co_await target.open(mailbox.target);
  CO_TRY(there);
  report.verify.done = true;
  if (entry.target_validity != 0 && entry.target_validity != there->validity) {
    auto told = co_await doubt_all(context, entry, report);
    co_return told;
  }
  Found differ;
  for (uint64_t after = 0;;) {
    auto job = [&context, &entry, after] {
      return context.ledger.page(entry, CopyState::copied, after, rows_at_once);
    };
    auto page = co_await net::run_on(context.pool, std::move(job));
    CO_TRY(page);
    if (page->empty()) break;
    after = page->back().id;
    Rows rows;
    for (LedgerMessage& row : *page) {
      // Those that are elsewhere are not looked for here.
      if (row.target != 0) {
        rows.emplace(row.target, std::move(row));
      } else if (is_touched(report, row.id) && !row.fingerprint.empty() &&
                 differ.missing.size() < missing_max) {
        ++report.verify.missing;  // the server has not told where it is
        differ.missing.push_back(std::move(row));
      }
    }
    auto compared = co_await compare_page(context, target, *there, std::move(rows), report, differ);
    CO_TRY(compared);
  }
  if (!differ.unkept.messages.empty()) {
    entry.complete = false;
    differ.unkept.mailbox = entry;
    auto write = [&context, &differ] { return context.ledger.commit(differ.unkept); };
    auto written = co_await net::run_on(context.pool, std::move(write));
    CO_TRY(written);
  }
  if (differ.missing.empty()) co_return Result<>();
  auto found_again =
      co_await find_missing(context, target, entry, std::move(differ.missing), report);
  co_return found_again;
}

}  // namespace eilpost::client
