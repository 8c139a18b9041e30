// Every command of the server as one function, overloaded on what the parser gives; each lives in
// the file named behind it. `uid` says that the command came as UID. The references stay valid
// while the coroutine runs. needs() tells in which states a command may be given; the loop sees to
// it.
#pragma once

#include "server/imap/session.h"
#include "store/mutations.h"

namespace eilpost::server {

class Progress;

enum class Needs { any, not_authenticated, authenticated, selected };

struct RunOptions {
  bool uid = false;
  std::string_view tag;  // valid as long as the command
};
using CommandTask = net::Task<Reply>;

// simple.cc
CommandTask run(ImapSession& session, const imap::Capability& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Noop& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Check& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Logout& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Enable& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Id& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Namespace& command, RunOptions options);
// idle.cc
CommandTask run(ImapSession& session, const imap::Idle& command, RunOptions options);
// auth.cc
CommandTask run(ImapSession& session, const imap::StartTls& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Authenticate& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Login& command, RunOptions options);
// select.cc
CommandTask run(ImapSession& session, const imap::Select& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Close& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Unselect& command, RunOptions options);
// mailbox.cc
CommandTask run(ImapSession& session, const imap::Create& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Delete& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Rename& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Subscribe& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Unsubscribe& command, RunOptions options);
// list.cc
CommandTask run(ImapSession& session, const imap::List& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Lsub& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Xlist& command, RunOptions options);
// metadata.cc
CommandTask run(ImapSession& session, const imap::GetMetadata& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::SetMetadata& command, RunOptions options);
// quota.cc
CommandTask run(ImapSession& session, const imap::GetQuota& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::GetQuotaRoot& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::SetQuota& command, RunOptions options);
// unauthenticate.cc
CommandTask run(ImapSession& session, const imap::Unauthenticate& command, RunOptions options);
// compress.cc
CommandTask run(ImapSession& session, const imap::Compress& command, RunOptions options);
// notify.cc
CommandTask run(ImapSession& session, const imap::Notify& command, RunOptions options);
// status.cc
CommandTask run(ImapSession& session, const imap::Status& command, RunOptions options);
// append.cc
CommandTask run(ImapSession& session, const imap::Append& command, RunOptions options);
// replace.cc
CommandTask run(ImapSession& session, const imap::Replace& command, RunOptions options);
// uid_batches.cc
CommandTask run(ImapSession& session, const imap::UidBatches& command, RunOptions options);
// expunge.cc
CommandTask run(ImapSession& session, const imap::Expunge& command, RunOptions options);
// search.cc
CommandTask run(ImapSession& session, const imap::Search& command, RunOptions options);
// multisearch.cc
CommandTask run(ImapSession& session, const imap::MultiSearch& command, RunOptions options);
// live_search.cc
CommandTask run(ImapSession& session, const imap::CancelUpdate& command, RunOptions options);
// sort.cc
CommandTask run(ImapSession& session, const imap::Sort& command, RunOptions options);
// thread.cc
CommandTask run(ImapSession& session, const imap::Thread& command, RunOptions options);
// comparator.cc
CommandTask run(ImapSession& session, const imap::Comparator& command, RunOptions options);
// language.cc
CommandTask run(ImapSession& session, const imap::Language& command, RunOptions options);
// fetch.cc
CommandTask run(ImapSession& session, const imap::Fetch& command, RunOptions options);
// store.cc
CommandTask run(ImapSession& session, const imap::Store& command, RunOptions options);
// copy.cc
CommandTask run(ImapSession& session, const imap::Copy& command, RunOptions options);
CommandTask run(ImapSession& session, const imap::Move& command, RunOptions options);

// expunge.cc: everything marked \Deleted, or of these uids only, in as many commits as it takes.
// Tells `progress`, unless that is null.
net::Task<Result<store::ExpungeResult>> expunge_all(ImapSession& session, MailboxId mailbox,
                                                    std::optional<UidSet> uids, Progress* progress);

// select.cc: FLAGS and PERMANENTFLAGS of a mailbox, when it is selected and when a keyword is
// added.
void append_defined_flags(std::string& out, const Selected& selected);

// store.cc: a change of flags in as many commits as it takes; each is atomic, RFC 9051 asks for no
// more. With `silent` the view is told not to announce it. Tells `progress`, unless that is null.
net::Task<Result<store::StoreResult>> store_flags(ImapSession& session, store::StoreRequest request,
                                                  bool silent, Progress* progress);

// The answer of a command that has worked on the highest uids only, down to `lowest` (RFC 9738).
Reply limited(ImapSession& session, Uid lowest);
// The same where the tagged answer has another code: a line of its own (RFC 9738 3.1).
void tell_limited(ImapSession& session, Uid lowest);
// The answer of a command some of whose messages have gone; `lowest` as in limited(), if it was.
// The mailbox of that name that holds messages, or Code::not_found.
Result<MailboxId> find_selectable(const store::FolderTree& tree, const std::string& name);

Reply some_gone(ImapSession& session, std::optional<Uid> lowest);

// simple.cc: the NAMESPACE response.
void append_namespaces(ImapSession& session);

// MAILBOXID (RFC 8474).
std::string mailbox_object_id(MailboxId mailbox);

// An Error as the tagged reply of IMAP's table (protocol/imap/response_code.h), its detail logged.
Reply reply_for(ImapSession& session, const Error& error);

}  // namespace eilpost::server
