// REPLACE and UID REPLACE (RFC 8508): one commit appends the new message and expunges the old one,
// so that nobody sees both or neither.

#include "server/imap/append_state.h"
#include "server/imap/commands.h"
#include "server/imap/quota.h"

namespace eilpost::server {

namespace {

// The message that is to go, or why there is none.
tl::expected<Uid, Reply> replaced_uid(ImapSession& session, uint32_t number, bool uid) {
  imap::SequenceSet set;
  set.ranges.push_back({number, number});
  const auto resolved = session.resolve(set, uid);
  if (!resolved) return tl::unexpected(Reply::bad(resolved.error().detail));
  if (resolved->empty()) {
    return tl::unexpected(Reply::no(imap::CodeName::nonexistent, "there is no such message"));
  }
  return resolved->min();
}

}  // namespace

CommandTask run(ImapSession& session, const imap::Replace& command, RunOptions options) {
  AppendState& state = session.append_state();
  if (state.failure) co_return *state.failure;
  if (session.selected()->read_only) {
    co_return Reply::no(imap::CodeName::no_perm, "the mailbox was opened read-only");
  }
  const auto uid = replaced_uid(session, command.number, options.uid);
  if (!uid) co_return uid.error();
  state.replaces = true;
  const imap::Append append{command.mailbox, {command.message}};
  auto refusal = co_await complete_messages(session, state, append);
  if (refusal) co_return *refusal;
  const Replaced replaced{session.selected()->mailbox, *uid};
  auto done = co_await commit_messages(session, state, replaced);
  if (!done) co_return std::move(done.error());
  UidSet uids;
  for (const Uid added : done->uids) uids.add(added);
  // RFC 8508 4.3: told before the expunge.
  const imap::ResponseCode code = imap::ResponseCode::append_uid(done->uid_validity, uids);
  imap::append_untagged(session.out(), imap::Condition::ok, code,
                        session.text("the replacement is there"));
  warn_of_quota(session);
  auto synced = co_await session.sync(true);
  // It is done; what could not be looked at is announced with a later command.
  if (!synced) session.log().warn("sync after REPLACE: {}", synced.error().detail);
  if (session.qresync && session.selected()) {
    const uint64_t highest = session.selected()->view.announced_modseq().value;
    co_return Reply::ok(imap::ResponseCode(imap::CodeName::highest_modseq, highest), "replaced");
  }
  co_return Reply::ok("replaced");
}

}  // namespace eilpost::server
