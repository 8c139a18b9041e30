// SEARCH and UID SEARCH. RFC 9051 6.4.4, RFC 5182 (SAVE), RFC 5032 (WITHIN), RFC 7162 (MODSEQ), RFC
// 8474, RFC 8514, RFC 5466 (FILTER), RFC 6203 (FUZZY). Strings are the octets that the client sent,
// in `charset`. Values only; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/search_return.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

enum class SearchOp : uint8_t {
  // No argument.
  all,
  answered,
  deleted,
  draft,
  flagged,
  new_,
  old,
  recent,
  seen,
  unanswered,
  undeleted,
  undraft,
  unflagged,
  unseen,
  save_date_supported,
  // text
  bcc,
  body,
  cc,
  from,
  subject,
  text,
  to,
  header,  // field and text; an empty text asks whether the field is there
  keyword,
  unkeyword,
  email_id,
  thread_id,
  filter,  // a named search (RFC 5466)
  // date
  before,
  on,
  since,
  sent_before,
  sent_on,
  sent_since,
  saved_before,
  saved_on,
  saved_since,
  // number: octets, or seconds
  larger,
  smaller,
  older,
  younger,
  uid_after,   // a uid above (RFC 9738)
  uid_before,  // below
  modseq,      // number; field and text hold the entry name and type when they were given
  // set
  sequence,
  uid,
  // children
  fuzzy,  // RFC 6203
  not_,
  or_,
  and_,
};

struct SearchKey {
  SearchOp op = SearchOp::all;
  std::string field;
  std::string text;
  Date date;
  uint64_t number = 0;
  SequenceSet set;
  std::vector<SearchKey> children;  // not_, fuzzy: 1, or_: 2 or more, and_: 2 or more
  friend bool operator==(const SearchKey&, const SearchKey&) = default;
};

struct Search {
  SearchReturn returns;
  std::string charset;  // "" when none was named: US-ASCII in rev1, UTF-8 in rev2
  SearchKey key;        // the one key, or and_ of several
  friend bool operator==(const Search&, const Search&) = default;
};
// "OR a OR b c" is one or_ of three, so that long chains do not nest. "(a)" is a.
// Code::limit above limits::search_keys_max; Code::invalid for unknown keys.
Result<Search> parse_search(Cursor& cursor);
void print_search(CommandWriter& out, const Search& command);

// What stands behind "SEARCH ", and behind the mailboxes of ESEARCH.
Result<Search> parse_search_words(Cursor& cursor);
void print_search_words(CommandWriter& out, const Search& command);  // with a space in front
// The keys of a named search as it is stored, in UTF-8, with literals if need be (RFC 5466 3.2).
Result<SearchKey> parse_stored_search(std::string_view text);
// With itself.
size_t count_keys(const SearchKey& key);
// For SORT and THREAD. search-criteria = charset 1*(SP search-key) (RFC 5256 5), into `charset` and
// `key`.
Result<> parse_search_criteria(Cursor& cursor, Search& search);
void print_search_criteria(CommandWriter& out, const Search& search);

// Whether any key is of that kind, at any depth (MODSEQ turns CONDSTORE on; "$" needs SEARCHRES).
bool uses(const SearchKey& key, SearchOp op);
// Message numbers stand in it, so that no EXPUNGE may be announced meanwhile (RFC 9051 5.5).
bool uses_sequence_numbers(const SearchKey& key);

}  // namespace eilpost::imap
