// Where the tests of the RADOS engine find their cluster: EILPOST_TEST_CEPH names its ceph.conf,
// which has the pools eilpost.index and eilpost.blobs (tests/cluster/ceph.py starts such a one).
// Each test has a RADOS namespace of its own. For tests only.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "base/random.h"
#include "engine/rados/rados.h"

namespace eilpost::engine {

inline bool rados_available() {
  return std::getenv("EILPOST_TEST_CEPH") != nullptr;
}

inline std::string rados_test_namespace() {
  static Random random = Random::from_os();
  return fmt::format("test-{:016x}", random.next());
}

inline RadosOptions rados_test_options(const std::string& name_space) {
  RadosOptions options;
  const char* conf = std::getenv("EILPOST_TEST_CEPH");
  options.ceph_conf = conf == nullptr ? "" : conf;
  options.name_space = name_space;
  // A slow machine is no lost answer.
  options.stall_ms = 60'000;
  options.read_ms = 60'000;
  options.doubt_ms = 60'000;
  return options;
}

}  // namespace eilpost::engine
