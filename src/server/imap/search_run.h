// What SEARCH, SORT, THREAD and ESEARCH share: from a command's keys to the messages that match. In
// search_run.cc. One session's coroutine.
#pragma once

#include <optional>
#include <string_view>
#include <tl/expected.hpp>

#include "protocol/imap/search.h"
#include "server/imap/evaluation.h"
#include "server/imap/search_plan.h"

namespace eilpost::server {

// Where the command runs: the names that its sets go by.
SearchSurroundings surroundings_of(ImapSession& session);

// Runs the command's keys over the selected mailbox, or answers what is to be answered instead.
// MODSEQ turns CONDSTORE on; where SAVE was asked for and the answer is NO, the saved result is
// empty (RFC 5182 2.1).
net::Task<tl::expected<search::Answer, Reply>> find_messages(ImapSession& session,
                                                             const imap::Search& command,
                                                             std::string_view tag);

// The reply that refuses what RETURN asks to be kept up to date, or nothing.
std::optional<Reply> update_refused(ImapSession& session, const imap::SearchReturn& returns,
                                    std::string_view tag);

// A search's error as its reply, and the charsets that one may name.
Reply search_refused(ImapSession& session, const Error& error);
imap::ResponseCode bad_charset();

// Logs messages whose octets are damaged.
void log_unreadable(ImapSession& session, MailboxId mailbox, const UidSet& uids);

}  // namespace eilpost::server
