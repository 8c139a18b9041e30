// ESEARCH: SEARCH in several mailboxes. RFC 7377. Values only; any thread.
#pragma once

#include <vector>

#include "protocol/imap/mailbox_filter.h"
#include "protocol/imap/search.h"

namespace eilpost::imap {

struct MultiSearch {
  std::vector<MailboxFilter> sources;  // none: the selected mailbox
  Search search;
  friend bool operator==(const MultiSearch&, const MultiSearch&) = default;
};
Result<MultiSearch> parse_multisearch(Cursor& cursor);
void print_multisearch(CommandWriter& out, const MultiSearch& command);

}  // namespace eilpost::imap
