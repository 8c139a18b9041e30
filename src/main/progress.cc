#include "main/progress.h"

#include <algorithm>
#include <string>

namespace eilpost {

namespace {
constexpr int64_t interval_micros = 200'000;
constexpr int bar_columns = 24;
}  // namespace

bool Progress::show(std::string_view label, uint64_t done, uint64_t total) {
  const int64_t now = clock_.steady_micros();
  if (now - drawn_ < interval_micros) return !output_.gone;
  drawn_ = now;
  if (output_.abandoned()) return false;
  if (!output_.terminal) return true;
  std::string line = "\r\x1b[K";
  if (total != 0) {
    const auto filled =
        static_cast<int>(std::min<uint64_t>(done * bar_columns / total, bar_columns));
    line += "[" + std::string(static_cast<size_t>(filled), '#') +
            std::string(static_cast<size_t>(bar_columns - filled), ' ') + "] ";
    line += fmt::format("{}/{} ", done, total);
  } else {
    line += fmt::format("{} ", done);
  }
  line += label;
  const auto room = static_cast<size_t>(std::max(output_.columns, 20)) + 3;
  // Cut by octets: a label that is not ASCII may lose a little more than it must.
  if (line.size() > room) line.resize(room);
  output_.put(Channel::err, line);
  visible_ = true;
  return !output_.gone;
}

void Progress::finish() {
  if (visible_) output_.put(Channel::err, "\r\x1b[K");
  visible_ = false;
}

}  // namespace eilpost
