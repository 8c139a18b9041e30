// NOTIFY (RFC 5465).

#include "server/imap/notify.h"

#include <algorithm>
#include <array>
#include <set>

#include "server/imap/commands.h"
#include "server/imap/fetch_plan.h"
#include "server/imap/list.h"
#include "server/imap/metadata.h"
#include "server/imap/status.h"
#include "store/news.h"

namespace eilpost::server {

namespace {

using imap::StatusItem;

constexpr std::array supported_events{
    imap::event_message_new,           imap::event_message_expunge,
    imap::event_flag_change,           imap::event_mailbox_name,
    imap::event_subscription_change,   imap::event_mailbox_metadata_change,
    imap::event_server_metadata_change};

// The reply that refuses the command, or nothing.
std::optional<Reply> refusal_of(ImapSession& session, const imap::Notify& command) {
  if (session.hides("NOTIFY")) return Reply::bad("NOTIFY is not offered");
  size_t names = 0;
  for (const imap::NotifyGroup& group : command.groups) {
    names += group.where.names.size();
    if (!group.unknown_events.empty() || (group.events & imap::event_annotation_change) != 0) {
      std::vector<std::string> known;
      for (const auto event : supported_events) known.emplace_back(imap::notify_event_name(event));
      return Reply{imap::Condition::no,
                   imap::ResponseCode(imap::CodeName::bad_event, std::move(known)),
                   "an event that is not known here"};
    }
    if (group.fetch && body_items(*group.fetch) > limits::fetch_bodies_max) {
      return Reply::no(imap::CodeName::limit, "more body sections than one FETCH may name");
    }
  }
  if (names > limits::notify_names_max || command.groups.size() > limits::notify_groups_max) {
    return Reply::no(imap::CodeName::notification_overflow, "more than one NOTIFY may name");
  }
  return std::nullopt;
}

// What STATUS says of a mailbox that a client begins to watch (RFC 5465 3.1).
std::vector<StatusItem> first_items(uint8_t events) {
  std::vector<StatusItem> items;
  if ((events & imap::event_message_new) != 0) {
    items = {StatusItem::messages, StatusItem::uid_next, StatusItem::uid_validity};
  }
  if ((events & imap::event_flag_change) != 0) items.push_back(StatusItem::highest_modseq);
  return items;
}

// And when something has happened (5.1 to 5.3).
std::vector<StatusItem> news_items(const ImapSession& session, uint8_t events,
                                   const store::MailboxNews& news) {
  std::vector<StatusItem> items;
  const bool wants_counts = (events & imap::event_message_new) != 0;
  const bool wants_flags = (events & imap::event_flag_change) != 0;
  if (wants_counts && (news.added || news.expunged)) {
    items = {StatusItem::uid_next, StatusItem::messages};
  }
  if (wants_flags && (news.flags || news.named)) items.push_back(StatusItem::uid_validity);
  if (wants_flags && news.flags) items.push_back(StatusItem::unseen);
  if (!items.empty() && session.condstore) items.push_back(StatusItem::highest_modseq);
  return items;
}

bool is_selected(ImapSession& session, MailboxId mailbox) {
  return session.selected() && session.selected()->mailbox == mailbox;
}

// One look at what has happened since the last one.
struct Look {
  ModSeq newest;
  store::FoldersPtr tree;
  store::NewsSince news;
};

// Without the log, only what the counters tell: something has changed.
void assume_all(ImapSession& session, Look& look, ModSeq seen) {
  for (const auto& entry : look.tree->entries()) {
    const auto counters = session.account().counters(entry.def->id);
    if (!counters || counters->highest_modseq <= seen) continue;
    store::MailboxNews& news = look.news.mailboxes[entry.def->id];
    news.added = news.expunged = news.flags = true;
  }
}

// RFC 5465 5: not what this client did itself.
bool is_own(const Look& look, const NameChange& change) {
  bool here = false;
  for (const MailboxId id : {change.id, change.old_id}) {
    const auto news = look.news.mailboxes.find(id);
    if (!id || news == look.news.mailboxes.end()) continue;
    if (news->second.named) return false;
    here = here || news->second.named_here;
  }
  return here;
}

// LIST responses: of names that came, went or changed, and of subscriptions.
std::vector<imap::ListData> names_to_tell(NotifyState& notify, const Look& look) {
  std::vector<imap::ListData> out;
  if (look.tree == notify.tree) return out;
  std::set<std::string> told;
  const auto wants = [&](const std::string& name, uint8_t event) {
    return ((events_of(notify.groups, *look.tree, name, notify.surroundings) |
             events_of(notify.groups, *notify.tree, name, notify.surroundings)) &
            event) != 0;
  };
  bool others = false;
  for (const NameChange& change : name_changes(*notify.tree, *look.tree)) {
    const bool is_parent = !change.id && !change.old_id;
    // A parent is told with what has happened below it.
    if (is_parent ? !others : is_own(look, change)) continue;
    others = true;
    const bool wanted = wants(change.name, imap::event_mailbox_name) ||
                        (change.old_name && wants(*change.old_name, imap::event_mailbox_name));
    if (!wanted) continue;
    out.push_back(list_data_of(*look.tree, change.name));
    out.back().old_name = change.old_name;
    told.insert(change.name);
  }
  const auto& now = look.tree->subscriptions();
  const auto& before = notify.tree->subscriptions();
  std::vector<std::string> changed;
  std::set_symmetric_difference(before.begin(), before.end(), now.begin(), now.end(),
                                std::back_inserter(changed));
  for (const std::string& name : changed) {
    const auto own = notify.subscribed.find(name);
    if (own != notify.subscribed.end() && own->second == (now.count(name) != 0)) continue;
    if (told.count(name) != 0 || !wants(name, imap::event_subscription_change)) continue;
    out.push_back(list_data_of(*look.tree, name));
  }
  return out;
}

struct StatusToTell {
  MailboxId mailbox;
  std::string name;
  std::vector<StatusItem> items;
};

std::vector<StatusToTell> statuses_to_tell(ImapSession& session, const Look& look) {
  std::vector<StatusToTell> out;
  for (const auto& [mailbox, news] : look.news.mailboxes) {
    const store::MailboxDef* def = look.tree->find(mailbox);
    if (!def || !def->selectable || is_selected(session, mailbox)) continue;
    std::string name = look.tree->name(mailbox);
    const NotifyState& notify = *session.notify;
    const uint8_t events = events_of(notify.groups, *look.tree, name, notify.surroundings);
    auto items = news_items(session, events, news);
    if (!items.empty()) out.push_back({mailbox, std::move(name), std::move(items)});
  }
  return out;
}

// RFC 5465 5.8: nothing more is told, as after NOTIFY NONE.
void overflow(ImapSession& session) {
  imap::append_untagged(session.out(), imap::Condition::ok,
                        imap::ResponseCode(imap::CodeName::notification_overflow),
                        session.text("more has happened than can be told"));
  session.notify = std::make_unique<NotifyState>();
}

net::Task<Result<Look>> look_around(ImapSession& session) {
  Look look;
  const NotifyState& notify = *session.notify;
  const auto head = session.account().head();
  look.tree = session.folders();
  if (!head || !look.tree) co_return fail(Code::unavailable, "the account is not loaded");
  look.newest = std::max(head->last_modseq, notify.seen);
  if (look.newest == notify.seen) {
    look.news.complete = true;
    co_return look;
  }
  const store::NewsRange range{notify.seen, look.newest};
  auto job = [account = session.account_ptr(), range, id = session.entry().id()] {
    return store::read_news(account->engine(), account->partition(), range, id);
  };
  auto news = co_await session.read(std::move(job));
  CO_TRY(news);
  look.news = std::move(*news);
  if (!look.news.complete) assume_all(session, look, range.after);
  co_return look;
}

net::Task<> tell_metadata(ImapSession& session, const Look& look) {
  const NotifyState& notify = *session.notify;
  AnnotationNames names;
  for (const auto& [mailbox, news] : look.news.mailboxes) {
    if (!news.annotations.empty()) names[mailbox] = news.annotations;
  }
  if (!look.news.complete) {
    auto all = co_await all_annotation_names(session);
    if (all) names = std::move(*all);
  }
  uint8_t all_events = 0;
  for (const imap::NotifyGroup& group : notify.groups) all_events |= group.events;
  if ((all_events & imap::event_server_metadata_change) == 0) names.erase(MailboxId(0));
  std::erase_if(names, [&](const auto& one) {
    if (!one.first) return false;
    const std::string name = look.tree->name(one.first);
    const uint8_t events = events_of(notify.groups, *look.tree, name, notify.surroundings);
    return (events & imap::event_mailbox_metadata_change) == 0;
  });
  append_annotation_names(session, names);
}

}  // namespace

bool tells_selected(const ImapSession& session) {
  return !session.notify || session.notify->selected_events != 0;
}

std::vector<imap::FetchItem> items_of_new(ImapSession& session) {
  std::vector<imap::FetchItem> out;
  const auto add = [&](const std::vector<imap::FetchItem>& items) {
    for (const imap::FetchItem& item : items) {
      if (std::find(out.begin(), out.end(), item) == out.end()) out.push_back(item);
    }
  };
  if (session.notify) add(session.notify->fetch);
  for (const LiveSearch& live : session.selected()->live) add(live.items);
  return out;
}

void note_subscription(ImapSession& session, const std::string& name, bool subscribed) {
  if (session.notify) session.notify->subscribed[store::canonical_name(name)] = subscribed;
}

net::Task<> announce_notified(ImapSession& session) {
  if (!session.notify || !session.notify->subscription) co_return;
  auto look = co_await look_around(session);
  if (!look) {
    // It is told when it can be looked at again.
    session.log().info("notify: {}", look.error().detail);
    co_return;
  }
  NotifyState& notify = *session.notify;
  if (look->newest == notify.seen && look->tree == notify.tree) co_return;
  const auto names = names_to_tell(notify, *look);
  const auto statuses = statuses_to_tell(session, *look);
  if (names.size() + statuses.size() > limits::notify_news_max) {
    overflow(session);
    co_return;
  }
  for (const imap::ListData& data : names) {
    imap::append_list(session.out(), data, session.style());
  }
  for (const StatusToTell& status : statuses) {
    append_status_of(session, status.name, status.mailbox, status.items);
  }
  co_await tell_metadata(session, *look);
  notify.seen = look->newest;
  notify.tree = look->tree;
  notify.subscribed.clear();
}

CommandTask run(ImapSession& session, const imap::Notify& command, RunOptions) {
  if (auto refused = refusal_of(session, command)) co_return std::move(*refused);
  auto fresh = co_await session.refresh();
  if (!fresh) co_return reply_for(session, fresh.error());
  if (session.selected() && !command.groups.empty()) {
    // RFC 5465 3.1: what has gathered comes now, whatever is asked for from here on.
    auto synced = co_await session.sync(session.pipeline_allows_expunge());
    if (!synced) co_return reply_for(session, synced.error());
  }
  auto state = std::make_unique<NotifyState>();
  state->surroundings.delivers_to_all = session.settings().subaddress_folder;
  for (const imap::NotifyGroup& group : command.groups) {
    if (!group.is_selected()) {
      state->groups.push_back(group);
      continue;
    }
    state->selected_events = group.events;
    state->delayed = group.where.scope == imap::MailboxScope::selected_delayed;
    state->fetch = group.fetch.value_or(std::vector<imap::FetchItem>());
    for (const imap::FetchItem& item : state->fetch) {
      if (item.kind == imap::FetchKind::modseq) session.use_condstore();  // RFC 7162 3.1
    }
  }
  const auto head = session.account().head();
  state->tree = session.folders();
  if (!head || !state->tree) co_return Reply::no(imap::CodeName::unavailable, "try again later");
  state->seen = head->last_modseq;
  if (!command.groups.empty()) {
    const net::Signal::Handle handle = session.signal().handle();
    state->subscription =
        session.account().subscribe(std::nullopt, [handle] { handle.notify(wake_mailbox); });
  }
  session.notify = std::move(state);
  if (!command.status) co_return Reply::ok("you will be told");
  const store::FoldersPtr tree = session.notify->tree;
  for (const auto& entry : tree->entries()) {
    if (!entry.def->selectable || is_selected(session, entry.def->id)) continue;
    const NotifyState& notify = *session.notify;
    const auto items =
        first_items(events_of(notify.groups, *tree, entry.name, notify.surroundings));
    if (items.empty()) continue;
    append_status_of(session, entry.name, entry.def->id, items);
    auto sent = co_await session.send_if_large();
    if (!sent) break;
  }
  co_return Reply::ok("you will be told");
}

}  // namespace eilpost::server
