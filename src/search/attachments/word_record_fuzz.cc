// Law: what is read as a record is written as the same octets' meaning, and taken off whole.
#include "base/check.h"
#include "search/attachments/word_record.h"
#include "tests/fuzz.h"

namespace eilpost::search {

FUZZ_TARGET(word_record) {
  std::string_view rest = data;
  for (;;) {
    const size_t before = rest.size();
    const auto record = take_record(rest);
    if (!record) break;
    CHECK(rest.size() < before);
    const std::string printed = encode(*record);
    std::string_view again = printed;
    CHECK(take_record(again) == *record);
    CHECK(again.empty());
  }
  // What a mutation cannot seal is looked at without its seal.
  WordRecord made;
  made.kind = static_cast<WordRecord::Kind>(1 + data.size() % 2 * 2);
  made.text = std::string(data);
  const std::string printed = encode(made);
  std::string_view again = printed;
  CHECK(take_record(again) == made);
}

}  // namespace eilpost::search
