// The mailbox that the checks look into, opened read-only. Belongs to the examination's coroutine.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "client/doctor/examination.h"

namespace eilpost::client::checks {

struct Ground {
  std::string mailbox;  // UTF-8
  uint32_t exists = 0;
  uint32_t uid = 0;  // of the last message; 0 when there is none
  uint32_t uid_validity = 0;
  uint64_t modseq = 0;
  // So many, the last ones, are put to tests that look at each.
  uint32_t sampled() const { return std::min<uint32_t>(exists, 1000); }
};

// Opens it on this session, unless it is open there.
Task<Result<Ground>> find_ground(Examination& exam, Session& session);

// Message numbers spread evenly over a mailbox, the first and the last among them.
IntervalSet spread(uint32_t exists, uint32_t count);

}  // namespace eilpost::client::checks
