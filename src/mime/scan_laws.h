// The laws that scanning and printing keep for any octets, for tests and fuzz targets: chunks make
// no difference, every range lies in the message and in its parent, what is printed is well-formed
// IMAP, the part index survives encoding. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace eilpost::mime {

// "" when all hold, else which one does not.
std::string broken_scan_law(std::string_view octets);

// True when `text` is one parenthesised list of RFC 9051 strings, literals, numbers, NIL and lists.
bool is_wire_list(std::string_view text);

}  // namespace eilpost::mime
