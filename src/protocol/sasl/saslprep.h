// SASLprep (RFC 4013): names and passwords in the one form in which they are compared and hashed;
// and the folding of names and domains, which needs the same library. Mapping of spaces and
// invisible characters, NFKC, prohibited characters, bidi rule. ICU stands behind this header and
// nowhere else in the layer. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace eilpost::sasl {

enum class PrepFor {
  storage,  // a password being set, an account being made: unassigned code points are refused
  query,    // what a client typed: unassigned code points pass (RFC 3454 section 7)
};

// Code::invalid when `utf8` is not UTF-8 or holds what the profile prohibits; Code::too_big above
// 4,096 octets. The detail never contains the text itself.
Result<std::string> saslprep(std::string_view utf8, PrepFor purpose);

// PRECIS UsernameCaseMapped (RFC 8265 3.3): widths mapped, lower case, NFC, the IdentifierClass of
// RFC 8264 and the bidi rule. One user part: no spaces. Code::invalid for what the profile forbids.
Result<std::string> username_case_mapped(std::string_view utf8);

// NFKC with case folding (Unicode 3.13, toNFKC_Casefold): how names are compared. Code::invalid
// when `utf8` is not UTF-8.
Result<std::string> fold_case(std::string_view utf8);

// A domain in its ASCII form, lower case (RFC 5891 through UTS 46, non-transitional). Code::invalid
// when it has none.
Result<std::string> domain_to_ascii(std::string_view utf8);

}  // namespace eilpost::sasl
