// parse(print(x)) == x for every line that is a record.
#include "client/cleanup/journal/record.h"

#include "base/check.h"
#include "tests/fuzz.h"

namespace eilpost::client {

FUZZ_TARGET(client_cleanup_record) {
  const auto record = parse_record(data);
  if (!record) return;
  const auto again = parse_record(print_record(*record));
  CHECK(again.has_value() && *again == *record);
}

}  // namespace eilpost::client
