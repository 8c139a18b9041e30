// parse(print(x)) == x for whatever can be read; nothing crashes.
#include "client/migrate/batch/batch.h"

#include "base/check.h"
#include "tests/fuzz.h"

namespace eilpost::client {

FUZZ_TARGET(client_batch) {
  const auto rows = parse_csv(data);
  if (rows) {
    const auto again = parse_csv(print_csv(*rows));
    // A header of one cell may hold what would be taken for the separator of all.
    CHECK(again && (rows->empty() || rows->front().size() == 1 || *again == *rows));
  }
  const auto batch = parse_batch(data, {});
  (void)batch;  // that it answers is all that is asked for
}

}  // namespace eilpost::client
