// SEARCH and UID SEARCH (RFC 9051 6.4.4, 7.3.4). The program runs over what the session's view
// shows, in slices: those that read go to the disk pool one hop each, so that a long search shares
// the pool with everybody; those that need memory only run here.

#include "search/evaluate.h"
#include "server/imap/commands.h"
#include "server/imap/progress.h"
#include "server/imap/search_plan.h"

namespace eilpost::server {

namespace {

// Some hundred microseconds of flags for a program of one key.
constexpr size_t memory_pages = 256;
// The same of headers and digests that memory holds.
constexpr size_t cached_pages = 16;

size_t count_keys(const imap::SearchKey& key) {
  size_t count = 1;
  for (const imap::SearchKey& child : key.children) count += count_keys(child);
  return count;
}

// A slice costs the same however many keys the program has.
search::Slice slice_of(size_t pages, size_t keys) {
  return {.pages_max = std::max<size_t>(1, pages / std::max<size_t>(1, keys / 4))};
}

// The mailbox as this session sees it: what is expunged but not announced keeps its place.
store::SnapshotPtr shown_snapshot(const View& view) {
  if (view.gone().empty()) return view.snapshot_ptr();
  auto shown = std::make_shared<store::MailboxSnapshot>(view.snapshot());
  shown->tree = view.shown();
  return shown;
}

net::Task<Result<search::Answer>> search_view(ImapSession& session, search::Program program,
                                              size_t keys, std::string_view tag) {
  Progress progress(session, tag, std::nullopt);
  const search::Slice memory_slice = slice_of(memory_pages, keys);
  const search::Slice cached_slice = slice_of(cached_pages, keys);
  const search::Slice disk_slice = slice_of(search::Slice().pages_max, keys);
  const search::Context context{.now_seconds = session.world().clock.now().seconds(),
                                .indexes = session.world().indexes};
  // Shared with the job on the pool.
  auto evaluator = std::make_shared<search::Evaluator>(
      session.account_ptr(), shown_snapshot(session.selected()->view), program, context);
  bool done = false;
  while (!done) {
    if (session.ending()) co_return fail(Code::unavailable, "the session ends");
    if (evaluator->reads() && !evaluator->in_memory(cached_slice)) {
      auto job = [evaluator, disk_slice] { return evaluator->step(disk_slice); };
      auto stepped = co_await session.read(std::move(job));
      CO_TRY(stepped);
      done = *stepped;
    } else {
      auto stepped = evaluator->step(evaluator->reads() ? cached_slice : memory_slice);
      CO_TRY(stepped);
      done = *stepped;
      if (!done) co_await net::yield_now();
    }
    if (done) break;
    auto told = co_await progress.at(std::nullopt);
    CO_TRY(told);
  }
  co_return evaluator->answer();
}

Reply refused(ImapSession& session, const Error& error) {
  if (error.code == Code::invalid) return Reply::bad(error.detail);
  if (error.code != Code::bad_charset) return reply_for(session, error);
  // RFC 9051 6.4.4: the charsets that may be used; those that ICU knows besides would fill pages.
  const std::vector<std::string> charsets{"US-ASCII", "UTF-8"};
  return {imap::Condition::no, imap::ResponseCode(imap::CodeName::bad_charset, charsets),
          "this charset is not known"};
}

void print_result(ImapSession& session, const imap::Search& command, RunOptions options,
                  const search::Answer& answer) {
  imap::SearchReturn returns = command.returns;
  // RFC 9051 6.4.4: IMAP4rev2 has no SEARCH response; without RETURN it is RETURN (ALL).
  const bool extended = returns.present || session.rev2;
  if (!returns.present) returns.all = true;
  // RFC 5182 2.1: SAVE alone answers nothing.
  if (!returns.answers()) return;
  const IntervalSet found =
      options.uid ? answer.uids.raw() : session.selected()->view.seqs_of(answer.uids).raw();
  std::optional<uint64_t> modseq;
  if (imap::uses(command.key, imap::SearchOp::modseq)) {
    modseq = modseq_of_result(returns, answer, session.selected()->view.shown());
  }
  if (!extended) {
    imap::append_search(session.out(), found, modseq);
    return;
  }
  imap::ESearchData data = esearch_of(returns, found);
  data.tag = std::string(options.tag);
  data.uid = options.uid;
  data.modseq = modseq;
  imap::append_esearch(session.out(), data);
}

}  // namespace

CommandTask run(ImapSession& session, const imap::Search& command, RunOptions options) {
  // RFC 6855 3: what comes is UTF-8 then.
  if (session.utf8 && !command.charset.empty()) {
    co_return Reply::bad("SEARCH takes no CHARSET once UTF8=ACCEPT is enabled");
  }
  SearchSurroundings surroundings;
  surroundings.resolve = [&session](const imap::SequenceSet& set, bool uid) {
    return set.saved ? session.resolve(set, uid) : session.selected()->view.bounds(set, uid);
  };
  surroundings.first_recent = session.selected()->view.first_recent();
  auto program = plan_search(command, surroundings);
  if (!program) {
    Reply reply = refused(session, program.error());
    // RFC 5182 2.1: a NO to SAVE leaves the empty result, a BAD leaves the one before.
    const bool forgets = command.returns.save && reply.condition == imap::Condition::no;
    if (forgets) session.selected()->saved.clear();
    co_return reply;
  }
  if (imap::uses(command.key, imap::SearchOp::modseq)) session.use_condstore();
  auto answer =
      co_await search_view(session, std::move(*program), count_keys(command.key), options.tag);
  if (!answer) {
    if (command.returns.save) session.selected()->saved.clear();
    co_return refused(session, answer.error());
  }
  if (!answer->unreadable.empty()) {
    session.log().error("search: messages of mailbox {} could not be read: {}",
                        session.selected()->mailbox.value, answer->unreadable.to_string());
  }
  if (command.returns.save) session.selected()->saved = saved_result(command.returns, answer->uids);
  print_result(session, command, options, *answer);
  co_return Reply::ok("searched");
}

}  // namespace eilpost::server
