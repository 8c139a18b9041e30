// Has the helpers read the attachments of an account's messages, for FUZZY: each message once,
// those that the text index knows of. By the one who writes the index, on a pool that may block.
#pragma once

#include <chrono>

#include "search/index/text_index.h"

namespace eilpost::search {

// Goes on for so long, and to the end of the message at hand; true when there may be more. An error
// says that a helper cannot be begun, or that the words cannot be kept.
Result<bool> read_attachments(TextIndex& index, const Helpers& helpers, store::Account& account,
                              std::chrono::milliseconds time);

}  // namespace eilpost::search
