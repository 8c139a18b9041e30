// SORT and UID SORT: RFC 5256 3, SORT=DISPLAY (RFC 5957), ESORT (RFC 5267 3), RELEVANCY (RFC 6203).
// To add a sort key: a value of SortKey and a line in the table of sort.cc. Values only; any
// thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/imap/search.h"

namespace eilpost::imap {

enum class SortKey : uint8_t {
  arrival,
  cc,
  date,
  from,
  size,
  subject,
  to,
  display_from,
  display_to,
  relevancy,  // RFC 6203 4: the best match first
};

struct SortCriterion {
  SortKey key = SortKey::arrival;
  bool reverse = false;
  friend bool operator==(const SortCriterion&, const SortCriterion&) = default;
};

struct Sort {
  std::vector<SortCriterion> criteria;  // one or more; no key twice
  Search search;                        // its RETURN, its charset and what is to be sorted
  friend bool operator==(const Sort&, const Sort&) = default;
};

// Of a key that is named again only the first is kept: the others cannot tell messages apart.
Result<Sort> parse_sort(Cursor& cursor);
void print_sort(CommandWriter& out, const Sort& command);

std::string_view sort_key_name(SortKey key);

}  // namespace eilpost::imap
