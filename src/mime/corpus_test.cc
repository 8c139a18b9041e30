// The corpus of real and hostile messages, where it is present: ENVELOPE and BODYSTRUCTURE equal
// what two unrelated servers agree on, and the laws of scanning hold on every message.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "mime/scan_laws.h"
#include "mime/wire.h"

namespace eilpost::mime {
namespace {

namespace fs = std::filesystem;

const fs::path corpus_dir = fs::path(EILPOST_SOURCE_DIR) / "../shared/corpus";

std::string read_with_crlf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream raw;
  raw << file.rdbuf();
  std::string out;
  char before = '\0';
  for (const char c : raw.str()) {
    if (c == '\n' && before != '\r') out.push_back('\r');
    out.push_back(c);
    before = c;
  }
  return out;
}

std::vector<fs::path> corpus_files() {
  std::vector<fs::path> files;
  if (!fs::exists(corpus_dir / "messages")) return files;
  for (const auto& entry : fs::recursive_directory_iterator(corpus_dir / "messages")) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string hex(std::string_view octets) {
  std::string out;
  for (const char c : octets) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + '"';
}

// Every section number of the message with the octets it names.
std::string sections_json(const PartIndex& index) {
  std::string out = "{";
  std::vector<std::vector<uint32_t>> todo = {{}};
  while (!todo.empty()) {
    const std::vector<uint32_t> prefix = std::move(todo.back());
    todo.pop_back();
    for (uint32_t number = 1;; ++number) {
      std::vector<uint32_t> numbers = prefix;
      numbers.push_back(number);
      const auto range = locate(index, numbers);
      if (!range) break;
      out += fmt::format("{}\"{}\":[{},{}]", out.size() > 1 ? "," : "", fmt::join(numbers, "."),
                         range->offset, range->size);
      todo.push_back(std::move(numbers));
    }
  }
  return out + "}";
}

TEST(Corpus, EqualsWhatTwoServersAgreeOn) {
  const auto files = corpus_files();
  if (files.empty()) GTEST_SKIP() << "no corpus beside the source tree: " << corpus_dir;
  const fs::path dump =
      fs::path(testing::TempDir()) / fmt::format("eilpost_mime_dump_{}.json", ::getpid());
  {
    std::ofstream out(dump);
    for (const auto& path : files) {
      const std::string octets = read_with_crlf(path);
      const Message message = scan(octets);
      const Digest digest = make_digest(message);
      const auto index = decode_part_index(digest.part_index);
      ASSERT_TRUE(index.has_value()) << path;
      out << fmt::format(
          "{{\"file\":{},\"size\":{},\"envelope\":\"{}\",\"bodystructure\":\"{}\",\"body\":\"{}\","
          "\"sections\":{}}}\n",
          json_string(fs::relative(path, corpus_dir / "messages").string()), message.size,
          hex(digest.envelope), hex(digest.bodystructure),
          hex(body_from_bodystructure(digest.bodystructure)), sections_json(*index));
    }
  }
  const std::string command = fmt::format("python3 '{}/tests/corpus/mime_corpus.py' '{}' '{}'",
                                          EILPOST_SOURCE_DIR, dump.string(), corpus_dir.string());
  EXPECT_EQ(std::system(command.c_str()), 0);
  fs::remove(dump);
}

TEST(Corpus, LawsHoldOnEveryMessage) {
  const auto files = corpus_files();
  if (files.empty()) GTEST_SKIP() << "no corpus beside the source tree: " << corpus_dir;
  for (const auto& path : files) {
    EXPECT_EQ(broken_scan_law(read_with_crlf(path)), "") << path;
  }
}

}  // namespace
}  // namespace eilpost::mime
