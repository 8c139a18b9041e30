// What servers do against the RFCs and what the client does about it, as one named list: each is
// noted once a session, so that tools can report what they met and `eilpost doctor` can explain it.
// Values only; a QuirkLog belongs to one session.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace eilpost::client {

enum class Quirk : uint8_t {
  sasl_ir_refused,         // SASL-IR is listed, an initial response is refused
  capability_unannounced,  // other capabilities after login, and no word about it
  enabled_empty,           // ENABLE is answered without what was asked for
  id_before_select,        // SELECT is refused until the client has sent ID
  modseq_zero,             // HIGHESTMODSEQ 0, though CONDSTORE is listed
  no_uid_next,             // SELECT without UIDNEXT
  no_uid_validity,         // SELECT without UIDVALIDITY
  copyuid_malformed,       // COPYUID without sets, or with sets of unlike length
  append_uid_missing,      // UIDPLUS is listed, APPEND gives no APPENDUID
  fetch_without_uid,       // an answer to UID FETCH without UID
  fetch_without_data,      // OK, but not all of what was asked for
  size_mismatch,           // RFC822.SIZE is not the length of BODY[]
  bodystructure_broken,    // a BODYSTRUCTURE that cannot be read
  duplicate_uid,           // two messages with one uid
  uid_not_rising,          // uids do not rise with message numbers
  uid_validity_changed,    // a mailbox got another UIDVALIDITY between two SELECTs
  unreadable_response,     // a response that is no IMAP
  stray_answer,            // a tagged answer that nobody waits for
  throttled_ok,            // OK, with word of throttling
  placeholder_message,     // "could not be retrieved" in the place of a message
};
inline constexpr size_t quirk_count = 20;

struct QuirkInfo {
  std::string_view name;    // "sasl-ir-refused"
  std::string_view what;    // what the server does
  std::string_view remedy;  // what the client does about it
  std::string_view where;   // servers that were seen to
};
const QuirkInfo& quirk_info(Quirk quirk);

class QuirkLog {
 public:
  // True the first time.
  bool note(Quirk quirk);
  bool has(Quirk quirk) const { return counts_[static_cast<size_t>(quirk)] > 0; }
  uint64_t count(Quirk quirk) const { return counts_[static_cast<size_t>(quirk)]; }
  std::vector<Quirk> all() const;
  // Adds what another session has met.
  void merge(const QuirkLog& other);

 private:
  std::array<uint64_t, quirk_count> counts_{};
};

}  // namespace eilpost::client
