// FETCH and UID FETCH (RFC 9051 6.4.5). What is in the view is answered from memory; the rest is
// read on the disk pool, one hop for a growing run of messages; large sections are streamed from
// the blob.

#include "mime/decode.h"
#include "mime/wire.h"
#include "server/imap/commands.h"
#include "server/imap/fetch_plan.h"
#include "server/imap/notify.h"
#include "server/imap/progress.h"
#include "server/imap/read_ahead.h"
#include "store/mutations.h"

namespace eilpost::server {

namespace {

using imap::FetchItem;
using imap::FetchKind;

constexpr size_t run_pages_max = 16;
constexpr size_t run_bytes_wanted = 1024 * 1024;

struct Target {
  Uid uid;
  Seq seq;
};

class FetchRunner {
 public:
  FetchRunner(ImapSession& session, FetchPlan plan, UidSet uids, std::string_view tag)
      : session_(session),
        plan_(std::move(plan)),
        uids_(std::move(uids)),
        progress_(session, tag, uids_.count()) {}

  net::Task<Result<>> run() {
    if (!plan_.rows) {
      auto done = co_await print_hot();
      co_return done;
    }
    const std::vector<Target> targets = list_targets();
    size_t pages = 1;
    for (size_t at = 0; at < targets.size();) {
      // An OK would say that the messages not sent do not exist.
      if (session_.ending()) co_return fail(Code::unavailable, "the session ends");
      std::vector<Uid> uids = next_run(targets, at, pages);
      auto loaded = co_await load(std::move(uids));
      CO_TRY(loaded);
      const size_t count = loaded->messages.size();  // fewer than asked when they are large
      damaged_ = damaged_ || loaded->damaged;
      for (size_t i = 0; i < count; ++i) {
        const FetchedMessage& message = loaded->messages[i];
        if (streams(message)) {
          auto printed = co_await print_streaming(targets[at + i], message);
          CO_TRY(printed);
        } else {
          print(targets[at + i], message);
        }
        if (!session_.wants_send()) continue;
        auto sent = co_await session_.send();
        CO_TRY(sent);
      }
      at += count;
      auto told = co_await progress_.at(at);
      CO_TRY(told);
      if (loaded->bytes < run_bytes_wanted / 2) pages = std::min(pages * 2, run_pages_max);
    }
    co_return Result<>();
  }

  bool incomplete() const { return incomplete_; }
  bool unknown_cte() const { return unknown_cte_; }
  bool damaged() const { return damaged_; }

 private:
  const View& view() const { return session_.selected()->view; }

  // Everything that the answer needs is in the pages of the view.
  net::Task<Result<>> print_hot() {
    std::vector<store::PagePtr> pages;
    std::vector<Seq> firsts;
    for (const Interval& i : uids_.raw().intervals()) {
      view().shown().for_pages(Uid(i.first), [&](Seq first, const store::PagePtr& page) {
        if (store::keys::uid_at(page->page, 0).value > i.last) return false;
        if (pages.empty() || pages.back() != page) {
          pages.push_back(page);
          firsts.push_back(first);
        }
        return true;
      });
    }
    const bool all = uids_.count() == view().exists();
    for (size_t p = 0; p < pages.size(); ++p) {
      if (session_.ending()) co_return fail(Code::unavailable, "the session ends");
      const store::HotPage& page = *pages[p];
      uint32_t seq = firsts[p].value;
      for (const store::HotEntry& entry : page.entries) {
        if (all || uids_.contains(page.uid(entry))) print_hot_one(Seq(seq), page, entry);
        ++seq;
      }
      auto sent = co_await session_.send_if_large();
      CO_TRY(sent);
    }
    co_return Result<>();
  }

  void print_hot_one(Seq seq, const store::HotPage& page, const store::HotEntry& entry) {
    imap::FetchWriter writer = session_.fetch_writer(seq, page.uid(entry));
    for (const FetchItem& item : plan_.items) print_hot_item(writer, item, page, entry);
    writer.finish();
  }

  void print_hot_item(imap::FetchWriter& writer, const FetchItem& item, const store::HotPage& page,
                      const store::HotEntry& entry) {
    switch (item.kind) {
      case FetchKind::uid: writer.uid(page.uid(entry)); break;
      case FetchKind::modseq: writer.modseq(entry.modseq); break;
      case FetchKind::thread_id: writer.thread_id(""); break;
      case FetchKind::flags: {
        keywords_.clear();
        const store::KeywordTable& table = *view().snapshot().keywords;
        for (const uint16_t index : page.keywords(entry)) {
          if (index < table.size()) keywords_.push_back(table[index]);
        }
        uint8_t flags = wire_flags(entry.flags);
        if (!session_.rev2 && view().is_recent(page.uid(entry))) flags |= imap::flag_recent;
        writer.flags(flags, keywords_);
        break;
      }
      default: break;
    }
  }

  std::vector<Target> list_targets() {
    std::vector<Target> out;
    out.reserve(uids_.count());
    for (const Interval& i : uids_.raw().intervals()) {
      view().shown().for_pages(Uid(i.first), [&](Seq first, const store::PagePtr& page) {
        uint32_t seq = first.value;
        for (const store::HotEntry& entry : page->entries) {
          const Uid uid = page->uid(entry);
          if (uid.value > i.last) return false;
          if (uid.value >= i.first) out.push_back({uid, Seq(seq)});
          ++seq;
        }
        return true;
      });
    }
    return out;
  }

  // The targets from `at` in the next `pages` pages: a page is read once, not once for each hop.
  static std::vector<Uid> next_run(const std::vector<Target>& targets, size_t at, size_t pages) {
    std::vector<Uid> out;
    uint32_t page = store::keys::page_of(targets[at].uid);
    for (; at < targets.size(); ++at) {
      const uint32_t own = store::keys::page_of(targets[at].uid);
      if (own != page && --pages == 0) break;
      page = own;
      out.push_back(targets[at].uid);
    }
    return out;
  }

  net::Task<Result<FetchedRun>> load(std::vector<Uid> uids) {
    auto cached = cached_run(*session_.account_ptr(), session_.selected()->mailbox, plan_, uids);
    if (cached) {
      // The other connections of this thread get their turn between two runs.
      if (printed_runs_++ > 0) co_await net::yield_now();
      co_return std::move(*cached);
    }
    auto job = [account = session_.account_ptr(), mailbox = session_.selected()->mailbox,
                plan = &plan_,
                uids = std::move(uids)] { return load_run(*account, mailbox, *plan, uids); };
    auto loaded = co_await session_.read(std::move(job));
    co_return loaded;
  }

  static bool streams(const FetchedBody& body) {
    return body.kind == FetchedBody::Kind::range || body.kind == FetchedBody::Kind::decode;
  }
  static bool streams(const FetchedMessage& message) {
    return std::any_of(message.bodies.begin(), message.bodies.end(),
                       [](const FetchedBody& body) { return streams(body); });
  }

  // The message's flags; null when it is gone for good before this session could be told of it
  // (RFC 2180 4.1, EXPUNGEISSUED).
  const store::HotEntry* hot_entry(Target target, const FetchedMessage& message) {
    const uint32_t number = store::keys::page_of(target.uid);
    if (!hot_ || hot_->page != number) hot_ = view().shown().page(number);
    const store::HotEntry* entry = hot_ ? hot_->find(store::keys::slot_of(target.uid)) : nullptr;
    if (entry && message.row) return entry;
    incomplete_ = true;
    return nullptr;
  }

  void print(Target target, const FetchedMessage& message) {
    const store::HotEntry* entry = hot_entry(target, message);
    if (!entry) return;
    imap::FetchWriter writer = session_.fetch_writer(target.seq, target.uid);
    size_t body = 0;
    for (const FetchItem& item : plan_.items) {
      if (is_body(item.kind)) {
        print_body(writer, item, message.bodies[body++]);
      } else if (!print_row_item(writer, item, *message.row)) {
        print_hot_item(writer, item, *hot_, *entry);
      }
    }
    writer.finish();
  }

  // The same where some section is sent while it is read.
  net::Task<Result<>> print_streaming(Target target, const FetchedMessage& message) {
    const store::HotEntry* entry = hot_entry(target, message);
    if (!entry) co_return Result<>();
    imap::FetchWriter writer = session_.fetch_writer(target.seq, target.uid);
    size_t body = 0;
    for (const FetchItem& item : plan_.items) {
      if (!is_body(item.kind)) {
        if (!print_row_item(writer, item, *message.row)) {
          print_hot_item(writer, item, *hot_, *entry);
        }
        continue;
      }
      const FetchedBody& octets = message.bodies[body++];
      print_body(writer, item, octets);
      if (!streams(octets)) continue;
      auto streamed = co_await stream(message.row->cold, octets);
      CO_TRY(streamed);
    }
    writer.finish();
    co_return Result<>();
  }

  static bool print_row_item(imap::FetchWriter& writer, const FetchItem& item,
                             const store::PageData::Message& row) {
    const auto column = [&](store::Column c) { return row.digest[static_cast<size_t>(c)]; };
    switch (item.kind) {
      case FetchKind::envelope: writer.wire("ENVELOPE", column(store::Column::envelope)); break;
      case FetchKind::body_structure:
        writer.wire("BODYSTRUCTURE", column(store::Column::bodystructure));
        break;
      case FetchKind::body:
        writer.wire("BODY", mime::body_from_bodystructure(column(store::Column::bodystructure)));
        break;
      case FetchKind::internal_date:
        writer.internal_date({row.cold.internal_date.seconds, row.cold.internal_date.zone_minutes});
        break;
      case FetchKind::rfc822_size: writer.rfc822_size(row.cold.size); break;
      case FetchKind::email_id: writer.email_id(row.cold.email_id.to_string()); break;
      case FetchKind::save_date: writer.save_date(imap::DateTime{row.cold.saved_seconds, 0}); break;
      case FetchKind::preview: writer.preview(std::string(column(store::Column::preview))); break;
      default: return false;
    }
    return true;
  }

  // The item; of a section that is streamed its beginning.
  void print_body(imap::FetchWriter& writer, const FetchItem& item, const FetchedBody& body) {
    switch (body.kind) {
      case FetchedBody::Kind::nil:
        // BINARY.SIZE is a number: of a part that is not there nothing is said.
        if (item.kind != FetchKind::binary_size) writer.body_nil(item);
        break;
      case FetchedBody::Kind::unknown_cte:
        // RFC 3516 4.3: the command is answered NO [UNKNOWN-CTE].
        unknown_cte_ = true;
        if (item.kind != FetchKind::binary_size) writer.body_nil(item);
        break;
      case FetchedBody::Kind::octets:
        if (item.kind == FetchKind::binary_size) {
          writer.binary_size(item.section.part, body.size);
        } else if (item.kind == FetchKind::binary && body.octets.find('\0') != std::string::npos) {
          writer.body_header_literal8(item, body.size);
          session_.out() += body.octets;
        } else {
          writer.body(item, body.octets);
        }
        break;
      case FetchedBody::Kind::range:
      case FetchedBody::Kind::decode:
        if (item.kind == FetchKind::binary) {
          writer.body_header_literal8(item, body.size);
        } else {
          writer.body_header(item, body.size);
        }
        break;
    }
  }

  // The literal's octets in pieces, decoded if need be: of those only [skip, skip + size) go out.
  // What is read next never waits in memory behind a slow client.
  net::Task<Result<>> stream(const store::Cold cold, const FetchedBody& body) {
    const bool decodes = body.kind == FetchedBody::Kind::decode;
    mime::Decoder decoder(body.encoding);
    DecodedWindow window(body.skip, body.size);
    ReadAhead pieces(session_.world().disk, session_.account_ptr(), cold, body.range);
    while (true) {
      auto piece = co_await pieces.next();
      if (!piece) {
        // The literal's size is out already: the connection cannot go on.
        session_.log().error("in the middle of a literal: {}", piece.error().detail);
        session_.stream().close();
        co_return tl::unexpected(piece.error());
      }
      if (piece->empty()) break;
      Result<> sent;
      if (decodes) {
        decoder.feed(*piece, window.decoded());
        window.take(session_.out());
        sent = co_await session_.send();
      } else {
        sent = co_await session_.send_with(*piece);
      }
      CO_TRY(sent);
    }
    if (decodes) {
      decoder.finish(window.decoded());
      window.take(session_.out());
    }
    co_return Result<>();
  }

  ImapSession& session_;
  const FetchPlan plan_;
  UidSet uids_;
  Progress progress_;
  std::vector<std::string_view> keywords_;
  store::PagePtr hot_;  // of the view, which does not change meanwhile
  size_t printed_runs_ = 0;
  bool incomplete_ = false;
  bool unknown_cte_ = false;
  bool damaged_ = false;
};

// Of `uids`, those whose modseq is above `since`.
UidSet changed_since(const View& view, const UidSet& uids, ModSeq since) {
  UidSet out;
  for (const Interval& i : uids.raw().intervals()) {
    view.shown().for_pages(Uid(i.first), [&](Seq, const store::PagePtr& page) {
      for (const store::HotEntry& e : page->entries) {
        const Uid uid = page->uid(e);
        if (uid.value > i.last) return false;
        if (uid.value >= i.first && e.modseq > since) out.add(uid);
      }
      return true;
    });
  }
  return out;
}

// UID FETCH ... (CHANGEDSINCE n VANISHED): RFC 7162 3.2.6.
net::Task<Result<>> print_vanished(ImapSession& session, const imap::Fetch& command) {
  Selected& selected = *session.selected();
  const ModSeq since(*command.changed_since);
  // "*" is the highest uid there ever was: what is gone above the last message counts, too.
  const uint32_t next = selected.view.snapshot().counters.uid_next.value;
  const uint32_t highest = std::max(selected.view.shown().last_uid().value, next - 1);
  IntervalSet asked = command.set.saved ? selected.saved.raw() : command.set.resolve(highest);
  auto job = [account = session.account_ptr(), mailbox = selected.mailbox, since] {
    return account->changes_since(mailbox, since);
  };
  auto changes = co_await session.read(std::move(job));
  CO_TRY(changes);
  asked.remove(next, UINT32_MAX);
  IntervalSet gone = changes->complete ? asked.intersect(changes->vanished.raw()) : asked;
  // What this session still counts as present is announced as an expunge, not here.
  if (!gone.empty()) gone = gone.subtract(selected.view.present().raw());
  if (!gone.empty()) {
    imap::append_vanished(session.out(), imap::VanishedData{true, std::move(gone)});
  }
  co_return Result<>();
}

// The flags that BODY[...] without .PEEK changes, one commit for all.
net::Task<Result<>> mark_seen(ImapSession& session, const UidSet& uids) {
  UidSet unseen;
  const View& view = session.selected()->view;
  for (const Interval& i : uids.raw().intervals()) {
    view.shown().for_pages(Uid(i.first), [&](Seq, const store::PagePtr& page) {
      for (const store::HotEntry& e : page->entries) {
        const Uid uid = page->uid(e);
        if (uid.value > i.last) return false;
        if (uid.value >= i.first && (e.flags & store::flag_seen) == 0) unseen.add(uid);
      }
      return true;
    });
  }
  if (unseen.empty()) co_return Result<>();
  store::StoreRequest request;
  request.mailbox = session.selected()->mailbox;
  request.uids = std::move(unseen);
  request.change = store::FlagChange::add;
  request.flags = store::flag_seen;
  auto done = co_await store_flags(session, std::move(request), false, nullptr);
  CO_TRY(done);
  co_return Result<>();
}

}  // namespace

net::Task<Result<>> print_new_messages(ImapSession& session,
                                       const std::vector<imap::FetchItem>& items, UidSet uids) {
  // Whatever is fetched, nothing is marked \Seen: the client has not asked for the message.
  FetchPlan plan = plan_fetch(items);
  const auto lacks = [&](FetchKind kind) {
    return std::none_of(plan.items.begin(), plan.items.end(),
                        [kind](const FetchItem& item) { return item.kind == kind; });
  };
  // RFC 7162 3.1, 3.2.4: what comes unasked has UID and MODSEQ, once CONDSTORE is on.
  if (session.condstore && !session.uid_only && lacks(FetchKind::uid)) {
    plan.items.push_back({FetchKind::uid, {}, {}, false, false});
  }
  if (session.condstore && lacks(FetchKind::modseq)) {
    plan.items.push_back({FetchKind::modseq, {}, {}, false, false});
  }
  auto runner = std::make_unique<FetchRunner>(session, std::move(plan), std::move(uids), "");
  auto done = co_await runner->run();
  co_return done;
}

CommandTask run(ImapSession& session, const imap::Fetch& command, RunOptions options) {
  if (body_items(command.items) > limits::fetch_bodies_max) {
    co_return Reply::no(imap::CodeName::limit, "more body sections than one FETCH may name");
  }
  if (command.vanished && !session.qresync) {
    co_return Reply::bad("VANISHED needs QRESYNC to be enabled");
  }
  FetchPlan plan = plan_fetch(command.items);
  auto resolved = session.resolve(command.set, options.uid);
  if (!resolved) co_return Reply::bad(resolved.error().detail);
  UidSet uids = std::move(*resolved);
  // RFC 9394 3.3, 3.4: of what the set names; CHANGEDSINCE looks at those.
  if (command.partial) uids = UidSet(imap::page_of(uids.raw(), *command.partial));
  if (plan.modseq || command.changed_since) session.use_condstore();
  if (command.changed_since) {
    if (command.vanished) {
      auto vanished = co_await print_vanished(session, command);
      if (!vanished) co_return reply_for(session, vanished.error());
    }
    uids = changed_since(session.selected()->view, uids, ModSeq(*command.changed_since));
    // RFC 7162 3.1.4.1: MODSEQ is answered as if it had been asked for.
    if (!plan.modseq) plan.items.push_back({FetchKind::modseq, {}, {}, false, false});
  }
  const std::optional<Uid> lowest = session.limit(uids);
  // RFC 9586: a UIDFETCH response has the uid in front.
  const bool has_uid =
      session.uid_only || std::any_of(plan.items.begin(), plan.items.end(),
                                      [](const FetchItem& i) { return i.kind == FetchKind::uid; });
  if (options.uid && !has_uid) {
    plan.items.insert(plan.items.begin(), FetchItem{FetchKind::uid, {}, {}, false, false});
  }
  const bool marks_seen = plan.marks_seen && !session.selected()->read_only;
  auto runner = std::make_unique<FetchRunner>(session, std::move(plan), uids, options.tag);
  auto done = co_await runner->run();
  if (!done) co_return reply_for(session, done.error());
  if (marks_seen) {
    auto marked = co_await mark_seen(session, uids);
    if (!marked) co_return reply_for(session, marked.error());
  }
  if (lowest && (runner->unknown_cte() || runner->damaged())) tell_limited(session, *lowest);
  if (runner->unknown_cte()) {
    co_return Reply::no(imap::CodeName::unknown_cte, "a part's encoding cannot be decoded");
  }
  if (runner->damaged()) {
    co_return Reply::no(imap::CodeName::corruption, "some of the messages are damaged");
  }
  if (runner->incomplete()) co_return some_gone(session, lowest);
  if (lowest) co_return limited(session, *lowest);
  co_return Reply::ok("fetched");
}

}  // namespace eilpost::server
