// Counters, gauges and histograms, printed in Prometheus text format at /metrics. prometheus-cpp
// stands behind this header and nowhere else. References stay valid as long as the Metrics lives.
// Thread safe; updating one is wait-free. One Metrics per process, made by main and passed down.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace eilpost {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  virtual void add(double amount = 1) = 0;
  virtual double value() const = 0;

 protected:
  ~Counter() = default;
};

class Gauge {
 public:
  virtual void add(double amount) = 0;
  virtual void set(double value) = 0;
  virtual double value() const = 0;

 protected:
  ~Gauge() = default;
};

class Histogram {
 public:
  virtual void observe(double value) = 0;

 protected:
  ~Histogram() = default;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The same name and labels give the same object. Names are [a-z_]+, unit last ("_seconds").
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help,
                       const std::vector<double>& bounds, const Labels& labels = {});

  // Text exposition format 0.0.4.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace eilpost
