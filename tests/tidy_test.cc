// Holds the rules of STYLE.md that a program can hold: which layer includes which, which file may
// use which outside library, sizes, forbidden words, and that RFCS.md names files that exist. A
// finding is printed as file:line. The rules are tested on small pieces of text before they judge
// the tree.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace eilpost {
namespace {

using Findings = std::vector<std::string>;

struct Source {
  std::string path;                  // from the root of the project, with '/'
  std::vector<std::string> raw;      // as they are
  std::vector<std::string> code;     // the same lines without comments, literals, preprocessor
  std::vector<std::string> comment;  // the same lines, only what stands in comments
};

void report(Findings& out, const Source& source, size_t line, const std::string& text) {
  out.push_back(source.path + ":" + std::to_string(line) + ": " + text);
}

bool starts_with_any(std::string_view text, const std::vector<std::string_view>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view p) { return text.substr(0, p.size()) == p; });
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool has_word(std::string_view line, std::string_view word) {
  for (size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    const bool left = at == 0 || !is_word(line[at - 1]);
    const size_t end = at + word.size();
    if (left && (end == line.size() || !is_word(line[end]))) return true;
  }
  return false;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

bool is_test(std::string_view path) {
  return ends_with(path, "_test.cc") || ends_with(path, "_fuzz.cc") ||
         ends_with(path, "_bench.cc") || ends_with(path, "testing.h") ||
         ends_with(path, "test_support.h") || starts_with_any(path, {"tests/"});
}

// --- comments and literals ---

// Sorts the octets of a file into code and comments; both keep every line end.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  void run() {
    while (at_ < text_.size()) {
      if (starts("//")) {
        comment_until("\n", 0);
      } else if (starts("/*")) {
        comment_until("*/", 2);
      } else if (starts("R\"") && (at_ == 0 || !is_word(text_[at_ - 1]))) {
        skip_raw_string();
      } else if (text_[at_] == '"' || (text_[at_] == '\'' && !in_number())) {
        skip_literal(text_[at_]);
      } else if (text_[at_] == '#' && at_line_start()) {
        skip_directive();
      } else {
        put(code, comment);
      }
    }
  }

  std::string code, comment;

 private:
  bool starts(std::string_view what) const { return text_.substr(at_, what.size()) == what; }
  // 1'000'000
  bool in_number() const { return at_ > 0 && is_word(text_[at_ - 1]); }
  bool at_line_start() const {
    const size_t last = code.find_last_not_of(" \t");
    return last == std::string::npos || code[last] == '\n';
  }
  void put(std::string& to, std::string& other) {
    to += text_[at_];
    other += text_[at_] == '\n' ? '\n' : ' ';
    ++at_;
  }
  void drop() {
    const char c = text_[at_] == '\n' ? '\n' : ' ';
    code += c;
    comment += c;
    ++at_;
  }
  void comment_until(std::string_view end, size_t keep) {
    const size_t stop = std::min(text_.find(end, at_ + keep), text_.size());
    while (at_ < std::min(stop + keep, text_.size())) put(comment, code);
  }
  void skip_literal(char quote) {
    drop();
    while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n') {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) drop();
      drop();
    }
    if (at_ < text_.size()) drop();
    code.back() = code.back() == '\n' ? '\n' : '"';  // something stood here
  }
  void skip_raw_string() {
    const size_t open = text_.find('(', at_);
    const std::string end = open == std::string_view::npos
                                ? "\n"
                                : ")" + std::string(text_.substr(at_ + 2, open - at_ - 2)) + "\"";
    const size_t stop = std::min(text_.find(end, at_), text_.size());
    while (at_ < std::min(stop + end.size(), text_.size())) drop();
  }
  void skip_directive() {
    while (at_ < text_.size() && text_[at_] != '\n') {
      if (starts("//")) return comment_until("\n", 0);
      if (starts("\\\n")) drop();
      drop();
    }
  }

  std::string_view text_;
  size_t at_ = 0;
};

Source parse_source(std::string path, std::string_view text) {
  Splitter splitter(text);
  splitter.run();
  return {std::move(path), split_lines(text), split_lines(splitter.code),
          split_lines(splitter.comment)};
}

// --- layers ---

// Who may include whom; the order is the order of the design.
const std::map<std::string, std::set<std::string>>& layers() {
  static const std::map<std::string, std::set<std::string>> table = {
      {"base", {"base"}},
      {"mime", {"base", "mime"}},
      {"protocol", {"base", "mime", "protocol"}},
      {"engine", {"base", "engine"}},
      {"net", {"base", "net"}},
      {"store", {"base", "mime", "engine", "store"}},
      {"directory", {"base", "engine", "net", "protocol/sasl", "directory"}},
      {"search", {"base", "mime", "store", "search"}},
      {"server",
       {"base", "mime", "protocol", "engine", "net", "store", "directory", "search", "server"}},
      {"client", {"base", "mime", "protocol", "net", "client"}},
      {"main",
       {"base", "mime", "protocol", "engine", "net", "store", "directory", "search", "server",
        "client", "main"}},
      {"bench", {"base", "mime", "protocol", "net", "client", "bench"}},
  };
  return table;
}

// "src/protocol/imap/fetch.cc" -> "protocol"; "" for what is in no layer (tests/).
std::string layer_of(std::string_view path) {
  if (path.substr(0, 4) == "src/") path.remove_prefix(4);
  const std::string first(path.substr(0, path.find('/')));
  return layers().count(first) != 0 ? first : "";
}

struct Include {
  bool quoted = false;
  std::string name;
};

// The file that an #include line names; an empty name for any other line.
Include include_of(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  if (line.substr(0, 1) != "#") return {};
  line.remove_prefix(std::min(line.find_first_not_of(" \t", 1), line.size()));
  if (line.substr(0, 7) != "include") return {};
  const size_t open = line.find_first_of("<\"", 7);
  if (open == std::string_view::npos) return {};
  const size_t end = line.find_first_of(">\"", open + 1);
  return {line[open] == '"', std::string(line.substr(open + 1, end - open - 1))};
}

// What a file of the layer may include. A test may build its layer's world, and so reaches what the
// layers beneath may include as well.
std::set<std::string> allowed_for(const std::string& layer, bool test) {
  std::set<std::string> allowed = layers().at(layer);
  if (!test) return allowed;
  for (const auto& beneath : layers().at(layer)) {
    const auto found = layers().find(beneath);
    if (found != layers().end()) allowed.insert(found->second.begin(), found->second.end());
  }
  allowed.insert("tests");
  return allowed;
}

void check_layers(const Source& source, Findings& out) {
  const std::string layer = layer_of(source.path);
  if (layer.empty()) return;
  const auto allowed = allowed_for(layer, is_test(source.path));
  for (size_t i = 0; i < source.raw.size(); ++i) {
    const Include include = include_of(source.raw[i]);
    if (!include.quoted) continue;
    if (include.name.find('/') == std::string::npos) {
      report(out, source, i + 1, "includes are rooted at src/: \"" + include.name + "\"");
      continue;
    }
    const bool fine = std::any_of(allowed.begin(), allowed.end(), [&](const std::string& a) {
      return include.name.compare(0, a.size() + 1, a + "/") == 0;
    });
    if (!fine) report(out, source, i + 1, layer + " may not include \"" + include.name + "\"");
  }
}

// --- outside libraries ---

struct Library {
  std::string_view header;              // how its includes begin
  std::vector<std::string_view> paths;  // how the paths begin that may use it
  bool in_tests = false;                // unit tests, fuzz targets and benchmarks may, too
};

const std::vector<Library>& libraries() {
  static const std::vector<Library> table = {
      {"rocksdb/", {"src/engine/rocksdb"}},
      {"rados/", {"src/engine/rados", "bench/rados_raw.cc"}},
      {"unicode/", {"src/mime/charset.cc", "src/protocol/sasl/saslprep.cc"}},
      {"openssl/",
       {"src/net/", "src/protocol/sasl/crypto.cc", "src/protocol/sasl/jwt/signature.cc"}},
      {"boost/json", {"src/base/json.cc"}},
      {"gssapi/", {"src/net/gss.cc"}},
      {"xapian.h", {"src/search/index/xapian.cc"}},
      {"zlib.h", {"src/net/deflate.cc"}},
      {"pugixml.hpp", {"src/client/discovery/autoconfig.cc"}},
      {"resolv.h", {"src/client/discovery/srv.cc"}},
      {"wbclient.h", {"src/directory/ntlm/winbind.cc"}},
      {"sqlite3.h", {"src/client/sqlite.cc"}},
      {"boost/asio", {"src/net/", "src/server/", "src/client/", "src/main/", "bench/"}},
      {"boost/beast", {"src/net/"}},
      {"spdlog/", {"src/base/log.cc"}},
      {"prometheus/", {"src/base/metrics.cc"}},
      {"argon2.h", {"src/directory/"}},
      {"crypt.h", {"src/directory/"}},
      {"ldap.h", {"src/directory/"}},
      {"security/", {"src/directory/"}},
      {"toml++/", {"src/main/"}},
      {"maxminddb.h", {"src/server/access/geo.cc"}},
      {"CLI/", {"src/main/", "bench/"}},
      {"gmime/", {}, true},
      {"gtest/", {}, true},
      {"gmock/", {}, true},
      {"benchmark/", {}, true},
  };
  return table;
}

// Libraries that exactly one file may use, wherever in its layer that is.
constexpr std::string_view one_file_libraries[] = {"argon2.h", "crypt.h", "ldap.h", "security/",
                                                   "toml++/"};

constexpr std::string_view forbidden_headers[] = {"regex", "format", "expected", "ranges",
                                                  "source_location"};

// What would make a pure layer impure (STYLE.md rule 4).
constexpr std::string_view impure_headers[] = {
    "thread",       "mutex",        "chrono",        "fstream", "iostream",  "filesystem",
    "sys/socket.h", "sys/random.h", "unistd.h",      "random",  "coroutine", "condition_variable",
    "future",       "base/log.h",   "base/metrics.h"};

bool is_pure_layer(std::string_view layer) {
  return layer == "mime" || layer == "protocol";
}

void check_libraries(const Source& source, Findings& out) {
  const bool pure = is_pure_layer(layer_of(source.path)) && !is_test(source.path);
  for (size_t i = 0; i < source.raw.size(); ++i) {
    const Include include = include_of(source.raw[i]);
    if (include.name.empty()) continue;
    for (const auto& library : libraries()) {
      if (!starts_with_any(include.name, {library.header})) continue;
      if (starts_with_any(source.path, library.paths)) continue;
      if (library.in_tests && is_test(source.path)) continue;
      report(out, source, i + 1, "<" + include.name + "> has no place in this file");
    }
    for (const auto header : forbidden_headers) {
      if (!include.quoted && include.name == header) {
        report(out, source, i + 1, "<" + include.name + "> is not for both compilers");
      }
    }
    const bool impure = std::find(std::begin(impure_headers), std::end(impure_headers),
                                  include.name) != std::end(impure_headers);
    if (pure && impure) report(out, source, i + 1, include.name + " in a pure layer");
  }
}

void check_one_file(const std::vector<Source>& sources, Findings& out) {
  for (const auto header : one_file_libraries) {
    std::string first;
    for (const auto& source : sources) {
      for (size_t i = 0; i < source.raw.size(); ++i) {
        if (!starts_with_any(include_of(source.raw[i]).name, {header})) continue;
        if (first.empty()) first = source.path;
        if (first == source.path) continue;
        report(out, source, i + 1, "<" + std::string(header) + "> already has " + first);
      }
    }
  }
}

// --- words ---

void check_words(const Source& source, Findings& out) {
  const std::string layer = layer_of(source.path);
  const bool coroutines = layer.empty() || layer == "net" || layer == "server" ||
                          layer == "client" || layer == "bench" || layer == "main";
  for (size_t i = 0; i < source.code.size(); ++i) {
    const std::string& code = source.code[i];
    // "throw;" passes a library's exception on to the catch that names it; a test plays the
    // library.
    const bool throws = has_word(code, "throw") && code.find("throw;") == std::string::npos;
    if (throws && !is_test(source.path)) report(out, source, i + 1, "we do not throw");
    if (!coroutines && (has_word(code, "co_await") || has_word(code, "co_return"))) {
      report(out, source, i + 1, "a coroutine in " + layer);
    }
  }
  for (size_t i = 0; i < source.comment.size(); ++i) {
    const std::string& comment = source.comment[i];
    for (const std::string_view word : {"TODO", "FIXME", "XXX"}) {
      if (!has_word(comment, word)) continue;
      const size_t after = comment.find(word) + word.size();
      if (comment.compare(after, 2, "(#") == 0) continue;
      report(out, source, i + 1, std::string(word) + " without an issue number, (#N)");
    }
  }
}

// --- sizes ---

size_t columns_of(std::string_view line) {  // code points
  return static_cast<size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

constexpr size_t line_columns_max = 100;
constexpr size_t file_lines_max = 800;
constexpr size_t function_lines_max = 70;

void check_lines(const Source& source, Findings& out) {
  for (size_t i = 0; i < source.raw.size(); ++i) {
    const size_t columns = columns_of(source.raw[i]);
    if (columns <= line_columns_max) continue;
    report(out, source, i + 1, "the line has " + std::to_string(columns) + " columns");
  }
  if (source.raw.size() > file_lines_max) {
    report(out, source, source.raw.size(), "the file has more than 800 lines");
  }
}

// Finds function bodies by their braces: one that opens in a namespace or a type, after a ")".
class FunctionScanner {
 public:
  FunctionScanner(const Source& source, Findings& out) : source_(source), out_(out) {}

  void run() {
    for (line_ = 1; line_ <= source_.code.size(); ++line_) {
      for (const char c : source_.code[line_ - 1]) step(c);
      head_ += ' ';
    }
  }

 private:
  enum class Scope { outer, function, other };

  void step(char c) {
    if (c == '{') return open();
    if (c == '}') return close();
    if (c == ';' && in_outer()) return reset();
    if (head_.find_first_not_of(' ') == std::string::npos && c != ' ') {
      head_.clear();
      head_line_ = line_;
    }
    head_ += c;
  }
  bool in_outer() const { return scopes_.empty() || scopes_.back() == Scope::outer; }
  void reset() { head_.clear(); }

  // Whether the words before a brace open a namespace or a type.
  bool opens_outer() const {
    for (const std::string_view word : {"namespace", "class", "struct", "union", "enum"}) {
      const size_t at = head_.find(word);
      if (!has_word(head_, word)) continue;
      // "template <class T> void f() {" and "f(struct stat s) {" are functions.
      const size_t call = head_.find('(');
      const size_t angle = head_.rfind('>');
      const bool in_template = head_.find("template") != std::string::npos &&
                               angle != std::string::npos && angle > at &&
                               !has_word(std::string_view(head_).substr(angle), word);
      if (!in_template && (call == std::string::npos || at < call)) return true;
    }
    return head_.find("extern \"") != std::string::npos && head_.find('(') == std::string::npos;
  }

  // "S() : a_{1} {": the first brace stands right behind a name.
  bool initializes() const { return is_word(head_.back()) || head_.back() == '>'; }

  void open() {
    Scope scope = Scope::other;
    if (in_outer()) {
      if (opens_outer()) {
        scope = Scope::outer;
      } else if (head_.find(')') != std::string::npos && !initializes()) {
        scope = Scope::function;
        function_line_ = head_line_;
      }
    }
    scopes_.push_back(scope);
    if (scope != Scope::other) reset();
  }

  void close() {
    if (scopes_.empty()) return;
    if (scopes_.back() == Scope::function) {
      const size_t lines = line_ - function_line_ + 1;
      if (lines > function_lines_max) {
        report(out_, source_, function_line_,
               "the function has " + std::to_string(lines) + " lines");
      }
    }
    if (scopes_.back() != Scope::other) reset();
    scopes_.pop_back();
  }

  const Source& source_;
  Findings& out_;
  size_t line_ = 0;
  size_t head_line_ = 1;
  size_t function_line_ = 1;
  std::string head_;
  std::vector<Scope> scopes_;
};

void check_header(const Source& source, Findings& out) {
  if (!ends_with(source.path, ".h")) return;
  if (source.raw.empty() || source.raw[0].compare(0, 3, "// ") != 0) {
    report(out, source, 1, "a header begins with what the thing is");
  }
  if (std::find(source.raw.begin(), source.raw.end(), "#pragma once") == source.raw.end()) {
    report(out, source, 1, "no #pragma once");
  }
}

void check_source(const Source& source, Findings& out) {
  check_layers(source, out);
  check_libraries(source, out);
  check_words(source, out);
  check_lines(source, out);
  check_header(source, out);
  FunctionScanner(source, out).run();
}

// --- the tree ---

const std::filesystem::path root = EILPOST_SOURCE_DIR;

std::string read_all(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::vector<std::string> paths_with(const std::vector<std::string_view>& extensions) {
  std::vector<std::string> out;
  for (const char* top : {"src", "bench", "tests"}) {
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / top, error)) {
      const std::string path = entry.path().lexically_relative(root).generic_string();
      const bool wanted = std::any_of(extensions.begin(), extensions.end(),
                                      [&](std::string_view e) { return ends_with(path, e); });
      if (wanted && entry.is_regular_file()) out.push_back(path);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Paths of the project in `backquotes`.
void check_named_paths(const Source& source, Findings& out) {
  for (size_t i = 0; i < source.raw.size(); ++i) {
    std::string_view rest = source.raw[i];
    while (true) {
      const size_t open = rest.find('`');
      const size_t end = open == std::string_view::npos ? open : rest.find('`', open + 1);
      if (end == std::string_view::npos) break;
      const std::string name(rest.substr(open + 1, end - open - 1));
      rest.remove_prefix(end + 1);
      if (name.find('/') == std::string::npos || name.find_first_of("~$") == 0) continue;
      if (name.find(' ') != std::string::npos) continue;
      if (name.find("build/") == 0) continue;  // what a build leaves
      if (!std::filesystem::exists(root / name)) report(out, source, i + 1, "no file " + name);
    }
  }
}

std::string joined(const Findings& findings) {
  std::string out;
  for (const auto& finding : findings) out += finding + "\n";
  return out;
}

Findings judge(const std::string& path, std::string_view text) {
  Findings out;
  check_source(parse_source(path, text), out);
  return out;
}

std::string lines_of(size_t count, const std::string& line) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += line + "\n";
  return out;
}

TEST(TidyRules, LayersGoDownOnly) {
  EXPECT_EQ(judge("src/mime/a.cc", "#include \"base/result.h\"\n"), Findings{});
  EXPECT_EQ(judge("src/mime/a.cc", "#include \"store/account.h\"\n").size(), 1U);
  EXPECT_EQ(judge("src/directory/a.cc", "#include \"protocol/sasl/scram.h\"\n"), Findings{});
  EXPECT_EQ(judge("src/directory/a.cc", "#include \"protocol/imap/value.h\"\n").size(), 1U);
  EXPECT_EQ(judge("src/client/a.cc", "#include \"server/session.h\"\n").size(), 1U);
  EXPECT_EQ(judge("src/server/imap/a.cc", "#include \"client/session.h\"\n").size(), 1U);
  EXPECT_EQ(judge("src/search/a_test.cc", "#include \"engine/memory.h\"\n"), Findings{});
  EXPECT_EQ(judge("src/search/a.cc", "#include \"engine/memory.h\"\n").size(), 1U);
  EXPECT_EQ(judge("src/mime/a_fuzz.cc", "#include \"tests/fuzz.h\"\n"), Findings{});
  EXPECT_EQ(judge("src/mime/a.cc", "#include \"a.h\"\n").size(), 1U);
}

TEST(TidyRules, LibrariesHaveOneFile) {
  EXPECT_EQ(judge("src/engine/rocksdb/rocksdb.cc", "#include <rocksdb/db.h>\n"), Findings{});
  EXPECT_EQ(judge("src/store/a.cc", "#include <rocksdb/db.h>\n").size(), 1U);
  EXPECT_EQ(judge("src/base/a.cc", "#include <regex>\n").size(), 1U);
  EXPECT_EQ(judge("src/base/a.cc", "#include <gtest/gtest.h>\n").size(), 1U);
  EXPECT_EQ(judge("src/base/a_test.cc", "#include <gtest/gtest.h>\n"), Findings{});
  EXPECT_EQ(judge("src/mime/a.cc", "#include <mutex>\n").size(), 1U);
  Findings out;
  check_one_file({parse_source("src/main/a.cc", "#include <toml++/toml.h>\n"),
                  parse_source("src/main/b.cc", "#include <toml++/toml.h>\n")},
                 out);
  EXPECT_EQ(out.size(), 1U);
}

TEST(TidyRules, Words) {
  EXPECT_EQ(judge("src/base/a.cc", "void f() { throw 1; }\n").size(), 1U);
  EXPECT_EQ(judge("src/base/a.cc", "void f() { throw; }\n"), Findings{});
  EXPECT_EQ(judge("src/base/a_test.cc", "void f() { throw 1; }\n"), Findings{});
  EXPECT_EQ(judge("src/base/a.cc", "// never throw\nauto s = \"throw\";\n"), Findings{});
  EXPECT_EQ(judge("src/base/a.cc", "// TODO: later\n").size(), 1U);
  EXPECT_EQ(judge("src/base/a.cc", "// TODO(#12): with a number\n"), Findings{});
  EXPECT_EQ(judge("src/base/a.cc", "int x = 1'000; /* FIXME */\n").size(), 1U);
  EXPECT_EQ(judge("src/store/a.cc", "void f() { co_return; }\n").size(), 1U);
  EXPECT_EQ(judge("src/net/a.cc", "void f() { co_return; }\n"), Findings{});
}

TEST(TidyRules, Sizes) {
  const std::string body = lines_of(69, "  int x;");
  EXPECT_EQ(judge("src/base/a.cc", "void f() {\n" + body + "}\n").size(), 1U);
  EXPECT_EQ(judge("src/base/a.cc", "void f() {\n" + lines_of(68, "x();") + "}\n"), Findings{});
  EXPECT_EQ(judge("src/base/a.cc", "namespace n {\nstruct S {\n  S() : a_{1} {\n" + body + "}};}\n")
                .size(),
            1U);
  EXPECT_EQ(judge("src/base/a.cc", "struct S {\n" + body + "  int y;\n};\n"), Findings{});
  EXPECT_EQ(judge("src/base/a.cc", "template <class T>\nvoid f(T) {\n" + body + "}\n").size(), 1U);
  EXPECT_EQ(judge("src/base/a.cc", "template <class T>\nstruct S {\n" + body + "};\n"), Findings{});
  EXPECT_EQ(judge("src/base/a.cc", "auto s = R\"(" + body + "{)\";\nvoid f() {}\n"), Findings{});
  EXPECT_EQ(judge("src/base/a.cc", std::string(101, 'a')).size(), 1U);
  EXPECT_EQ(judge("src/base/a.cc", lines_of(801, "int x;")).size(), 1U);
  EXPECT_EQ(judge("src/base/a.h", "#pragma once\n").size(), 1U);
}

TEST(TidyRules, NamedPaths) {
  Findings out;
  check_named_paths(parse_source("RFCS.md", "`tests/tidy_test.cc` and `no/such.cc`\n"), out);
  EXPECT_EQ(out, Findings{"RFCS.md:1: no file no/such.cc"});
}

TEST(Tidy, SourceFiles) {
  std::vector<Source> sources;
  Findings out;
  for (const auto& path : paths_with({".cc", ".h"})) {
    sources.push_back(parse_source(path, read_all(root / path)));
    check_source(sources.back(), out);
  }
  check_one_file(sources, out);
  EXPECT_GT(sources.size(), 10U);
  EXPECT_TRUE(out.empty()) << joined(out);
}

TEST(Tidy, Scripts) {
  Findings out;
  for (const auto& path : paths_with({".py", ".imap"})) {
    Source source;
    source.path = path;
    source.raw = split_lines(read_all(root / path));
    if (ends_with(path, ".py")) check_lines(source, out);
    if (source.raw.empty()) report(out, source, 1, "the file is empty");
  }
  EXPECT_TRUE(out.empty()) << joined(out);
}

TEST(Tidy, Documents) {
  Findings out;
  for (const char* name : {"RFCS.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"}) {
    const Source source = parse_source(name, read_all(root / name));
    if (source.raw.empty()) report(out, source, 1, "the document is missing");
    check_named_paths(source, out);
  }
  EXPECT_TRUE(out.empty()) << joined(out);
}

}  // namespace
}  // namespace eilpost
