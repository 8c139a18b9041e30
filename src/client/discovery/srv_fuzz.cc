#include "client/discovery/srv.h"

#include "base/check.h"
#include "tests/fuzz.h"

// Any octets are answered with records in order, or refused.
FUZZ_TARGET(srv_answer) {
  using namespace eilpost::client;
  const auto records = parse_srv_answer(data);
  if (!records) return;
  for (size_t i = 1; i < records->size(); ++i) {
    CHECK((*records)[i - 1].priority <= (*records)[i].priority);
  }
  for (const SrvRecord& record : *records) CHECK(record.target != ".");
}
