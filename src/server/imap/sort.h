// Ordering messages of the selected mailbox, for SORT, THREAD and those who keep an order up to
// date. In sort.cc. One session's coroutine.
#pragma once

#include <memory>
#include <vector>

#include "protocol/imap/data.h"
#include "protocol/imap/sort.h"
#include "search/evaluate.h"
#include "search/order/sorter.h"
#include "server/imap/session.h"

namespace eilpost::server {

// Besides the messages: how texts compare, and how well each matches (RFC 6203), ascending by uid;
// those that are not there match as well as can be.
struct SortSurroundings {
  mime::Collation collation = mime::Collation::unicode_casemap;
  std::vector<search::Answer::Score> relevancy = {};
  std::string tag = {};  // of the command, for what it tells of its progress
};

// `found`, messages of the session's view, in the asked order. Errors are the engine's.
net::Task<Result<std::vector<Uid>>> sort_messages(ImapSession& session, const UidSet& found,
                                                  const std::vector<imap::SortCriterion>& asked,
                                                  SortSurroundings surroundings);

// A sorter that is done(): what it had to read was read in hops over pages; what could not be read
// is logged. Shared with jobs on the pool.
struct SortWhat {
  UidSet wanted;
  std::vector<search::SortBy> keys;
  bool references = false;
  mime::Collation collation = mime::Collation::unicode_casemap;
  std::string tag;  // of the command, as above
};
net::Task<Result<std::shared_ptr<search::Sorter>>> ready_sorter(ImapSession& session,
                                                                SortWhat what);

// Uids of the view as they are, or as message numbers.
struct NumberOptions {
  bool uid = false;
};
std::vector<uint32_t> numbers_of(const View& view, const std::vector<uint32_t>& uids,
                                 NumberOptions options);

// The items of an ESEARCH response for uids or message numbers in order (RFC 5267 3): MIN is the
// first, MAX the last of them, ALL keeps the order. Tag, UID and MODSEQ are the caller's.
imap::ESearchData esort_of(const imap::SearchReturn& returns, const std::vector<uint32_t>& numbers);

}  // namespace eilpost::server
