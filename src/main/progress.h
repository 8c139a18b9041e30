// A progress bar for long commands, drawn on a terminal at most five times a second; nothing is
// drawn elsewhere. Used by one thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "main/output.h"

namespace eilpost {

class Progress {
 public:
  Progress(Output& output, const Clock& clock) : output_(output), clock_(clock) {}
  // `total` 0: not known. Answers false when the one who asked has left.
  bool show(std::string_view label, uint64_t done, uint64_t total);
  // Clears the line.
  void finish();

 private:
  Output& output_;
  const Clock& clock_;
  int64_t drawn_ = INT64_MIN / 2;
  bool visible_ = false;
};

}  // namespace eilpost
