#include "client/migrate/copy/mailbox_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <sstream>

namespace eilpost::client {

namespace {

using Ids = std::vector<uint64_t>;

Ids without(const Ids& a, const Ids& b) {
  Ids out;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

}  // namespace

std::string flags_text(imap::FlagList flags) {
  std::sort(flags.begin(), flags.end());
  flags.erase(std::unique(flags.begin(), flags.end()), flags.end());
  return fmt::format("{}", fmt::join(flags, " "));
}

imap::FlagList flags_of_text(std::string_view text) {
  imap::FlagList out;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) out.push_back(std::move(word));
  return out;
}

MailboxCopy::MailboxCopy(MigrateContext& context, MailSource& source, MailTarget& target,
                         const MappedMailbox& mailbox, MailboxReport& report, CopyTries& tries)
    : context_(context),
      source_(source),
      target_(target),
      mailbox_(mailbox),
      report_(report),
      tries_(tries) {}

Task<Result<>> MailboxCopy::run(SourceMailbox peeked) {
  forget_earlier_try();
  auto unchanged = co_await is_unchanged(peeked);
  CO_TRY(unchanged);
  if (*unchanged) {
    report_.unchanged = true;
    co_return Result<>();
  }
  auto opened = co_await open_both();
  CO_TRY(opened);
  auto ids = co_await source_.ids();
  CO_TRY(ids);
  report_.in_source = ids->size();
  // Some servers tell of more than they show: what is not shown has not gone.
  const bool hidden = ids->size() < opened_.messages;
  if (hidden) {
    report_.notes.push_back(
        fmt::format("the source tells of {} messages and shows {}", opened_.messages, ids->size()));
    left_over_ = true;
  }
  auto job = [this] { return known_messages(); };
  auto known = co_await net::run_on(context_.pool, std::move(job));
  CO_TRY(known);
  report_.before = known->copied.size();
  unheard_.insert(known->intended.begin(), known->intended.end());
  auto flags = co_await carry_flags(known->copied);
  CO_TRY(flags);
  flags_again_ = false;
  Ids gone = without(known->copied, *ids);
  const bool emptied = ids->empty() && !gone.empty();
  if (emptied && context_.options.remove_gone) {
    report_.notes.emplace_back("the source mailbox is empty: nothing is removed from the target");
  }
  Ids fresh = without(*ids, known->copied);
  auto prepared = co_await learn_doubtful(*known, !fresh.empty(), gone);
  CO_TRY(prepared);
  auto copied = co_await copy_fresh(std::move(fresh));
  CO_TRY(copied);
  for (const auto& [id, validity] : renumbered_) {
    if (validity == entry_.source_validity) gone.erase(std::find(gone.begin(), gone.end(), id));
  }
  report_.gone = gone.size();
  if (context_.options.remove_gone && !emptied && !hidden && !context_.ending()) {
    auto removed = co_await remove_gone(std::move(gone));
    CO_TRY(removed);
  }
  auto settled = co_await settle_doubles();
  CO_TRY(settled);
  if (hidden) known->intended.clear();
  auto finished = co_await finish(*ids, std::move(known->intended));
  co_return finished;
}

// --- beginning ---

// What an earlier try could not do is done again.
void MailboxCopy::forget_earlier_try() {
  report_.failed = 0;
  report_.placeholders = 0;
  report_.failures.clear();
  report_.notes.clear();
  report_.flags_lost.clear();
}

Result<MailboxCopy::Known> MailboxCopy::known_messages() {
  Known out;
  out.copied = TRY(context_.ledger.ids(entry_, CopyState::copied));
  out.intended = TRY(context_.ledger.ids(entry_, CopyState::intended));
  return out;
}

// Of what is about to be copied, some may be in the target already: under an earlier number, or
// sent by a run that did not hear the answer.
Task<Result<>> MailboxCopy::learn_doubtful(const Known& known, bool fresh, const Ids& gone) {
  looking_ = looking_ || !known.intended.empty() || (!known_ && there_.messages > 0);
  if (fresh) {
    auto loaded = co_await load_old(gone);
    CO_TRY(loaded);
  }
  if (!known.intended.empty()) {
    // A server that was told and not heard may be about to do it still.
    co_await settle();
  }
  if (looking_ && fresh) {
    auto loaded = co_await load_seen();
    CO_TRY(loaded);
  }
  co_return Result<>();
}

// Everything was carried over, and the source's counters stand where they stood.
Task<Result<bool>> MailboxCopy::is_unchanged(const SourceMailbox& peeked) {
  auto job = [this] { return context_.ledger.mailbox(mailbox_.source.name, mailbox_.target); };
  auto found = co_await net::run_on(context_.pool, std::move(job));
  CO_TRY(found);
  entry_ = found->mailbox;
  known_ = found->known && entry_.source_validity != 0;
  if (!known_ || !entry_.complete || peeked.modseq == 0 || entry_.again_until != 0) {
    co_return false;
  }
  if (peeked.validity != entry_.source_validity || peeked.next != entry_.source_next ||
      peeked.messages != entry_.source_messages || peeked.modseq != entry_.source_modseq) {
    co_return false;
  }
  if (!entry_.flags_lost.empty()) {
    auto there = co_await open_target();
    CO_TRY(there);
    if (keeps_more()) co_return false;
  }
  auto count = [this] { return context_.ledger.totals(entry_); };
  auto totals = co_await net::run_on(context_.pool, std::move(count));
  CO_TRY(totals);
  report_.in_source = peeked.messages;
  report_.before = totals->copied;
  // More than the source has: what has gone there since is told each time.
  if (totals->copied > peeked.messages) report_.gone = totals->copied - peeked.messages;
  co_return report_.gone == 0 || !context_.options.remove_gone;
}

Task<Result<>> MailboxCopy::open_both() {
  auto opened = co_await source_.open(mailbox_.source.name);
  CO_TRY(opened);
  opened_ = *opened;
  if (entry_.source_validity != opened_.validity) {
    if (known_) report_.notes.emplace_back("the source's UIDVALIDITY has changed");
    entry_.source_validity = opened_.validity;
    entry_.complete = false;
  }
  auto there = co_await open_target();
  CO_TRY(there);
  flags_again_ = keeps_more();
  const bool replaced = entry_.target_validity != 0 && entry_.target_validity != there_.validity;
  entry_.target_validity = there_.validity;
  auto job = [this, replaced]() -> Result<> {
    return replaced ? context_.ledger.doubt(entry_) : context_.ledger.save(entry_);
  };
  auto saved = co_await net::run_on(context_.pool, std::move(job));
  CO_TRY(saved);
  if (replaced) {
    report_.notes.emplace_back("the target's UIDVALIDITY has changed: each message is looked for");
    looking_ = true;
    entry_.look_from = 0;
    entry_.complete = false;
  }
  co_return Result<>();
}

Task<Result<>> MailboxCopy::open_target() {
  if (!mailbox_.exists) {
    auto created = co_await target_.create(mailbox_.target, mailbox_.special_use);
    if (!created) co_return wrap(std::move(created).error(), mailbox_.target);
    report_.created = true;
  }
  auto opened = co_await target_.open(mailbox_.target);
  // It was there when the mailboxes were listed, and has gone since.
  if (!opened && target_.is_alive() && mailbox_.exists) {
    auto created = co_await target_.create(mailbox_.target, mailbox_.special_use);
    if (!created) co_return wrap(std::move(created).error(), mailbox_.target);
    opened = co_await target_.open(mailbox_.target);
  }
  if (!opened) co_return wrap(std::move(opened).error(), mailbox_.target);
  there_ = std::move(*opened);
  co_return Result<>();
}

// By EMAILID where the source has it, and by fingerprint.
Task<Result<>> MailboxCopy::load_old(const Ids& gone) {
  auto job = [this, &gone]() -> Result<std::vector<Ledger::Old>> {
    std::vector<Ledger::Old> out = TRY(context_.ledger.old(entry_));
    for (LedgerMessage& row : TRY(context_.ledger.copied(entry_, gone))) {
      Ledger::Old one;
      one.fingerprint = std::move(row.fingerprint);
      one.email_id = std::move(row.email_id);
      one.validity = entry_.source_validity;
      one.id = row.id;
      out.push_back(std::move(one));
    }
    return out;
  };
  auto old = co_await net::run_on(context_.pool, std::move(job));
  CO_TRY(old);
  old_.clear();
  for (Ledger::Old& one : *old) {
    if (!one.email_id.empty()) old_.emplace("id " + one.email_id, one);
    if (!one.fingerprint.empty()) old_.emplace(one.fingerprint, std::move(one));
  }
  co_return Result<>();
}

Task<Result<>> MailboxCopy::load_seen() {
  const uint64_t from = known_ ? entry_.look_from : 0;
  auto job = [this] { return context_.ledger.taken(mailbox_.target); };
  auto taken = co_await net::run_on(context_.pool, std::move(job));
  CO_TRY(taken);
  auto loaded = co_await seen_.load(context_, target_, from, *taken);
  co_return loaded;
}

// --- writing ---

Task<Result<>> MailboxCopy::write_batch(Batch batch) {
  Ledger::Change change;
  change.day = context_.day();
  change.octets = batch.octets;
  for (auto& [id, error] : batch.failed) {
    LedgerMessage row;
    row.id = id;
    row.state = CopyState::failed;
    row.reason = error.detail;
    report_.fail(id, error.detail);
    change.messages.push_back(std::move(row));
  }
  std::vector<PreparedMessage> left;
  for (PreparedMessage& prepared : batch.messages) {
    if (prepared.size_differs) ++report_.sizes_differ;
    if (prepared.placeholder && !context_.options.copy_placeholders) {
      LedgerMessage row = row_of(prepared, CopyState::failed);
      row.reason = "the server sends a notice in its place: it cannot give this message";
      ++report_.placeholders;
      report_.fail(row.id, row.reason);
      change.messages.push_back(std::move(row));
    } else if (!is_renumbered(prepared, change)) {
      left.push_back(std::move(prepared));
    }
  }
  if (looking_) {
    auto looked = co_await look(left, change);
    CO_TRY(looked);
  }
  auto sent = co_await send(std::move(left), std::move(change));
  CO_TRY(sent);
  if (batch.elsewhere.empty()) co_return Result<>();
  auto placed = co_await write_placed(std::move(batch.elsewhere));
  co_return placed;
}

// The same message was carried over under another number.
bool MailboxCopy::is_renumbered(const PreparedMessage& prepared, Ledger::Change& change) {
  for (const std::string& key : {"id " + prepared.message.email_id, prepared.fingerprint}) {
    const auto [begin, end] = old_.equal_range(key);
    for (auto at = begin; at != end; ++at) {
      if (!renumbered_.emplace(at->second.id, at->second.validity).second) continue;
      change.renumbered.emplace_back(at->second, prepared.message.id);
      left_over_ = true;  // its flags are compared by the next run
      return true;
    }
  }
  return false;
}

// Takes those out of `messages` that are in the target.
Task<Result<>> MailboxCopy::look(std::vector<PreparedMessage>& messages, Ledger::Change& change) {
  std::vector<Seen::Wanted> wanted;
  for (const PreparedMessage& prepared : messages) {
    wanted.push_back({prepared.fingerprint, prepared.header_key});
  }
  auto found = co_await seen_.find(context_, target_, std::move(wanted));
  CO_TRY(found);
  std::vector<PreparedMessage> left;
  std::map<std::string, std::vector<uint64_t>> flags;
  for (size_t i = 0; i < messages.size(); ++i) {
    const uint64_t number = (*found)[i];
    if (number == 0) {
      left.push_back(std::move(messages[i]));
      continue;
    }
    LedgerMessage row = row_of(messages[i], CopyState::copied);
    row.target = number;
    const imap::FlagList kept = kept_flags(messages[i].message.flags);
    if (!kept.empty()) flags[flags_text(kept)].push_back(number);
    report_.touched.push_back(row.id);
    change.messages.push_back(std::move(row));
  }
  auto added = co_await add_flags(std::move(flags));
  CO_TRY(added);
  // Not before: a connection that ends here each time is no progress.
  report_.found += messages.size() - left.size();
  messages = std::move(left);
  co_return Result<>();
}

Task<Result<>> MailboxCopy::add_flags(std::map<std::string, std::vector<uint64_t>> by_flags) {
  for (auto& [text, numbers] : by_flags) {
    MailTarget::Change change;
    change.flags = flags_of_text(text);
    auto stored = co_await change_flags(std::move(numbers), std::move(change));
    CO_TRY(stored);
  }
  co_return Result<>();
}

// A refusal is told, and the next run tries again. Where several flags are refused, it may be for
// one of them.
Task<Result<>> MailboxCopy::change_flags(std::vector<uint64_t> numbers, MailTarget::Change change) {
  auto stored = co_await target_.store(numbers, change);
  if (stored) co_return stored;
  if (!target_.is_alive() || throttle_of(stored.error())) co_return stored;
  if (change.flags.size() > 1) {
    for (const std::string& flag : change.flags) {
      MailTarget::Change one;
      one.add = change.add;
      one.flags.push_back(flag);
      auto done = co_await change_flags(numbers, std::move(one));
      CO_TRY(done);
    }
    co_return Result<>();
  }
  const std::string& flag = change.flags.front();
  if (change.add && flag.front() != '\\') {
    // A server that takes no keywords, or no more of them, whatever it lists.
    report_.notes.push_back(fmt::format("keyword {}: {}", flag, stored.error().detail));
    report_.flags_lost.insert(flag);
    tries_.flags_refused.insert(flag);
    co_return Result<>();
  }
  report_.notes.push_back("flags: " + stored.error().detail);
  unflagged_.insert(numbers.begin(), numbers.end());
  left_over_ = true;
  co_return Result<>();
}

// Writes down what is going to be sent, with what is known of the batch before; sends; hears.
Task<Result<>> MailboxCopy::send(std::vector<PreparedMessage> messages, Ledger::Change change) {
  std::vector<AppendItem> items;
  std::vector<LedgerMessage> sent;
  for (PreparedMessage& prepared : messages) {
    sent.push_back(row_of(prepared, CopyState::intended));
    if (unheard_.count(sent.back().id) > 0) change.again.push_back(sent.back().id);
    AppendItem item;
    item.flags = kept_flags(prepared.message.flags);
    if (is_label()) item.flags.push_back(keyword_of_name(mailbox_.source.name));
    item.date = prepared.message.date;
    item.octets = std::move(prepared.message.octets);
    items.push_back(std::move(item));
  }
  change.messages.insert(change.messages.end(), sent.begin(), sent.end());
  if (!looking_ && !untold_) entry_.look_from = there_.next;
  if (!change.again.empty()) expect_doubles();
  const size_t renumbered = change.renumbered.size();
  const size_t settled = change.messages.size() - sent.size() + renumbered;
  auto written = co_await commit(std::move(change));
  CO_TRY(written);
  report_.found += renumbered;
  if (settled > 0) {
    context_.progress.done += settled;
    context_.show(context_.progress);
  }
  if (items.empty()) co_return Result<>();
  if (tries_.careful) tries_.in_hand = sent.front().id;
  auto outcomes = co_await target_.append(items);
  CO_TRY(outcomes);
  auto doubted = co_await doubt(sent, std::move(items), *outcomes);
  CO_TRY(doubted);
  tries_.in_hand = 0;
  auto heard = hear(std::move(sent), *outcomes);
  if (!heard) {
    // What did get there is written down before this try ends.
    Ledger::Change rest;
    auto kept = co_await commit(std::move(rest));
    CO_TRY(kept);
  }
  co_return heard;
}

// An Error: the server wants a rest, or takes nothing more at all.
Result<> MailboxCopy::hear(std::vector<LedgerMessage> sent, const Outcomes& outcomes) {
  Result<> all;
  for (size_t i = 0; i < sent.size(); ++i) {
    LedgerMessage& row = sent[i];
    const Result<uint64_t>& outcome = outcomes[i];
    if (outcome) {
      row.state = CopyState::copied;
      row.target = *outcome;
      there_.next = std::max(there_.next, row.target == 0 ? 0 : row.target + 1);
      ++report_.copied;
      report_.octets += row.octets;
      report_.touched.push_back(row.id);
    } else if (throttle_of(outcome.error()) || outcome.error().code == Code::over_quota) {
      all = tl::unexpected(outcome.error());
      continue;  // as it is: intended
    } else {
      row.state = CopyState::failed;
      row.reason = outcome.error().detail;
      report_.fail(row.id, row.reason);
    }
    ++context_.progress.done;
    context_.progress.octets += row.octets;
    outcomes_.push_back(std::move(row));
  }
  context_.show(context_.progress);
  return all;
}

Task<Result<>> MailboxCopy::commit(Ledger::Change change) {
  imap::FlagList lost(report_.flags_lost.begin(), report_.flags_lost.end());
  if (flags_again_) {
    const imap::FlagList before = flags_of_text(entry_.flags_lost);
    lost.insert(lost.end(), before.begin(), before.end());
  }
  entry_.flags_lost = flags_text(std::move(lost));
  change.mailbox = entry_;
  change.messages.insert(change.messages.end(), outcomes_.begin(), outcomes_.end());
  outcomes_.clear();
  auto job = [this, change = std::move(change)] { return context_.ledger.commit(change); };
  auto done = co_await net::run_on(context_.pool, std::move(job));
  co_return done;
}

LedgerMessage MailboxCopy::row_of(const PreparedMessage& prepared, CopyState state) {
  LedgerMessage out;
  out.id = prepared.message.id;
  out.state = state;
  out.fingerprint = prepared.fingerprint;
  out.email_id = prepared.message.email_id;
  out.octets = prepared.message.octets->size();
  out.flags = flags_text(kept_flags(prepared.message.flags));
  return out;
}

// Something that it did not keep the last time; what it still does not is told again.
bool MailboxCopy::keeps_more() {
  return !kept_flags(flags_of_text(entry_.flags_lost)).empty();
}

// Those that the target keeps; what it does not is told once a mailbox.
imap::FlagList MailboxCopy::kept_flags(const imap::FlagList& flags) {
  imap::FlagList out;
  for (const std::string& flag : flags) {
    const bool keyword = flag.front() != '\\';
    const bool listed =
        std::any_of(there_.flags_allowed.begin(), there_.flags_allowed.end(),
                    [&](const std::string& one) { return imap::equal_nocase(one, flag); });
    const bool may = listed || there_.flags_allowed.empty() || (keyword && there_.keywords_allowed);
    if (may && tries_.flags_refused.count(flag) == 0) {
      out.push_back(flag);
    } else {
      report_.flags_lost.insert(flag);
    }
  }
  return out;
}

// --- end ---

// Nothing is under way any more. When nothing is left to do either, the next run may see that by
// the source's counters, as they were when it was opened.
Task<Result<>> MailboxCopy::finish(const Ids& ids, Ids intended) {
  Ledger::Change change;
  for (const uint64_t id : without(intended, ids)) {
    LedgerMessage row;
    row.id = id;
    row.state = CopyState::removed;
    row.reason = "gone from the source before it was known to be copied";
    change.messages.push_back(std::move(row));
  }
  if (!context_.ending()) {
    if (!untold_) entry_.look_from = there_.next;
    entry_.complete = report_.failed == 0 && !left_over_;
    entry_.source_next = opened_.next;
    entry_.source_messages = static_cast<uint32_t>(ids.size());
    entry_.source_modseq = opened_.modseq;
  }
  auto done = co_await commit(std::move(change));
  co_return done;
}

}  // namespace eilpost::client
