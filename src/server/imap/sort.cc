// SORT and UID SORT (RFC 5256 3, RFC 5957), with RETURN as ESEARCH (RFC 5267 3). What matches is
// found as SEARCH finds it; the keys to order by come from the digests (search/order/sorter.h).

#include <algorithm>

#include "search/order/sorter.h"
#include "server/imap/commands.h"
#include "server/imap/filters.h"
#include "server/imap/progress.h"
#include "server/imap/search_plan.h"
#include "server/imap/search_run.h"
#include "server/imap/sort.h"

namespace eilpost::server {

namespace {

// Pages of one hop: some milliseconds.
constexpr size_t hop_pages = 64;
// So few messages are put in order without a hop, when all keys are known.
constexpr size_t inline_messages = 4096;
// What is known of a mailbox of so many is compared with it without a hop.
constexpr uint32_t inline_mailbox = 32'768;

search::SortBy sort_by(imap::SortKey key) {
  switch (key) {
    case imap::SortKey::arrival: return search::SortBy::arrival;
    case imap::SortKey::cc: return search::SortBy::cc;
    case imap::SortKey::date: return search::SortBy::date;
    case imap::SortKey::from: return search::SortBy::from;
    case imap::SortKey::size: return search::SortBy::size;
    case imap::SortKey::subject: return search::SortBy::subject;
    case imap::SortKey::to: return search::SortBy::to;
    case imap::SortKey::display_from: return search::SortBy::display_from;
    case imap::SortKey::display_to: return search::SortBy::display_to;
    case imap::SortKey::relevancy: return search::SortBy::relevancy;
  }
  return search::SortBy::arrival;
}

std::vector<uint32_t> values_of(const std::vector<Uid>& uids) {
  std::vector<uint32_t> out;
  out.reserve(uids.size());
  for (const Uid uid : uids) out.push_back(uid.value);
  return out;
}

// The best first. `uids` ascend, as the scores do.
std::vector<uint32_t> ranks_of(const std::vector<search::Answer::Score>& scores,
                               const std::vector<uint32_t>& uids) {
  constexpr uint32_t best = 100;
  std::vector<uint32_t> out;
  out.reserve(uids.size());
  auto at = scores.begin();
  for (const uint32_t uid : uids) {
    while (at != scores.end() && at->uid.value < uid) ++at;
    const bool scored = at != scores.end() && at->uid.value == uid;
    out.push_back(scored ? best - at->score : 0);
  }
  return out;
}

bool asks_for_relevancy(const imap::Sort& command) {
  return std::any_of(
      command.criteria.begin(), command.criteria.end(),
      [](const imap::SortCriterion& c) { return c.key == imap::SortKey::relevancy; });
}

UidSet returned(const imap::SearchReturn& returns, const std::vector<Uid>& order) {
  UidSet out;
  if (order.empty()) return out;
  if (returns.min) out.add(order.front());
  if (returns.max) out.add(order.back());
  if (!returns.partial) return out;
  if (const auto places = returns.partial->places(order.size())) {
    for (uint32_t place = places->first; place <= places->last; ++place) out.add(order[place - 1]);
  }
  return out;
}

// RFC 6203 4: a score for each message that ALL or PARTIAL names, in their order.
std::vector<uint8_t> scores_of(const imap::SearchReturn& returns, const std::vector<Uid>& order,
                               const std::vector<search::Answer::Score>& scores) {
  constexpr uint8_t certain = 100;
  const auto count = static_cast<uint32_t>(order.size());
  std::optional<Interval> told;
  if (count > 0) told = Interval{1, count};
  if (returns.partial) told = returns.partial->places(count);
  std::vector<uint8_t> out;
  for (uint32_t place = told ? told->first : 1; told && place <= told->last; ++place) {
    const Uid uid = order[place - 1];
    const auto at = std::lower_bound(scores.begin(), scores.end(), uid,
                                     [](const auto& score, Uid u) { return score.uid < u; });
    out.push_back(at != scores.end() && at->uid == uid ? at->score : certain);
  }
  return out;
}

std::optional<uint64_t> modseq_of_order(const View& view, const imap::SearchReturn& returns,
                                        const search::Answer& answer,
                                        const std::vector<Uid>& order) {
  ModSeq highest = answer.highest_modseq;
  if (only_some(returns)) {
    highest = ModSeq();
    returned(returns, order).for_each([&](Uid uid) {
      const store::HotEntry* entry = view.shown().find(uid);
      if (entry) highest = std::max(highest, entry->modseq);
    });
  }
  if (!highest) return std::nullopt;
  return highest.value;
}

void print_order(ImapSession& session, const imap::Sort& command, RunOptions options,
                 const search::Answer& answer, const std::vector<Uid>& order) {
  const imap::SearchReturn& returns = command.search.returns;
  const View& view = session.selected()->view;
  const NumberOptions numbers{.uid = options.uid};
  std::optional<uint64_t> modseq;
  if (imap::uses(command.search.key, imap::SearchOp::modseq)) {
    modseq = modseq_of_order(view, returns, answer, order);
  }
  if (!returns.present) {
    imap::append_sort(session.out(), {numbers_of(view, values_of(order), numbers), modseq});
    return;
  }
  // RFC 5182 2.1: SAVE alone answers nothing.
  if (!returns.answers()) return;
  imap::ESearchData data = esort_of(returns, numbers_of(view, values_of(order), numbers));
  data.tag = std::string(options.tag);
  data.uid = options.uid;
  data.modseq = modseq;
  if (returns.relevancy) data.relevancy = scores_of(returns, order, answer.relevancy);
  imap::append_esearch(session.out(), data, session.style());
}

}  // namespace

imap::ESearchData esort_of(const imap::SearchReturn& returns,
                           const std::vector<uint32_t>& numbers) {
  imap::ESearchData out;
  if (returns.count) out.count = numbers.size();
  if (returns.partial) {
    out.partial.emplace();
    out.partial->range = *returns.partial;
    if (const auto places = returns.partial->places(numbers.size())) {
      const auto begin = numbers.begin() + places->first - 1;
      const std::vector<uint32_t> page(begin, numbers.begin() + places->last);
      out.partial->set = imap::SequenceSet::in_order(page);
    }
  }
  if (numbers.empty()) return out;
  if (returns.min) out.min = numbers.front();
  if (returns.max) out.max = numbers.back();
  if (returns.all) out.all = imap::SequenceSet::in_order(numbers);
  return out;
}

std::vector<uint32_t> numbers_of(const View& view, const std::vector<uint32_t>& uids,
                                 NumberOptions options) {
  if (options.uid) return uids;
  std::vector<uint32_t> out;
  out.reserve(uids.size());
  constexpr size_t few = 64;
  if (uids.size() <= few) {
    for (const uint32_t uid : uids) out.push_back(view.seq_of(Uid(uid)).value);
    return out;
  }
  const std::vector<uint32_t> all = search::uids_of(view.shown());
  // Where uids have few gaps each has a place in a table; else they are looked for by halves.
  if (all.back() / 4 <= all.size()) {
    std::vector<uint32_t> seqs(size_t{all.back()} + 1);
    for (size_t i = 0; i < all.size(); ++i) seqs[all[i]] = static_cast<uint32_t>(i + 1);
    for (const uint32_t uid : uids) out.push_back(seqs[uid]);
    return out;
  }
  for (const uint32_t uid : uids) {
    const auto at = std::lower_bound(all.begin(), all.end(), uid);
    out.push_back(static_cast<uint32_t>(at - all.begin()) + 1);
  }
  return out;
}

net::Task<Result<std::shared_ptr<search::Sorter>>> ready_sorter(ImapSession& session,
                                                                SortWhat what) {
  using SorterPtr = std::shared_ptr<search::Sorter>;
  store::SnapshotPtr shown = shown_snapshot(session.selected()->view);
  const bool large = shown->tree.exists() > inline_mailbox;
  search::SorterOptions options;
  options.collation = what.collation;
  options.cache = session.world().orders;
  options.references = what.references;
  Progress progress(session, what.tag, std::nullopt);
  auto make = [account = session.account_ptr(), shown = std::move(shown), what = std::move(what),
               options]() -> Result<SorterPtr> {
    return std::make_shared<search::Sorter>(account, shown, what.wanted, what.keys, options);
  };
  Result<SorterPtr> sorter = SorterPtr();
  if (large) {
    sorter = co_await session.read(std::move(make));
  } else {
    sorter = make();
  }
  CO_TRY(sorter);
  while (!(*sorter)->done()) {
    if (session.ending()) co_return fail(Code::unavailable, "the session ends");
    auto job = [known = *sorter] { return known->step(hop_pages); };
    auto stepped = co_await session.read(std::move(job));
    CO_TRY(stepped);
    auto told = co_await progress.at(std::nullopt);
    CO_TRY(told);
  }
  if (!(*sorter)->unreadable().empty()) {
    session.log().error("sort: messages of mailbox {} could not be read: {}",
                        session.selected()->mailbox.value, (*sorter)->unreadable().to_string());
  }
  co_return sorter;
}

net::Task<Result<std::vector<Uid>>> sort_messages(ImapSession& session, const UidSet& found,
                                                  const std::vector<imap::SortCriterion>& asked,
                                                  SortSurroundings surroundings) {
  SortWhat what;
  what.wanted = found;
  what.collation = surroundings.collation;
  what.tag = surroundings.tag;
  std::vector<search::SortCriterion> criteria;
  for (const imap::SortCriterion& criterion : asked) {
    const search::SortBy by = sort_by(criterion.key);
    if (by != search::SortBy::relevancy) what.keys.push_back(by);
    criteria.push_back({by, criterion.reverse});
  }
  auto ready = co_await ready_sorter(session, std::move(what));
  CO_TRY(ready);
  std::shared_ptr<search::Sorter> sorter = std::move(*ready);
  const std::vector<uint32_t> relevancy = ranks_of(surroundings.relevancy, sorter->wanted());
  if (sorter->wanted().size() <= inline_messages) co_return sorter->order(criteria, relevancy);
  auto job = [sorter, criteria, relevancy]() -> Result<std::vector<Uid>> {
    return sorter->order(criteria, relevancy);
  };
  auto ordered = co_await session.read(std::move(job));
  co_return ordered;
}

CommandTask run(ImapSession& session, const imap::Sort& asked, RunOptions options) {
  const imap::SearchReturn& returns = asked.search.returns;
  if (auto refused = update_refused(session, returns, options.tag)) co_return std::move(*refused);
  if (asks_for_relevancy(asked) && !search::evaluates_fuzzy) {
    co_return Reply::bad("RELEVANCY is not offered here");
  }
  auto plain = co_await with_filters(session, asked.search);
  if (!plain) co_return std::move(plain.error());
  const imap::Sort command{asked.criteria, std::move(*plain)};
  auto answer = co_await find_messages(session, command.search, options.tag);
  if (!answer) co_return answer.error();
  SortSurroundings surroundings{session.collation, answer->relevancy, std::string(options.tag)};
  auto order =
      co_await sort_messages(session, answer->uids, command.criteria, std::move(surroundings));
  if (!order) {
    if (returns.save) session.selected()->saved.clear();
    co_return reply_for(session, order.error());
  }
  if (returns.save) {
    session.selected()->saved = only_some(returns) ? returned(returns, *order) : answer->uids;
  }
  if (returns.update) {
    LiveStart start{std::string(options.tag), options.uid, command.criteria, *order};
    start_live(session, std::move(start), command.search, answer->uids);
  }
  print_order(session, command, options, *answer, *order);
  co_return Reply::ok("sorted");
}

}  // namespace eilpost::server
