#include "client/session/changing.h"

#include <fmt/format.h>

#include "client/session/uid_sets.h"

namespace eilpost::client {

namespace {

imap::StoreMode mode_of(FlagChange change) {
  switch (change) {
    case FlagChange::add: return imap::StoreMode::add;
    case FlagChange::remove: return imap::StoreMode::remove;
    case FlagChange::replace: break;
  }
  return imap::StoreMode::replace;
}

// Adds what COPYUID says of a piece of `count_max` uids, or nothing where it makes no sense.
void add_copied(Session& session, const imap::ResponseCode& code, uint64_t count_max, Copied& out) {
  if (code.name != imap::CodeName::copy_uid) return;
  const std::vector<Uid> from = in_written_order(code.source, count_max);
  const std::vector<Uid> to = in_written_order(code.set, count_max);
  if (from.size() != to.size() || from.empty()) {
    session.note(Quirk::copyuid_malformed);
    return;
  }
  out.uid_validity = static_cast<uint32_t>(code.number);
  for (size_t i = 0; i < from.size(); ++i) out.uids.emplace_back(from[i], to[i]);
}

// COPY or MOVE; the latter tells COPYUID in an untagged OK (RFC 6851 4.3).
template <class Command>
Task<Result<Copied>> copy_by(Session& session, UidSet uids, std::string target) {
  Copied out;
  for (const UidSet& piece : in_pieces(uids)) {
    const uint64_t count = piece.count();
    Command command;
    command.set = imap::SequenceSet::of(piece.raw());
    command.mailbox = target;
    Expect expect;
    expect.untagged = [&session, &out, count](imap::Response response) -> Result<> {
      const auto* status = std::get_if<imap::StatusResponse>(&response);
      if (status != nullptr) add_copied(session, status->code, count, out);
      return {};
    };
    imap::CommandBody body = std::move(command);
    auto answer = co_await session.uid_command(std::move(body), std::move(expect));
    CO_TRY(answer);
    add_copied(session, answer->code, count, out);
  }
  co_return out;
}

// MOVE where it is missing: a copy, and the originals go when the copy is seen to be whole.
Task<Result<Moved>> move_by_copy(Session& session, UidSet uids, std::string target) {
  Moved out;
  for (const UidSet& piece : in_pieces(uids)) {
    auto there = co_await session.search("UID " + piece.to_string());
    CO_TRY(there);
    if (there->empty()) continue;
    auto copied = co_await copy_messages(session, *there, target);
    CO_TRY(copied);
    if (!copied->uids.empty() && copied->uids.size() != there->count()) {
      co_return fail(Code::corrupt,
                     fmt::format("the server says it has copied {} of {} messages; none is "
                                 "removed here",
                                 copied->uids.size(), there->count()));
    }
    out.copied.uid_validity = copied->uid_validity;
    out.copied.uids.insert(out.copied.uids.end(), copied->uids.begin(), copied->uids.end());
    imap::FlagList deleted;
    deleted.emplace_back("\\Deleted");
    auto marked = co_await store_flags(session, *there, FlagChange::add, std::move(deleted));
    CO_TRY(marked);
    auto gone = co_await expunge_messages(session, std::move(*there));
    if (!gone && gone.error().code != Code::cannot) co_return tl::unexpected(gone.error());
    out.expunged = out.expunged && gone.has_value();
  }
  co_return out;
}

}  // namespace

Task<Result<UidSet>> store_flags(Session& session, UidSet uids, FlagChange change,
                                 imap::FlagList flags, std::optional<uint64_t> unchanged_since) {
  const bool condstore = session.has("CONDSTORE") || session.has("QRESYNC");
  UidSet left;
  for (const UidSet& piece : in_pieces(uids)) {
    imap::Store store;
    store.set = imap::SequenceSet::of(piece.raw());
    store.mode = mode_of(change);
    store.silent = true;
    store.flags = flags;
    if (condstore) store.unchanged_since = unchanged_since;
    imap::CommandBody body = std::move(store);
    Expect nothing;
    auto answer = co_await session.uid_command(std::move(body), std::move(nothing));
    CO_TRY(answer);
    if (answer->code.name == imap::CodeName::modified) {
      left.add(UidSet(answer->code.set.resolve(UINT32_MAX)));
    }
  }
  co_return left;
}

Task<Result<Copied>> copy_messages(Session& session, UidSet uids, std::string target) {
  auto copied = co_await copy_by<imap::Copy>(session, std::move(uids), std::move(target));
  co_return copied;
}

Task<Result<Moved>> move_messages(Session& session, UidSet uids, std::string target) {
  if (!session.has("MOVE") && !session.has("IMAP4rev2")) {
    auto moved = co_await move_by_copy(session, std::move(uids), std::move(target));
    co_return moved;
  }
  auto copied = co_await copy_by<imap::Move>(session, std::move(uids), std::move(target));
  CO_TRY(copied);
  Moved out;
  out.copied = std::move(*copied);
  co_return out;
}

Task<Result<>> expunge_messages(Session& session, UidSet uids) {
  const bool uidplus = session.has("UIDPLUS") || session.has("IMAP4rev2");
  if (!uidplus) {
    auto marked = co_await session.search("DELETED");
    CO_TRY(marked);
    if (!marked->raw().subtract(uids.raw()).empty()) {
      co_return fail(Code::cannot,
                     "the server can only remove all that is marked \\Deleted in this mailbox (no "
                     "UIDPLUS), and more is marked than is to be removed");
    }
    imap::CommandBody body = imap::Expunge();
    auto answer = co_await session.command(std::move(body));
    CO_TRY(answer);
    co_return Result<>();
  }
  for (const UidSet& piece : in_pieces(uids)) {
    imap::Expunge expunge;
    expunge.uids = imap::SequenceSet::of(piece.raw());
    imap::CommandBody body = std::move(expunge);
    Expect nothing;
    auto answer = co_await session.uid_command(std::move(body), std::move(nothing));
    CO_TRY(answer);
  }
  co_return Result<>();
}

}  // namespace eilpost::client
