// Every client tool's place on the command line, one line each. Main thread only.
#pragma once

#include "main/tools/tool.h"

namespace eilpost {

void add_watch(ToolHost& host);

}  // namespace eilpost
