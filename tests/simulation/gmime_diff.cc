// Differential test of the scanner against GMime: the part tree, the types and the octets of every
// leaf, on the messages of the corpus and on seeded mutations of them. Where GMime itself warns
// about a message (its parser's warnings), the two may read it differently and it is not compared.
// Nor where we know that GMime reads otherwise and say why (is_doubtful); what remains must be
// equal. Exits 0 when nothing differs; without a corpus it says so and exits 0.
//   gmime_diff CORPUS [MUTATIONS_PER_MESSAGE]
#include <gmime/gmime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "mime/scanner.h"

namespace {

namespace fs = std::filesystem;
using eilpost::mime::Message;
using eilpost::mime::Part;

// One line a part: depth, type, and for leaves the octets of the body.
struct Tree {
  std::vector<std::string> lines;
  bool doubtful = false;
};

struct Walk {
  GMimeObject* object;
  int depth;
};

std::string line_of(int depth, std::string type, int64_t begin, int64_t end) {
  std::string line = std::to_string(depth) + ' ' + type;
  if (begin >= 0) line += ' ' + std::to_string(begin) + '-' + std::to_string(end);
  return line;
}

void warned(gint64, GMimeParserWarning, const char*, gpointer user) {
  static_cast<Tree*>(user)->doubtful = true;
}

void walk(Tree& tree, GMimeObject* object, int depth) {
  GMimeContentType* type = g_mime_object_get_content_type(object);
  char* name = g_mime_content_type_get_mime_type(type);
  const std::string mime = eilpost::mime::to_lower(name);
  g_free(name);
  if (GMIME_IS_MULTIPART(object)) {
    tree.lines.push_back(line_of(depth, mime, -1, -1));
    auto* multipart = GMIME_MULTIPART(object);
    for (int i = 0; i < g_mime_multipart_get_count(multipart); ++i) {
      walk(tree, g_mime_multipart_get_part(multipart, i), depth + 1);
    }
  } else if (GMIME_IS_MESSAGE_PART(object)) {
    tree.lines.push_back(line_of(depth, mime, -1, -1));
    GMimeMessage* inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
    if (!inner || !g_mime_message_get_mime_part(inner)) {
      tree.doubtful = true;
      return;
    }
    walk(tree, g_mime_message_get_mime_part(inner), depth + 1);
  } else if (GMIME_IS_PART(object)) {
    GMimeDataWrapper* content = g_mime_part_get_content(GMIME_PART(object));
    GMimeStream* stream = content ? g_mime_data_wrapper_get_stream(content) : nullptr;
    tree.lines.push_back(
        line_of(depth, mime, stream ? stream->bound_start : 0, stream ? stream->bound_end : 0));
  }
}

Tree gmime_tree(std::string_view octets) {
  Tree tree;
  GMimeStream* stream = g_mime_stream_mem_new_with_buffer(octets.data(), octets.size());
  GMimeParser* parser = g_mime_parser_new_with_stream(stream);
  g_mime_parser_set_persist_stream(parser, TRUE);
  GMimeParserOptions* options = g_mime_parser_options_new();
  g_mime_parser_options_set_warning_callback(options, warned, &tree);
  GMimeMessage* message = g_mime_parser_construct_message(parser, options);
  if (message && g_mime_message_get_mime_part(message)) {
    walk(tree, g_mime_message_get_mime_part(message), 0);
  } else {
    tree.doubtful = true;
  }
  if (message) g_object_unref(message);
  g_mime_parser_options_free(options);
  g_object_unref(parser);
  g_object_unref(stream);
  return tree;
}

// The empty part that stands in for the children of a multipart without any (RFC 9051 7.5.2).
bool is_stand_in(const Message& message, const Part& part) {
  if (part.parent < 0 || part.header_size + part.body_size > 0) return false;
  const Part& parent = message.parts[static_cast<size_t>(part.parent)];
  return parent.is_multipart() && part.body_offset == parent.body_offset + parent.body_size &&
         std::count_if(message.parts.begin(), message.parts.end(),
                       [&](const Part& other) { return other.parent == part.parent; }) == 1;
}

// GMime wants a delimiter to be the whole line, where RFC 2046 5.1.1 says that its begin is enough.
bool has_decorated_delimiter(std::string_view octets, std::string_view boundary) {
  const std::string line = "\n--" + std::string(boundary);
  for (size_t at = octets.find(line); at != octets.npos; at = octets.find(line, at + 1)) {
    std::string_view rest = octets.substr(at + line.size());
    rest = rest.substr(0, rest.find('\n'));
    if (rest.substr(0, 2) == "--") rest.remove_prefix(2);
    if (!rest.empty() && rest != "\r") return true;
  }
  return false;
}

bool is_doubtful(const Message& message, const Part& part, std::string_view octets) {
  // GMime decodes a message/rfc822 part, which RFC 2046 5.2.1 forbids to encode.
  if (part.is_message() && part.encoding != "7bit" && part.encoding != "8bit" &&
      part.encoding != "binary") {
    return true;
  }
  if (part.is_multipart()) {
    const auto boundary = eilpost::mime::param(part.params, "boundary").value_or("");
    return boundary.empty() || has_decorated_delimiter(octets, boundary);
  }
  // Before a delimiter GMime cuts off a line end of the delimiter line's own size.
  const std::string_view behind = octets.substr(part.body_offset + part.body_size);
  const size_t cut = behind.substr(0, 1) == "\r" ? 2 : 1;
  const size_t lf = behind.find('\n', std::min(cut, behind.size()));
  const bool crlf = lf != behind.npos && lf > 0 && behind[lf - 1] == '\r';
  return part.parent >= 0 && message.size > part.body_offset + part.body_size &&
         (crlf ? 2 : 1) != cut;
}

Tree our_tree(std::string_view octets) {
  Tree tree;
  const Message message = eilpost::mime::scan(octets);
  std::vector<int> depths;
  for (const Part& part : message.parts) {
    const int depth = part.parent < 0 ? 0 : depths[static_cast<size_t>(part.parent)] + 1;
    depths.push_back(depth);
    if (is_doubtful(message, part, octets)) tree.doubtful = true;
    if (is_stand_in(message, part)) continue;
    const bool leaf = !part.is_multipart() && !part.is_message();
    const auto begin = static_cast<int64_t>(part.body_offset);
    tree.lines.push_back(line_of(depth, part.type + '/' + part.subtype, leaf ? begin : -1,
                                 begin + static_cast<int64_t>(part.body_size)));
  }
  return tree;
}

// Cuts, doubles or moves some lines: boundaries and headers get lost and repeated.
std::string mutated(const std::string& octets, uint32_t& state) {
  const auto draw = [&](size_t bound) {
    state = state * 1664525 + 1013904223;
    return static_cast<size_t>((uint64_t{state} * bound) >> 32);
  };
  std::vector<std::string> lines;
  for (size_t at = 0; at < octets.size();) {
    const size_t end = std::min(octets.find('\n', at), octets.size() - 1) + 1;
    lines.push_back(octets.substr(at, end - at));
    at = end;
  }
  for (size_t i = 0; i < 3 && !lines.empty(); ++i) {
    const size_t from = draw(lines.size());
    const std::string line = lines[from];
    if (draw(2) == 0) lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(from));
    const size_t to = draw(lines.size() + 1);
    if (draw(2) == 0) lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(to), line);
  }
  std::string out;
  for (const std::string& line : lines) out += line;
  return out;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Counts {
  int equal = 0;
  int doubtful = 0;
  int different = 0;
};

void compare(const std::string& octets, const std::string& name, Counts& counts) {
  const Tree theirs = gmime_tree(octets);
  const Tree ours = our_tree(octets);
  if (theirs.doubtful || ours.doubtful) {
    ++counts.doubtful;
    return;
  }
  if (ours.lines == theirs.lines) {
    ++counts.equal;
    return;
  }
  ++counts.different;
  std::printf("DIFFERS %s\n", name.c_str());
  for (size_t i = 0; i < std::max(ours.lines.size(), theirs.lines.size()); ++i) {
    const std::string a = i < ours.lines.size() ? ours.lines[i] : "-";
    const std::string b = i < theirs.lines.size() ? theirs.lines[i] : "-";
    if (a != b) std::printf("   part %zu: eilpost %s, gmime %s\n", i, a.c_str(), b.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const fs::path messages = fs::path(argc > 1 ? argv[1] : ".") / "messages";
  const int mutations = argc > 2 ? std::atoi(argv[2]) : 5;
  if (!fs::exists(messages)) {
    std::printf("no corpus at %s: nothing compared\n", messages.c_str());
    return 0;
  }
  g_mime_init();
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(messages)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  Counts plain, changed;
  uint32_t state = 1;
  for (const fs::path& path : files) {
    const std::string octets = read(path);
    compare(octets, path.filename(), plain);
    for (int i = 0; i < mutations; ++i) {
      compare(mutated(octets, state), path.filename().string() + " mutation " + std::to_string(i),
              changed);
    }
  }
  g_mime_shutdown();
  std::printf("messages: %d equal, %d doubtful, %d differ\n", plain.equal, plain.doubtful,
              plain.different);
  std::printf("mutations: %d equal, %d doubtful, %d differ\n", changed.equal, changed.doubtful,
              changed.different);
  return plain.different + changed.different == 0 ? 0 : 1;
}
