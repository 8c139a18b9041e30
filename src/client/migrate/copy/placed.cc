// Messages that the source shows in several mailboxes, as Gmail does with its labels: the octets
// travel once, by what EMAILID says; after that the target copies within itself, or a keyword says
// where else the message was.

#include <algorithm>

#include "client/migrate/copy/mailbox_copy.h"

namespace eilpost::client {

// Takes those out of `rows` that are in the target already. While something is looked for nothing
// is taken: it might be there a second time, or be this mailbox's own under an earlier number.
Task<Result<std::vector<SourceMessage>>> MailboxCopy::take_placed(
    std::vector<SourceMessage>& rows) {
  std::vector<SourceMessage> out;
  const bool known = std::any_of(rows.begin(), rows.end(),
                                 [](const SourceMessage& row) { return !row.email_id.empty(); });
  const bool everything = mailbox_.source.special_use == "\\All";
  const bool doubtful = looking_ || !old_.empty();
  if (!known || (!everything && (doubtful || !target_.copy))) co_return out;
  std::vector<std::string> email_ids;
  for (const SourceMessage& row : rows) email_ids.push_back(row.email_id);
  auto job = [this, email_ids = std::move(email_ids)]() -> Result<std::vector<bool>> {
    std::vector<bool> placed;
    for (const std::string& id : email_ids) {
      placed.push_back(!id.empty() && TRY(context_.ledger.place_of(id)).has_value());
    }
    return placed;
  };
  auto placed = co_await net::run_on(context_.pool, std::move(job));
  CO_TRY(placed);
  std::vector<SourceMessage> left;
  std::set<std::string> seen;
  for (size_t i = 0; i < rows.size(); ++i) {
    // Twice in one mailbox it is copied from one place only once.
    const bool here = (*placed)[i] && seen.insert(rows[i].email_id).second;
    (here ? out : left).push_back(std::move(rows[i]));
  }
  rows = std::move(left);
  co_return out;
}

// What it is called becomes a keyword of its messages.
bool MailboxCopy::is_label() const {
  return context_.options.labels == MigrateOptions::Labels::keywords && context_.gmail &&
         mailbox_.source.special_use.empty() && !imap::equal_nocase(mailbox_.source.name, "INBOX");
}

Task<Result<>> MailboxCopy::write_placed(std::vector<SourceMessage> messages) {
  Ledger::Change change;
  if (mailbox_.source.special_use == "\\All") {
    // Gmail's "All Mail" shows what is in other mailboxes, and that is where it was put.
    for (SourceMessage& message : messages) {
      LedgerMessage row;
      row.id = message.id;
      row.state = CopyState::copied;
      row.email_id = std::move(message.email_id);
      row.flags = flags_text(message.flags);
      change.messages.push_back(std::move(row));
    }
    report_.found += messages.size();
    auto done = co_await commit(std::move(change));
    co_return done;
  }
  auto job = [this, &messages]() -> Result<std::vector<Ledger::Place>> {
    std::vector<Ledger::Place> out;
    for (const SourceMessage& message : messages) {
      out.push_back(TRY(context_.ledger.place_of(message.email_id)).value_or(Ledger::Place()));
    }
    return out;
  };
  auto places = co_await net::run_on(context_.pool, std::move(job));
  CO_TRY(places);
  std::map<std::pair<std::string, uint32_t>, std::map<uint64_t, SourceMessage>> by_place;
  for (size_t i = 0; i < messages.size(); ++i) {
    const Ledger::Place& place = (*places)[i];
    by_place[{place.target, place.validity}].emplace(place.number, std::move(messages[i]));
  }
  const bool labels = is_label();
  for (auto& [place, by_number] : by_place) {
    MailTarget::From from;
    from.mailbox = place.first;
    from.validity = place.second;
    Result<> done;
    if (labels) {
      done = co_await label(std::move(from), std::move(by_number), change);
    } else {
      done = co_await link(std::move(from), std::move(by_number), change);
    }
    CO_TRY(done);
  }
  auto done = co_await commit(std::move(change));
  co_return done;
}

// What cannot be copied within the target is read and looked for by the next run.
Task<Result<>> MailboxCopy::link(MailTarget::From from, std::map<uint64_t, SourceMessage> by_number,
                                 Ledger::Change& change) {
  Ledger::Change intents;
  std::vector<uint64_t> numbers;
  for (auto& [number, message] : by_number) {
    numbers.push_back(number);
    LedgerMessage row;
    row.id = message.id;
    row.email_id = message.email_id;
    row.octets = message.size.value_or(0);
    row.flags = flags_text(kept_flags(message.flags));
    intents.messages.push_back(std::move(row));
  }
  std::vector<LedgerMessage> rows = intents.messages;
  if (!untold_) entry_.look_from = there_.next;
  auto written = co_await commit(std::move(intents));
  CO_TRY(written);
  auto copied = co_await target_.copy(std::move(from), numbers);
  CO_TRY(copied);
  std::map<std::string, std::vector<uint64_t>> flags;
  const size_t before = change.messages.size();
  for (const auto& [old_number, new_number] : *copied) {
    const auto found = std::lower_bound(numbers.begin(), numbers.end(), old_number);
    if (found == numbers.end() || *found != old_number) continue;
    LedgerMessage row = rows[static_cast<size_t>(found - numbers.begin())];
    row.state = CopyState::copied;
    row.target = new_number;
    there_.next = std::max(there_.next, new_number + 1);
    if (!row.flags.empty()) flags[row.flags].push_back(new_number);
    ++context_.progress.done;
    change.messages.push_back(std::move(row));
  }
  untold_ = untold_ || copied->size() < numbers.size();
  left_over_ = left_over_ || untold_;
  auto added = co_await add_flags(std::move(flags));
  CO_TRY(added);
  report_.linked += change.messages.size() - before;
  co_return Result<>();
}

Task<Result<>> MailboxCopy::label(MailTarget::From from,
                                  std::map<uint64_t, SourceMessage> by_number,
                                  Ledger::Change& change) {
  const std::string here = mailbox_.target;
  auto opened = co_await target_.open(from.mailbox);
  CO_TRY(opened);
  left_over_ = left_over_ || opened->validity != from.validity;
  if (opened->validity == from.validity) {
    std::vector<uint64_t> numbers;
    for (const auto& [number, message] : by_number) numbers.push_back(number);
    MailTarget::Change more;
    more.flags = {keyword_of_name(mailbox_.source.name)};
    auto stored = co_await target_.store(std::move(numbers), std::move(more));
    CO_TRY(stored);
    for (auto& [number, message] : by_number) {
      LedgerMessage row;
      row.id = message.id;
      row.state = CopyState::copied;
      row.email_id = std::move(message.email_id);
      row.flags = flags_text(message.flags);
      ++report_.labelled;
      ++context_.progress.done;
      change.messages.push_back(std::move(row));
    }
  }
  auto back = co_await target_.open(here);
  CO_TRY(back);
  co_return Result<>();
}

}  // namespace eilpost::client
