// What a SEARCH asks for, in the store's terms: a tree of keys whose sequence sets are uids, whose
// dates are days and whose strings are UTF-8, folded once when the key is made. The protocol's
// charsets, "$", message numbers and \Recent are resolved by the caller (they become uid sets). A
// text index narrows a text key by putting all_of({in_uids(candidates), key}) in its place, where
// the candidates hold every message that matches: right below negation() and any_of() too, since
// the key itself is still asked. Values only; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/interval_set.h"
#include "mime/collation.h"

namespace eilpost::search {

enum class Op : uint8_t {
  all,      // every message
  none,     // no message
  flags,    // every bit of `flags` is set
  keyword,  // `text` is one of its keywords, whatever the case
  uids,     // its uid is in `uids`
  modseq,   // its modseq is `number` or higher (RFC 7162 3.1.5)
  before,   // the day of `date` is before day `number`
  on,
  since,     // on it or later
  larger,    // more octets than `number`
  smaller,   // fewer
  older,     // internal date `number` seconds ago or longer (RFC 5032)
  younger,   // or less long
  email_id,  // its EMAILID is `text`
  header,    // a field `field` whose decoded value contains `text`
  body,      // a text in the body contains `text`
  text,      // a text in the body or any header does
  not_,
  all_of,
  any_of,
};

// INTERNALDATE, the Date field, SAVEDATE. Time and zone are disregarded (RFC 9051 6.4.4): the first
// two are compared as the calendar day that was written, the third, which has no zone, as that of
// UTC. A message whose Date field is absent or cannot be read is on no day, neither before nor
// since one.
enum class DateOf : uint8_t { internal, sent, saved };

struct Program {
  Op op = Op::all;
  uint8_t flags = 0;
  DateOf date = DateOf::internal;
  int64_t number = 0;  // days since 1970-01-01, octets, seconds or a modseq
  std::string field;   // lower case
  std::string text;    // a needle, folded (fold_append); or a keyword or EMAILID
  mime::Collation collation = mime::Collation::unicode_casemap;  // of the needle; one for all keys
  bool fuzzy = false;  // header, body, text: what is like `text` will do (RFC 6203)
  UidSet uids;
  std::vector<Program> children;  // not_: one
  friend bool operator==(const Program&, const Program&) = default;
};

Program everything();
Program nothing();
Program has_flags(uint8_t bits);
Program has_keyword(std::string name);
Program in_uids(UidSet uids);
Program modseq_from(uint64_t modseq);
struct Day {
  int64_t days = 0;  // since 1970-01-01
};
Program before(DateOf date, Day day);
Program on(DateOf date, Day day);
Program since(DateOf date, Day day);
Program larger(uint64_t octets);
Program smaller(uint64_t octets);
Program older(uint64_t seconds);
Program younger(uint64_t seconds);
Program has_email_id(std::string email_id);
// `utf8` is folded here. An empty one asks for the field's presence; in the body and text it is
// contained in every message (RFC 9051 6.4.4, "the empty string is a substring"). Of collations
// those that have substrings; a text index knows of the default one only.
Program header_contains(std::string_view field, std::string_view utf8,
                        mime::Collation collation = mime::Collation::unicode_casemap);
Program body_contains(std::string_view utf8,
                      mime::Collation collation = mime::Collation::unicode_casemap);
Program text_contains(std::string_view utf8,
                      mime::Collation collation = mime::Collation::unicode_casemap);
// Its texts need not be contained to the letter; other keys stay exact.
Program fuzzy(Program key);
Program negation(Program key);
Program all_of(std::vector<Program> keys);
Program any_of(std::vector<Program> keys);

}  // namespace eilpost::search
