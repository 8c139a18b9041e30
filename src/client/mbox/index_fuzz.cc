// No file crashes the index or is read beyond its end; its messages follow each other.
#include "client/mbox/index.h"

#include "base/check.h"
#include "client/mbox/text.h"
#include "tests/fuzz.h"

namespace eilpost::client {

FUZZ_TARGET(client_mbox) {
  const auto at = [&](uint64_t offset, size_t octets) -> Result<std::string> {
    return offset >= data.size() ? std::string() : std::string(data.substr(offset, octets));
  };
  const auto found = index_mbox(at);
  CHECK(found.has_value());
  uint64_t end = 0;
  for (const MboxMessage& message : *found) {
    CHECK(message.offset >= end && message.length > 0);
    end = message.offset + message.length;
    CHECK(end <= data.size());
  }
  MboxQuoter quoter;
  const std::string quoted = "\n" + quoter.feed(data) + quoter.finish();
  CHECK(quoted.find("\nFrom ") == std::string::npos);
}

}  // namespace eilpost::client
