// STORE and UID STORE. RFC 9051 6.4.6, UNCHANGEDSINCE of RFC 7162 3.1.3. Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

enum class StoreMode : uint8_t { replace, add, remove };

struct Store {
  SequenceSet set;
  StoreMode mode = StoreMode::replace;
  bool silent = false;
  std::optional<uint64_t> unchanged_since;
  FlagList flags;
  friend bool operator==(const Store&, const Store&) = default;
};
Result<Store> parse_store(Cursor& cursor);
void print_store(CommandWriter& out, const Store& command);

}  // namespace eilpost::imap
