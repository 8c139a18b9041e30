// Changer's part that takes back what a run has done. Each step back is a change like any other, so
// that it is settled and, if need be, taken back itself.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "client/cleanup/changer.h"

namespace eilpost::client {

std::string last_run(const Journal& journal, const std::string& account) {
  const auto& entries = journal.entries();
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->account != account || entry->undoes != 0 || entry->undone) continue;
    if (entry->kind == ChangeKind::purge || entry->state == Journal::State::failed) continue;
    return entry->run;
  }
  return "";
}

Task<Result<ChangeTotals>> Changer::undo(std::string run) {
  ChangeTotals totals;
  // What was cut short may belong to it, so that is settled first, on a connection that is there.
  const Step begin = []() -> Task<Result<>> { co_return Result<>(); };
  auto begun = co_await persist(begin, account_.label(), totals);
  CO_TRY(begun);
  std::vector<Journal::Entry> done;
  const std::string account = journal_account(account_);
  for (const Journal::Entry& entry : journal_.entries()) {
    const bool ours = entry.run == run && entry.account == account;
    if (ours && entry.state == Journal::State::done && !entry.undone) done.push_back(entry);
  }
  std::reverse(done.begin(), done.end());
  for (const Journal::Entry& entry : done) {
    if (stopping()) break;
    if (entry.kind == ChangeKind::purge) {
      totals.lost += entry.messages;
      continue;
    }
    const Step step = [this, &entry, &totals]() { return undo_one(entry, totals); };
    auto undone = co_await persist(step, fmt::format("change {}", entry.number), totals);
    CO_TRY(undone);
  }
  if (stopping()) totals.troubles.emplace_back("stopped before all of it was taken back");
  co_return totals;
}

Task<Result<>> Changer::undo_one(Journal::Entry entry, ChangeTotals& totals) {
  auto done = journal_.change(entry);
  CO_TRY(done);
  auto outcome = journal_.outcome(entry);
  CO_TRY(outcome);
  if (done->kind == ChangeKind::move) {
    auto moved = co_await undo_move(*done, *outcome, totals);
    co_return moved;
  }
  auto opened = co_await open(done->mailbox, done->uid_validity);
  CO_TRY(opened);
  auto there = co_await messages(done->uids);
  CO_TRY(there);
  totals.unchanged += done->uids.count() - std::min<uint64_t>(done->uids.count(), there->size());
  if (there->empty()) co_return Result<>();
  const ChangeKind kind = done->kind == ChangeKind::mark ? ChangeKind::unmark : ChangeKind::mark;
  Change back = begin_change(kind, done->mailbox, done->uid_validity, *there);
  back.rule = "undo";
  back.undoes = done->number;
  auto changed = co_await change(std::move(back), totals);
  co_return changed;
}

Task<Result<uint64_t>> Changer::count_unclear(UidSet uids, uint64_t read) {
  if (read >= uids.count()) co_return uint64_t{0};
  auto there = co_await session_->search("UID " + uids.to_string());
  CO_TRY(there);
  const uint64_t gone = uids.raw().subtract(there->raw()).count();
  co_return uids.count() - std::min(uids.count(), gone + read);
}

Task<Result<>> Changer::open_target(const Change& done, Outcome& outcome) {
  auto opened = co_await open(done.target, outcome.target_validity);
  if (opened || opened.error().code != Code::conflict) co_return opened;
  // Made anew, or renumbered: size and header tell which are the messages that were moved.
  auto found = co_await locate(done);
  CO_TRY(found);
  if (found->empty()) co_return opened;
  outcome.moved = std::move(*found);
  outcome.target_validity = session_->selected()->uid_validity;
  auto again = co_await open(done.target, outcome.target_validity);
  co_return again;
}

Task<Result<>> Changer::undo_move(const Change& done, Outcome outcome, ChangeTotals& totals) {
  if (!outcome.expunged) {
    // They are still in their mailbox, marked \Deleted; what is in the target are copies.
    auto opened = co_await open(done.mailbox, done.uid_validity);
    CO_TRY(opened);
    auto there = co_await messages(done.uids);
    CO_TRY(there);
    if (there->empty()) co_return fail(Code::not_found, "they are gone from " + done.mailbox);
    Change unmark = begin_change(ChangeKind::unmark, done.mailbox, done.uid_validity, *there);
    unmark.rule = "undo";
    unmark.undoes = done.number;
    totals.troubles.push_back(
        fmt::format("{}: copies of {} messages stay there", done.target, there->size()));
    auto changed = co_await change(std::move(unmark), totals);
    co_return changed;
  }
  std::map<uint32_t, const Identity*> identities;
  for (const Identity& identity : done.identities) identities.emplace(identity.uid, &identity);
  auto opened = co_await open_target(done, outcome);
  CO_TRY(opened);
  UidSet uids;
  std::map<uint32_t, const Identity*> expected;
  for (const auto& [from, to] : outcome.moved) {
    const auto identity = identities.find(from);
    if (identity == identities.end()) continue;
    uids.add(Uid(to));
    expected.emplace(to, identity->second);
  }
  auto there = co_await messages(uids);
  CO_TRY(there);
  // A uid that names another message than the one that was moved is a server's lie: left alone.
  const auto foreign = [&expected](const Message& message) {
    const Identity& wanted = *expected.at(message.uid.value);
    return wanted.key != message.key || wanted.size != message.size;
  };
  there->erase(std::remove_if(there->begin(), there->end(), foreign), there->end());
  totals.unchanged += done.uids.count() - std::min<uint64_t>(done.uids.count(), there->size());
  auto unclear = co_await count_unclear(std::move(uids), there->size());
  CO_TRY(unclear);
  if (*unclear > 0) {
    totals.troubles.push_back(
        fmt::format("{}: {} of its messages do not look as they did; another undo tries again",
                    done.target, *unclear));
  }
  if (there->empty()) co_return Result<>();
  auto still = co_await session_->list(done.mailbox);
  CO_TRY(still);
  if (still->empty()) {
    auto made = co_await session_->create(done.mailbox);
    CO_TRY(made);
  }
  Change back =
      begin_change(ChangeKind::move, done.target, outcome.target_validity, std::move(*there));
  back.rule = "undo";
  back.undoes = done.number;
  back.target = done.mailbox;
  back.partial = *unclear > 0;
  auto changed = co_await change(std::move(back), totals);
  co_return changed;
}

}  // namespace eilpost::client
