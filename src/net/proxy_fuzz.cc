#include "base/check.h"
#include "net/proxy.h"
#include "tests/fuzz.h"

// What is read and printed again reads as the same.
FUZZ_TARGET(proxy_v2) {
  using namespace eilpost::net;
  auto header = parse_proxy(data);
  if (!header) return;
  CHECK(header->size <= data.size());
  auto again = parse_proxy(print_proxy(*header));
  CHECK(again.has_value());
  CHECK(again->local == header->local);
  CHECK(again->source == header->source);
  CHECK(again->destination == header->destination);
  CHECK(again->authority == header->authority);
  CHECK(again->tls_version == header->tls_version);
}
