// Changer's part that finds out how a change ended whose outcome is not known: the tool or the
// connection was gone before it could be written down.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "client/cleanup/changer.h"
#include "client/message/fingerprint.h"
#include "client/session/changing.h"

namespace eilpost::client {

Task<Result<>> Changer::settle() {
  // By number: end() changes the entries.
  std::vector<uint64_t> open_changes;
  const std::string account = journal_account(account_);
  for (const Journal::Entry& entry : journal_.entries()) {
    const bool ours = entry.account == account;
    if (ours && entry.state == Journal::State::open) open_changes.push_back(entry.number);
  }
  for (const uint64_t number : open_changes) {
    const auto& entries = journal_.entries();
    const auto entry =
        std::find_if(entries.begin(), entries.end(),
                     [number](const Journal::Entry& one) { return one.number == number; });
    auto change = journal_.change(*entry);
    CO_TRY(change);
    Outcome outcome;
    outcome.number = number;
    // Marks are as good as made: setting or taking one that is not there changes nothing. What a
    // purge has left is found again by whoever purges again.
    outcome.done = true;
    if (change->kind == ChangeKind::move) {
      auto settled = co_await settle_move(*change);
      const bool later = !settled && (is_lost(settled.error()) || throttle_of(settled.error()));
      if (later) co_return tl::unexpected(std::move(settled).error());
      if (settled) {
        outcome = std::move(*settled);
      } else {
        // A mailbox that is gone or was made anew: there is nothing left to find out.
        outcome.done = false;
        outcome.reason = settled.error().detail;
      }
    }
    auto ended = journal_.end(std::move(outcome));
    CO_TRY(ended);
    if (options_.progress) {
      options_.progress(
          fmt::format("{}: settled what an earlier run was stopped at", change->mailbox));
    }
  }
  co_return Result<>();
}

Task<Result<Changer::Moves>> Changer::locate(const Change& change) {
  Moves out;
  Session::SelectHow how;
  how.read_only = true;
  auto selected = co_await session_->select(change.target, std::move(how));
  if (!selected && selected.error().code == Code::not_found) co_return out;
  CO_TRY(selected);
  if (session_->selected()->exists == 0) co_return out;
  const bool same_mailbox = session_->selected()->uid_validity == change.target_validity;
  const uint32_t first = same_mailbox ? std::max(change.target_uid_next, 1U) : 1U;
  UidSet later;
  later.add(Uid(first), Uid(UINT32_MAX));
  auto there = co_await messages(std::move(later));
  CO_TRY(there);
  std::multimap<std::pair<uint64_t, std::string>, uint32_t> by_identity;
  for (const Message& message : *there) {
    by_identity.emplace(std::make_pair(message.size, message.key), message.uid.value);
  }
  for (const Identity& wanted : change.identities) {
    const auto found = by_identity.find(std::make_pair(wanted.size, wanted.key));
    if (found == by_identity.end()) continue;
    out.emplace_back(wanted.uid, found->second);
    by_identity.erase(found);
  }
  co_return out;
}

Task<Result<Fingerprint>> Changer::content_of(uint32_t uid) {
  auto content = std::make_unique<Fingerprinter>();
  MessageSink sink;
  sink.begin = [&content](uint64_t) -> Result<> {
    content = std::make_unique<Fingerprinter>();
    return {};
  };
  sink.octets = [&content](std::string_view octets) -> Result<> {
    content->add(octets);
    return {};
  };
  auto fetched = co_await fetch_message(*session_, Uid(uid), std::move(sink));
  CO_TRY(fetched);
  co_return content->finish();
}

// Those of `moves` whose octets are the same on both sides.
Task<Result<Changer::Moves>> Changer::same_content(const Change& change, Moves moves) {
  std::vector<Fingerprint> here;
  for (const auto& move : moves) {
    auto content = co_await content_of(move.first);
    CO_TRY(content);
    here.push_back(*content);
  }
  Session::SelectHow how;
  how.read_only = true;
  auto selected = co_await session_->select(change.target, std::move(how));
  CO_TRY(selected);
  Moves out;
  for (size_t i = 0; i < moves.size(); ++i) {
    auto content = co_await content_of(moves[i].second);
    CO_TRY(content);
    if (*content == here[i]) out.push_back(moves[i]);
  }
  co_return out;
}

// A message in both mailboxes was copied and not removed: that is finished, if it is the same
// message beyond doubt. One that is in its old mailbox only has not been moved.
Task<Result<Outcome>> Changer::settle_move(const Change& change) {
  Outcome out;
  out.number = change.number;
  out.reason = "interrupted";
  auto found = co_await locate(change);
  CO_TRY(found);
  if (found->empty()) co_return out;
  out.target_validity = session_->selected()->uid_validity;
  auto opened = co_await open(change.mailbox, change.uid_validity);
  CO_TRY(opened);
  auto left = co_await messages(change.uids);
  CO_TRY(left);
  UidSet still_here;
  for (const Message& message : *left) still_here.add(message.uid);
  Moves in_both;
  for (const auto& move : *found) {
    if (still_here.contains(Uid(move.first))) {
      in_both.push_back(move);
    } else {
      out.moved.push_back(move);
    }
  }
  if (!in_both.empty()) {
    auto same = co_await same_content(change, std::move(in_both));
    CO_TRY(same);
    auto reopened = co_await open(change.mailbox, change.uid_validity);
    CO_TRY(reopened);
    UidSet copied;
    for (const auto& move : *same) copied.add(Uid(move.first));
    imap::FlagList deleted = {"\\Deleted"};
    if (!copied.empty()) {
      auto marked = co_await store_flags(*session_, copied, FlagChange::add, std::move(deleted));
      CO_TRY(marked);
      auto expunged = co_await expunge_messages(*session_, copied);
      out.expunged = expunged.has_value();
      if (!expunged && expunged.error().code != Code::cannot) {
        co_return tl::unexpected(std::move(expunged).error());
      }
    }
    out.moved.insert(out.moved.end(), same->begin(), same->end());
  }
  out.done = !out.moved.empty();
  if (out.done) out.reason.clear();
  co_return out;
}

}  // namespace eilpost::client
