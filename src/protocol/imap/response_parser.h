// A server's response as a value. Tolerant where servers are known to err (missing text behind a
// code, COPYUID without sets, odd BODYSTRUCTUREs, stray spaces): what cannot be understood becomes
// UnknownData or an entry of FetchData::skipped; an Error only when not even the frame makes sense.
// Any thread.
#pragma once

#include "protocol/imap/client_framer.h"
#include "protocol/imap/data.h"

namespace eilpost::imap {

// options.utf8_allowed: the connection has IMAP4rev2 or UTF8=ACCEPT enabled, names come as UTF-8.
Result<Response> parse_response(const Frame& frame, ParseOptions options);

}  // namespace eilpost::imap
