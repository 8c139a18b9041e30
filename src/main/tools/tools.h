// Every client tool's place on the command line, one line each. Main thread only.
#pragma once

#include "main/tools/tool.h"

namespace eilpost {

void add_cleanup(ToolHost& host);
void add_migrate(ToolHost& host);
void add_oauth(ToolHost& host);
void add_doctor(ToolHost& host);
void add_sync(ToolHost& host);
void add_watch(ToolHost& host);

}  // namespace eilpost
