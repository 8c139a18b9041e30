// The session's dealings with the store and with its selected mailbox.

#include <algorithm>

#include "server/imap/commands.h"
#include "server/imap/notify.h"
#include "server/imap/session.h"
#include "store/mutations.h"
#include "store/news.h"

namespace eilpost::server {

void ImapSession::set_state(SessionState state) {
  state_ = state;
  if (state == SessionState::authenticated) entry_.set_state("authenticated");
  if (state == SessionState::selected) entry_.set_state("selected");
  if (state == SessionState::logout) entry_.set_state("logout");
}

net::Task<Result<>> ImapSession::enter(directory::Identity identity) {
  const PartitionId partition(identity.account.value);
  auto opened = co_await open_account(world_, partition);
  CO_TRY(opened);
  // Counted last: a login that fails takes no place.
  auto counted = entry_.login(identity.account, identity.login_name);
  CO_TRY(counted);
  account_ = std::move(*opened);
  log_.info("login account={} name={} mechanism={}{}", identity.account.value, identity.login_name,
            identity.mechanism,
            identity.delegated()
                ? fmt::format(" by={} actor={} rights={}", identity.actor_name,
                              identity.actor.value, identity.read_only ? "read-only" : "full")
                : "");
  identity_ = std::move(identity);
  if (trace_) trace_->identify(identity_->account);
  framer_.set_limits(imap::FramerLimits());
  set_state(SessionState::authenticated);
  co_return Result<>();
}

net::Task<> ImapSession::leave() {
  co_await drop_append();  // its blobs are the account's
  co_await deselect();
  log_.info("unauthenticated account={}", identity_->account.value);
  rev2 = condstore = qresync = utf8 = uid_only = quota_warned = fresh_ = false;
  collation = mime::Collation();
  language = Language::international;
  metadata_news = MetadataNews();
  notify.reset();
  alerts_told = false;
  own_rules_.clear();
  identity_.reset();
  quota_read_at_.reset();
  masks_.clear();
  account_.reset();
  entry_.logout();
  framer_.set_limits(imap::preauth_framer_limits());
  login_by_ = net::after(std::chrono::seconds(settings_->preauth_seconds));
  set_state(SessionState::not_authenticated);
}

bool ImapSession::hides(std::string_view capability) const {
  const auto same = [&](const std::string& name) { return imap::equal_nocase(name, capability); };
  const auto& all = settings_->hidden_capabilities;
  if (std::any_of(all.begin(), all.end(), same)) return true;
  if (!identity_) return false;
  const auto& own = identity_->hidden_capabilities;
  if (std::any_of(own.begin(), own.end(), same)) return true;
  return std::any_of(masks_.begin(), masks_.end(), [&](const directory::ClientMask& mask) {
    return mask.client == client_name.value_or("") && same(mask.capability);
  });
}

void ImapSession::set_client(std::string client) {
  entry_.set_client(client);
  log_.info("client id={}", client);
  client_name = std::move(client);
}

net::Task<> ImapSession::learn(std::string_view capability, std::string_view why) {
  directory::ClientMask mask{client_name.value_or(""), std::string(capability), std::string(why),
                             world_.clock.now()};
  const auto same = [&](const directory::ClientMask& known) {
    return known.client == mask.client && known.capability == mask.capability;
  };
  if (std::any_of(masks_.begin(), masks_.end(), same)) co_return;
  log_.warn("client mask learned account={} capability={} client={} why={}",
            identity_->account.value, capability, mask.client, why);
  auto job = [&rows = world_.account_rows, id = identity_->account, mask] {
    return directory::learn_client_mask(rows, id, mask);
  };
  auto learned = co_await net::run_on(world_.directory_pool, std::move(job));
  if (!learned) log_.warn("client mask: {}", learned.error().detail);
  // What is enabled stays so in this session; what is not can no longer be.
  masks_.push_back(std::move(mask));
}

void ImapSession::follow_metadata(MetadataScope scope) {
  metadata_news.mailboxes = metadata_news.mailboxes || scope.mailboxes;
  if (metadata_news.subscription) return;
  metadata_news.seen = account_->annotations_modseq();
  const net::Signal::Handle handle = signal_.handle();
  metadata_news.subscription =
      account_->subscribe(MailboxId(0), [handle] { handle.notify(wake_mailbox); });
}

store::Author ImapSession::author() const {
  // The change log names who did it, also when that was somebody with a grant.
  return {entry_.id(), identity_ ? identity_->actor_name : std::string()};
}

store::QuotaLimit ImapSession::quota() const {
  return quota_limit(identity_->quota, *settings_);
}

net::Task<> ImapSession::renew_quota() {
  constexpr int64_t good_micros = 5'000'000;
  const int64_t now = world_.clock.steady_micros();
  if (quota_read_at_ && now - *quota_read_at_ < good_micros) co_return;
  quota_read_at_ = now;
  auto job = [&directory = world_.directory, id = identity_->account] {
    return directory.find(id);
  };
  auto found = co_await net::run_on(world_.directory_pool, std::move(job));
  if (found) {
    identity_->quota = found->quota;
  } else {
    log_.warn("quota: {}", found.error().detail);
  }
}

net::Task<Result<>> ImapSession::refresh() {
  if (fresh_) co_return Result<>();
  auto start = [this](std::function<void(Result<>)> done) { account_->refresh(std::move(done)); };
  auto result = co_await net::await_callback<Result<>>(start);
  fresh_ = result.has_value();
  co_return result;
}

net::Task<Result<store::SnapshotPtr>> ImapSession::open(MailboxId mailbox) {
  // A command served from memory makes no hop. What other nodes do gets there by the follower.
  if (store::SnapshotPtr ready = account_->snapshot(mailbox)) co_return ready;
  auto start = [this, mailbox](std::function<void(Result<store::SnapshotPtr>)> done) {
    account_->open(mailbox, std::move(done));
  };
  auto result = co_await net::await_callback<Result<store::SnapshotPtr>>(start);
  if (result) fresh_ = true;
  co_return result;
}

Result<MailboxId> ImapSession::find_mailbox(const std::string& name) {
  const store::FoldersPtr tree = folders();
  if (!tree) return fail(Code::unavailable, "the account is not loaded");
  return find_selectable(*tree, name);
}

Result<MailboxId> find_selectable(const store::FolderTree& tree, const std::string& name) {
  const store::MailboxDef* def = tree.find(name);
  if (!def || !def->selectable) return fail(Code::not_found, "no such mailbox");
  return def->id;
}

void ImapSession::select(Selected selected) {
  entry_.set_mailbox(selected.name);
  selected_.emplace(std::move(selected));
  const net::Signal::Handle handle = signal_.handle();
  selected_->subscription =
      account_->subscribe(selected_->mailbox, [handle] { handle.notify(wake_mailbox); });
  set_state(SessionState::selected);
}

net::Task<> ImapSession::deselect() {
  if (!selected_) co_return;
  // What arrived while this session watched was \Recent to it; the next session is not told so
  // again.
  const MailboxId mailbox = selected_->mailbox;
  const Uid seen_up_to = selected_->view.snapshot().counters.uid_next;
  const bool arrivals =
      !selected_->read_only && selected_->view.snapshot().counters.first_recent < seen_up_to;
  selected_.reset();
  entry_.set_mailbox("");
  if (state_ == SessionState::selected) set_state(SessionState::authenticated);
  if (!arrivals) co_return;
  std::function<Result<Uid>(store::Tx&)> take = [mailbox](store::Tx& tx) {
    return store::take_recent(tx, mailbox);
  };
  auto taken = co_await mutate<Uid>(std::move(take));
  if (!taken) log_.debug("recent: {}", taken.error().detail);
}

Result<UidSet> ImapSession::resolve(const imap::SequenceSet& set, bool uid) const {
  if (set.saved) {
    UidSet out;
    // Messages that have left the view are no longer part of the result (RFC 5182 2.1).
    selected_->saved.for_each([&](Uid u) {
      if (selected_->view.shown().find(u)) out.add(u);
    });
    return out;
  }
  return selected_->view.resolve(set, uid);
}

void ImapSession::use_condstore() {
  if (condstore) return;
  condstore = true;
  if (!selected_) return;
  const uint64_t modseq = selected_->view.announced_modseq().value;
  imap::ResponseCode code(imap::CodeName::highest_modseq, modseq);
  imap::append_untagged(out_, imap::Condition::ok, code, text("CONDSTORE is on"));
}

net::Task<Result<>> ImapSession::sync(bool expunges) {
  auto now = co_await open(selected_->mailbox);
  if (!now) {
    if (now.error().code == Code::not_found) {
      bye(imap::CodeName::none, "the selected mailbox was deleted");
      co_return Result<>();
    }
    co_return tl::unexpected(now.error());
  }
  View& view = selected_->view;
  // A session never goes back, whichever way a state has come.
  if ((*now)->counters.highest_modseq < view.snapshot().counters.highest_modseq) {
    co_return Result<>();
  }
  const bool nothing_new = view.snapshot_ptr() == *now && (view.gone().empty() || !expunges);
  if (nothing_new) {
    NewMessages none;
    co_await tell_live(*this, none);
    co_return Result<>();
  }
  const uint32_t uid_validity = view.snapshot().counters.uid_validity;
  if ((*now)->counters.uid_validity != uid_validity) {
    bye(imap::CodeName::none, "the selected mailbox has a new UIDVALIDITY");
    co_return Result<>();
  }
  auto taken = co_await take(std::move(*now), expunges);
  co_return taken;
}

// Advances the view, and says what that means to the client.
net::Task<Result<>> ImapSession::take(store::SnapshotPtr now, bool expunges) {
  View& view = selected_->view;
  ShownBefore before;
  const bool live = !selected_->live.empty();
  if (live) before = {view.shown(), view.snapshot().keywords};
  // RFC 9051 7.3.5: a client learns of a keyword before it sees it on a message.
  const bool keywords_added = now->keywords->size() > view.snapshot().keywords->size();
  const ModSeq known = view.snapshot().counters.highest_modseq;
  Announcement news = view.advance(std::move(now), expunges);
  if (keywords_added) append_defined_flags(out_, *selected_);
  if (live) note_news(*this, before, news);
  NewMessages fresh{news.added, items_of_new(*this)};
  if (fresh.items.empty()) fresh.uids.clear();
  // Flags that others changed and the client does not want to hear of.
  const bool wants_flags =
      !notify || changed_ || (notify->selected_events & imap::event_flag_change) != 0;
  if (!wants_flags) news.changed.clear();
  auto printed = co_await print(std::move(news));
  CO_TRY(printed);
  auto others = co_await leave_out_own(fresh.uids, known);
  CO_TRY(others);
  co_await tell_live(*this, fresh);
  // RFC 5465 5.2: what NOTIFY alone asks for comes behind what is told of searches.
  if (fresh.uids.empty() || !notify || notify->fetch.empty()) co_return Result<>();
  auto told = co_await print_new_messages(*this, notify->fetch, std::move(fresh.uids));
  co_return told;
}

// RFC 5465 5.2: nothing is fetched of messages that came by this session.
net::Task<Result<>> ImapSession::leave_out_own(UidSet& added, ModSeq since) {
  if (added.empty() || !changed_) co_return Result<>();
  const store::NewsRange range{since, selected_->view.snapshot().counters.highest_modseq};
  auto job = [account = account_, range, id = entry_.id()] {
    return store::read_news(account->engine(), account->partition(), range, id);
  };
  auto news = co_await read(std::move(job));
  CO_TRY(news);
  added = UidSet(added.raw().subtract(news->mailboxes[selected_->mailbox].added_here.raw()));
  co_return Result<>();
}

net::Task<Result<>> ImapSession::print(Announcement news) {
  constexpr size_t lines_between_sends = 256;
  size_t lines = 0;
  if ((qresync || uid_only) && !news.vanished.empty()) {
    imap::append_vanished(out_, imap::VanishedData{false, news.vanished.raw()});
  } else {
    for (const Seq seq : news.expunged) {
      imap::append_expunge(out_, seq);
      if (++lines % lines_between_sends != 0) continue;
      auto sent = co_await send_if_large();
      CO_TRY(sent);
    }
  }
  if (news.exists_changed) {
    imap::append_exists(out_, selected_->view.exists());
    if (!rev2) imap::append_recent(out_, selected_->view.recent());
  }
  for (const Announcement::Changed& c : news.changed) {
    // A silent change is news only for those who follow modseqs (RFC 7162 3.1.3).
    if (c.flags || condstore) append_flags_response(c.seq, c.uid, c.flags);
    if (++lines % lines_between_sends != 0) continue;
    auto sent = co_await send_if_large();
    CO_TRY(sent);
  }
  co_return Result<>();
}

void ImapSession::append_flags_response(Seq seq, Uid uid, bool with_flags) {
  const View& view = selected_->view;
  const store::PagePtr page = view.snapshot().tree.page(store::keys::page_of(uid));
  const store::HotEntry* entry = page ? page->find(store::keys::slot_of(uid)) : nullptr;
  if (!entry) return;
  imap::FetchWriter writer = fetch_writer(seq, uid);
  // RFC 9051 7.5.2: what a client has not asked for MUST name the UID; RFC 7162 3.2.4: so MUST
  // every change once CONDSTORE is on; RFC 3501 6.4.8: so MUST a UID command's.
  // RFC 5465 5.1: so MUST what NOTIFY asked for.
  if (!uid_only && (rev2 || condstore || uid_command_ || notify)) writer.uid(uid);
  if (with_flags) {
    std::vector<std::string_view> keywords;
    const store::KeywordTable& table = *view.snapshot().keywords;
    for (const uint16_t index : page->keywords(*entry)) {
      if (index < table.size()) keywords.push_back(table[index]);
    }
    uint8_t flags = wire_flags(entry->flags);
    if (!rev2 && view.is_recent(uid)) flags |= imap::flag_recent;
    writer.flags(flags, keywords);
  }
  if (condstore) writer.modseq(entry->modseq);
  writer.finish();
}

bool ImapSession::opted_in(std::string_view capability) const {
  if (!identity_ || hides(capability)) return false;
  const auto& extra = identity_->extra_capabilities;
  return std::find(extra.begin(), extra.end(), capability) != extra.end();
}

uint32_t ImapSession::message_limit() const {
  return opted_in("MESSAGELIMIT") ? settings_->message_limit : 0;
}

std::optional<Uid> ImapSession::limit(UidSet& uids) const {
  const uint64_t most = message_limit();
  const uint64_t count = uids.count();
  if (most == 0 || count <= most) return std::nullopt;
  uids.raw().take_first(count - most);
  return uids.min();
}

void tell_limited(ImapSession& session, Uid lowest) {
  const auto code = imap::ResponseCode::message_limit(session.message_limit(), lowest);
  imap::append_untagged(session.out(), imap::Condition::no, code,
                        session.text("done with the highest uids"));
}

Reply some_gone(ImapSession& session, std::optional<Uid> lowest) {
  constexpr std::string_view text = "some of the messages are gone";
  if (!lowest) return Reply::no(imap::CodeName::expunge_issued, std::string(text));
  // RFC 9738 3.1: with both codes to give, this one is in a tagged OK.
  tell_limited(session, *lowest);
  return Reply::ok(imap::ResponseCode(imap::CodeName::expunge_issued), std::string(text));
}

imap::FetchWriter ImapSession::fetch_writer(Seq seq, Uid uid) {
  if (uid_only) return {out_, uid, style()};
  return {out_, seq, style()};
}

uint8_t wire_flags(uint8_t store_flags) {
  static_assert(int{store::flag_answered} == int{imap::flag_answered} &&
                int{store::flag_flagged} == int{imap::flag_flagged} &&
                int{store::flag_deleted} == int{imap::flag_deleted} &&
                int{store::flag_seen} == int{imap::flag_seen} &&
                int{store::flag_draft} == int{imap::flag_draft});
  return store_flags;
}

}  // namespace eilpost::server
