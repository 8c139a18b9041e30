// Results that are kept up to date while the mailbox is selected: CONTEXT=SEARCH and CONTEXT=SORT
// (RFC 5267 4.3).
// What has changed is looked at again, and only that: new messages, and messages whose flags have
// changed in a way that the search asks about. One session's coroutine.
#pragma once

#include <string>
#include <vector>

#include "base/interval_set.h"
#include "mime/collation.h"
#include "net/task.h"
#include "protocol/imap/fetch.h"
#include "protocol/imap/sort.h"
#include "search/program.h"
#include "store/page.h"

namespace eilpost::server {

class ImapSession;
struct Announcement;

// One search whose client wants to be told (RETURN (UPDATE)).
struct LiveSearch {
  std::string tag;
  bool uid = false;  // it is told in uids, else in message numbers
  search::Program program;
  size_t keys = 1;
  UidSet found;                        // as the client knows it
  UidSet pending;                      // to be looked at
  std::vector<imap::FetchItem> items;  // to be sent of new messages among them (RFC 5465 7)
  // Of SORT: what it orders by, and what was found in that order. SEARCH has no criteria.
  std::vector<imap::SortCriterion> criteria;
  mime::Collation collation = mime::Collation::unicode_casemap;
  std::vector<Uid> order;
};

// What a view showed before it advanced.
struct ShownBefore {
  store::MessageTree tree;
  std::shared_ptr<const store::KeywordTable> keywords;  // shared with snapshots
};

// Begins to keep `found` up to date; or tells, in an untagged NO [NOUPDATE], why it does not. The
// tag is not in use. `plain` has no FILTER keys.
struct LiveStart {
  std::string tag;
  bool uid = false;
  std::vector<imap::SortCriterion> criteria = {};
  std::vector<Uid> order = {};  // of `found`, where there are criteria
};

// Messages that have just come to the view, but for those that came by this session, and what the
// client wants of them: all that NOTIFY and its live searches ask for, so that each is told once.
struct NewMessages {
  UidSet uids;  // not yet told
  std::vector<imap::FetchItem> items;
};
void start_live(ImapSession& session, LiveStart start, const imap::Search& plain,
                const UidSet& found);
// RFC 5267 4.3: a tag that a live search has is not to be used again for one.
bool is_live(ImapSession& session, std::string_view tag);

// UIDONLY has been enabled: what is told in message numbers ends, with NO [NOUPDATE].
void end_numbered(ImapSession& session);

// After the view has advanced, before the news is printed: REMOVEFROM of what is gone, which goes
// before EXPUNGE so that message numbers hold (RFC 5267 4.3.4). Notes what is to be looked at.
void note_news(ImapSession& session, const ShownBefore& before, const Announcement& news);
// After the news was printed, ADDTO behind EXISTS (RFC 5267 4.3.3): looks at what was noted. What
// cannot be looked at stays noted for the next time. New messages that a search with items finds go
// before it, and are taken out of `fresh`.
net::Task<> tell_live(ImapSession& session, NewMessages& fresh);

}  // namespace eilpost::server
