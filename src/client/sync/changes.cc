// What is changed where it lies: flags on both sides, and removals. What the server says it has
// done is looked at afterwards, because some say OK and do nothing.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "client/session/changing.h"
#include "client/session/fetching.h"
#include "client/sync/apply.h"

namespace eilpost::client {

namespace {

// What belongs to each mailbox.
std::map<uint32_t, std::vector<size_t>> by_mailbox(const std::vector<size_t>& which,
                                                   const std::vector<Gone>& of) {
  std::map<uint32_t, std::vector<size_t>> out;
  for (const size_t index : which) out[of[index].mailbox].push_back(index);
  return out;
}

}  // namespace

// --- flags ---

Result<FlagWork> Applier::change_files(MailboxPair& pair) {
  FlagWork out;
  for (SyncRow& row : pair.rows) {
    if (!row.on_server || !row.in_maildir) continue;
    const MaildirFlags wanted = merge_flags(row.base, row.remote, row.local);
    if (wanted != row.local) {
      const SyncMessage known = TRY(world_.state.message(pair.state.id, row.uid));
      auto entry = pair.maildir->find(known.name, row.local);
      // Somebody has changed it since the look: his flags are not ours to undo.
      const bool same = entry && entry->flags == row.local;
      if (same) entry = pair.maildir->set_flags(*entry, wanted);
      if (!same || !entry) {
        meanwhile(pair);
        continue;
      }
      ++world_.report.flags_locally;
    }
    const MaildirFlags change = (wanted ^ row.remote) & pair.stored_flags;
    if (change != 0) out.stores[{change & wanted, change & ~wanted}].add(row.uid);
    if (wanted != row.base) out.agreed.emplace_back(row.uid, wanted);
  }
  return out;
}

Task<Result<UidSet>> Applier::store(MailboxPair& pair, FlagWork::Change change, UidSet uids) {
  for (const bool add : {true, false}) {
    imap::FlagList flags = pair.maildir->keywords().flags_of(add ? change.add : change.remove);
    if (flags.empty()) continue;
    const FlagChange how = add ? FlagChange::add : FlagChange::remove;
    auto stored = co_await store_flags(session_, uids, how, std::move(flags));
    CO_TRY(stored);
  }
  UidSet ignored;
  UidSet changed;
  RowsWanted wanted;
  wanted.date = wanted.size = false;
  auto row = [&](MessageRow message) -> Result<> {
    const MaildirFlags there = TRY(pair.maildir->bits_for(message.flags));
    const bool done = (there & change.add) == change.add && (there & change.remove) == 0;
    // What is known of a message may come in several answers, of which one has the flags.
    if (uids.contains(message.uid)) (done ? changed : ignored).add(message.uid);
    return {};
  };
  auto looked = co_await fetch_rows(session_, uids, std::move(wanted), std::move(row));
  CO_TRY(looked);
  co_return UidSet(ignored.raw().subtract(changed.raw()));
}

Task<Result<>> Applier::change_flags(MailboxPair& pair) {
  auto work = change_files(pair);
  CO_TRY(work);
  if (!work->stores.empty()) {
    auto entered = co_await enter(session_, pair, false);
    CO_TRY(entered);
    if (session_.selected()->read_only) work->stores.clear();
  }
  UidSet undone;
  for (const auto& [change, uids] : work->stores) {
    auto ignored = co_await store(pair, change, uids);
    if (!ignored && !session_.is_alive()) co_return tl::unexpected(std::move(ignored).error());
    if (!ignored) {
      leave(pair, "flags are not taken by the server: " + ignored.error().detail);
      co_return Result<>();
    }
    world_.report.flags_on_server += uids.count() - ignored->count();
    undone.add(*ignored);
  }
  if (!undone.empty()) {
    leave(pair, fmt::format("the server says that it has changed the flags of {} messages, and "
                            "has not",
                            undone.count()));
  }
  auto all = world_.state.begin();
  CO_TRY(all);
  for (const auto& [uid, flags] : work->agreed) {
    if (undone.contains(uid)) continue;
    auto set = world_.state.set_flags(pair.state.id, uid, flags);
    CO_TRY(set);
  }
  auto committed = all->commit();
  co_return committed;
}

// --- removals ---

Result<std::vector<Removals>> Applier::removals() {
  std::vector<Removals> out;
  const auto here = by_mailbox(plan_.remove_local, look_.strays.gone_remote);
  const auto there = by_mailbox(plan_.remove_remote, look_.strays.gone_local);
  if (here.empty() && there.empty()) return out;
  for (const MailboxPair& pair : pairs_) {
    const uint64_t known = TRY(world_.state.count(pair.state.id));
    for (const bool on_server : {false, true}) {
      const auto& side = on_server ? there : here;
      const auto found = side.find(pair.index);
      const uint64_t removed = found == side.end() ? 0 : found->second.size();
      out.push_back({pair.state.name, on_server, known, removed});
    }
  }
  return out;
}

Result<> Applier::remove_files(MailboxPair& pair, const std::vector<size_t>& which) {
  for (const size_t index : which) {
    if (world_.stopping) break;
    const Gone& gone = look_.strays.gone_remote[index];
    const SyncMessage known = TRY(world_.state.message(pair.state.id, gone.uid));
    const auto entry = pair.maildir->find(known.name, gone.flags);
    const auto removed = entry ? pair.maildir->remove(*entry) : Result<>();
    if (!removed && removed.error().code != Code::not_found) {
      leave(pair, removed.error().detail);
      continue;
    }
    TRY(world_.state.remove(pair.state.id, gone.uid));
    ++world_.report.removed_locally;
  }
  return {};
}

Task<Result<UidSet>> Applier::take_away(MailboxPair& pair, UidSet uids) {
  if (!world_.trash.empty() && world_.trash != pair.server_name) {
    auto moved = co_await move_messages(session_, uids, world_.trash);
    CO_TRY(moved);
    // Without UIDPLUS they stay, marked, and come back as such.
    if (!moved->expunged) co_return UidSet();
  } else {
    imap::FlagList deleted = {"\\Deleted"};
    auto marked = co_await store_flags(session_, uids, FlagChange::add, std::move(deleted));
    CO_TRY(marked);
    auto expunged = co_await expunge_messages(session_, uids);
    CO_TRY(expunged);
  }
  UidSet stayed;
  RowsWanted wanted;
  wanted.flags = wanted.date = wanted.size = false;
  auto row = [&](MessageRow message) -> Result<> {
    if (uids.contains(message.uid)) stayed.add(message.uid);
    return {};
  };
  auto looked = co_await fetch_rows(session_, uids, std::move(wanted), std::move(row));
  CO_TRY(looked);
  co_return stayed;
}

Task<Result<>> Applier::remove_on_server(MailboxPair& pair, std::vector<size_t> which) {
  auto entered = co_await enter(session_, pair, false);
  CO_TRY(entered);
  UidSet uids;
  for (const size_t index : which) uids.add(look_.strays.gone_local[index].uid);
  auto stayed = co_await take_away(pair, uids);
  if (!stayed && !session_.is_alive()) co_return tl::unexpected(std::move(stayed).error());
  if (!stayed) {
    leave(pair, fmt::format("{} messages are not removed from the server: {}", which.size(),
                            stayed.error().detail));
    co_return Result<>();
  }
  if (!stayed->empty()) {
    leave(pair, fmt::format("the server says that it has removed {} messages, and has not",
                            stayed->count()));
  }
  auto all = world_.state.begin();
  CO_TRY(all);
  for (const size_t index : which) {
    const Uid uid = look_.strays.gone_local[index].uid;
    if (stayed->contains(uid)) continue;
    auto removed = world_.state.remove(pair.state.id, uid);
    CO_TRY(removed);
    ++world_.report.removed_on_server;
  }
  auto committed = all->commit();
  co_return committed;
}

Task<Result<>> Applier::remove() {
  for (const auto& [mailbox, which] : by_mailbox(plan_.remove_local, look_.strays.gone_remote)) {
    auto removed = remove_files(pair_of(mailbox), which);
    CO_TRY(removed);
  }
  for (const auto& [mailbox, which] : by_mailbox(plan_.remove_remote, look_.strays.gone_local)) {
    if (world_.stopping) break;
    auto removed = co_await remove_on_server(pair_of(mailbox), which);
    CO_TRY(removed);
  }
  co_return Result<>();
}

}  // namespace eilpost::client
