// SEARCH and UID SEARCH (RFC 9051 6.4.4, 7.3.4). The program runs over what the session's view
// shows.

#include "server/imap/commands.h"
#include "server/imap/filters.h"
#include "server/imap/search_run.h"

namespace eilpost::server {

namespace {

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
  if (returns.relevancy) data.relevancy = relevancy_of_result(returns, answer);
  imap::append_esearch(session.out(), data, session.style());
}

}  // namespace

CommandTask run(ImapSession& session, const imap::Search& asked, RunOptions options) {
  // RFC 6855 3: what comes is UTF-8 then.
  if (session.utf8 && !asked.charset.empty()) {
    co_return Reply::bad("SEARCH takes no CHARSET once UTF8=ACCEPT is enabled");
  }
  auto refused = update_refused(session, asked.returns, options.tag);
  if (refused) co_return std::move(*refused);
  auto command = co_await with_filters(session, asked);
  if (!command) co_return std::move(command.error());
  auto answer = co_await find_messages(session, *command, options.tag);
  if (!answer) co_return std::move(answer.error());
  const imap::SearchReturn& returns = command->returns;
  if (returns.save) session.selected()->saved = saved_result(returns, answer->uids);
  if (returns.update) {
    start_live(session, {std::string(options.tag), options.uid}, *command, answer->uids);
  }
  print_result(session, *command, options, *answer);
  co_return Reply::ok("searched");
}

}  // namespace eilpost::server
