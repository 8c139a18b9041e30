// What an Error of a mutation says about what it staged. Values only; any thread.
#pragma once

#include "base/result.h"

namespace eilpost::store {

// Nothing was committed and nothing will be: staged blobs may be removed at once. After any other
// error the commit may stand, and only the sweep of orphans may remove them.
inline bool surely_refused(Code code) {
  return code == Code::over_quota || code == Code::not_found || code == Code::limit ||
         code == Code::too_big || code == Code::invalid || code == Code::expunge_issued;
}

}  // namespace eilpost::store
