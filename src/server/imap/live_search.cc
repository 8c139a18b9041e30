#include "server/imap/live_search.h"

#include <algorithm>

#include "base/limits.h"
#include "search/live.h"
#include "server/imap/commands.h"
#include "server/imap/search_run.h"

namespace eilpost::server {

namespace {

void refuse(ImapSession& session, const std::string& tag, std::string_view why) {
  imap::append_untagged(session.out(), imap::Condition::no, imap::ResponseCode::no_update(tag),
                        why);
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
  for (const LiveSearch& one : live) sum += one.found.raw().intervals().size();
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

void drop_gone(ImapSession& session, LiveSearch& live, const ShownBefore& before,
               const UidSet& gone) {
  live.pending = difference(live.pending, gone);
  const UidSet lost = intersection(live.found, gone);
  if (lost.empty()) return;
  live.found = difference(live.found, lost);
  print_updates(session, live, {{true, 0, told_as(live, before.tree, lost)}});
}

void note_change(LiveSearch& live, const ShownBefore& before, const View& view, Uid uid) {
  const uint32_t number = store::keys::page_of(uid);
  const uint8_t slot = store::keys::slot_of(uid);
  const store::PagePtr was = before.tree.page(number);
  const store::PagePtr is = view.shown().page(number);
  const store::HotEntry* old_entry = was ? was->find(slot) : nullptr;
  const store::HotEntry* new_entry = is ? is->find(slot) : nullptr;
  if (!old_entry || !new_entry) return;
  const bool matters = search::may_differ(live.program, {*was, *old_entry, *before.keywords},
                                          {*is, *new_entry, *view.snapshot().keywords});
  if (matters) live.pending.add(uid);
}

net::Task<Result<>> look_again(ImapSession& session, LiveSearch& live) {
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
  const UidSet won = difference(answer->uids, live.found);
  live.pending.clear();
  live.found = difference(live.found, lost);
  live.found.add(won);
  const store::MessageTree& tree = session.selected()->view.shown();
  std::vector<imap::ContextUpdate> updates;
  if (!lost.empty()) updates.push_back({true, 0, told_as(live, tree, lost)});
  if (!won.empty()) updates.push_back({false, 0, told_as(live, tree, won)});
  if (!updates.empty()) print_updates(session, live, std::move(updates));
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
  if (!live.empty() &&
      results_of(live) + found.raw().intervals().size() > limits::live_search_ranges_max) {
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
  for (LiveSearch& live : selected.live) {
    drop_gone(session, live, before, news.vanished);
    for (const Announcement::Changed& changed : news.changed) {
      note_change(live, before, selected.view, changed.uid);
    }
    live.pending.add(added);
  }
}

net::Task<> tell_live(ImapSession& session) {
  for (size_t i = 0; i < session.selected()->live.size(); ++i) {
    LiveSearch& live = session.selected()->live[i];
    if (live.pending.empty()) continue;
    auto looked = co_await look_again(session, live);
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
