#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>

#include "base/check.h"

namespace eilpost {
namespace {

Result<std::unique_ptr<int>> half(int number) {
  if (number % 2 != 0) return fail(Code::invalid, "odd");
  return std::make_unique<int>(number / 2);
}

Result<> positive(int number) {
  if (number <= 0) return fail(Code::limit, "not positive");
  return {};
}

Result<int> quarter(int number) {
  TRY(positive(number));
  const auto first = TRY(half(number));
  return *TRY(half(*first));
}

TEST(Result, TryLeavesWithTheFirstError) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().code, Code::invalid);
  EXPECT_EQ(quarter(6).error().detail, "odd");
  EXPECT_EQ(quarter(-8).error().code, Code::limit);
}

TEST(Result, WrapPutsContextInFront) {
  const Result<> wrapped = wrap(Error{Code::io, "no space"}, "segment 7");
  EXPECT_EQ(wrapped.error().code, Code::io);
  EXPECT_EQ(wrapped.error().detail, "segment 7: no space");
}

TEST(Result, ErrnoBecomesACode) {
  const auto code_of = [](int number) { return fail_errno("open x", number).value().code; };
  EXPECT_EQ(code_of(ENOENT), Code::not_found);
  EXPECT_EQ(code_of(EEXIST), Code::already_exists);
  EXPECT_EQ(code_of(EACCES), Code::permission);
  EXPECT_EQ(code_of(EPERM), Code::permission);
  EXPECT_EQ(code_of(ENOSPC), Code::io);
  EXPECT_EQ(code_of(EIO), Code::io);
  EXPECT_EQ(fail_errno("open x", ENOENT).value().detail, "open x: No such file or directory");
}

TEST(Result, EveryCodeHasAName) {
  std::set<std::string_view> names;
  int codes = 0;
  for (int i = 0; i <= static_cast<int>(Code::internal); ++i, ++codes) {
    names.insert(code_name(static_cast<Code>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(codes));
}

TEST(CheckDeathTest, SaysWhatAndWhere) {
  EXPECT_DEATH(CHECK(1 + 1 == 3), "CHECK failed: 1 \\+ 1 == 3 at .*result_test.cc:[0-9]+");
}

}  // namespace
}  // namespace eilpost
