// The parenthesised part of an untagged FETCH response, read into a FetchData. Items may come in
// any order; one that cannot be understood is skipped and named in FetchData::skipped. RFC
// 9051 7.5.2. Any thread.
#pragma once

#include "protocol/imap/data.h"

namespace eilpost::imap {

// `cursor` must be tolerant and stand at "(".
Result<FetchData> parse_fetch_data(Cursor& cursor, Seq seq);

}  // namespace eilpost::imap
