// ESEARCH (RFC 7377): a search in several mailboxes, one after the other, each in slices as SEARCH
// runs; an ESEARCH response for each mailbox with something to say goes out as soon as it is found.

#include <algorithm>

#include "server/imap/commands.h"
#include "server/imap/filters.h"
#include "server/imap/mailbox_scope.h"
#include "server/imap/search_run.h"

namespace eilpost::server {

namespace {

// Of a mailbox that is not selected: it has no saved result and, to this session, nothing that is
// \Recent.
SearchSurroundings surroundings_elsewhere(const store::MailboxSnapshot& snapshot,
                                          mime::Collation collation) {
  SearchSurroundings surroundings;
  surroundings.resolve = [&snapshot](const imap::SequenceSet& set, bool uid) -> Result<UidSet> {
    return bounds(snapshot.tree, set, uid);
  };
  surroundings.first_recent = snapshot.counters.first_recent;
  surroundings.collation = collation;
  return surroundings;
}

bool is_selected_only(const imap::MultiSearch& command) {
  return std::all_of(command.sources.begin(), command.sources.end(),
                     [](const imap::MailboxFilter& filter) {
                       return filter.scope == imap::MailboxScope::selected;
                     });
}

bool uses_saved(const imap::SearchKey& key) {
  return key.set.saved || std::any_of(key.children.begin(), key.children.end(), uses_saved);
}

// The reply that refuses the command, or nothing.
std::optional<Reply> check(ImapSession& session, const imap::MultiSearch& command) {
  const bool only = is_selected_only(command);
  const bool names_selected =
      only || std::any_of(command.sources.begin(), command.sources.end(),
                          [](const imap::MailboxFilter& filter) {
                            return filter.scope == imap::MailboxScope::selected;
                          });
  // RFC 7377 2.2: updates are of the selected mailbox.
  const bool needs_selected = names_selected || command.search.returns.update;
  if (needs_selected && !session.selected()) return Reply::bad("select a mailbox first");
  if (only) return std::nullopt;
  // 2.2: what belongs to the selected mailbox alone.
  if (uses_saved(command.search.key)) return Reply::bad("$ means the selected mailbox only");
  if (command.search.returns.save) return Reply::bad("SAVE means the selected mailbox only");
  return std::nullopt;
}

class MultiSearcher {
 public:
  MultiSearcher(ImapSession& session, const imap::Search& search, std::string_view tag)
      : session_(session), tree_(session.folders()), search_(search), tag_(tag) {
    if (!search_.returns.present) search_.returns.all = true;
  }

  net::Task<Result<>> run(const std::vector<MailboxId>& mailboxes) {
    Progress progress(session_, tag_, mailboxes.size());
    for (size_t i = 0; i < mailboxes.size(); ++i) {
      auto searched = co_await search_one(mailboxes[i], progress, i);
      // What has been deleted meanwhile is no part of the answer any more.
      if (!searched && searched.error().code != Code::not_found) {
        co_return tl::unexpected(searched.error());
      }
      auto told = co_await progress.at(i + 1);
      CO_TRY(told);
      auto sent = co_await session_.send_if_large();
      CO_TRY(sent);
    }
    co_return Result<>();
  }

 private:
  net::Task<Result<>> search_one(MailboxId mailbox, Progress& progress, uint64_t done) {
    Selected* selected = session_.selected();
    const bool here = selected && selected->mailbox == mailbox;
    store::SnapshotPtr snapshot;
    if (here) {
      snapshot = shown_snapshot(selected->view);
    } else {
      auto opened = co_await session_.open(mailbox);
      CO_TRY(opened);
      snapshot = std::move(*opened);
    }
    auto program =
        plan_search(search_, here ? surroundings_of(session_)
                                  : surroundings_elsewhere(*snapshot, session_.collation));
    CO_TRY(program);
    Evaluation evaluation{snapshot, std::move(*program), imap::count_keys(search_.key)};
    auto answer = co_await evaluate(session_, std::move(evaluation), progress, done);
    CO_TRY(answer);
    log_unreadable(session_, mailbox, answer->unreadable);
    if (here && search_.returns.save) {
      selected->saved = saved_result(search_.returns, answer->uids);
    }
    print(mailbox, *snapshot, *answer);
    co_return Result<>();
  }

  // RFC 7377 2.1: nothing is said of mailboxes without a match.
  void print(MailboxId mailbox, const store::MailboxSnapshot& snapshot,
             const search::Answer& answer) {
    if (answer.uids.empty() || !search_.returns.answers()) return;
    imap::ESearchData data = esearch_of(search_.returns, answer.uids.raw());
    data.tag = std::string(tag_);
    data.mailbox = tree_->name(mailbox);
    data.uid_validity = snapshot.counters.uid_validity;
    data.uid = true;
    if (imap::uses(search_.key, imap::SearchOp::modseq)) {
      data.modseq = modseq_of_result(search_.returns, answer, snapshot.tree);
    }
    if (search_.returns.relevancy) data.relevancy = relevancy_of_result(search_.returns, answer);
    imap::append_esearch(session_.out(), data, session_.style());
  }

  ImapSession& session_;
  store::FoldersPtr tree_;
  imap::Search search_;
  std::string_view tag_;
};

}  // namespace

CommandTask run(ImapSession& session, const imap::MultiSearch& command, RunOptions options) {
  // RFC 6855 3: what comes is UTF-8 then.
  if (session.utf8 && !command.search.charset.empty()) {
    co_return Reply::bad("ESEARCH takes no CHARSET once UTF8=ACCEPT is enabled");
  }
  auto search = co_await with_filters(session, command.search);
  if (!search) co_return std::move(search.error());
  const imap::MultiSearch asked{command.sources, std::move(*search)};
  if (auto refusal = check(session, asked)) co_return std::move(*refusal);
  auto fresh = co_await session.refresh();
  if (!fresh) co_return reply_for(session, fresh.error());
  if (imap::uses(asked.search.key, imap::SearchOp::modseq)) session.use_condstore();
  ScopeSurroundings surroundings;
  if (session.selected()) surroundings.selected = session.selected()->mailbox;
  surroundings.delivers_to_all = session.settings().subaddress_folder;
  std::vector<imap::MailboxFilter> sources = asked.sources;
  if (sources.empty()) sources.emplace_back();
  if (asked.search.returns.update) {
    // RFC 5267 4.3.1: updates are of SEARCH in the selected mailbox.
    imap::append_untagged(session.out(), imap::Condition::no,
                          imap::ResponseCode::no_update(std::string(options.tag)),
                          session.text("ESEARCH is not kept up to date"));
  }
  const store::FoldersPtr tree = session.folders();
  const std::vector<MailboxId> mailboxes = mailboxes_of(*tree, sources, surroundings);
  MultiSearcher searcher(session, asked.search, options.tag);
  auto done = co_await searcher.run(mailboxes);
  if (!done) co_return search_refused(session, done.error());
  co_return Reply::ok("searched");
}

}  // namespace eilpost::server
