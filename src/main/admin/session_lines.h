// A session as one line of tab-separated fields, as the control socket hands it to `eilpost top`:
// both ways. Tabs and control characters in a field become blanks. Values only.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "server/session_table.h"

namespace eilpost {

std::string print_session_line(const server::SessionInfo& session);
// Without the line end.
Result<server::SessionInfo> parse_session_line(std::string_view line);

}  // namespace eilpost
