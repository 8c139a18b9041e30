// What the directory's tests share: cheap hashes, a clock that stands still, an engine in memory.
#pragma once

#include <memory>
#include <string>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "directory/builtin.h"
#include "engine/memory.h"

namespace eilpost::directory {

// The least that argon2 takes: tests ask whether it is called, not how long it takes.
inline BuiltinOptions cheap_options() {
  BuiltinOptions out;
  out.names.default_domain = "example.org";
  out.passwords.cost = {.memory_kib = 8, .iterations = 1, .parallelism = 1};
  out.scram_iterations = 4096;
  return out;
}

struct World {
  ManualClock clock{Timestamp{1'700'000'000'000'000}};
  Random random{42};
  engine::MemoryEngine engine;
  std::unique_ptr<BuiltinDirectory> directory;

  explicit World(BuiltinOptions options = cheap_options()) {
    auto opened = BuiltinDirectory::open(engine, clock, random, std::move(options));
    CHECK(opened.has_value());
    directory = std::move(*opened);
  }
  Account add(std::string name, std::string password = "secret") {
    auto out = directory->add({.name = std::move(name), .password = std::move(password)});
    CHECK(out.has_value());
    return std::move(*out);
  }
};

// The code of a failed result, or internal when it did not fail.
template <class T>
Code code_of(const Result<T>& result) {
  return result ? Code::internal : result.error().code;
}

}  // namespace eilpost::directory
