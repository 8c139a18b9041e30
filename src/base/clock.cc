#include "base/clock.h"

#include <chrono>

namespace eilpost {

namespace {
template <class C>
int64_t micros_of() {
  return std::chrono::duration_cast<std::chrono::microseconds>(C::now().time_since_epoch()).count();
}
}  // namespace

Timestamp SystemClock::now() const {
  return Timestamp{micros_of<std::chrono::system_clock>()};
}

int64_t SystemClock::steady_micros() const {
  return micros_of<std::chrono::steady_clock>();
}

}  // namespace eilpost
