// A fuzz target is a function that takes octets and must not crash, leak or break its law. Register
// it with FUZZ_TARGET(name) { ... use `data` ... } in an x_fuzz.cc; seeds lie in
// tests/corpus/fuzz/<name>/. Under libFuzzer the target is chosen by EILPOST_FUZZ_TARGET; otherwise
// the binary replays the seeds and some thousand seeded mutations of them.
#pragma once

#include <string_view>

namespace eilpost::fuzz {

using Target = void (*)(std::string_view data);

struct Registration {
  Registration(const char* name, Target target);
};

}  // namespace eilpost::fuzz

#define FUZZ_TARGET(name)                                                             \
  static void fuzz_##name(std::string_view data);                                     \
  static const ::eilpost::fuzz::Registration registration_##name(#name, fuzz_##name); \
  static void fuzz_##name(std::string_view data)
