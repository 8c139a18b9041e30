// `eilpost demo`: a server on loopback with accounts whose password is known, for trying things out
// and for tests. Not for anything else.
#pragma once

#include <cstdint>
#include <string>

#include "main/config/config.h"

namespace eilpost {

struct DemoOptions {
  std::string data_dir;
  std::string config_file;  // empty: none
  int base_port = 10000;
  int accounts = 3;
  EngineKind engine = EngineKind::rocksdb;
  // For rados.
  std::string ceph_conf = "/etc/ceph/ceph.conf";
  std::string name_space;
  std::string node;    // empty: this machine's name
  bool empty = false;  // only INBOX, no messages
  std::string log_level = "warn";
};

// Serves until a signal comes. The exit code.
int run_demo(const DemoOptions& options);

}  // namespace eilpost
