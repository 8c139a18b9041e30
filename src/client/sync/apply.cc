#include "client/sync/apply.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "client/session/appending.h"
#include "client/session/changing.h"

namespace eilpost::client {

namespace {

constexpr size_t upload_messages_max = 100;
constexpr uint64_t upload_bytes_max = 4 * 1024 * 1024;

// A base from which merge_flags() comes to `wanted`.
MaildirFlags base_for(MaildirFlags remote, MaildirFlags local, MaildirFlags wanted) {
  return (remote & local) | ((remote ^ local) & ~wanted);
}

}  // namespace

Applier::Applier(SyncWorld world, Session& session, std::vector<MailboxPair>& pairs, Look& look,
                 const SyncPlan& plan)
    : world_(world), session_(session), pairs_(pairs), look_(look), plan_(plan) {}

MaildirEntry Applier::local_entry(size_t index) const {
  const std::string_view file = look_.files[index];
  return {std::string(unique_of(file)), std::string(file), look_.strays.local[index].flags};
}

void Applier::meanwhile(MailboxPair& pair) {
  pair.unsure = true;
  again_ = true;
}

void Applier::leave(MailboxPair& pair, std::string why) {
  pair.unsure = true;
  world_.report.leave(pair.state.name + ": " + why);
}

Result<> Applier::add_row(MailboxPair& pair, SyncRow row, const SyncMessage& message) {
  row.on_server = row.in_maildir = true;
  TRY(world_.state.put(pair.state.id, row.uid, message));
  pair.rows.push_back(row);
  return {};
}

// --- what is on both sides already ---

Result<> Applier::link() {
  auto all = TRY(world_.state.begin());
  for (const auto& [r, l] : plan_.links) {
    const FreshRemote& remote = look_.strays.remote[r];
    const FreshLocal& local = look_.strays.local[l];
    MailboxPair& pair = pair_of(remote.mailbox);
    const std::string name(unique_of(look_.files[l]));
    SyncRow row;
    row.name = local.name;
    row.uid = remote.uid;
    row.remote = remote.flags;
    row.local = local.flags;
    row.base =
        local.base.value_or(base_for(row.remote, row.local, join_flags(row.remote, row.local)));
    // Nothing that the server cannot keep has been taken away there.
    row.remote = (row.remote & pair.stored_flags) | (row.base & ~pair.stored_flags);
    TRY(add_row(pair, row, {name, row.base, local.key}));
    if (local.base || local.sent_from != 0) TRY(world_.state.remove_loose(pair.state.id, name));
    ++world_.report.paired;
  }
  return all.commit();
}

Result<> Applier::rename() {
  auto all = TRY(world_.state.begin());
  for (const auto& [g, l] : plan_.renamed) {
    const Gone& gone = look_.strays.gone_local[g];
    const FreshLocal& local = look_.strays.local[l];
    MailboxPair& pair = pair_of(gone.mailbox);
    SyncRow row{local.name, gone.uid, gone.base, gone.flags, local.flags};
    TRY(add_row(pair, row, {std::string(unique_of(look_.files[l])), gone.base, gone.key}));
  }
  return all.commit();
}

Result<> Applier::renumber() {
  auto all = TRY(world_.state.begin());
  for (const auto& [g, r] : plan_.renumbered) {
    const Gone& gone = look_.strays.gone_remote[g];
    const FreshRemote& remote = look_.strays.remote[r];
    MailboxPair& pair = pair_of(gone.mailbox);
    const SyncMessage known = TRY(world_.state.message(pair.state.id, gone.uid));
    TRY(world_.state.remove(pair.state.id, gone.uid));
    SyncRow row{gone.name, remote.uid, gone.base, remote.flags, gone.flags};
    TRY(add_row(pair, row, known));
  }
  return all.commit();
}

// --- moves ---

Result<> Applier::move_file(const Gone& gone, const FreshRemote& there) {
  MailboxPair& from = pair_of(gone.mailbox);
  MailboxPair& to = pair_of(there.mailbox);
  SyncMessage known = TRY(world_.state.message(from.state.id, gone.uid));
  auto entry = from.maildir->find(known.name, gone.flags);
  if (entry) entry = from.maildir->move(*entry, *to.maildir);
  if (!entry) {
    // Somebody was faster, or it lies on another file system: as if it were new there.
    if (entry.error().code != Code::not_found) leave(from, entry.error().detail);
    meanwhile(from);
    meanwhile(to);
    return {};
  }
  known.flags = to.maildir->keywords().translate(gone.base, from.maildir->keywords());
  SyncRow row{gone.name, there.uid, known.flags, there.flags, entry->flags};
  auto both = TRY(world_.state.begin());
  TRY(world_.state.remove(from.state.id, gone.uid));
  TRY(add_row(to, row, known));
  ++world_.report.moved_locally;
  return both.commit();
}

Result<> Applier::move_files() {
  for (const auto& [g, r] : plan_.move_local) {
    if (world_.stopping) break;
    TRY(move_file(look_.strays.gone_remote[g], look_.strays.remote[r]));
  }
  return {};
}

Task<Result<>> Applier::move_on_server() {
  std::map<std::pair<uint32_t, uint32_t>, std::vector<Item>> groups;
  for (const auto& [g, l] : plan_.move_remote) {
    const uint32_t from = look_.strays.gone_local[g].mailbox;
    const uint32_t to = look_.strays.local[l].mailbox;
    groups[{from, to}].push_back({from, g, l});
  }
  for (auto& [mailboxes, items] : groups) {
    if (world_.stopping) break;
    MailboxPair& from = pair_of(mailboxes.first);
    MailboxPair& to = pair_of(mailboxes.second);
    auto done = co_await move_between(from, to, std::move(items));
    CO_TRY(done);
  }
  co_return Result<>();
}

Task<Result<>> Applier::move_between(MailboxPair& from, MailboxPair& to, std::vector<Item> items) {
  auto entered = co_await enter(session_, from, false);
  CO_TRY(entered);
  std::map<Uid, Item> wanted;
  UidSet uids;
  for (const Item& item : items) {
    const Uid uid = look_.strays.gone_local[item.first].uid;
    uids.add(uid);
    wanted.emplace(uid, item);
  }
  auto moved = co_await move_messages(session_, std::move(uids), to.server_name);
  if (!moved && !session_.is_alive()) co_return tl::unexpected(std::move(moved).error());
  if (!moved) {
    leave(from, "not moved to " + to.state.name + ": " + moved.error().detail);
    co_return Result<>();
  }
  auto all = world_.state.begin();
  CO_TRY(all);
  const bool known_target = moved->copied.uid_validity == to.seen.uid_validity;
  for (const auto& [source, target] : moved->copied.uids) {
    const auto found = wanted.find(source);
    if (found == wanted.end() || !known_target) continue;
    const Gone& gone = look_.strays.gone_local[found->second.first];
    const FreshLocal& local = look_.strays.local[found->second.second];
    const KeywordTable& keywords = from.maildir->keywords();
    SyncRow row{local.name, target};
    row.base = to.maildir->keywords().translate(gone.base, keywords);
    row.remote = to.maildir->keywords().translate(gone.flags, keywords);
    row.local = local.flags;
    const std::string name(unique_of(look_.files[found->second.second]));
    auto added = add_row(to, row, {name, row.base, gone.key});
    CO_TRY(added);
    if (moved->expunged) {
      auto removed = world_.state.remove(from.state.id, source);
      CO_TRY(removed);
    }
    ++world_.report.moved_on_server;
    wanted.erase(found);
  }
  auto committed = all->commit();
  CO_TRY(committed);
  // Where the server does not say which it is, the next look finds it by its content.
  if (!wanted.empty()) meanwhile(to);
  if (!wanted.empty()) meanwhile(from);
  if (!moved->expunged) {
    leave(from, "moved messages stay there, marked \\Deleted: the server has no UIDPLUS");
  }
  co_return Result<>();
}

// --- uploads ---

Task<Result<>> Applier::upload(MailboxPair& pair, std::vector<size_t> which) {
  std::vector<size_t> batch;
  uint64_t bytes = 0;
  uint64_t done = 0;
  for (size_t i = 0; i < which.size() && !world_.stopping; ++i) {
    const FreshLocal& local = look_.strays.local[which[i]];
    if (local.answered) {
      leave(pair, fmt::format("{} was taken by the server, which does not show it",
                              unique_of(look_.files[which[i]])));
      continue;
    }
    batch.push_back(which[i]);
    bytes += local.key.size;
    if (batch.size() < upload_messages_max && bytes < upload_bytes_max) continue;
    done += batch.size();
    auto sent = co_await upload_batch(pair, std::move(batch));
    CO_TRY(sent);
    if (world_.hooks.progress) {
      world_.hooks.progress("upload " + pair.state.name, done, which.size());
    }
    batch.clear();
    bytes = 0;
  }
  if (batch.empty()) co_return Result<>();
  auto sent = co_await upload_batch(pair, std::move(batch));
  co_return sent;
}

Task<Result<>> Applier::upload_batch(MailboxPair& pair, std::vector<size_t> which) {
  std::vector<AppendItem> items;
  std::vector<SyncState::Loose> notes;
  std::vector<size_t> sent;
  for (const size_t index : which) {
    const MaildirEntry entry = local_entry(index);
    auto octets = pair.maildir->read(entry);
    auto date = pair.maildir->date(entry);
    if (!octets || !date) {
      meanwhile(pair);
      continue;
    }
    auto key = key_of(**octets);
    CO_TRY(key);
    AppendItem item;
    item.flags = pair.maildir->keywords().flags_of(entry.flags);
    item.date = imap::DateTime{*date, 0};
    item.octets = std::move(*octets);
    items.push_back(std::move(item));
    SyncState::Loose note;
    note.message = {entry.unique, entry.flags, *key};
    note.sent_from = std::max(pair.seen.uid_next, 1U);
    notes.push_back(std::move(note));
    sent.push_back(index);
  }
  if (items.empty()) co_return Result<>();
  auto noted = world_.state.begin();
  CO_TRY(noted);
  for (const SyncState::Loose& note : notes) {
    auto put = world_.state.put_loose(pair.state.id, note);
    CO_TRY(put);
  }
  auto durable = noted->commit();
  CO_TRY(durable);
  auto outcomes = co_await append_messages(session_, pair.server_name, std::move(items));
  CO_TRY(outcomes);
  auto all = world_.state.begin();
  CO_TRY(all);
  for (size_t i = 0; i < outcomes->size(); ++i) {
    const Result<Appended>& outcome = (*outcomes)[i];
    SyncState::Loose& note = notes[i];
    Result<> kept;
    if (!outcome) {
      leave(pair, note.message.name + " is not taken by the server: " + outcome.error().detail);
      kept = world_.state.remove_loose(pair.state.id, note.message.name);
    } else {
      kept = take_appended(pair, look_.strays.local[sent[i]], note, *outcome);
    }
    CO_TRY(kept);
  }
  auto committed = all->commit();
  co_return committed;
}

Result<> Applier::take_appended(MailboxPair& pair, const FreshLocal& local, SyncState::Loose note,
                                const Appended& appended) {
  ++world_.report.uploaded;
  const bool told = appended.uid && appended.uid_validity == pair.seen.uid_validity;
  // A server that keeps equal messages once gives the uid of the one it has.
  const bool taken = told && world_.state.message(pair.state.id, *appended.uid).has_value();
  if (!told || taken) {
    note.answered = true;
    if (!taken) meanwhile(pair);
    return world_.state.put_loose(pair.state.id, note);
  }
  SyncRow row{local.name, *appended.uid, local.flags, local.flags, local.flags};
  TRY(add_row(pair, row, note.message));
  return world_.state.remove_loose(pair.state.id, note.message.name);
}

// --- all of it ---

Task<Result<>> Applier::add_and_change() {
  auto linked = link();
  CO_TRY(linked);
  auto renamed = rename();
  CO_TRY(renamed);
  auto renumbered = renumber();
  CO_TRY(renumbered);
  auto files = move_files();
  CO_TRY(files);
  auto moved = co_await move_on_server();
  CO_TRY(moved);
  std::map<uint32_t, std::vector<size_t>> uploads;
  for (const size_t index : plan_.upload) {
    uploads[look_.strays.local[index].mailbox].push_back(index);
  }
  std::map<uint32_t, std::vector<FreshRemote>> downloads;
  for (const size_t index : plan_.download) {
    downloads[look_.strays.remote[index].mailbox].push_back(look_.strays.remote[index]);
  }
  for (MailboxPair& pair : pairs_) {
    if (world_.stopping) break;
    auto changed = co_await change_flags(pair);
    CO_TRY(changed);
    auto sent = co_await upload(pair, std::move(uploads[pair.index]));
    CO_TRY(sent);
    if (downloads[pair.index].empty()) continue;
    auto got = co_await download(world_, session_, pair, std::move(downloads[pair.index]));
    CO_TRY(got);
  }
  co_return Result<>();
}

}  // namespace eilpost::client
