// Runs what FUZZ_TARGET registered (tests/fuzz.h). Under libFuzzer it is the entry point of the one
// target that EILPOST_FUZZ_TARGET names. Otherwise it replays every seed of
// tests/corpus/fuzz/<name>/ and then seeded mutations of them, so that every run of the tests is
// the same run.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "tests/fuzz.h"

namespace eilpost::fuzz {

namespace {

// Registrations run before main, in an order nobody knows: the map is made by the first.
std::map<std::string, Target>& targets() {
  static std::map<std::string, Target> all;
  return all;
}

void list() {
  for (const auto& [name, target] : targets()) std::printf("%s\n", name.c_str());
}

}  // namespace

Registration::Registration(const char* name, Target target) {
  targets().emplace(name, target);
}

}  // namespace eilpost::fuzz

#if defined(EILPOST_LIBFUZZER)

namespace {
eilpost::fuzz::Target chosen = nullptr;
}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc > 1 && std::strcmp((*argv)[1], "--list") == 0) {
    eilpost::fuzz::list();
    std::exit(0);
  }
  const char* name = std::getenv("EILPOST_FUZZ_TARGET");
  const auto& all = eilpost::fuzz::targets();
  const auto found = name == nullptr ? all.end() : all.find(name);
  if (found == all.end()) {
    std::fprintf(stderr, "EILPOST_FUZZ_TARGET has to name one of these targets:\n");
    for (const auto& [known, target] : all) std::fprintf(stderr, "  %s\n", known.c_str());
    std::exit(2);
  }
  chosen = found->second;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  chosen({reinterpret_cast<const char*>(data), size});
  return 0;
}

#else

namespace eilpost::fuzz {

namespace {

constexpr int mutations_per_target = 2000;
// All targets together; a slow machine does fewer mutations and says so.
constexpr int64_t mutation_micros_max = 20'000'000;
constexpr size_t mutant_bytes_max = 64 * 1024;

std::vector<std::string> seeds_of(const std::string& name) {
  const std::filesystem::path folder =
      std::filesystem::path(EILPOST_SOURCE_DIR) / "tests" / "corpus" / "fuzz" / name;
  std::map<std::string, std::string> by_name;  // the order of a directory is not ours to rely on
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    by_name[entry.path().filename()] = std::string(std::istreambuf_iterator<char>(in), {});
  }
  std::vector<std::string> out;
  for (auto& [file, octets] : by_name) out.push_back(std::move(octets));
  return out;
}

// Octets and words that grammars of this program treat apart.
constexpr std::string_view tokens[] = {
    "\r\n",     "\n",     "\r",   "(",         ")",
    "((((((((", "\"",     "\\",   "{3}\r\n",   "{4294967296}\r\n",
    "{1+}",     "~{2}",   "*",    ":*",        "1:*",
    ",",        "0",      "%",    "NIL",       "4294967295",
    "=?",       "?=",     "&-",   "&",         "--",
    "--\r\n",   ";",      "=",    "<",         "[",
    "]",        "BODY[]", " ",    "a ",        "\x80",
    "\xff",     "\xc3",   "\x1f", "boundary=",
};

std::string piece_of(const std::vector<std::string>& seeds, Random& random) {
  const std::string& from = seeds[random.below(seeds.size())];
  if (from.empty()) return {};
  const size_t at = random.below(from.size());
  return from.substr(at, 1 + random.below(64));
}

void mutate_once(std::string& data, const std::vector<std::string>& seeds, Random& random) {
  const size_t at = random.below(data.size() + 1);
  switch (random.below(7)) {
    case 0:
      if (at < data.size()) data[at] = static_cast<char>(random.below(256));
      return;
    case 1:
      if (at < data.size()) data[at] = static_cast<char>(data[at] ^ (1 << random.below(8)));
      return;
    case 2: data.erase(at, 1 + random.below(16)); return;
    case 3: data.insert(at, tokens[random.below(std::size(tokens))]); return;
    case 4: data.insert(at, piece_of(seeds, random)); return;
    case 5: data.insert(at, std::string(data.substr(at, 1 + random.below(32)))); return;
    default: data.resize(at); return;
  }
}

std::string mutant(const std::vector<std::string>& seeds, Random& random) {
  std::string data = seeds[random.below(seeds.size())];
  for (uint64_t count = 1 + random.below(8); count > 0; --count) mutate_once(data, seeds, random);
  if (data.size() > mutant_bytes_max) data.resize(mutant_bytes_max);
  return data;
}

// FNV-1a, so that a target's mutations do not depend on which other targets there are.
uint64_t seed_for(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL;
  return hash;
}

// To find the input behind a crash: EILPOST_FUZZ_VERBOSE=1 prints the number of every mutation
// before it runs, and EILPOST_FUZZ_TARGET=name EILPOST_FUZZ_STOP=number prints that one's octets
// instead.
void replay(const std::string& name, Target target, const Clock& clock, int64_t until) {
  std::vector<std::string> seeds = seeds_of(name);
  for (const auto& seed : seeds) target(seed);
  const size_t seed_count = seeds.size();
  if (seeds.empty()) seeds.emplace_back();
  const char* stop = std::getenv("EILPOST_FUZZ_STOP");
  const bool verbose = std::getenv("EILPOST_FUZZ_VERBOSE") != nullptr;
  Random random(seed_for(name));
  int done = 0;
  for (; done < mutations_per_target && clock.steady_micros() < until; ++done) {
    const std::string data = mutant(seeds, random);
    if (stop != nullptr && std::atoi(stop) == done) {
      std::fwrite(data.data(), 1, data.size(), stdout);
      std::exit(0);
    }
    if (verbose) std::fprintf(stderr, "%s mutation %d\n", name.c_str(), done);
    target(data);
  }
  std::printf("%-24s %4zu seeds %5d mutations\n", name.c_str(), seed_count, done);
  std::fflush(stdout);
}

}  // namespace

}  // namespace eilpost::fuzz

int main(int argc, char** argv) {
  using namespace eilpost;
  const auto& all = fuzz::targets();
  if (argc > 1 && std::string_view(argv[1]) == "--list") {
    fuzz::list();
    return 0;
  }
  const char* only = std::getenv("EILPOST_FUZZ_TARGET");
  if (only != nullptr && all.count(only) == 0) {
    std::fprintf(stderr, "there is no fuzz target %s\n", only);
    return 2;
  }
  const SystemClock clock;
  size_t left = all.size();
  size_t passed = 0;
  const int64_t end = clock.steady_micros() + fuzz::mutation_micros_max;
  for (const auto& [name, target] : all) {
    const int64_t share = (end - clock.steady_micros()) / static_cast<int64_t>(left--);
    if (only != nullptr && name != only) continue;
    fuzz::replay(name, target, clock, clock.steady_micros() + share);
    ++passed;
  }
  std::printf("%zu passed, 0 failed\n", passed);
  return 0;
}

#endif
