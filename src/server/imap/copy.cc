// COPY and MOVE (RFC 9051 6.4.7, 6.4.8): each is one commit, and COPYUID comes from the attempt
// that committed.

#include "server/imap/commands.h"
#include "server/imap/progress.h"
#include "server/imap/quota.h"

namespace eilpost::server {

namespace {

net::Task<Result<store::CopyResult>> transfer(ImapSession& session, store::CopyRequest request,
                                              Progress& progress) {
  engine::Engine* engine = &session.world().engine;
  std::function<Result<store::CopyResult>(store::Tx&)> f =
      [engine, request = std::move(request)](store::Tx& tx) {
        return store::copy(tx, *engine, request);
      };
  auto result = co_await mutate_telling<store::CopyResult>(session, &progress, std::move(f));
  co_return result;
}

imap::ResponseCode copy_uid(const store::CopyResult& result) {
  UidSet from;
  UidSet to;
  for (const auto& [source, target] : result.uids) {
    from.add(source);
    to.add(target);
  }
  return imap::ResponseCode::copy_uid(result.uid_validity, from, to);
}

Reply refused(ImapSession& session, MailboxId target, const Error& error) {
  Reply reply = reply_for(session, error);
  // RFC 9051 6.4.7: only when it is the target that is missing.
  const bool missing = !target || !session.account().counters(target);
  if (error.code == Code::not_found && missing) {
    reply.code = imap::ResponseCode(imap::CodeName::try_create);
  }
  return reply;
}

// The request, or the reply that ends the command.
struct Prepared {
  store::CopyRequest request;
  std::optional<Reply> reply;
};

net::Task<Prepared> prepare(ImapSession& session, const imap::SequenceSet& set, std::string mailbox,
                            bool uid) {
  Prepared out;
  auto fresh = co_await session.refresh();
  if (!fresh) {
    out.reply = reply_for(session, fresh.error());
    co_return out;
  }
  co_await session.renew_quota();
  auto resolved = session.resolve(set, uid);
  if (!resolved) {
    out.reply = Reply::bad(resolved.error().detail);
    co_return out;
  }
  const auto target = session.find_mailbox(mailbox);
  if (!target) {
    out.reply = refused(session, MailboxId(0), target.error());
    co_return out;
  }
  out.request.from = session.selected()->mailbox;
  out.request.to = *target;
  out.request.uids = std::move(*resolved);
  out.request.quota = session.quota();
  if (out.request.uids.empty()) out.reply = Reply::ok("no such messages");
  co_return out;
}

// Messages that one commit of a MOVE takes along: MOVE is atomic for each message, not for all
// (RFC 6851 3.3).
constexpr uint64_t move_step = 5000;

// In steps; each announces its COPYUID and then its expunges (RFC 6851 4.3).
net::Task<tl::expected<void, Reply>> move_all(ImapSession& session, store::CopyRequest request,
                                              std::string_view tag) {
  Progress progress(session, tag, request.uids.count());
  uint64_t done = 0;
  UidSet rest = std::move(request.uids);
  request.move = true;
  bool any = false;
  while (!rest.empty()) {
    request.uids = UidSet(rest.raw().take_first(move_step));
    auto moved = co_await transfer(session, request, progress);
    if (!moved) co_return tl::unexpected(refused(session, request.to, moved.error()));
    if (moved->uids.empty()) continue;
    any = true;
    imap::append_untagged(session.out(), imap::Condition::ok, copy_uid(*moved),
                          session.text("moved"));
    // They are moved, whatever comes of telling it: what fails here is told with a later command.
    auto synced = co_await session.sync(true);
    if (!synced) session.log().info("move: {}", synced.error().detail);
    done += moved->uids.size();
    auto told = co_await progress.at(done);
    if (!told) session.log().info("move: {}", told.error().detail);
    if (!rest.empty() && session.ending()) {
      co_return tl::unexpected(Reply::no(imap::CodeName::unavailable, "the session ends"));
    }
  }
  if (any) co_return tl::expected<void, Reply>();
  co_return tl::unexpected(
      Reply::no(imap::CodeName::expunge_issued, "all of the messages are gone"));
}

}  // namespace

CommandTask run(ImapSession& session, const imap::Copy& command, RunOptions options) {
  Prepared prepared = co_await prepare(session, command.set, command.mailbox, options.uid);
  if (prepared.reply) co_return std::move(*prepared.reply);
  const uint64_t asked = prepared.request.uids.count();
  const uint32_t most = session.message_limit();
  if (most > 0 && asked > most) {
    // RFC 9738 3.1: COPY is done whole or not at all.
    co_return Reply{imap::Condition::no, imap::ResponseCode::message_limit(most, std::nullopt),
                    "more messages than one command may work on"};
  }
  const MailboxId target = prepared.request.to;
  Progress progress(session, options.tag, asked);
  auto copied = co_await transfer(session, std::move(prepared.request), progress);
  if (!copied) co_return refused(session, target, copied.error());
  if (copied->uids.empty()) {
    co_return Reply::no(imap::CodeName::expunge_issued, "all of the messages are gone");
  }
  if (!options.uid && copied->uids.size() < asked) {
    session.log().info("copy: {} of {} messages were gone", asked - copied->uids.size(), asked);
  }
  warn_of_quota(session);
  co_return Reply::ok(copy_uid(*copied), "copied");
}

CommandTask run(ImapSession& session, const imap::Move& command, RunOptions options) {
  if (session.selected()->read_only) {
    co_return Reply::no(imap::CodeName::no_perm, "the mailbox was opened read-only");
  }
  Prepared prepared = co_await prepare(session, command.set, command.mailbox, options.uid);
  if (prepared.reply) co_return std::move(*prepared.reply);
  // RFC 9738 3.1: the highest are moved, and the client goes on with the others.
  const std::optional<Uid> lowest = session.limit(prepared.request.uids);
  auto moved = co_await move_all(session, std::move(prepared.request), options.tag);
  if (!moved) co_return std::move(moved.error());
  if (!session.selected()) co_return Reply::ok("moved");
  if (lowest) tell_limited(session, *lowest);
  // RFC 6851 4.4: to everybody.
  const uint64_t highest = session.selected()->view.announced_modseq().value;
  co_return Reply::ok(imap::ResponseCode(imap::CodeName::highest_modseq, highest), "moved");
}

}  // namespace eilpost::server
