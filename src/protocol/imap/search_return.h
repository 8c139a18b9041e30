// RETURN (...) of SEARCH, SORT and ESEARCH. RFC 9051 6.4.4 (ESEARCH, SAVE), RFC 9394 (PARTIAL), RFC
// 6203 (RELEVANCY), RFC 5267 (UPDATE, CONTEXT), RFC 5465 7 (items with UPDATE).
// Values only; any thread.
#pragma once

#include <optional>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/fetch.h"
#include "protocol/imap/partial.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

// `present` says that the client wants ESEARCH. RETURN () sets `all`.
struct SearchReturn {
  bool present = false;
  bool min = false;
  bool max = false;
  bool all = false;
  bool count = false;
  bool save = false;
  bool update = false;                  // RFC 5267 4.3: keep it up to date
  bool context = false;                 // RFC 5267 4.2: a hint, of no use here
  bool relevancy = false;               // RFC 6203 4
  std::optional<PartialRange> partial;  // excludes `all`
  // RFC 5465 7: to be sent of new messages that `update` adds.
  std::vector<FetchItem> update_items;

  // Something to print: SAVE alone is answered by nothing (RFC 5182 2.1).
  bool answers() const {
    return min || max || all || count || partial || relevancy || update || context;
  }
  friend bool operator==(const SearchReturn&, const SearchReturn&) = default;
};

// Takes "RETURN (...)" and the space behind it, if it is next. Sets `present`.
Result<SearchReturn> parse_search_return(Cursor& cursor);
// " RETURN (...)"; nothing unless present.
void print_search_return(CommandWriter& out, const SearchReturn& returns);

}  // namespace eilpost::imap
