#include "server/imap/live_search.h"

#include <algorithm>
#include <unordered_map>

#include "base/limits.h"
#include "search/live.h"
#include "server/imap/commands.h"
#include "server/imap/live_order.h"
#include "server/imap/notify.h"
#include "server/imap/search_run.h"
#include "server/imap/sort.h"

namespace eilpost::server {

namespace {

void refuse(ImapSession& session, const std::string& tag, std::string_view why) {
  imap::append_untagged(session.out(), imap::Condition::no, imap::ResponseCode::no_update(tag),
                        session.text(why));
}

// "5:*" means every message to come, too.
SearchSurroundings live_surroundings(ImapSession& session) {
  SearchSurroundings surroundings = surroundings_of(session);
  surroundings.resolve = [&session, once = surroundings.resolve](const imap::SequenceSet& set,
                                                                 bool uid) -> Result<UidSet> {
    UidSet out = TRY(once(set, uid));
    const Uid last = session.selected()->view.shown().last_uid();
    const bool open = std::any_of(set.ranges.begin(), set.ranges.end(), [&](const auto& range) {
      return range.first != range.last && (range.first == 0 || range.last == 0) &&
             std::max(range.first, range.last) <= last.value + 1;
    });
    if (uid && open) out.add(Uid(last.value + 1), Uid(UINT32_MAX));
    return out;
  };
  return surroundings;
}

uint64_t results_of(const std::vector<LiveSearch>& live) {
  uint64_t sum = 0;
  for (const LiveSearch& one : live) {
    sum += one.found.raw().intervals().size() + one.order.size();
  }
  return sum;
}

// Of the messages in `tree`, the numbers that the client knows them by.
imap::SequenceSet told_as(const LiveSearch& live, const store::MessageTree& tree,
                          const UidSet& uids) {
  if (live.uid) return imap::SequenceSet::of(uids.raw());
  IntervalSet numbers;
  uids.for_each([&](Uid uid) { numbers.add(tree.seq_of(uid).value); });
  return imap::SequenceSet::of(numbers);
}

// The same of messages in order, as pairs of ADDTO or REMOVEFROM.
std::vector<imap::ContextUpdate> told_as(const LiveSearch& live, const store::MessageTree& tree,
                                         const std::vector<OrderChange>& changes, bool removed) {
  std::vector<imap::ContextUpdate> out;
  for (const OrderChange& change : changes) {
    std::vector<uint32_t> numbers;
    for (const Uid uid : change.uids) {
      numbers.push_back(live.uid ? uid.value : tree.seq_of(uid).value);
    }
    out.push_back({removed, change.position, imap::SequenceSet::in_order(numbers)});
  }
  return out;
}

void print_updates(ImapSession& session, const LiveSearch& live,
                   std::vector<imap::ContextUpdate> updates) {
  imap::ESearchData data;
  data.tag = live.tag;
  data.uid = live.uid;
  data.updates = std::move(updates);
  imap::append_esearch(session.out(), data, session.style());
}

UidSet intersection(const UidSet& a, const UidSet& b) {
  return UidSet(a.raw().intersect(b.raw()));
}
UidSet difference(const UidSet& a, const UidSet& b) {
  return UidSet(a.raw().subtract(b.raw()));
}

// Uids above `last` in the view.
UidSet arrivals(const View& view, Uid last) {
  UidSet out;
  view.shown().for_pages(Uid(last.value + 1), [&](Seq, const store::PagePtr& page) {
    for (const store::HotEntry& entry : page->entries) {
      if (page->uid(entry) > last) out.add(page->uid(entry));
    }
    return true;
  });
  return out;
}

// What to tell of `lost`, which is taken out of the order, too.
std::vector<imap::ContextUpdate> removals(LiveSearch& live, const store::MessageTree& tree,
                                          const UidSet& lost) {
  if (lost.empty()) return {};
  if (live.criteria.empty()) return {{true, 0, told_as(live, tree, lost)}};
  return told_as(live, tree, take_out(live.order, lost), true);
}

void drop_gone(ImapSession& session, LiveSearch& live, const ShownBefore& before,
               const UidSet& gone) {
  live.pending = difference(live.pending, gone);
  const UidSet lost = intersection(live.found, gone);
  if (lost.empty()) return;
  live.found = difference(live.found, lost);
  print_updates(session, live, removals(live, before.tree, lost));
}

// Each page is looked up once for all its changes and all searches: there may be many of both.
void note_changes(std::vector<LiveSearch>& live, const ShownBefore& before, const View& view,
                  const std::vector<Announcement::Changed>& changes) {
  const store::KeywordTable& keywords = *view.snapshot().keywords;
  store::PagePtr was;
  store::PagePtr is;
  std::optional<uint32_t> at;
  for (const Announcement::Changed& change : changes) {
    const uint32_t number = store::keys::page_of(change.uid);
    if (at != number) {
      was = before.tree.page(number);
      is = view.shown().page(number);
      at = number;
    }
    const uint8_t slot = store::keys::slot_of(change.uid);
    const store::HotEntry* old_entry = was ? was->find(slot) : nullptr;
    const store::HotEntry* new_entry = is ? is->find(slot) : nullptr;
    if (!old_entry || !new_entry) continue;
    const search::HotMessage old_message{*was, *old_entry, *before.keywords};
    const search::HotMessage new_message{*is, *new_entry, keywords};
    for (LiveSearch& one : live) {
      if (search::may_differ(one.program, old_message, new_message)) one.pending.add(change.uid);
    }
  }
}

// Where `won` belong among the messages at `indices` of the order; the others are not compared.
net::Task<Result<std::vector<Insertion>>> compare(ImapSession& session, const LiveSearch& live,
                                                  const UidSet& won,
                                                  const std::vector<size_t>& indices) {
  UidSet all = won;
  std::unordered_map<uint32_t, size_t> at;
  for (const size_t i : indices) {
    all.add(live.order[i]);
    at.emplace(live.order[i].value, i);
  }
  SortSurroundings surroundings{live.collation};
  auto sorted = co_await sort_messages(session, all, live.criteria, std::move(surroundings));
  CO_TRY(sorted);
  std::vector<Insertion> out;
  size_t behind = 0;
  for (const Uid uid : *sorted) {
    const auto known = at.find(uid.value);
    if (known == at.end()) {
      out.push_back({behind, uid});
    } else {
      behind = known->second + 1;
    }
  }
  co_return out;
}

std::vector<size_t> every(size_t distance, size_t size) {
  std::vector<size_t> out;
  for (size_t i = 0; i < size; i += distance) out.push_back(i);
  return out;
}

// Where `won` belong in the order. A few messages in a long order are compared with some of it:
// what they lie between, then what lies there.
net::Task<Result<std::vector<Insertion>>> places_of(ImapSession& session, const LiveSearch& live,
                                                    const UidSet& won) {
  const size_t size = live.order.size();
  const size_t distance = probe_distance(size);
  if (won.count() * distance >= size) {
    auto places = co_await compare(session, live, won, every(1, size));
    co_return places;
  }
  auto rough = co_await compare(session, live, won, every(distance, size));
  CO_TRY(rough);
  std::vector<size_t> between;
  for (const Insertion& insertion : *rough) {
    if (insertion.behind == 0) continue;
    const size_t first = insertion.behind - 1;
    if (!between.empty() && between.back() >= first) continue;
    for (size_t i = first; i < std::min(first + distance, size); ++i) between.push_back(i);
  }
  auto places = co_await compare(session, live, won, between);
  co_return places;
}

// ADDTO of `won`, which is put into the order, too; what cannot be ordered is left out.
net::Task<Result<std::vector<imap::ContextUpdate>>> additions(ImapSession& session,
                                                              LiveSearch& live, UidSet& won) {
  std::vector<imap::ContextUpdate> out;
  const store::MessageTree& tree = session.selected()->view.shown();
  if (won.empty()) co_return out;
  if (live.criteria.empty()) {
    out.push_back({false, 0, told_as(live, tree, won)});
    co_return out;
  }
  auto places = co_await places_of(session, live, won);
  CO_TRY(places);
  won.clear();
  for (const Insertion& insertion : *places) won.add(insertion.uid);
  out = told_as(live, tree, put_in(live.order, *places), false);
  co_return out;
}

// RFC 5465 7: EXISTS, then FETCH, then ESEARCH.
net::Task<Result<>> tell_new(ImapSession& session, const LiveSearch& live, const UidSet& won,
                             NewMessages& fresh) {
  if (live.items.empty()) co_return Result<>();
  UidSet told = intersection(won, fresh.uids);
  if (told.empty()) co_return Result<>();
  fresh.uids = difference(fresh.uids, told);
  auto printed = co_await print_new_messages(session, fresh.items, std::move(told));
  co_return printed;
}

net::Task<Result<>> look_again(ImapSession& session, LiveSearch& live, NewMessages& fresh) {
  Progress progress(session, "", std::nullopt);
  std::vector<search::Program> both;
  both.push_back(search::in_uids(live.pending));
  both.push_back(live.program);
  Evaluation evaluation{shown_snapshot(session.selected()->view), search::all_of(std::move(both)),
                        live.keys};
  auto answer = co_await evaluate(session, std::move(evaluation), progress, std::nullopt);
  CO_TRY(answer);
  log_unreadable(session, session.selected()->mailbox, answer->unreadable);
  const UidSet lost = difference(intersection(live.found, live.pending), answer->uids);
  UidSet won = difference(answer->uids, live.found);
  live.found = difference(live.found, lost);
  live.pending = difference(live.pending, lost);
  std::vector<imap::ContextUpdate> updates = removals(live, session.selected()->view.shown(), lost);
  auto fetched = co_await tell_new(session, live, won, fresh);
  if (!fetched) session.log().info("live search: {}", fetched.error().detail);
  auto added = co_await additions(session, live, won);
  if (added) {
    live.pending.clear();
    live.found.add(won);
    updates.insert(updates.end(), added->begin(), added->end());
  }
  if (!updates.empty()) print_updates(session, live, std::move(updates));
  CO_TRY(added);
  co_return Result<>();
}

}  // namespace

bool is_live(ImapSession& session, std::string_view tag) {
  const auto& live = session.selected()->live;
  return std::any_of(live.begin(), live.end(),
                     [&](const LiveSearch& one) { return one.tag == tag; });
}

void start_live(ImapSession& session, LiveStart start, const imap::Search& plain,
                const UidSet& found) {
  std::vector<LiveSearch>& live = session.selected()->live;
  if (live.size() >= limits::live_searches_max) {
    return refuse(session, start.tag, "too many searches are kept up to date");
  }
  // RFC 5267 4.3.1: the first is never too large.
  const uint64_t more = found.raw().intervals().size() + start.order.size();
  if (!live.empty() && results_of(live) + more > limits::live_search_ranges_max) {
    return refuse(session, start.tag, "too much is kept up to date");
  }
  auto program = plan_search(plain, live_surroundings(session));
  if (!program) return refuse(session, start.tag, "this search cannot be kept up to date");
  if (search::depends_on_time(*program) || search::is_fuzzy(*program)) {
    return refuse(session, start.tag, "what matches changes without any message changing");
  }
  LiveSearch one;
  one.tag = std::move(start.tag);
  one.uid = start.uid;
  one.program = std::move(*program);
  one.keys = imap::count_keys(plain.key);
  one.found = found;
  one.criteria = std::move(start.criteria);
  one.order = std::move(start.order);
  one.items = plain.returns.update_items;
  for (const imap::FetchItem& item : one.items) {
    if (item.kind == imap::FetchKind::modseq) session.use_condstore();  // RFC 7162 3.1
  }
  one.collation = session.collation;
  live.push_back(std::move(one));
}

void end_numbered(ImapSession& session) {
  if (!session.selected()) return;
  std::vector<LiveSearch>& live = session.selected()->live;
  for (const LiveSearch& one : live) {
    if (!one.uid) refuse(session, one.tag, "message numbers are of no use any more");
  }
  live.erase(std::remove_if(live.begin(), live.end(), [](const auto& one) { return !one.uid; }),
             live.end());
}

void note_news(ImapSession& session, const ShownBefore& before, const Announcement& news) {
  Selected& selected = *session.selected();
  const UidSet added = arrivals(selected.view, before.tree.last_uid());
  for (LiveSearch& live : selected.live) drop_gone(session, live, before, news.vanished);
  note_changes(selected.live, before, selected.view, news.changed);
  for (LiveSearch& live : selected.live) live.pending.add(added);
}

net::Task<> tell_live(ImapSession& session, NewMessages& fresh) {
  for (size_t i = 0; i < session.selected()->live.size(); ++i) {
    LiveSearch& live = session.selected()->live[i];
    if (live.pending.empty()) continue;
    auto looked = co_await look_again(session, live, fresh);
    if (!looked) session.log().info("live search: {}", looked.error().detail);
    if (session.wants_send()) {
      auto sent = co_await session.send();
      if (!sent) co_return;
    }
  }
}

CommandTask run(ImapSession& session, const imap::CancelUpdate& command, RunOptions) {
  std::vector<LiveSearch>& live = session.selected()->live;
  bool all = true;
  for (const std::string& tag : command.tags) {
    const auto at = std::find_if(live.begin(), live.end(),
                                 [&](const LiveSearch& one) { return one.tag == tag; });
    all = all && at != live.end();
    if (at != live.end()) live.erase(at);
  }
  if (!all) co_return Reply::no(imap::CodeName::nonexistent, "no such search is kept up to date");
  co_return Reply::ok("no more is told");
}

}  // namespace eilpost::server
