// What a program makes of changes: whether a change of flags can alter its answer for a message,
// and whether its answer changes with messages only. For results that are kept up to date (RFC
// 5267) without running the search again. Pure; any thread.
#pragma once

#include "search/program.h"
#include "store/page.h"

namespace eilpost::search {

// What changes about a message, as it is or was.
struct HotMessage {
  const store::HotPage& page;
  const store::HotEntry& entry;
  const store::KeywordTable& keywords;
};

// False when every key about flags, keywords and modseqs answers for `after` as for `before`: then
// so does the program, whatever its other keys say, since these look at what never changes.
bool may_differ(const Program& program, const HotMessage& before, const HotMessage& after);

// OLDER and YOUNGER: the answer changes with time.
bool depends_on_time(const Program& program);
// Some key is marked fuzzy: how it is answered may change with other messages.
bool is_fuzzy(const Program& program);

}  // namespace eilpost::search
