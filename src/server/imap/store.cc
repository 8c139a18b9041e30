// STORE and UID STORE (RFC 9051 6.4.6, RFC 7162 3.1.3).

#include "server/imap/commands.h"
#include "server/imap/progress.h"

namespace eilpost::server {

namespace {

struct WantedFlags {
  uint8_t flags = 0;
  std::vector<std::string> keywords;
};

Result<WantedFlags> wanted_flags(const imap::FlagList& list) {
  WantedFlags out;
  for (const std::string& flag : list) {
    const uint8_t bit = imap::system_flag(flag);
    if (bit == imap::flag_recent) {
      return fail(Code::invalid, "\\Recent cannot be changed");
    }
    if (bit != 0) {
      out.flags |= bit;
    } else if (flag.front() == '\\') {
      continue;  // RFC 9051 7.1, PERMANENTFLAGS: what cannot be stored is ignored
    } else {
      out.keywords.push_back(flag);
    }
  }
  return out;
}

store::FlagChange change_of(imap::StoreMode mode) {
  switch (mode) {
    case imap::StoreMode::replace: return store::FlagChange::replace;
    case imap::StoreMode::add: return store::FlagChange::add;
    case imap::StoreMode::remove: return store::FlagChange::remove;
  }
  return store::FlagChange::replace;
}

// Without .SILENT every named message is answered, changed or not (RFC 9051 6.4.6); what changed is
// announced by sync(), so only the rest is printed here.
net::Task<Result<>> answer_unchanged(ImapSession& session, const UidSet& asked,
                                     const store::StoreResult& result, bool silent) {
  auto synced = co_await session.sync(false);
  CO_TRY(synced);
  if (silent) co_return Result<>();
  const UidSet rest(asked.raw().subtract(result.changed.raw()).subtract(result.modified.raw()));
  uint32_t printed = 0;
  for (const Interval& i : rest.raw().intervals()) {
    for (uint64_t v = i.first; v <= i.last; ++v) {
      const Uid uid(static_cast<uint32_t>(v));
      const Seq seq = session.selected()->view.seq_of(uid);
      if (seq) session.append_flags_response(seq, uid, true);
      if (++printed % 256 == 0) {
        auto sent = co_await session.send_if_large();
        CO_TRY(sent);
      }
    }
  }
  co_return Result<>();
}

// Messages that one commit changes: some megabytes of pages at most.
constexpr uint64_t store_step = 200'000;

}  // namespace

net::Task<Result<store::StoreResult>> store_flags(ImapSession& session, store::StoreRequest request,
                                                  bool silent, Progress* progress) {
  store::StoreResult total;
  uint64_t done = 0;
  UidSet rest = std::move(request.uids);
  while (!rest.empty()) {
    request.uids = UidSet(rest.raw().take_first(store_step));
    std::function<Result<store::StoreResult>(store::Tx&)> f = [request](store::Tx& tx) {
      return store::store_flags(tx, request);
    };
    auto stored = co_await mutate_telling<store::StoreResult>(session, progress, std::move(f));
    CO_TRY(stored);
    // RFC 9051 6.4.6: silent or not, what others changed as well has to be told.
    const UidSet foreseen(stored->changed.raw().subtract(stored->overtaken.raw()));
    if (silent) session.selected()->view.silence(foreseen, stored->modseq);
    total.changed.add(stored->changed);
    total.modified.add(stored->modified);
    if (stored->modseq) total.modseq = stored->modseq;
    if (!rest.empty() && session.ending()) co_return fail(Code::unavailable, "the session ends");
    done += request.uids.count();
    if (!progress || rest.empty()) continue;
    auto told = co_await progress->at(done);
    CO_TRY(told);
  }
  co_return total;
}

CommandTask run(ImapSession& session, const imap::Store& command, RunOptions options) {
  Selected& selected = *session.selected();
  if (selected.read_only) {
    co_return Reply::no(imap::CodeName::no_perm, "the mailbox was opened read-only");
  }
  auto flags = wanted_flags(command.flags);
  if (!flags) co_return Reply::bad(flags.error().detail);
  auto resolved = session.resolve(command.set, options.uid);
  if (!resolved) co_return Reply::bad(resolved.error().detail);
  if (command.unchanged_since) session.use_condstore();
  const std::optional<Uid> lowest = session.limit(*resolved);
  const UidSet asked = *resolved;
  store::StoreRequest request;
  request.mailbox = selected.mailbox;
  request.uids = std::move(*resolved);
  request.change = change_of(command.mode);
  request.flags = flags->flags;
  request.keywords = std::move(flags->keywords);
  if (command.unchanged_since) {
    request.unchanged_since = ModSeq(*command.unchanged_since);
    request.told = selected.view.snapshot_ptr();
  }
  request.known_modseq = selected.view.snapshot().counters.highest_modseq;
  Progress progress(session, options.tag, asked.count());
  auto stored = co_await store_flags(session, std::move(request), command.silent, &progress);
  if (!stored) co_return reply_for(session, stored.error());
  auto answered = co_await answer_unchanged(session, asked, *stored, command.silent);
  if (!answered) co_return reply_for(session, answered.error());
  if (!stored->modified.empty()) {
    if (lowest) tell_limited(session, *lowest);
    // RFC 7162 3.1.3: the numbers of the command's own kind.
    const IntervalSet refused =
        options.uid ? stored->modified.raw() : selected.view.seqs_of(stored->modified).raw();
    co_return Reply::ok(imap::ResponseCode::modified(refused), "some had changed since");
  }
  const UidSet& gone = selected.view.gone();
  if (!options.uid && !gone.raw().intersect(asked.raw()).empty()) {
    Reply reply = some_gone(session, lowest);
    // RFC 2180 4.2.1: all that are left have been changed, and no answer was asked for.
    if (command.silent) reply.condition = imap::Condition::ok;
    co_return reply;
  }
  if (lowest) co_return limited(session, *lowest);
  co_return Reply::ok("stored");
}

}  // namespace eilpost::server
