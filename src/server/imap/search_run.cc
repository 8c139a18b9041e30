#include "server/imap/search_run.h"

#include "server/imap/commands.h"
#include "server/imap/fetch_plan.h"

namespace eilpost::server {

SearchSurroundings surroundings_of(ImapSession& session) {
  SearchSurroundings surroundings;
  surroundings.resolve = [&session](const imap::SequenceSet& set, bool uid) -> Result<UidSet> {
    if (set.saved) return session.resolve(set, uid);
    return bounds(session.selected()->view.shown(), set, uid);
  };
  surroundings.first_recent = session.selected()->view.first_recent();
  surroundings.collation = session.collation;
  return surroundings;
}

Reply search_refused(ImapSession& session, const Error& error) {
  if (error.code == Code::invalid) return Reply::bad(error.detail);
  // RFC 5255 4.4: not every collation has substrings (RFC 4790 4.2.3).
  if (error.code == Code::cannot) return Reply::bad("this comparator knows no substrings");
  if (error.code != Code::bad_charset) return reply_for(session, error);
  return {imap::Condition::no, bad_charset(), "this charset is not known"};
}

// RFC 9051 6.4.4: the charsets that may be used; those that ICU knows besides would fill pages.
imap::ResponseCode bad_charset() {
  const std::vector<std::string> charsets{"US-ASCII", "UTF-8"};
  return imap::ResponseCode(imap::CodeName::bad_charset, charsets);
}

std::optional<Reply> update_refused(ImapSession& session, const imap::SearchReturn& returns,
                                    std::string_view tag) {
  // RFC 5267 4.3: updates would not say which search they are of.
  if (returns.update && is_live(session, tag)) return Reply::bad("tag reuse");
  if (body_items(returns.update_items) <= limits::fetch_bodies_max) return std::nullopt;
  return Reply::no(imap::CodeName::limit, "more body sections than one FETCH may name");
}

void log_unreadable(ImapSession& session, MailboxId mailbox, const UidSet& uids) {
  if (uids.empty()) return;
  session.log().error("search: messages of mailbox {} could not be read: {}", mailbox.value,
                      uids.to_string());
}

net::Task<tl::expected<search::Answer, Reply>> find_messages(ImapSession& session,
                                                             const imap::Search& command,
                                                             std::string_view tag) {
  using Refused = tl::unexpected<Reply>;
  auto program = plan_search(command, surroundings_of(session));
  if (!program) {
    Reply reply = search_refused(session, program.error());
    // RFC 5182 2.1: a NO to SAVE leaves the empty result, a BAD leaves the one before.
    const bool forgets = command.returns.save && reply.condition == imap::Condition::no;
    if (forgets) session.selected()->saved.clear();
    co_return Refused(std::move(reply));
  }
  if (imap::uses(command.key, imap::SearchOp::modseq)) session.use_condstore();
  Progress progress(session, tag, std::nullopt);
  Evaluation evaluation{shown_snapshot(session.selected()->view), std::move(*program),
                        imap::count_keys(command.key)};
  auto answer = co_await evaluate(session, std::move(evaluation), progress, std::nullopt);
  if (!answer) {
    if (command.returns.save) session.selected()->saved.clear();
    co_return Refused(search_refused(session, answer.error()));
  }
  log_unreadable(session, session.selected()->mailbox, answer->unreadable);
  co_return std::move(*answer);
}

}  // namespace eilpost::server
