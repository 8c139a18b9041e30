// What was refused: a server that runs out of time, or a proxy before it, says NO to what is stored
// all the same.

#include <algorithm>

#include "client/migrate/copy/mailbox_copy.h"

namespace eilpost::client {

namespace {

std::vector<size_t> refused_of(const std::vector<Result<uint64_t>>& outcomes) {
  std::vector<size_t> out;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (!outcomes[i]) out.push_back(i);
  }
  return out;
}

bool may_be_for_flags(const Error& error) {
  const bool refused =
      error.code == Code::invalid || error.code == Code::cannot || error.code == Code::limit;
  return refused && !throttle_of(error);
}

}  // namespace

// Looks for what was refused. Where all was, one may have kept the others back (MULTIAPPEND, RFC
// 3502 6.3.11): what has not come is sent again, each alone.
Task<Result<>> MailboxCopy::doubt(std::vector<LedgerMessage>& sent, std::vector<AppendItem> items,
                                  Outcomes& outcomes) {
  const std::vector<size_t> at_first = refused_of(outcomes);
  if (at_first.empty()) co_return Result<>();
  const bool together =
      items.size() > 1 && at_first.size() == items.size() && !throttle_of(outcomes.front().error());
  auto found = co_await find_refused(sent, outcomes);
  CO_TRY(found);
  const std::vector<size_t> left = refused_of(outcomes);
  if (together && !left.empty()) {
    std::vector<AppendItem> again;
    for (const size_t i : left) {
      again.push_back(items[i]);
      again.back().alone = true;
    }
    auto repeated = co_await target_.append(std::move(again));
    CO_TRY(repeated);
    for (size_t i = 0; i < left.size(); ++i) outcomes[left[i]] = std::move((*repeated)[i]);
    found = co_await find_refused(sent, outcomes);
    CO_TRY(found);
  }
  auto bare = co_await send_bare(sent, std::move(items), outcomes);
  co_return bare;
}

// Some refuse a message because of its keywords: they follow it one by one.
Task<Result<>> MailboxCopy::send_bare(std::vector<LedgerMessage>& sent,
                                      std::vector<AppendItem> items, Outcomes& outcomes) {
  std::vector<size_t> which;
  std::vector<imap::FlagList> keywords;
  std::vector<AppendItem> again;
  for (const size_t i : refused_of(outcomes)) {
    imap::FlagList& flags = items[i].flags;
    const auto first = std::stable_partition(
        flags.begin(), flags.end(), [](const std::string& flag) { return flag.front() == '\\'; });
    if (first == flags.end() || !may_be_for_flags(outcomes[i].error())) continue;
    which.push_back(i);
    keywords.emplace_back(first, flags.end());
    flags.erase(first, flags.end());
    again.push_back(std::move(items[i]));
    again.back().alone = true;
  }
  if (again.empty()) co_return Result<>();
  auto repeated = co_await target_.append(std::move(again));
  CO_TRY(repeated);
  std::map<std::string, std::vector<uint64_t>> by_flags;
  for (size_t k = 0; k < which.size(); ++k) {
    outcomes[which[k]] = (*repeated)[k];
    if (!(*repeated)[k]) continue;
    const uint64_t number = *(*repeated)[k];
    // Nobody knows where it is: it has none.
    if (number == 0) tries_.flags_refused.insert(keywords[k].begin(), keywords[k].end());
    if (number != 0) by_flags[flags_text(keywords[k])].push_back(number);
  }
  auto added = co_await add_flags(std::move(by_flags));
  CO_TRY(added);
  for (const size_t i : which) {
    sent[i].flags = flags_text(kept_flags(flags_of_text(sent[i].flags)));
  }
  co_return Result<>();
}

// Among what has come since the batch was sent, by fingerprint.
Task<Result<>> MailboxCopy::find_refused(const std::vector<LedgerMessage>& sent,
                                         Outcomes& outcomes) {
  const std::vector<size_t> refused = refused_of(outcomes);
  if (refused.empty()) co_return Result<>();
  auto opened = co_await target_.open(mailbox_.target);
  CO_TRY(opened);
  const bool nothing_came = there_.next != 0 && opened->next == there_.next;
  if (nothing_came || opened->validity != there_.validity) co_return Result<>();
  auto job = [this] { return context_.ledger.taken(mailbox_.target); };
  auto taken = co_await net::run_on(context_.pool, std::move(job));
  CO_TRY(taken);
  for (const Result<uint64_t>& outcome : outcomes) {
    if (outcome) taken->push_back(*outcome);
  }
  std::sort(taken->begin(), taken->end());
  Seen come;
  auto loaded = co_await come.load(context_, target_, there_.next, *taken);
  CO_TRY(loaded);
  std::vector<Seen::Wanted> wanted;
  for (const size_t i : refused) wanted.push_back({sent[i].fingerprint, ""});
  auto found = co_await come.find(context_, target_, std::move(wanted));
  CO_TRY(found);
  for (size_t i = 0; i < refused.size(); ++i) {
    if ((*found)[i] != 0) outcomes[refused[i]] = (*found)[i];
  }
  co_return Result<>();
}

}  // namespace eilpost::client
