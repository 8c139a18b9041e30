// Distinct integer types, so that a Uid cannot be passed where a Seq is meant (STYLE.md rule 9).
// Values only; any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace eilpost {

template <class Tag, class Rep>
struct StrongId {
  using rep = Rep;
  Rep value = 0;

  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep v) : value(v) {}
  friend constexpr auto operator<=>(StrongId, StrongId) = default;
  constexpr explicit operator bool() const { return value != 0; }
};

// A message's unique identifier within a mailbox, 1..2^32-1; 0 is "none" (RFC 9051 2.3.1.1).
using Uid = StrongId<struct UidTag, uint32_t>;
// A message's number in one session's view, 1..exists; 0 is "none" (RFC 9051 2.3.1.2).
using Seq = StrongId<struct SeqTag, uint32_t>;
// Modification sequence, 1..2^63-1, account-wide, in commit order (RFC 7162 3.1).
using ModSeq = StrongId<struct ModSeqTag, uint64_t>;
// A mailbox, for ever: never reused within an account, survives RENAME (RFC 8474 MAILBOXID).
using MailboxId = StrongId<struct MailboxIdTag, uint64_t>;
// An account's (or a public tree's) partition; never reused (engine/engine.h).
using PartitionId = StrongId<struct PartitionIdTag, uint64_t>;
// An account as the directory knows it; equals its partition's number.
using AccountId = StrongId<struct AccountIdTag, uint64_t>;

}  // namespace eilpost

template <class Tag, class Rep>
struct std::hash<eilpost::StrongId<Tag, Rep>> {
  size_t operator()(eilpost::StrongId<Tag, Rep> id) const noexcept {
    return std::hash<Rep>{}(id.value);
  }
};
