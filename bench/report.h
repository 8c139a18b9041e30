// What a workload tells: one JSON object per line on standard output, percentiles of latencies, and
// the count of errors and wrong answers, any of which fails the run. For the one thread that runs
// the workload.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eilpost::bench {

using SteadyTime = std::chrono::steady_clock::time_point;
inline SteadyTime now() {
  return std::chrono::steady_clock::now();
}
double seconds_between(SteadyTime from, SteadyTime to);

class Latencies {
 public:
  void add(double milliseconds) { samples_.push_back(milliseconds); }
  void add(SteadyTime from, SteadyTime to) { add(seconds_between(from, to) * 1000); }
  void add_all(const Latencies& others) {
    samples_.insert(samples_.end(), others.samples_.begin(), others.samples_.end());
  }
  size_t count() const { return samples_.size(); }
  // quantile in 0..1; 0 without samples.
  double milliseconds(double quantile) const;

 private:
  mutable std::vector<double> samples_;
  mutable size_t sorted_ = 0;
};

// Errors and wrong answers. The first few are written to standard error.
class Problems {
 public:
  void add(std::string_view what);
  uint64_t count() const { return count_; }

 private:
  uint64_t count_ = 0;
};

class JsonLine {
 public:
  JsonLine& text(std::string_view name, std::string_view value);
  JsonLine& number(std::string_view name, double value);
  JsonLine& count(std::string_view name, uint64_t value);
  // name_p50_ms, name_p90_ms, name_p99_ms, name_max_ms.
  JsonLine& latencies(std::string_view name, const Latencies& latencies);
  void print();

 private:
  void begin(std::string_view name);
  std::string out_ = "{";
};

}  // namespace eilpost::bench
