// What is in both: flags that have changed at the source, and messages that have gone from it.

#include <algorithm>
#include <iterator>

#include "client/migrate/copy/mailbox_copy.h"

namespace eilpost::client {

namespace {

using Ids = std::vector<uint64_t>;

constexpr size_t at_once = 5000;
// More changes than these are read piece by piece instead.
constexpr size_t changes_max = 50'000;

Ids group_of(const Ids& all, size_t from) {
  const size_t end = std::min(all.size(), from + at_once);
  return {all.begin() + static_cast<ptrdiff_t>(from), all.begin() + static_cast<ptrdiff_t>(end)};
}

imap::FlagList minus(const imap::FlagList& a, const imap::FlagList& b) {
  imap::FlagList out;
  for (const std::string& flag : a) {
    if (std::find(b.begin(), b.end(), flag) == b.end()) out.push_back(flag);
  }
  return out;
}

}  // namespace

Task<Result<>> MailboxCopy::carry_flags(const Ids& copied) {
  if (copied.empty()) co_return Result<>();
  std::map<uint64_t, imap::FlagList> changed;
  bool too_many = false;
  auto take = [&](SourceMessage message) -> Result<> {
    too_many = too_many || changed.size() >= changes_max;
    if (!too_many) changed.insert_or_assign(message.id, std::move(message.flags));
    return {};
  };
  MailSource::FlagsOf which;
  const bool since = entry_.complete && opened_.modseq > 0 && !flags_again_;
  which.modseq = since ? entry_.source_modseq : 0;
  if (which.modseq > 0) {
    auto asked = co_await source_.flags(which, take);
    CO_TRY(asked);
    if (!too_many) {
      auto compared = co_await compare_flags(std::move(changed));
      co_return compared;
    }
  }
  for (size_t at = 0; at < copied.size(); at += at_once) {
    changed.clear();
    too_many = false;
    MailSource::FlagsOf some;
    some.ids = group_of(copied, at);
    auto asked = co_await source_.flags(std::move(some), take);
    CO_TRY(asked);
    auto compared = co_await compare_flags(std::move(changed));
    CO_TRY(compared);
  }
  co_return Result<>();
}

// What the target has when it is told of `present`: what it has already, and what it keeps.
imap::FlagList MailboxCopy::carried(const LedgerMessage& row, const imap::FlagList& present) {
  const imap::FlagList before = flags_of_text(row.flags);
  const imap::FlagList more = minus(present, before);
  imap::FlagList out = minus(present, more);
  for (std::string& flag : kept_flags(more)) out.push_back(std::move(flag));
  return out;
}

// Only what has changed at the source since the last time is changed in the target: what its owner
// has done there stays.
Task<Result<>> MailboxCopy::compare_flags(std::map<uint64_t, imap::FlagList> flags) {
  Ids ids;
  for (const auto& [id, list] : flags) ids.push_back(id);
  auto job = [this, ids = std::move(ids)] { return context_.ledger.copied(entry_, ids); };
  auto rows = co_await net::run_on(context_.pool, std::move(job));
  CO_TRY(rows);
  std::map<std::string, Ids> added;
  std::map<std::string, Ids> taken;
  Ledger::Change change;
  for (LedgerMessage& row : *rows) {
    if (flags_text(carried(row, flags[row.id])) == row.flags || row.target == 0) continue;
    const imap::FlagList before = flags_of_text(row.flags);
    const imap::FlagList more = kept_flags(minus(flags[row.id], before));
    const imap::FlagList less = minus(before, flags[row.id]);
    if (!more.empty()) added[flags_text(more)].push_back(row.target);
    if (!less.empty()) taken[flags_text(less)].push_back(row.target);
    change.messages.push_back(std::move(row));
  }
  if (change.messages.empty()) co_return Result<>();
  auto stored = co_await add_flags(std::move(added));
  CO_TRY(stored);
  for (auto& [text, numbers] : taken) {
    MailTarget::Change less;
    less.add = false;
    less.flags = flags_of_text(text);
    auto removed = co_await change_flags(std::move(numbers), std::move(less));
    CO_TRY(removed);
  }
  // Without the keywords that were refused.
  for (LedgerMessage& row : change.messages) {
    row.flags = flags_text(carried(row, flags[row.id]));
    report_.touched.push_back(row.id);
  }
  const auto refused = [this](const LedgerMessage& row) {
    return unflagged_.count(row.target) > 0;
  };
  change.messages.erase(std::remove_if(change.messages.begin(), change.messages.end(), refused),
                        change.messages.end());
  report_.flags += change.messages.size();
  auto done = co_await commit(std::move(change));
  co_return done;
}

// Each with the number of its other places, where that matters.
Result<std::vector<MailboxCopy::GoneRow>> MailboxCopy::gone_rows(const Ids& ids) {
  std::vector<GoneRow> out;
  for (LedgerMessage& row : TRY(context_.ledger.copied(entry_, ids))) {
    const std::optional<uint64_t> others = TRY(context_.ledger.other_places(entry_, row));
    out.emplace_back(std::move(row), others);
  }
  return out;
}

// What another mailbox of the source still shows keeps its last place: All Mail has no copy of its
// own in the target. It goes when it has gone from there too.
Task<Result<>> MailboxCopy::remove_gone(Ids gone) {
  for (size_t at = 0; at < gone.size(); at += at_once) {
    auto job = [this, some = group_of(gone, at)] { return gone_rows(some); };
    auto rows = co_await net::run_on(context_.pool, std::move(job));
    CO_TRY(rows);
    Ids numbers;
    Ledger::Change change;
    for (auto& [row, others] : *rows) {
      const bool shown = row.target == 0 && row.fingerprint.empty() && !row.email_id.empty();
      if (row.target == 0 && !shown) continue;  // nobody knows where it is
      if (row.target != 0) {
        if (others && (*others == 0 || !context_.leaving.insert(row.email_id).second)) continue;
        numbers.push_back(row.target);
      }
      row.state = CopyState::removed;
      change.messages.push_back(std::move(row));
    }
    const size_t count = change.messages.size();
    if (count == 0) continue;
    Result<> removed;
    if (!numbers.empty()) removed = co_await target_.remove(std::move(numbers));
    if (!removed && (!target_.is_alive() || throttle_of(removed.error()))) co_return removed;
    if (!removed) {
      report_.notes.push_back("not removed: " + removed.error().detail);
      continue;
    }
    auto done = co_await commit(std::move(change));
    CO_TRY(done);
    report_.removed += count;
    report_.gone -= count;
  }
  co_return Result<>();
}

}  // namespace eilpost::client
