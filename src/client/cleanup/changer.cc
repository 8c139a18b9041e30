#include "client/cleanup/changer.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/session/changing.h"

namespace eilpost::client {

namespace {

// In one command, and one record of the journal.
constexpr uint64_t batch_messages = 200;
constexpr int tries_max = 4;

std::string plural(uint64_t messages) {
  return messages == 1 ? "1 message" : fmt::format("{} messages", messages);
}

}  // namespace

std::string journal_account(const Account& account) {
  const Endpoint& endpoint = account.spec().endpoint;
  const bool usual = endpoint.local || endpoint.port == 993 || endpoint.port == 143;
  return usual ? account.label() : fmt::format("{}:{}", account.label(), endpoint.port);
}

std::string change_words(const Change& change) {
  switch (change.kind) {
    case ChangeKind::mark: return "marked \\Deleted";
    case ChangeKind::unmark: return "not marked \\Deleted any more";
    case ChangeKind::move: return "moved to " + change.target;
    case ChangeKind::purge: return "removed for ever";
  }
  return "";
}

Task<Result<>> Changer::connect() {
  if (session_) co_return Result<>();
  auto session = co_await account_.connect();
  CO_TRY(session);
  session_ = std::move(*session);
  co_return Result<>();
}

bool Changer::is_lost(const Error& error) {
  return error.code == Code::closed || error.code == Code::timeout ||
         (session_ != nullptr && !session_->is_alive());
}

Task<> Changer::logout() {
  if (session_) co_await session_->logout();
}

// What an Error of one mailbox says does not keep the others back; one that stays after several
// connections does.
Task<Result<>> Changer::persist(Step step, const std::string& what, ChangeTotals& totals) {
  Backoff backoff;
  for (;;) {
    const uint64_t before = totals.messages;
    Result<> done = co_await connect();
    if (done) done = co_await settle();
    if (done) done = co_await step();
    if (done || stopping()) co_return done;
    const Error& error = done.error();
    const bool busy = throttle_of(error).has_value();
    if (!is_lost(error) && !busy) {
      // The journal cannot be written, or nobody may come in: nothing else would go better.
      if (session_ == nullptr || error.code == Code::io) co_return done;
      totals.troubles.push_back(what + ": " + error.detail);
      co_return Result<>();
    }
    session_.reset();
    if (totals.messages > before) backoff.succeeded();
    if (backoff.tries() + 1 == tries_max) co_return done;
    const auto wait = std::chrono::seconds(backoff.next(throttle_of(error).value_or(Throttle())));
    if (options_.progress) {
      options_.progress(
          fmt::format("{}: {}; trying again in {} s", what, error.detail, wait.count()));
    }
    const net::Deadline until = net::after(wait);
    if (options_.stop != nullptr) {
      co_await options_.stop->wait_until(until);
    } else {
      co_await net::sleep_until(until);
    }
  }
}

// --- a plan ---

Task<Result<ChangeTotals>> Changer::apply(Plan plan) {
  ChangeTotals totals;
  if (plan.messages() == 0) co_return totals;
  if (plan.target_missing) {
    const Step make = [this, &plan]() { return make_target(plan); };
    auto made = co_await persist(make, plan.target, totals);
    CO_TRY(made);
    if (!totals.troubles.empty()) co_return totals;
  }
  for (Share& share : plan.shares) {
    if (share.uids.empty()) continue;
    if (stopping()) break;
    const Step step = [this, &plan, &share, &totals]() { return apply_share(plan, share, totals); };
    auto done = co_await persist(step, share.mailbox, totals);
    CO_TRY(done);
  }
  if (stopping()) totals.troubles.emplace_back("stopped before all of it was done");
  co_return totals;
}

Task<Result<>> Changer::make_target(const Plan& plan) {
  std::vector<std::string> special_use;
  if (plan.rule.target.empty()) special_use.emplace_back("\\Trash");
  auto made = co_await session_->create(plan.target, std::move(special_use));
  co_return made;
}

Task<Result<>> Changer::open(std::string mailbox, uint32_t uid_validity) {
  const bool open_already = session_->selected() != nullptr &&
                            session_->selected()->name == mailbox &&
                            !session_->selected()->read_only;
  if (!open_already) {
    auto selected = co_await session_->select(std::move(mailbox), Session::SelectHow());
    CO_TRY(selected);
  }
  const SelectedMailbox& selected = *session_->selected();
  if (selected.read_only) co_return fail(Code::permission, "the server opens it read-only");
  if (selected.uid_validity == 0) {
    co_return fail(Code::cannot, "the server gives it no UIDVALIDITY, so that uids mean nothing");
  }
  if (selected.uid_validity != uid_validity) {
    session_->note(Quirk::uid_validity_changed);
    co_return fail(Code::conflict, "it was made anew (another UIDVALIDITY); nothing was done");
  }
  co_return Result<>();
}

Task<Result<std::vector<Message>>> Changer::messages(UidSet uids) {
  std::vector<Message> out;
  auto take = [&out, &uids](const MessageRow& row) -> Result<> {
    auto message = message_of(row);
    if (message && uids.contains(message->uid)) out.push_back(std::move(*message));
    return {};
  };
  auto fetched = co_await fetch_rows(*session_, uids, message_wanted(), std::move(take));
  CO_TRY(fetched);
  co_return out;
}

Task<Result<>> Changer::apply_share(const Plan& plan, Share& share, ChangeTotals& totals) {
  while (!share.uids.empty() && !stopping()) {
    auto opened = co_await open(share.mailbox, share.uid_validity);
    CO_TRY(opened);
    const UidSet batch(share.uids.raw().take_first(batch_messages));
    auto done = co_await apply_batch(plan, share, batch, totals);
    // Those that are still there, and fit, are found among them again.
    if (!done && (is_lost(done.error()) || throttle_of(done.error()))) {
      share.uids.add(batch);
    }
    CO_TRY(done);
  }
  co_return Result<>();
}

Task<Result<>> Changer::apply_batch(const Plan& plan, const Share& share, UidSet batch,
                                    ChangeTotals& totals) {
  const uint64_t wanted = batch.count();
  auto all = co_await messages(std::move(batch));
  CO_TRY(all);
  std::vector<Message> fitting;
  for (Message& message : *all) {
    if (matches(plan.rule, message, options_.now)) fitting.push_back(std::move(message));
  }
  if (plan.rule.duplicates) {
    auto dropped = co_await drop_last_copies(share, fitting);
    CO_TRY(dropped);
  }
  std::vector<Message> unmarked;
  for (const Message& message : fitting) {
    if (!message.marked) unmarked.push_back(message);
  }
  totals.unchanged += wanted - std::min<uint64_t>(wanted, fitting.size());
  if (fitting.empty()) co_return Result<>();
  ChangeKind kind = ChangeKind::purge;
  switch (plan.rule.action) {
    case Action::list: co_return Result<>();
    case Action::undelete: kind = ChangeKind::unmark; break;
    case Action::mark: kind = ChangeKind::mark; break;
    case Action::trash: kind = ChangeKind::move; break;
    case Action::purge: break;
  }
  if (kind == ChangeKind::purge && !unmarked.empty()) {
    // A change of its own: cut short behind it, it can be taken back.
    Change mark = begin_change(ChangeKind::mark, share.mailbox, share.uid_validity, unmarked);
    mark.rule = plan.rule.name;
    ChangeTotals uncounted;
    auto marked = co_await change(std::move(mark), uncounted);
    CO_TRY(marked);
  }
  Change next = begin_change(kind, share.mailbox, share.uid_validity, fitting);
  next.rule = plan.rule.name;
  if (kind == ChangeKind::move) next.target = plan.target;
  auto changed = co_await change(std::move(next), totals);
  co_return changed;
}

// --- one change ---

Change Changer::begin_change(ChangeKind kind, std::string mailbox, uint32_t uid_validity,
                             const std::vector<Message>& messages) const {
  Change out;
  out.run = options_.run;
  out.at = options_.now.seconds();
  out.account = journal_account(account_);
  out.kind = kind;
  out.mailbox = std::move(mailbox);
  out.uid_validity = uid_validity;
  for (const Message& message : messages) {
    out.uids.add(message.uid);
    out.octets += message.size;
    if (kind != ChangeKind::move) continue;
    out.identities.push_back({message.uid.value, message.size, message.key});
  }
  return out;
}

Task<Result<>> Changer::change(Change change, ChangeTotals& totals) {
  if (change.kind == ChangeKind::move) {
    std::vector<imap::StatusItem> items = {imap::StatusItem::uid_validity,
                                           imap::StatusItem::uid_next};
    auto before = co_await session_->status(change.target, std::move(items));
    CO_TRY(before);
    for (const imap::StatusValue& value : before->values) {
      const auto number = static_cast<uint32_t>(value.number);
      if (value.item == imap::StatusItem::uid_validity) change.target_validity = number;
      if (value.item == imap::StatusItem::uid_next) change.target_uid_next = number;
    }
  }
  auto number = journal_.begin(change);
  CO_TRY(number);
  change.number = *number;
  auto outcome = co_await perform(change);
  if (!outcome && is_lost(outcome.error())) co_return tl::unexpected(outcome.error());
  Error refused;
  if (!outcome) {
    refused = outcome.error();
    Outcome failed;
    failed.number = change.number;
    failed.reason = refused.detail;
    outcome = std::move(failed);
    // A MOVE that is refused may have moved some.
    if (change.kind == ChangeKind::move) {
      outcome = co_await settle_move(change);
      CO_TRY(outcome);
    }
  }
  const uint64_t messages =
      change.kind == ChangeKind::move ? outcome->moved.size() : change.uids.count();
  const bool done = outcome->done;
  auto ended = journal_.end(std::move(*outcome));
  CO_TRY(ended);
  if (done) {
    totals.messages += messages;
    totals.octets += change.octets;
    if (options_.progress) {
      options_.progress(
          fmt::format("{}: {} {}", change.mailbox, plural(messages), change_words(change)));
    }
  }
  if (!refused.detail.empty()) co_return tl::unexpected(std::move(refused));
  co_return Result<>();
}

// The change as it is announced in the journal. The mailbox is open.
Task<Result<Outcome>> Changer::perform(const Change& change) {
  Outcome out;
  out.number = change.number;
  out.done = true;
  imap::FlagList deleted = {"\\Deleted"};
  switch (change.kind) {
    case ChangeKind::mark: {
      auto stored =
          co_await store_flags(*session_, change.uids, FlagChange::add, std::move(deleted));
      CO_TRY(stored);
      break;
    }
    case ChangeKind::unmark: {
      auto stored =
          co_await store_flags(*session_, change.uids, FlagChange::remove, std::move(deleted));
      CO_TRY(stored);
      break;
    }
    case ChangeKind::purge: {
      auto expunged = co_await expunge_messages(*session_, change.uids);
      CO_TRY(expunged);
      break;
    }
    case ChangeKind::move: {
      auto moved = co_await move_messages(*session_, change.uids, change.target);
      CO_TRY(moved);
      out.expunged = moved->expunged;
      out.target_validity = moved->copied.uid_validity;
      for (const auto& [from, to] : moved->copied.uids)
        out.moved.emplace_back(from.value, to.value);
      if (out.moved.empty()) {
        auto found = co_await locate(change);
        CO_TRY(found);
        out.moved = std::move(*found);
        out.target_validity = session_->selected()->uid_validity;
      }
      break;
    }
  }
  co_return out;
}

}  // namespace eilpost::client
