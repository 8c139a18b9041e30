#include "client/cleanup/finder.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "client/cleanup/mailboxes.h"
#include "client/message/fingerprint.h"

namespace eilpost::client {

namespace {

// Read at once: so many messages, or what fits in so many octets.
constexpr size_t batch_messages = 50;
constexpr uint64_t batch_octets = 8 * 1024 * 1024;
constexpr size_t read_bytes = 256 * 1024;

Result<Fingerprint> fingerprint(const Octets& octets) {
  Fingerprinter out;
  for (uint64_t at = 0; at < octets.size();) {
    const std::string piece = TRY(octets.read(at, read_bytes));
    if (piece.empty()) return fail(Code::io, "a message's octets end early");
    out.add(piece);
    at += piece.size();
  }
  return out.finish();
}

}  // namespace

uint64_t Plan::messages() const {
  uint64_t out = 0;
  for (const Share& share : shares) out += share.uids.count();
  return out;
}

uint64_t Plan::octets() const {
  uint64_t out = 0;
  for (const Share& share : shares) out += share.octets;
  return out;
}

// A message whose content was read.
struct Finder::Copy {
  Fingerprint fingerprint;
  uint32_t scope = 0;  // within which copies are compared
  bool marked = false;
  bool flagged = false;
  int64_t arrived = 0;
  uint64_t label_of = 0;
  uint32_t mailbox = 0;
  uint32_t uid = 0;

  // Copies of one message stand together, and the one that stays stands first: not marked \Deleted,
  // \Flagged, the oldest.
  friend bool operator<(const Copy& a, const Copy& b) {
    const auto order = [](const Copy& c) {
      return std::make_tuple(c.fingerprint, c.scope, c.marked, !c.flagged, c.arrived, c.mailbox,
                             c.uid);
    };
    return order(a) < order(b);
  }
};

Task<Result<Plan>> Finder::find(Rule rule) {
  auto listed = co_await list();
  CO_TRY(listed);
  Plan plan;
  plan.rule = std::move(rule);
  if (plan.rule.action == Action::trash) {
    plan.target = plan.rule.target.empty() ? trash_of(mailboxes_) : plan.rule.target;
    const auto same = [&](const MailboxInfo& info) { return info.name == plan.target; };
    plan.target_missing = std::none_of(mailboxes_.begin(), mailboxes_.end(), same);
    if (plan.target.empty()) plan.target = "Trash";
  }
  for (std::string& name : mailboxes_of(plan.rule, plan.target, mailboxes_)) {
    Share share;
    share.mailbox = std::move(name);
    plan.shares.push_back(std::move(share));
  }
  if (plan.shares.empty()) {
    co_return fail(Code::not_found,
                   fmt::format("no mailbox matches {}", fmt::join(plan.rule.mailboxes, ", ")));
  }
  Result<> found;
  if (plan.rule.duplicates) {
    found = co_await find_duplicates(plan);
  } else {
    found = co_await find_plainly(plan);
  }
  CO_TRY(found);
  const auto nothing = [](const Share& share) {
    return share.uids.empty() && share.unclear == 0 && share.trouble.empty();
  };
  plan.shares.erase(std::remove_if(plan.shares.begin(), plan.shares.end(), nothing),
                    plan.shares.end());
  if (plan.rule.action != Action::list) {
    for (const Share& share : plan.shares) taken_[share.mailbox].add(share.uids);
  }
  co_return plan;
}

Task<Result<>> Finder::list() {
  if (listed_) co_return Result<>();
  auto all = co_await session_.list();
  CO_TRY(all);
  mailboxes_ = std::move(*all);
  listed_ = true;
  co_return Result<>();
}

// Read-only. A mailbox that was made anew between two looks holds other messages.
Task<Result<>> Finder::open(Share& share) {
  Session::SelectHow how;
  how.read_only = true;
  auto selected = co_await session_.select(share.mailbox, std::move(how));
  CO_TRY(selected);
  const uint32_t validity = session_.selected()->uid_validity;
  if (share.uid_validity != 0 && share.uid_validity != validity) {
    session_.note(Quirk::uid_validity_changed);
    co_return fail(Code::conflict, share.mailbox + " was made anew meanwhile");
  }
  share.uid_validity = validity;
  co_return Result<>();
}

Task<Result<>> Finder::look(const Rule& rule, Share& share, std::optional<UidSet> uids, Take take) {
  auto opened = co_await open(share);
  CO_TRY(opened);
  if (session_.selected()->exists == 0) co_return Result<>();
  const std::string criteria = search_criteria(rule, now_);
  if (!uids && criteria != "ALL") {
    auto found = co_await session_.search(criteria);
    CO_TRY(found);
    uids = std::move(*found);
  }
  const auto taken = taken_.find(share.mailbox);
  UidSet seen;
  UidSet twice;
  auto judge = [&](const MessageRow& row) -> Result<> {
    const auto message = message_of(row);
    if (!message || (uids && !uids->contains(message->uid))) return {};
    if (seen.contains(message->uid)) {
      // Two messages with one uid: what is done to one is done to both.
      session_.note(Quirk::duplicate_uid);
      twice.add(message->uid);
      return {};
    }
    seen.add(message->uid);
    if (!matches(rule, *message, now_)) return {};
    if (taken != taken_.end() && taken->second.contains(message->uid)) return {};
    return take(*message);
  };
  RowsWanted wanted = message_wanted();
  wanted.email_id = rule.across && has_labels();
  auto fetched = co_await fetch_rows(session_, uids, std::move(wanted), std::move(judge));
  CO_TRY(fetched);
  if (uids) share.unclear += uids->raw().subtract(seen.raw()).count();
  share.unclear += 2 * twice.count();
  share.uids = UidSet(share.uids.raw().subtract(twice.raw()));
  co_return Result<>();
}

bool Finder::passed_over(Share& share, const Error& error) {
  if (!session_.is_alive() || error.code == Code::cancelled || error.code == Code::closed) {
    return false;
  }
  share.trouble = error.detail;
  share.uids.clear();
  share.octets = 0;
  return true;
}

Task<Result<>> Finder::find_plainly(Plan& plan) {
  for (Share& share : plan.shares) {
    auto take = [this, &plan, &share](const Message& message) -> Result<> {
      share.uids.add(message.uid);
      share.octets += message.size;
      return visit_(plan.rule, share.mailbox, message, nullptr);
    };
    auto looked = co_await look(plan.rule, share, std::nullopt, std::move(take));
    if (!looked && passed_over(share, looked.error())) continue;
    CO_TRY(looked);
  }
  co_return Result<>();
}

// --- duplicates ---

// On Gmail a message is in several mailboxes without being there several times.
bool Finder::has_labels() const {
  return session_.has("X-GM-EXT-1");
}

// Those that share their header with another.
Task<Result<std::vector<Finder::Candidate>>> Finder::candidates(Plan& plan) {
  std::vector<Candidate> all;
  for (uint32_t i = 0; i < plan.shares.size(); ++i) {
    const std::string scope = plan.rule.across ? "" : std::to_string(i);
    auto take = [&all, &scope, i](const Message& message) -> Result<> {
      const std::hash<std::string> hash;
      const uint64_t size = message.key.empty() ? message.size : 0;
      const std::string what = fmt::format("{} {} {}", message.key, size, scope);
      const uint64_t label_of = message.email_id.empty() ? 0 : hash(message.email_id);
      all.push_back({hash(what), message.size, label_of, i, message.uid.value});
      return {};
    };
    auto looked = co_await look(plan.rule, plan.shares[i], std::nullopt, std::move(take));
    if (!looked && passed_over(plan.shares[i], looked.error())) continue;
    CO_TRY(looked);
  }
  std::sort(all.begin(), all.end(),
            [](const Candidate& a, const Candidate& b) { return a.hash < b.hash; });
  size_t kept = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    const bool as_before = i > 0 && all[i - 1].hash == all[i].hash;
    const bool as_next = i + 1 < all.size() && all[i + 1].hash == all[i].hash;
    if (as_before || as_next) all[kept++] = all[i];
  }
  all.resize(kept);
  const auto by_place = [](const Candidate& a, const Candidate& b) {
    return std::make_pair(a.mailbox, a.uid) < std::make_pair(b.mailbox, b.uid);
  };
  std::sort(all.begin(), all.end(), by_place);
  co_return all;
}

Task<Result<>> Finder::read_copies(Share& share, uint32_t mailbox,
                                   std::vector<Candidate> candidates, std::vector<Copy>& copies) {
  auto opened = co_await open(share);
  CO_TRY(opened);
  std::map<uint32_t, uint64_t> labels;
  for (const Candidate& candidate : candidates) {
    labels.emplace(candidate.uid, candidate.label_of);
  }
  for (size_t at = 0; at < candidates.size();) {
    UidSet batch;
    uint64_t octets = 0;
    do {
      octets += candidates[at].size;
      batch.add(Uid(candidates[at++].uid));
    } while (at < candidates.size() && batch.count() < batch_messages &&
             octets + candidates[at].size <= batch_octets);
    const uint64_t wanted = batch.count();
    auto fetched = co_await fetch_bodies(session_, std::move(batch));
    CO_TRY(fetched);
    share.unclear += wanted - std::min<uint64_t>(wanted, fetched->bodies.size());
    for (const FetchedBody& body : fetched->bodies) {
      auto content = fingerprint(*body.octets);
      CO_TRY(content);
      const auto message = message_of(body.row);
      if (!message) continue;
      Copy copy;
      copy.fingerprint = *content;
      copy.marked = message->marked;
      copy.flagged = message->flagged;
      copy.arrived = message->arrived;
      const auto label_of = labels.find(message->uid.value);
      if (label_of != labels.end()) copy.label_of = label_of->second;
      copy.mailbox = mailbox;
      copy.uid = message->uid.value;
      copies.push_back(copy);
    }
  }
  co_return Result<>();
}

Task<Result<>> Finder::find_duplicates(Plan& plan) {
  auto found = co_await candidates(plan);
  CO_TRY(found);
  std::vector<Copy> copies;
  for (auto at = found->begin(); at != found->end();) {
    const uint32_t mailbox = at->mailbox;
    const auto end = std::find_if(at, found->end(),
                                  [&](const Candidate& other) { return other.mailbox != mailbox; });
    std::vector<Candidate> here(at, end);
    at = end;
    auto read = co_await read_copies(plan.shares[mailbox], mailbox, std::move(here), copies);
    if (!read && passed_over(plan.shares[mailbox], read.error())) continue;
    CO_TRY(read);
  }
  for (Copy& copy : copies) copy.scope = plan.rule.across ? 0 : copy.mailbox;
  auto told = co_await tell_duplicates(plan, std::move(copies));
  co_return told;
}

Task<Result<>> Finder::tell_duplicates(Plan& plan, std::vector<Copy> copies) {
  std::sort(copies.begin(), copies.end());
  // By mailbox and uid: which copy stays.
  std::vector<std::map<uint32_t, size_t>> extra(plan.shares.size());
  size_t stays = 0;
  for (size_t i = 1; i < copies.size(); ++i) {
    const bool same = copies[i].fingerprint == copies[stays].fingerprint &&
                      copies[i].scope == copies[stays].scope;
    const bool one = copies[i].label_of != 0 && copies[i].label_of == copies[stays].label_of;
    if (!same) {
      stays = i;
    } else if (!one) {
      extra[copies[i].mailbox].emplace(copies[i].uid, stays);
    }
  }
  for (size_t i = 0; i < plan.shares.size(); ++i) {
    if (extra[i].empty()) continue;
    Share& share = plan.shares[i];
    UidSet uids;
    for (const auto& [uid, original] : extra[i]) uids.add(Uid(uid));
    auto take = [this, &plan, &share, &copies, &extra, i](const Message& message) -> Result<> {
      const Copy& original = copies[extra[i].at(message.uid.value)];
      const Share& there = plan.shares[original.mailbox];
      const Place place{there.mailbox, Uid(original.uid), there.uid_validity};
      share.uids.add(message.uid);
      share.originals.emplace(message.uid.value, place);
      share.octets += message.size;
      return visit_(plan.rule, share.mailbox, message, &place);
    };
    auto looked = co_await look(plan.rule, share, std::move(uids), std::move(take));
    if (!looked && passed_over(share, looked.error())) continue;
    CO_TRY(looked);
  }
  co_return Result<>();
}

}  // namespace eilpost::client
