// Time is passed in, so that a simulation is one seed and retention can be tested (STYLE.md rule
// 27). Implementations are thread safe.
#pragma once

#include <compare>
#include <cstdint>

namespace eilpost {

// Microseconds since 1970-01-01T00:00:00Z.
struct Timestamp {
  int64_t micros = 0;
  int64_t seconds() const { return micros / 1'000'000; }
  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time; may jump.
  virtual Timestamp now() const = 0;
  // Microseconds that only rise; the zero point is arbitrary.
  virtual int64_t steady_micros() const = 0;
};

class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
  int64_t steady_micros() const override;
};

// Stands still until told. Not for several writers at once.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start) : now_(start.micros) {}
  Timestamp now() const override { return Timestamp{now_}; }
  int64_t steady_micros() const override { return steady_; }
  void advance_micros(int64_t micros) {
    now_ += micros;
    steady_ += micros;
  }

 private:
  int64_t now_;
  int64_t steady_ = 0;
};

}  // namespace eilpost
