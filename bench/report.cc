#include "bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace eilpost::bench {

double seconds_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double>(to - from).count();
}

double Latencies::milliseconds(double quantile) const {
  if (samples_.empty()) return 0;
  if (sorted_ != samples_.size()) {
    std::sort(samples_.begin(), samples_.end());
    sorted_ = samples_.size();
  }
  const double rank = std::ceil(quantile * static_cast<double>(samples_.size())) - 1;
  return samples_[static_cast<size_t>(std::max(rank, 0.0))];
}

void Problems::add(std::string_view what) {
  constexpr uint64_t shown_max = 20;
  if (++count_ <= shown_max) fmt::print(stderr, "eilpost_load: {}\n", what);
}

void JsonLine::begin(std::string_view name) {
  if (out_.size() > 1) out_ += ", ";
  out_ += fmt::format("\"{}\": ", name);
}

JsonLine& JsonLine::text(std::string_view name, std::string_view value) {
  begin(name);
  out_ += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') out_ += '\\';
    if (static_cast<unsigned char>(c) >= 32) out_ += c;
  }
  out_ += '"';
  return *this;
}

JsonLine& JsonLine::number(std::string_view name, double value) {
  begin(name);
  out_ += fmt::format("{:.4f}", value);
  return *this;
}

JsonLine& JsonLine::count(std::string_view name, uint64_t value) {
  begin(name);
  out_ += fmt::format("{}", value);
  return *this;
}

JsonLine& JsonLine::latencies(std::string_view name, const Latencies& latencies) {
  number(fmt::format("{}_p50_ms", name), latencies.milliseconds(0.5));
  number(fmt::format("{}_p90_ms", name), latencies.milliseconds(0.9));
  number(fmt::format("{}_p99_ms", name), latencies.milliseconds(0.99));
  return number(fmt::format("{}_max_ms", name), latencies.milliseconds(1));
}

void JsonLine::print() {
  fmt::print("{}}}\n", out_);
  std::fflush(stdout);
}

}  // namespace eilpost::bench
