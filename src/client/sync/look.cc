#include "client/sync/look.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "client/session/fetching.h"
#include "client/watch/event.h"

namespace eilpost::client {

namespace {

constexpr size_t pool_chunk_bytes = 1024 * 1024;

int64_t now_nanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool has_condstore(const Session& session) {
  return session.has("CONDSTORE") || session.has("QRESYNC");
}

// Among those of before, which lie in the order of uids.
SyncRow* row_of(MailboxPair& pair, Uid uid) {
  const auto end = pair.rows.begin() + static_cast<std::ptrdiff_t>(pair.known);
  const auto found = std::lower_bound(
      pair.rows.begin(), end, uid, [](const SyncRow& row, Uid wanted) { return row.uid < wanted; });
  return found != end && found->uid == uid ? &*found : nullptr;
}

}  // namespace

std::string_view NamePool::add(std::string_view text) {
  if (chunks_.empty() || chunks_.back().size() + text.size() > chunks_.back().capacity()) {
    chunks_.emplace_back().reserve(std::max(pool_chunk_bytes, text.size()));
  }
  std::string& chunk = chunks_.back();
  const size_t at = chunk.size();
  chunk += text;
  return std::string_view(chunk).substr(at);
}

std::string_view unique_of(std::string_view file) {
  file.remove_prefix(std::min(file.find('/') + 1, file.size()));
  return file.substr(0, file.rfind(":2,"));
}

Result<ContentKey> key_of(const Octets& message) {
  constexpr size_t header_bytes_max = 256 * 1024;
  const std::string begin = TRY(message.read(0, header_bytes_max));
  const std::string_view header = std::string_view(begin).substr(0, begin.find("\r\n\r\n"));
  return ContentKey{hash_of_header(header_key(std::string(header) + "\r\n\r\n")), message.size()};
}

// --- the Maildir ---

namespace {

// Rows whose flags are bits of another table get those of the present one.
Result<> adopt_keywords(SyncState& state, MailboxPair& pair) {
  KeywordTable& before = pair.state.keywords;
  if (pair.maildir->keywords() == before) return {};
  // The file was lost: without it the letters in the names mean nothing.
  if (pair.maildir->keywords() == KeywordTable()) return pair.maildir->write_keywords(before);
  auto all = TRY(state.begin());
  for (SyncRow& row : pair.rows) {
    const MaildirFlags flags = pair.maildir->keywords().translate(row.base, before);
    if (flags == row.base) continue;
    row.base = flags;
    TRY(state.set_flags(pair.state.id, row.uid, flags));
  }
  before = pair.maildir->keywords();
  TRY(state.save(pair.state));
  return all.commit();
}

Result<> load_rows(SyncState& state, MailboxPair& pair) {
  pair.rows.reserve(TRY(state.count(pair.state.id)));
  TRY(state.each(pair.state.id,
                 [&pair](Uid uid, std::string_view name, MaildirFlags flags) -> Result<> {
                   SyncRow row;
                   row.name = hash_of_name(name);
                   row.uid = uid;
                   row.base = row.remote = row.local = flags;
                   pair.rows.push_back(row);
                   return {};
                 }));
  pair.known = pair.rows.size();
  return {};
}

// The rows by the hashes of their names.
class NameIndex {
 public:
  explicit NameIndex(std::vector<SyncRow>& rows) : rows_(rows), order_(rows.size()) {
    for (size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<uint32_t>(i);
    std::sort(order_.begin(), order_.end(),
              [this](uint32_t a, uint32_t b) { return rows_[a].name < rows_[b].name; });
  }
  SyncRow* find(uint64_t name) const {
    const auto found =
        std::lower_bound(order_.begin(), order_.end(), name,
                         [this](uint32_t at, uint64_t wanted) { return rows_[at].name < wanted; });
    return found != order_.end() && rows_[*found].name == name ? &rows_[*found] : nullptr;
  }

 private:
  std::vector<SyncRow>& rows_;
  std::vector<uint32_t> order_;
};

// A name in new/ and in cur/ at once is one message; the later one, in cur/, counts.
void drop_doubles(Look& look, size_t from) {
  std::vector<FreshLocal>& local = look.strays.local;
  std::vector<size_t> order;
  for (size_t i = from; i < local.size(); ++i) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&local](size_t a, size_t b) { return local[a].name < local[b].name; });
  std::vector<bool> dropped(local.size());
  bool any = false;
  for (size_t i = 1; i < order.size(); ++i) {
    if (local[order[i]].name != local[order[i - 1]].name) continue;
    dropped[order[i - 1]] = any = true;
  }
  if (!any) return;
  size_t to = from;
  for (size_t i = from; i < local.size(); ++i) {
    if (dropped[i]) continue;
    local[to] = local[i];
    look.files[to] = look.files[i];
    ++to;
  }
  local.resize(to);
  look.files.resize(to);
}

// What the state remembers of messages whose uid is not known.
Result<> add_loose(SyncState& state, MailboxPair& pair, Look& look, size_t from) {
  std::map<uint64_t, SyncState::Loose> loose;
  for (SyncState::Loose& one : TRY(state.loose(pair.state.id))) {
    const uint64_t name = hash_of_name(one.message.name);
    loose.emplace(name, std::move(one));
  }
  for (size_t i = from; i < look.strays.local.size() && !loose.empty(); ++i) {
    FreshLocal& local = look.strays.local[i];
    const auto found = loose.find(local.name);
    if (found == loose.end()) continue;
    local.base = found->second.message.flags;
    local.key = found->second.message.key;
    local.sent_from = found->second.sent_from;
    local.answered = found->second.answered;
    loose.erase(found);
  }
  if (pair.unsure) return {};
  for (const auto& [name, one] : loose) {
    TRY(state.remove_loose(pair.state.id, one.message.name));
  }
  return {};
}

}  // namespace

Result<> look_at_maildir(SyncState& state, MailboxPair& pair, Look& look) {
  TRY(load_rows(state, pair));
  TRY(adopt_keywords(state, pair));
  const size_t from = look.strays.local.size();
  if (pair.maildir_same) {
    pair.seen.times = pair.state.marks.times;
    for (SyncRow& row : pair.rows) row.in_maildir = true;
    return {};
  }
  pair.seen.times = TRY(pair.maildir->times());
  const int64_t now = now_nanos();
  pair.maildir->clean_tmp(now / 1'000'000'000);
  const NameIndex index(pair.rows);
  MaildirVisitor visitor;
  visitor.restart = [&] {
    for (SyncRow& row : pair.rows) row.in_maildir = false;
    look.strays.local.resize(from);
    look.files.resize(from);
  };
  visitor.entry = [&](std::string_view unique, std::string_view file,
                      MaildirFlags flags) -> Result<> {
    const uint64_t name = hash_of_name(unique);
    if (SyncRow* row = index.find(name)) {
      row->in_maildir = true;
      row->local = flags;
      return {};
    }
    FreshLocal fresh;
    fresh.mailbox = pair.index;
    fresh.name = name;
    fresh.flags = flags;
    look.strays.local.push_back(fresh);
    look.files.push_back(look.names.add(file));
    return {};
  };
  const bool whole = TRY(pair.maildir->scan(visitor));
  drop_doubles(look, from);
  if (!whole) {
    pair.unsure = true;
    for (SyncRow& row : pair.rows) row.in_maildir = true;
  }
  // The next run looks again where a change in this very moment would not show.
  if (!settled(pair.seen.times, now)) pair.seen.times = {};
  return add_loose(state, pair, look, from);
}

// --- the server ---

Task<Result<>> ask_status(Session& session, SyncState& state, MailboxPair& pair) {
  std::vector<imap::StatusItem> items = {imap::StatusItem::messages, imap::StatusItem::uid_next,
                                         imap::StatusItem::uid_validity};
  if (has_condstore(session)) items.push_back(imap::StatusItem::highest_modseq);
  auto status = co_await session.status(pair.server_name, std::move(items));
  CO_TRY(status);
  const MailboxState told = state_of(*status);
  SyncMarks& marks = pair.state.marks;
  pair.seen.uid_validity = told.uid_validity;
  pair.seen.uid_next = told.uid_next;
  pair.seen.modseq = told.highest_modseq;
  pair.seen.messages = told.messages;
  if (marks.uid_validity != told.uid_validity) {
    // Also after 0, which a server has said once: the uids of then are not those of now.
    auto loosened = state.loosen(pair.state.id);
    CO_TRY(loosened);
    marks = {};
    marks.uid_validity = told.uid_validity;
    auto saved = state.save(pair.state);
    CO_TRY(saved);
  }
  pair.server_same = marks.modseq != 0 && marks.uid_next != 0 && marks.uid_next == told.uid_next &&
                     marks.modseq == told.highest_modseq && marks.messages == told.messages;
  auto times = pair.maildir->times();
  CO_TRY(times);
  pair.maildir_same = marks.times == *times && pair.maildir->keywords() == pair.state.keywords;
  co_return Result<>();
}

Task<Result<>> enter(Session& session, MailboxPair& pair, bool read_only) {
  const SelectedMailbox* selected = session.selected();
  if (selected == nullptr || selected->name != pair.server_name ||
      (selected->read_only && !read_only && !pair.read_only)) {
    Session::SelectHow how;
    how.read_only = read_only;
    how.condstore = true;
    auto done = co_await session.select(pair.server_name, std::move(how));
    CO_TRY(done);
    selected = session.selected();
  }
  if (selected->uid_validity != pair.seen.uid_validity) {
    co_return fail(Code::conflict,
                   pair.server_name + " has got another UIDVALIDITY at this moment");
  }
  co_return Result<>();
}

namespace {

// Which of the Maildir's flags the server keeps (RFC 9051 7.1, PERMANENTFLAGS).
MaildirFlags stored_flags_of(const SelectedMailbox& mailbox, const KeywordTable& keywords) {
  if (mailbox.read_only) return 0;
  if (mailbox.permanent_flags.empty()) return UINT32_MAX;
  MaildirFlags out = keywords.bits_of(mailbox.permanent_flags);
  if (mailbox.keywords_allowed) out |= ~maildir_system | maildir_forwarded;
  return out;
}

// Takes in what the server says of messages.
class ServerView {
 public:
  ServerView(Session& session, MailboxPair& pair, Look& look)
      : session_(session), pair_(pair), look_(look), from_(look.strays.remote.size()) {}

  // Nothing is known to be there.
  void begin_empty() { begin(false); }
  // Everything that the state knows is there and unchanged.
  void begin_known() { begin(true); }

  Result<> add(Seq seq, Uid uid, const imap::FlagList& flags, std::optional<uint64_t> size) {
    compare(seq, uid);
    const MaildirFlags bits = TRY(pair_.maildir->bits_for(flags));
    if (SyncRow* row = row_of(pair_, uid)) {
      row->on_server = true;
      row->remote = (bits & pair_.stored_flags) | (row->base & ~pair_.stored_flags);
      return {};
    }
    FreshRemote fresh;
    fresh.mailbox = pair_.index;
    fresh.uid = uid;
    fresh.flags = bits;
    fresh.key.size = size.value_or(0);
    look_.strays.remote.push_back(fresh);
    return {};
  }
  void remove(const IntervalSet& uids) {
    for (SyncRow& row : pair_.rows) {
      if (row.on_server && uids.contains(row.uid.value)) row.on_server = false;
    }
    auto& fresh = look_.strays.remote;
    const auto begin = fresh.begin() + static_cast<std::ptrdiff_t>(from_);
    fresh.erase(
        std::remove_if(begin, fresh.end(),
                       [&](const FreshRemote& one) { return uids.contains(one.uid.value); }),
        fresh.end());
  }
  // How many there are; each uid once, whatever the server has said twice.
  uint64_t count() {
    auto& fresh = look_.strays.remote;
    const auto begin = fresh.begin() + static_cast<std::ptrdiff_t>(from_);
    std::stable_sort(begin, fresh.end(),
                     [](const FreshRemote& a, const FreshRemote& b) { return a.uid < b.uid; });
    const auto same = [](const FreshRemote& a, const FreshRemote& b) { return a.uid == b.uid; };
    fresh.erase(std::unique(begin, fresh.end(), same), fresh.end());
    const auto there = std::count_if(pair_.rows.begin(), pair_.rows.end(),
                                     [](const SyncRow& row) { return row.on_server; });
    return static_cast<uint64_t>(there) + (fresh.size() - from_);
  }

 private:
  void begin(bool there) {
    for (SyncRow& row : pair_.rows) {
      row.on_server = there;
      row.remote = row.base;
    }
    look_.strays.remote.resize(from_);
    seq_ = Seq(0);
  }
  // Uids rise with message numbers (RFC 9051 2.3.1.1): each answer is compared with the one before
  // it, unless an expunge between the two has shifted the numbers.
  void compare(Seq seq, Uid uid) {
    const uint32_t exists = session_.selected()->exists;
    const bool both = seq_.value != 0 && seq.value != 0 && exists == exists_;
    if (both && seq != seq_ && uid != uid_ && (seq < seq_) != (uid < uid_)) {
      session_.note(Quirk::uid_not_rising);
      pair_.uids_wrong = true;
    }
    seq_ = seq;
    uid_ = uid;
    exists_ = exists;
  }

  Session& session_;
  MailboxPair& pair_;
  Look& look_;
  size_t from_;
  Seq seq_{0};  // of the answer before, and what it was about
  Uid uid_;
  uint32_t exists_ = 0;
};

Task<Result<>> list_everything(Session& session, MailboxPair& pair, ServerView& view) {
  view.begin_empty();
  RowsWanted wanted;
  wanted.date = false;
  // All of them are to be fetched: how large they are is asked for in one go.
  wanted.size = pair.known == 0;
  auto row = [&view](MessageRow message) {
    return view.add(message.seq, message.uid, message.flags, message.size);
  };
  auto done = co_await fetch_rows(session, std::nullopt, std::move(wanted), std::move(row));
  co_return done;
}

// QRESYNC: one command for what has changed and what is gone (RFC 7162 3.2.6).
Task<Result<>> list_changes_and_vanished(Session& session, MailboxPair& pair, ServerView& view) {
  view.begin_known();
  IntervalSet vanished;
  Expect expect;
  expect.untagged = [&](imap::Response response) -> Result<> {
    if (const auto* gone = std::get_if<imap::VanishedData>(&response)) {
      vanished.add(gone->uids);
    } else if (const auto* data = std::get_if<imap::FetchData>(&response)) {
      if (data->uid.value != 0 && data->flags) {
        return view.add(data->seq, data->uid, *data->flags, data->rfc822_size);
      }
    }
    return {};
  };
  std::string text =
      fmt::format("UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE {} VANISHED)", pair.state.marks.modseq);
  auto answer = co_await session.text_command(std::move(text), std::move(expect));
  CO_TRY(answer);
  view.remove(vanished);
  co_return Result<>();
}

// CONDSTORE alone tells of no removals: where the count shows some, all uids are asked for.
Task<Result<>> list_changes(Session& session, MailboxPair& pair, ServerView& view) {
  view.begin_known();
  RowsWanted wanted;
  wanted.date = wanted.size = false;
  wanted.changed_since = pair.state.marks.modseq;
  auto row = [&view](MessageRow message) {
    return view.add(message.seq, message.uid, message.flags, message.size);
  };
  auto done = co_await fetch_rows(session, std::nullopt, std::move(wanted), std::move(row));
  CO_TRY(done);
  if (view.count() == session.selected()->exists) co_return Result<>();
  auto there = co_await session.search("ALL");
  CO_TRY(there);
  IntervalSet gone;
  gone.add(1, UINT32_MAX);
  view.remove(gone.subtract(there->raw()));
  co_return Result<>();
}

}  // namespace

Task<Result<>> look_at_server(Session& session, MailboxPair& pair, Look& look, bool read_only) {
  ServerView view(session, pair, look);
  if (pair.server_same) {
    view.begin_known();
    co_return Result<>();
  }
  auto entered = co_await enter(session, pair, read_only);
  CO_TRY(entered);
  const SelectedMailbox& selected = *session.selected();
  pair.read_only = selected.read_only;
  pair.seen.uid_next = selected.uid_next;
  pair.seen.modseq = selected.highest_modseq;
  pair.stored_flags = stored_flags_of(selected, pair.maildir->keywords());
  // A HIGHESTMODSEQ below the last one is that of a server that was restored: what changed since
  // is not above the mark.
  const bool since =
      pair.state.marks.modseq != 0 && selected.highest_modseq >= pair.state.marks.modseq;
  // SELECT may say fewer than STATUS has a moment ago, and be the one that is wrong.
  const auto told = [&] { return std::max(pair.seen.messages, session.selected()->exists); };
  bool whole = false;
  if (since) {
    Result<> done;
    if (session.enabled("QRESYNC")) {
      done = co_await list_changes_and_vanished(session, pair, view);
    } else {
      done = co_await list_changes(session, pair, view);
    }
    CO_TRY(done);
    whole = view.count() == told();
    // That all of it is gone is not believed in passing.
    if (pair.known > 0 && view.count() == 0) whole = false;
  }
  if (!whole) {
    auto done = co_await list_everything(session, pair, view);
    CO_TRY(done);
    whole = view.count() >= told();
  }
  if (!whole) {
    // It has not told of all it says it has: what is missing is not gone.
    pair.unsure = true;
    pair.doubt = fmt::format(
        "the server says that it has {} messages and tells of {}; what is missing does not count "
        "as gone",
        told(), view.count());
    for (SyncRow& row : pair.rows) row.on_server = true;
  }
  pair.seen.messages = session.selected()->exists;
  pair.unsure = pair.unsure || pair.uids_wrong;
  co_return Result<>();
}

Result<> forget_uids(SyncState& state, MailboxPair& pair, Look& look) {
  TRY(state.loosen(pair.state.id));
  pair.state.marks = {};
  pair.state.marks.uid_validity = pair.seen.uid_validity;
  TRY(state.save(pair.state));
  pair.rows.clear();
  pair.known = 0;
  pair.server_same = pair.maildir_same = false;
  pair.doubt.clear();
  // What was found of this mailbox lies at the end.
  const auto mine = [&pair](const auto& stray) { return stray.mailbox == pair.index; };
  auto& remote = look.strays.remote;
  remote.erase(std::remove_if(remote.begin(), remote.end(), mine), remote.end());
  auto& local = look.strays.local;
  local.erase(std::remove_if(local.begin(), local.end(), mine), local.end());
  look.files.resize(local.size());
  return {};
}

Result<> find_strays(SyncState& state, MailboxPair& pair, Look& look) {
  auto all = TRY(state.begin());
  for (size_t i = 0; i < pair.known; ++i) {
    SyncRow& row = pair.rows[i];
    const Fate fate = fate_of(row);
    if (fate == Fate::keep) continue;
    const SyncMessage known = TRY(state.message(pair.state.id, row.uid));
    Gone gone{pair.index, row.uid, row.name, row.base, row.on_server ? row.remote : row.local,
              known.key};
    if (fate == Fate::gone_local) look.strays.gone_local.push_back(gone);
    if (fate == Fate::gone_remote) look.strays.gone_remote.push_back(gone);
    if (fate == Fate::forget || fate == Fate::restore) TRY(state.remove(pair.state.id, row.uid));
    if (fate == Fate::restore && row.on_server) {
      FreshRemote fresh;
      fresh.mailbox = pair.index;
      fresh.uid = row.uid;
      fresh.flags = row.remote;
      look.strays.remote.push_back(fresh);
    } else if (fate == Fate::restore) {
      const auto entry = pair.maildir->find(known.name, row.local);
      FreshLocal fresh;
      fresh.mailbox = pair.index;
      fresh.name = row.name;
      fresh.flags = row.local;
      if (entry) look.strays.local.push_back(fresh);
      if (entry) look.files.push_back(look.names.add(entry->file));
    }
    // Nothing more is done to it as a row.
    row.on_server = row.in_maildir = false;
  }
  return all.commit();
}

// --- what strays are known by ---

namespace {

// The strays of one mailbox on the server, by rising uid.
std::vector<size_t> remote_of(const MailboxPair& pair, const Look& look) {
  std::vector<size_t> out;
  for (size_t i = 0; i < look.strays.remote.size(); ++i) {
    if (look.strays.remote[i].mailbox == pair.index) out.push_back(i);
  }
  std::sort(out.begin(), out.end(), [&look](size_t a, size_t b) {
    return look.strays.remote[a].uid < look.strays.remote[b].uid;
  });
  return out;
}

MaildirEntry entry_of(const Look& look, size_t index) {
  const std::string_view file = look.files[index];
  return {std::string(unique_of(file)), std::string(file), look.strays.local[index].flags};
}

}  // namespace

Task<Result<>> learn_remote_keys(Session& session, MailboxPair& pair, Look& look, bool headers) {
  const std::vector<size_t> mine = remote_of(pair, look);
  UidSet uids;
  for (const size_t index : mine) {
    const FreshRemote& fresh = look.strays.remote[index];
    if (headers || fresh.key.size == 0) uids.add(fresh.uid);
  }
  if (uids.empty()) co_return Result<>();
  auto entered = co_await enter(session, pair, true);
  CO_TRY(entered);
  RowsWanted wanted;
  wanted.flags = wanted.date = false;
  if (headers) wanted.header_fields = {"MESSAGE-ID", "DATE", "FROM", "SUBJECT"};
  auto row = [&](MessageRow message) -> Result<> {
    const auto found = std::lower_bound(
        mine.begin(), mine.end(), message.uid,
        [&look](size_t index, Uid uid) { return look.strays.remote[index].uid < uid; });
    if (found == mine.end() || look.strays.remote[*found].uid != message.uid) return {};
    FreshRemote& fresh = look.strays.remote[*found];
    if (message.size) fresh.key.size = *message.size;
    if (headers) fresh.key.header = hash_of_header(header_key(message.header));
    return {};
  };
  auto done = co_await fetch_rows(session, uids, std::move(wanted), std::move(row));
  co_return done;
}

Result<> learn_local_keys(const MailboxPair& pair, Look& look) {
  for (size_t i = 0; i < look.strays.local.size(); ++i) {
    FreshLocal& local = look.strays.local[i];
    if (local.mailbox != pair.index || local.key.size != 0) continue;
    const auto message = pair.maildir->read(entry_of(look, i));
    // It may be gone or have another name by now: then it has no key, and nothing is done with it.
    if (message) local.key = TRY(key_of(**message));
  }
  return {};
}

Task<Result<>> learn_prints(Session& session, MailboxPair& pair, Look& look,
                            const Doubtful& doubts) {
  for (const size_t index : doubts.local) {
    if (look.strays.local[index].mailbox != pair.index) continue;
    const auto message = pair.maildir->read(entry_of(look, index));
    if (!message) continue;
    auto octets = (*message)->all();
    CO_TRY(octets);
    look.strays.local[index].print = fingerprint_of(*octets);
  }
  for (const size_t index : doubts.remote) {
    FreshRemote& fresh = look.strays.remote[index];
    if (fresh.mailbox != pair.index) continue;
    auto entered = co_await enter(session, pair, true);
    CO_TRY(entered);
    std::optional<Fingerprinter> anew;
    MessageSink sink;
    sink.begin = [&anew](uint64_t) -> Result<> {
      anew.emplace();
      return {};
    };
    sink.octets = [&anew](std::string_view octets) -> Result<> {
      anew->add(octets);
      return {};
    };
    auto fetched = co_await fetch_message(session, fresh.uid, std::move(sink));
    if (!fetched && !session.is_alive()) co_return tl::unexpected(std::move(fetched).error());
    if (fetched && anew) fresh.print = anew->finish();
  }
  co_return Result<>();
}

}  // namespace eilpost::client
