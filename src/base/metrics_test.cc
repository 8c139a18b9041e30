#include "base/metrics.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace eilpost {
namespace {

TEST(Metrics, SameNameAndLabelsAreOneObject) {
  Metrics metrics;
  Counter& a = metrics.counter("commands_total", "Commands.", {{"name", "FETCH"}});
  Counter& b = metrics.counter("commands_total", "Commands.", {{"name", "FETCH"}});
  Counter& c = metrics.counter("commands_total", "Commands.", {{"name", "STORE"}});
  a.add();
  b.add(2);
  EXPECT_EQ(&a, &b);
  EXPECT_EQ(a.value(), 3);
  EXPECT_EQ(c.value(), 0);
}

TEST(Metrics, TextIsTheExpositionFormat) {
  Metrics metrics;
  metrics.counter("commands_total", "Commands.", {{"name", "FETCH"}}).add(3);
  Gauge& sessions = metrics.gauge("sessions", "Open sessions.");
  sessions.set(7);
  sessions.add(-2);
  Histogram& time = metrics.histogram("command_seconds", "Time.", {0.001, 0.1});
  time.observe(0.0005);
  time.observe(0.05);
  time.observe(5);
  std::string text = metrics.text();
  EXPECT_NE(text.find("# HELP commands_total Commands.\n"), std::string::npos) << text;
  EXPECT_NE(text.find("# TYPE commands_total counter\n"), std::string::npos) << text;
  EXPECT_NE(text.find("commands_total{name=\"FETCH\"} 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("sessions 5\n"), std::string::npos) << text;
  EXPECT_NE(text.find("command_seconds_bucket{le=\"0.001\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("command_seconds_bucket{le=\"0.1\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("command_seconds_bucket{le=\"+Inf\"} 3\n"), std::string::npos) << text;
}

TEST(Metrics, ThreadsMeetOnOneCounter) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&metrics] {
      for (int i = 0; i < 1000; ++i) metrics.counter("events_total", "Events.").add();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(metrics.counter("events_total", "Events.").value(), 4000);
}

}  // namespace
}  // namespace eilpost
