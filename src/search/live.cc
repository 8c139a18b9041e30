#include "search/live.h"

#include <algorithm>

#include "mime/header.h"

namespace eilpost::search {

namespace {

bool has_keyword(const std::string& name, const HotMessage& message) {
  const store::KeywordSet& set = message.page.keywords(message.entry);
  return std::any_of(set.begin(), set.end(), [&](uint16_t index) {
    return index < message.keywords.size() &&
           mime::equals_ignoring_case(message.keywords[index], name);
  });
}

template <class Is>
bool any_key(const Program& program, const Is& is) {
  return is(program) || std::any_of(program.children.begin(), program.children.end(),
                                    [&is](const Program& child) { return any_key(child, is); });
}

}  // namespace

bool may_differ(const Program& program, const HotMessage& before, const HotMessage& after) {
  return any_key(program, [&](const Program& key) {
    const auto least = static_cast<uint64_t>(key.number);
    switch (key.op) {
      case Op::flags:
        return ((before.entry.flags & key.flags) == key.flags) !=
               ((after.entry.flags & key.flags) == key.flags);
      case Op::keyword: return has_keyword(key.text, before) != has_keyword(key.text, after);
      case Op::modseq:
        return (before.entry.modseq.value >= least) != (after.entry.modseq.value >= least);
      default: return false;
    }
  });
}

bool depends_on_time(const Program& program) {
  return any_key(program,
                 [](const Program& key) { return key.op == Op::older || key.op == Op::younger; });
}

bool is_fuzzy(const Program& program) {
  return any_key(program, [](const Program& key) { return key.fuzzy; });
}

}  // namespace eilpost::search
