// What was sent again, because nothing was heard of it and it was not found: a slow server may
// store the first all the same, when nobody looks any more. So the target is looked through once
// more at the end of that run and by those of the next hour. A message is only removed when it came
// after the first was sent, is not one that anybody's ledger row names, and has the octets, the
// date and the flags of the one that stays.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "client/migrate/copy/mailbox_copy.h"

namespace eilpost::client {

namespace {

using Numbers = std::vector<uint64_t>;

// How long a server may take for what it was sent before the connection broke.
constexpr std::chrono::seconds settle_time{3};
constexpr int64_t watched_seconds = 3600;

struct SameSize {
  std::vector<SentAgain> ours;
  Numbers others;  // unknown to the ledger
};

// By size: those that were sent again, and what may be the same.
Task<Result<std::map<uint64_t, SameSize>>> of_same_size(MailTarget& target,
                                                        std::vector<SentAgain> again,
                                                        Numbers unknown) {
  std::map<uint64_t, SentAgain> by_number;
  Numbers numbers = unknown;
  for (SentAgain& one : again) {
    numbers.push_back(one.target);
    by_number.emplace(one.target, std::move(one));
  }
  std::sort(numbers.begin(), numbers.end());
  std::map<uint64_t, SameSize> out;
  auto take = [&out, &by_number](TargetRow row) -> Result<> {
    if (!row.size) return {};
    SameSize& alike = out[*row.size];
    const auto ours = by_number.find(row.number);
    if (ours == by_number.end()) {
      alike.others.push_back(row.number);
    } else {
      alike.ours.push_back(ours->second);
    }
    return {};
  };
  const MailTarget::RowsWanted wanted;
  auto asked = co_await target.rows(std::move(numbers), wanted, take);
  CO_TRY(asked);
  co_return out;
}

// `flags`: as they were sent.
Result<> compare(const SourceMessage& ours, const SentAgain& sent, const std::string& flags,
                 std::vector<SourceMessage>& others, Doubles& out) {
  uint64_t times = sent.times;
  const std::string octets = TRY(ours.octets->all());
  for (SourceMessage& other : others) {
    if (times == 0) break;
    if (!other.octets || TRY(other.octets->all()) != octets) continue;
    const bool same = other.date == ours.date && flags_text(other.flags) == flags;
    other.octets.reset();  // of one message only
    --times;
    if (!same) {
      ++out.doubtful;
      continue;
    }
    out.proven.push_back(other.id);
    out.of.push_back(sent);
  }
  return {};
}

// `label`: a keyword that each was sent with besides; "" for none.
Task<Result<>> compare_all(MailTarget& target, SameSize alike, std::string label, Doubles& out) {
  if (alike.ours.empty() || alike.others.empty()) co_return Result<>();
  auto others = co_await target.bodies(std::move(alike.others));
  CO_TRY(others);
  for (const SentAgain& one : alike.ours) {
    Numbers number;
    number.push_back(one.target);
    auto ours = co_await target.bodies(std::move(number));
    CO_TRY(ours);
    if (ours->messages.size() != 1) continue;
    imap::FlagList sent = flags_of_text(one.flags);
    if (!label.empty()) sent.push_back(label);
    const std::string flags = flags_text(std::move(sent));
    auto compared = compare(ours->messages.front(), one, flags, others->messages, out);
    CO_TRY(compared);
  }
  co_return Result<>();
}

Task<Result<Doubles>> find_doubles(MailTarget& target, std::vector<SentAgain> again,
                                   Numbers unknown, std::string label) {
  Doubles out;
  if (again.empty() || unknown.empty()) co_return out;
  auto alike = co_await of_same_size(target, std::move(again), std::move(unknown));
  CO_TRY(alike);
  for (auto& [size, some] : *alike) {
    auto compared = co_await compare_all(target, std::move(some), label, out);
    CO_TRY(compared);
  }
  co_return out;
}

}  // namespace

Task<> MailboxCopy::settle() {
  const net::Deadline settled = net::after(settle_time);
  co_await context_.stop.wait_until(settled);
}

// Something is sent that had been looked for, from entry_.look_from on, and was not found.
void MailboxCopy::expect_doubles() {
  const bool watched = entry_.again_until != 0;
  entry_.again_from = watched ? std::min(entry_.again_from, entry_.look_from) : entry_.look_from;
  entry_.again_until = context_.clock.now().seconds() + watched_seconds;
  sent_again_ = true;
}

Task<Result<>> MailboxCopy::settle_doubles() {
  if (entry_.again_until == 0 || context_.ending()) co_return Result<>();
  if (sent_again_) co_await settle();
  auto opened = co_await target_.open(mailbox_.target);
  CO_TRY(opened);
  if (opened->validity != there_.validity) co_return Result<>();
  std::vector<SentAgain> again;
  Numbers taken;
  auto job = [this, &again, &taken]() -> Result<> {
    again = TRY(context_.ledger.sent_again(entry_));
    taken = TRY(context_.ledger.taken(mailbox_.target));
    return {};
  };
  auto read = co_await net::run_on(context_.pool, std::move(job));
  CO_TRY(read);
  auto numbers = co_await target_.numbers(entry_.again_from);
  CO_TRY(numbers);
  Numbers unknown;
  std::set_difference(numbers->begin(), numbers->end(), taken.begin(), taken.end(),
                      std::back_inserter(unknown));
  const std::string label = is_label() ? keyword_of_name(mailbox_.source.name) : "";
  auto doubles = co_await find_doubles(target_, std::move(again), std::move(unknown), label);
  CO_TRY(doubles);
  auto removed = co_await remove_doubles(std::move(*doubles));
  CO_TRY(removed);
  if (context_.clock.now().seconds() < entry_.again_until) co_return Result<>();
  entry_.again_from = 0;
  entry_.again_until = 0;
  auto forget = [this] { return context_.ledger.forget_again(entry_); };
  auto forgotten = co_await net::run_on(context_.pool, std::move(forget));
  co_return forgotten;
}

Task<Result<>> MailboxCopy::remove_doubles(Doubles doubles) {
  if (doubles.doubtful > 0) {
    report_.notes.push_back(fmt::format(
        "{} messages may be there twice: with the same octets, and another date or other flags",
        doubles.doubtful));
  }
  const size_t count = doubles.proven.size();
  if (count == 0) co_return Result<>();
  auto removed = co_await target_.remove(std::move(doubles.proven));
  if (!removed && (!target_.is_alive() || throttle_of(removed.error()))) co_return removed;
  if (!removed) {
    report_.notes.push_back(fmt::format("{} messages are there twice, and cannot be removed: {}",
                                        count, removed.error().detail));
    co_return Result<>();
  }
  report_.doubles += count;
  auto job = [this, of = std::move(doubles.of)] { return context_.ledger.came_again(entry_, of); };
  auto written = co_await net::run_on(context_.pool, std::move(job));
  co_return written;
}

}  // namespace eilpost::client
