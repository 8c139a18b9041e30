// EXPUNGE and UID EXPUNGE (RFC 9051 6.4.3, 6.4.9), and the expunge of CLOSE.

#include "server/imap/commands.h"
#include "server/imap/progress.h"
#include "store/mutations.h"

namespace eilpost::server {

// In steps of one commit each; what has gone stays gone when a later step fails.
net::Task<Result<store::ExpungeResult>> expunge_all(ImapSession& session, MailboxId mailbox,
                                                    std::optional<UidSet> uids,
                                                    Progress* progress) {
  store::ExpungeResult total;
  engine::Engine* engine = &session.world().engine;
  while (true) {
    store::ExpungeRequest request{mailbox, uids};
    std::function<Result<store::ExpungeResult>(store::Tx&)> step =
        [engine, request = std::move(request)](store::Tx& tx) {
          return store::expunge(tx, *engine, request);
        };
    auto gone = co_await mutate_telling<store::ExpungeResult>(session, progress, std::move(step));
    CO_TRY(gone);
    total.uids.add(gone->uids);
    if (gone->modseq) total.modseq = gone->modseq;
    if (!gone->more) break;
    if (session.ending()) co_return fail(Code::unavailable, "the session ends");
    if (!progress) continue;
    auto told = co_await progress->at(total.uids.count());
    CO_TRY(told);
  }
  co_return total;
}

namespace {

// RFC 9738 3.1: the limit counts messages with \Deleted, not all that the set names. Where it
// holds, leaves those in `uids` that are to go and answers the lowest of them.
std::optional<Uid> limit_deleted(ImapSession& session, UidSet& uids) {
  const uint64_t most = session.message_limit();
  if (most == 0 || uids.count() <= most) return std::nullopt;
  UidSet deleted;
  const store::MessageTree& tree = session.selected()->view.snapshot().tree;
  tree.for_pages(uids.min(), [&](Seq, const store::PagePtr& page) {
    for (const store::HotEntry& e : page->entries) {
      if ((e.flags & store::flag_deleted) != 0) deleted.add(page->uid(e));
    }
    return true;
  });
  deleted = UidSet(deleted.raw().intersect(uids.raw()));
  const std::optional<Uid> lowest = session.limit(deleted);
  if (lowest) uids = std::move(deleted);
  return lowest;
}

}  // namespace

CommandTask run(ImapSession& session, const imap::Expunge& command, RunOptions options) {
  Selected& selected = *session.selected();
  if (selected.read_only) {
    co_return Reply::no(imap::CodeName::no_perm, "the mailbox was opened read-only");
  }
  // Only what this session has seen: an arrival with \Deleted waits until its client knows of it.
  UidSet mine;
  if (command.uids) {
    auto resolved = session.resolve(*command.uids, true);
    if (!resolved) co_return Reply::bad(resolved.error().detail);
    mine = std::move(*resolved);
  } else if (const Uid last = selected.view.shown().last_uid()) {
    mine.add(Uid(1), last);
  }
  if (mine.empty()) co_return Reply::ok("nothing to expunge");
  // RFC 9738: EXPUNGE without uids is not limited.
  const std::optional<Uid> lowest = command.uids ? limit_deleted(session, mine) : std::nullopt;
  std::optional<UidSet> only = std::move(mine);
  Progress progress(session, options.tag, std::nullopt);
  auto gone = co_await expunge_all(session, selected.mailbox, std::move(only), &progress);
  if (!gone) co_return reply_for(session, gone.error());
  // RFC 9051 6.4.3: told before the OK, whatever is pipelined behind. Where that fails it is told
  // with a later command, but it is done.
  auto synced = co_await session.sync(true);
  if (!synced) session.log().info("expunge: {}", synced.error().detail);
  if (session.qresync && gone->modseq && session.selected()) {
    if (lowest) tell_limited(session, *lowest);
    // RFC 7162 3.2.7: never above what was told.
    const uint64_t highest = session.selected()->view.announced_modseq().value;
    co_return Reply::ok(imap::ResponseCode(imap::CodeName::highest_modseq, highest), "expunged");
  }
  if (lowest) co_return limited(session, *lowest);
  co_return Reply::ok("expunged");
}

}  // namespace eilpost::server
