#include "mime/header.h"

#include <algorithm>
#include <cstring>

namespace eilpost::mime {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// The end of the line that begins at `from`, behind its LF.
size_t line_end(std::string_view text, size_t from) {
  const void* lf = std::memchr(text.data() + from, '\n', text.size() - from);
  return lf ? static_cast<size_t>(static_cast<const char*>(lf) - text.data()) + 1 : text.size();
}

std::string_view without_line_end(std::string_view line) {
  if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// The field's name in its first line; "" when the line is no field (RFC 5322 3.6.8 allows 33 to 126
// without the colon; obsolete syntax allows blanks before the colon).
std::string_view field_name(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  std::string_view name = line.substr(0, colon);
  while (!name.empty() && is_blank(name.back())) name.remove_suffix(1);
  for (const char c : name) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return {};
  }
  return name;
}

// The next run of lines that a field is made of, also when it is none (its name is empty then).
std::optional<Field> take_field(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  size_t end = line_end(rest, 0);
  const std::string_view first = without_line_end(rest.substr(0, end));
  if (first.empty()) return std::nullopt;
  while (end < rest.size() && is_blank(rest[end])) end = line_end(rest, end);
  Field field;
  field.octets = rest.substr(0, end);
  field.name = field_name(first);
  if (!field.name.empty()) {
    field.value = without_line_end(field.octets.substr(first.find(':') + 1));
  }
  rest.remove_prefix(end);
  return field;
}

}  // namespace

std::optional<Field> FieldReader::next() {
  while (auto field = take_field(rest_)) {
    if (!field->name.empty()) return field;
  }
  return std::nullopt;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return out;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
    if (fold(a[i]) != fold(b[i])) return false;
  }
  return true;
}

std::optional<Field> find_field(std::string_view block, std::string_view name) {
  FieldReader reader(block);
  while (auto field = reader.next()) {
    if (equals_ignoring_case(field->name, name)) return field;
  }
  return std::nullopt;
}

std::optional<Field> find_last_field(std::string_view block, std::string_view name) {
  std::optional<Field> last;
  FieldReader reader(block);
  while (auto field = reader.next()) {
    if (equals_ignoring_case(field->name, name)) last = field;
  }
  return last;
}

std::string field_value(std::string_view block, std::string_view name) {
  const auto field = find_field(block, name);
  return field ? unfold(field->value) : std::string();
}

std::string select_fields(std::string_view block, const std::vector<std::string>& names,
                          Select select) {
  std::string out;
  std::string_view rest = block;
  // Lines that are no field belong to what is not listed: no octet of the header gets lost.
  while (const auto field = take_field(rest)) {
    const bool listed = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return equals_ignoring_case(field->name, name);
    });
    if (listed == (select == Select::listed)) out += field->octets;
  }
  return out.append(rest.substr(0, rest.empty() ? 0 : line_end(rest, 0)));
}

std::string unfold(std::string_view raw_value) {
  const std::string_view text = trim(raw_value);
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c != '\r' && c != '\n' && c != '\0') out.push_back(c);
  }
  // A fold at either end leaves blanks behind.
  const std::string_view trimmed = trim(out);
  if (trimmed.size() != out.size()) out = std::string(trimmed);
  return out;
}

std::vector<std::string> parse_message_ids(std::string_view raw_value) {
  std::vector<std::string> ids;
  size_t at = 0;
  while ((at = raw_value.find('<', at)) != std::string_view::npos) {
    const size_t end = raw_value.find('>', at);
    if (end == std::string_view::npos) break;
    // A second "<" before the ">" begins the id anew: the first was never closed.
    const size_t begin = raw_value.rfind('<', end) + 1;
    std::string id;
    for (const char c : raw_value.substr(begin, end - begin)) {
      // RFC 5322 4.5.4 lets folding white space stand within an obsolete id; it means nothing.
      if (static_cast<unsigned char>(c) > ' ') id.push_back(c);
    }
    if (!id.empty()) ids.push_back(std::move(id));
    at = end + 1;
  }
  return ids;
}

}  // namespace eilpost::mime
