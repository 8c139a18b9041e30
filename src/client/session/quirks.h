// What servers do against the RFCs and what the client does about it, as one named list: each is
// noted once a session, so that tools can report what they met. Values only; a QuirkLog belongs to
// one session.
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
  no_uid_next,             // SELECT without UIDNEXT
  no_uid_validity,         // SELECT without UIDVALIDITY
  throttled_ok,            // OK, with word of throttling
};
inline constexpr size_t quirk_count = 6;

struct QuirkInfo {
  std::string_view name;    // "sasl-ir-refused"
  std::string_view what;    // what the server does
  std::string_view remedy;  // what the client does about it
};
const QuirkInfo& quirk_info(Quirk quirk);

class QuirkLog {
 public:
  // True the first time.
  bool note(Quirk quirk);
  bool has(Quirk quirk) const { return counts_[static_cast<size_t>(quirk)] > 0; }
  uint64_t count(Quirk quirk) const { return counts_[static_cast<size_t>(quirk)]; }
  std::vector<Quirk> all() const;

 private:
  std::array<uint64_t, quirk_count> counts_{};
};

}  // namespace eilpost::client
