// SRV records (RFC 2782), by which a domain says where its mail servers are (RFC 6186). The
// system's resolver, libresolv, stands behind this header and nowhere else. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace eilpost::client {

struct SrvRecord {
  std::string target;  // without the dot at the end; "" says: this service is not offered
  uint16_t port = 0;
  uint16_t priority = 0;
  uint16_t weight = 0;
  friend bool operator==(const SrvRecord&, const SrvRecord&) = default;
};

// The SRV records of a DNS message, the best first: by priority, then the heaviest, so that one
// answer always gives one order. Code::invalid: no DNS message. Pure.
Result<std::vector<SrvRecord>> parse_srv_answer(std::string_view message);

// Asks the system's resolver; blocks for some seconds at most. No record: an empty answer.
// Code::unavailable: nobody answers.
Result<std::vector<SrvRecord>> query_srv(const std::string& name);

}  // namespace eilpost::client
