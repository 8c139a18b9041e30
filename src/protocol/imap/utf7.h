// Modified UTF-7 (RFC 3501 5.1.3): how mailbox names travel in IMAP4rev1. Strict and reversible:
// every valid UTF-8 string has exactly one encoding and only that one is read. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace eilpost::imap {

// Code::invalid: 8-bit octets, bad base64, lone surrogates, an encoding that is not the canonical
// one.
Result<std::string> utf7_decode(std::string_view encoded);
// Code::invalid if `utf8` is not valid UTF-8.
Result<std::string> utf7_encode(std::string_view utf8);

// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool valid_utf8(std::string_view text);

}  // namespace eilpost::imap
