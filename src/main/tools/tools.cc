#include "main/tools/tools.h"

namespace eilpost {

void add_tools(ToolHost host) {
  add_cleanup(host);
  add_migrate(host);
  add_oauth(host);
  add_doctor(host);
  add_sync(host);
  add_watch(host);
}

}  // namespace eilpost
