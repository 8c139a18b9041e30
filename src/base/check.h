// CHECK(x): an assertion that stays on in release builds and aborts with file, line and expression.
// It guards what only a bug in this program can break; never what a peer, a user or a disk says
// (those get an Error, see result.h). Any thread.
#pragma once

namespace eilpost {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}  // namespace eilpost

#define CHECK(x)                                       \
  (__builtin_expect(static_cast<bool>(x), 1) ? void(0) \
                                             : ::eilpost::check_failed(#x, __FILE__, __LINE__))
