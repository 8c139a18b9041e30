// The MYRIGHTS response (RFC 4314 3.8), which LIST's RETURN (MYRIGHTS) gives too (RFC 8440). Values
// only; any thread.
#pragma once

#include <string>

#include "protocol/imap/cursor.h"
#include "protocol/imap/data.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

// "* MYRIGHTS ..." without its name, and as it is sent.
Result<MyRightsData> parse_myrights_data(Cursor& cursor);
void append_myrights(std::string& out, const MyRightsData& data, WriteStyle style);

}  // namespace eilpost::imap
