// A SEARCH command in the terms of the search layer: sets become uids, flags bits, dates days,
// strings UTF-8; and its result in the terms of the command: what ESEARCH says, what SAVE keeps.
// Pure. Any thread.
#pragma once

#include <functional>
#include <optional>

#include "protocol/imap/data.h"
#include "protocol/imap/search.h"
#include "search/evaluate.h"
#include "search/program.h"

namespace eilpost::server {

struct SearchSurroundings {
  // Uids of a set ("$" too).
  std::function<Result<UidSet>(const imap::SequenceSet&, bool uid)> resolve;
  mime::Collation collation = mime::Collation::unicode_casemap;  // of strings
  Uid first_recent;  // what is \Recent to the session: this uid and all above
};

// Code::cannot for strings by a collation without substrings; Code::bad_charset for a CHARSET that
// is not known, Code::invalid (its detail is for the peer) for a string that is not in it.
Result<search::Program> plan_search(const imap::Search& command,
                                    const SearchSurroundings& surroundings);

// What is returned names some of the messages found, and COUNT or ALL do not name the others.
bool only_some(const imap::SearchReturn& returns);
// RFC 5182 2.1, 2.4, RFC 9394 3.2: with MIN, MAX and PARTIAL only those are kept, else all.
UidSet saved_result(const imap::SearchReturn& returns, const UidSet& found);

// MODSEQ of the answer (RFC 7162 3.1.5, 3.1.10): that of what is returned; nothing when nothing was
// found. `shown` is what was searched.
std::optional<uint64_t> modseq_of_result(const imap::SearchReturn& returns,
                                         const search::Answer& answer,
                                         const store::MessageTree& shown);

// RFC 6203 4: a score for each message that ALL or PARTIAL names, in their order.
std::vector<uint8_t> relevancy_of_result(const imap::SearchReturn& returns,
                                         const search::Answer& answer);

// The items of an ESEARCH response for the numbers found (RFC 9051 7.3.4); tag, UID and MODSEQ are
// the caller's.
imap::ESearchData esearch_of(const imap::SearchReturn& returns, const IntervalSet& found);

}  // namespace eilpost::server
