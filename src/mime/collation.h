// The collations of RFC 4790 that a client may choose (RFC 5255): by which strings are compared
// when messages are sorted, threaded and searched. A text becomes a key, and two keys compare as
// octets. Values only; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eilpost::mime {

enum class Collation : uint8_t {
  unicode_casemap,  // i;unicode-casemap (RFC 5051), the default
  ascii_casemap,    // i;ascii-casemap (RFC 4790 9.2)
  octet,            // i;octet (9.3)
  ascii_numeric,    // i;ascii-numeric (9.1): it has no substrings
};

// "i;unicode-casemap"
std::string_view collation_name(Collation collation);
std::vector<Collation> collations();  // the default first
// Appends the key of a text in UTF-8.
void append_collation_key(Collation collation, std::string_view utf8, std::string& out);

}  // namespace eilpost::mime
