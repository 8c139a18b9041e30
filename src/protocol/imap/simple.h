// Commands without arguments (RFC 9051 6), and UID EXPUNGE (RFC 9051 6.4.9). Values only; any
// thread.
#pragma once

#include <optional>
#include <string>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct Capability {
  friend bool operator==(const Capability&, const Capability&) = default;
};
struct Noop {
  friend bool operator==(const Noop&, const Noop&) = default;
};
struct Logout {
  friend bool operator==(const Logout&, const Logout&) = default;
};
struct StartTls {
  friend bool operator==(const StartTls&, const StartTls&) = default;
};
struct Idle {
  friend bool operator==(const Idle&, const Idle&) = default;
};
struct Check {
  friend bool operator==(const Check&, const Check&) = default;
};
struct Close {
  friend bool operator==(const Close&, const Close&) = default;
};
struct Unselect {
  friend bool operator==(const Unselect&, const Unselect&) = default;
};
// RFC 8437.
struct Unauthenticate {
  friend bool operator==(const Unauthenticate&, const Unauthenticate&) = default;
};
struct Namespace {
  friend bool operator==(const Namespace&, const Namespace&) = default;
};

struct Expunge {
  // UID EXPUNGE: only these.
  std::optional<SequenceSet> uids;
  friend bool operator==(const Expunge&, const Expunge&) = default;
};
Result<Expunge> parse_uid_expunge(Cursor& cursor);
void print_expunge(CommandWriter& out, const Expunge& command);

}  // namespace eilpost::imap
