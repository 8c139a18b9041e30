// The keys of [search] and [[search.helper]] (docs/search.md).

#include <algorithm>

#include "main/config/config_key.h"
#include "mime/header.h"

namespace eilpost {

namespace {

std::string index_directory(const ConfigValue& value, Config& config) {
  const auto* given = std::get_if<std::string>(&value.value);
  if (given == nullptr || given->empty() || given->front() != '/') {
    return expected("an absolute path");
  }
  config.search.directory = *given;
  return "";
}

// RFC 6838 4.2: a type and a subtype; no wildcards.
bool is_media_type(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash + 1 == text.size()) return false;
  if (text.find('/', slash + 1) != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    return letter || std::string_view("!#$&-^_.+/").find(c) != std::string_view::npos;
  });
}

std::string types(const ConfigValue& value, Config& config) {
  return each_string(value, "media types such as \"application/pdf\"",
                     [&](const std::string& given) -> std::string {
                       const std::string type = mime::to_lower(given);
                       if (!is_media_type(type))
                         return fmt::format("\"{}\" is no media type", given);
                       config.search.helpers.back().types.push_back(type);
                       return "";
                     });
}

std::string command(const ConfigValue& value, Config& config) {
  return each_string(value, "a program and its arguments",
                     [&](const std::string& given) -> std::string {
                       config.search.helpers.back().command.push_back(given);
                       return "";
                     });
}

}  // namespace

std::vector<Key> search_keys() {
  return {
      {"search", "index", "boolean", "true",
       "Keep a text index of each account, so that searches for words look into few messages. "
       "Without it they find the same, by looking into all.",
       boolean([](Config& c) -> bool& { return c.search.index; })},
      {"search", "directory", "string", "\"index\" in the data directory",
       "Where the indexes lie, which may be deleted at any time; no two servers may share it.",
       index_directory},
      {"search", "message_text_bytes", "integer", "4194304",
       "A message with more text than this is not indexed: each search looks into it.",
       number<uint64_t>(4096, 1 << 30,
                        [](Config& c) -> uint64_t& { return c.search.message_text_bytes; })},
      {"search.helper", "types", "array of strings", "must be given",
       "Media types of attachments, such as \"application/pdf\", that a helper makes text of, so "
       "that "
       "FUZZY finds what they say.",
       types},
      {"search.helper", "command", "array of strings", "must be given",
       "The helper and its arguments, such as [\"pdftotext\", \"-q\", \"-\", \"-\"]. The "
       "attachment is "
       "its standard input and the file \"input\" of its directory; its standard output is the "
       "text. "
       "It is confined: no network, no files of anybody.",
       command},
  };
}

std::vector<ArraySection> search_sections() {
  return {
      {"search.helper", [](Config& config, ConfigPlace) { config.search.helpers.emplace_back(); }}};
}

void check_search(const Config& config, std::vector<ConfigProblem>& problems) {
  for (const search::Helper& helper : config.search.helpers) {
    if (helper.types.empty()) problems.push_back({{}, "search.helper", "types is missing"});
    if (helper.command.empty()) problems.push_back({{}, "search.helper", "command is missing"});
  }
}

}  // namespace eilpost
