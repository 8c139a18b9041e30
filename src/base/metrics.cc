#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/check.h"

namespace eilpost {

namespace {

class PrometheusCounter final : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter) : counter_(counter) {}
  void add(double amount) override { counter_.Increment(amount); }
  double value() const override { return counter_.Value(); }

 private:
  prometheus::Counter& counter_;
};

class PrometheusGauge final : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void add(double amount) override { gauge_.Increment(amount); }
  void set(double value) override { gauge_.Set(value); }
  double value() const override { return gauge_.Value(); }

 private:
  prometheus::Gauge& gauge_;
};

class PrometheusHistogram final : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

// Which names and labels there are is decided by the program, so a bad one is a bug.
bool valid_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9');
  });
}

template <class T>
using Made = std::map<std::pair<std::string, Labels>, T>;

template <class T>
bool has_name(const Made<T>& made, const std::string& name) {
  auto found = made.lower_bound({name, Labels{}});
  return found != made.end() && found->first.first == name;
}

}  // namespace

struct Metrics::Impl {
  std::mutex mutex;
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
  Made<PrometheusCounter> counters;
  Made<PrometheusGauge> gauges;
  Made<PrometheusHistogram> histograms;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}

Metrics::~Metrics() = default;

Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  CHECK(valid_name(name));
  std::lock_guard lock(impl_->mutex);
  CHECK(!has_name(impl_->gauges, name) && !has_name(impl_->histograms, name));
  auto found = impl_->counters.find({name, labels});
  if (found != impl_->counters.end()) return found->second;
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
  return impl_->counters.try_emplace({name, labels}, family.Add(labels)).first->second;
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  CHECK(valid_name(name));
  std::lock_guard lock(impl_->mutex);
  CHECK(!has_name(impl_->counters, name) && !has_name(impl_->histograms, name));
  auto found = impl_->gauges.find({name, labels});
  if (found != impl_->gauges.end()) return found->second;
  auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry);
  return impl_->gauges.try_emplace({name, labels}, family.Add(labels)).first->second;
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help,
                              const std::vector<double>& bounds, const Labels& labels) {
  CHECK(valid_name(name));
  CHECK(std::is_sorted(bounds.begin(), bounds.end()));
  std::lock_guard lock(impl_->mutex);
  CHECK(!has_name(impl_->counters, name) && !has_name(impl_->gauges, name));
  auto found = impl_->histograms.find({name, labels});
  if (found != impl_->histograms.end()) return found->second;
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
  auto& made = family.Add(labels, prometheus::Histogram::BucketBoundaries(bounds));
  return impl_->histograms.try_emplace({name, labels}, made).first->second;
}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace eilpost
