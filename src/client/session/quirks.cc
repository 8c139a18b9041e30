#include "client/session/quirks.h"

namespace eilpost::client {

namespace {

// In the order of the enumeration.
constexpr std::array<QuirkInfo, quirk_count> infos{{
    {"sasl-ir-refused", "lists SASL-IR and refuses an initial response",
     "the exchange is begun again without one"},
    {"capability-unannounced", "has other capabilities after login and does not say so",
     "CAPABILITY is asked after such a login"},
    {"enabled-empty", "answers ENABLE without what was asked for",
     "what was not confirmed is not used"},
    {"no-uid-next", "does not say UIDNEXT at SELECT", "STATUS is asked"},
    {"no-uid-validity", "does not say UIDVALIDITY at SELECT", "STATUS is asked"},
    {"throttled-ok", "says OK with word of throttling", "it is noted"},
}};

}  // namespace

const QuirkInfo& quirk_info(Quirk quirk) {
  return infos[static_cast<size_t>(quirk)];
}

bool QuirkLog::note(Quirk quirk) {
  return counts_[static_cast<size_t>(quirk)]++ == 0;
}

std::vector<Quirk> QuirkLog::all() const {
  std::vector<Quirk> out;
  for (size_t i = 0; i < quirk_count; ++i) {
    if (counts_[i] > 0) out.push_back(static_cast<Quirk>(i));
  }
  return out;
}

}  // namespace eilpost::client
