// The ESEARCH response as octets: written by the server, read by the client. RFC 9051 7.3.4. Any
// thread.
#pragma once

#include <string>

#include "protocol/imap/cursor.h"
#include "protocol/imap/data.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

void append_esearch(std::string& out, const ESearchData& data, WriteStyle style);
// Behind "ESEARCH".
Result<ESearchData> parse_esearch_data(Cursor& cursor);

}  // namespace eilpost::imap
