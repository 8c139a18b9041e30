#include "mime/scan_laws.h"

#include <algorithm>
#include <charconv>

#include "mime/charset.h"
#include "mime/wire.h"

namespace eilpost::mime {

namespace {

bool equal(const Part& a, const Part& b) {
  return a.parent == b.parent && a.header_offset == b.header_offset &&
         a.header_size == b.header_size && a.body_offset == b.body_offset &&
         a.body_size == b.body_size && a.header_lines == b.header_lines &&
         a.body_lines == b.body_lines && a.type == b.type && a.subtype == b.subtype &&
         a.params == b.params && a.encoding == b.encoding && a.header == b.header &&
         a.message == b.message;
}

bool equal(const Message& a, const Message& b) {
  return a.size == b.size && a.capture == b.capture && a.capture_part == b.capture_part &&
         a.parts.size() == b.parts.size() &&
         std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(),
                    [](const Part& x, const Part& y) { return equal(x, y); });
}

Message scan_in_chunks(std::string_view octets, size_t first_size) {
  Scanner scanner;
  size_t size = first_size;
  while (!octets.empty()) {
    const size_t taken = std::min(size, octets.size());
    scanner.feed(octets.substr(0, taken));
    octets.remove_prefix(taken);
    size = size * 7 % 61 + 1;
  }
  return scanner.finish();
}

std::string broken_ranges(const Message& message, std::string_view octets) {
  for (size_t i = 0; i < message.parts.size(); ++i) {
    const Part& part = message.parts[i];
    if (part.body_offset != part.header_offset + part.header_size) return "body follows header";
    if (part.body_offset + part.body_size > message.size) return "range is in the message";
    const auto body = octets.substr(part.body_offset, part.body_size);
    if (part.body_lines != static_cast<uint64_t>(std::count(body.begin(), body.end(), '\n'))) {
      return "lines are the LF octets of the body";
    }
    if (i == 0) continue;
    if (part.parent < 0 || part.parent >= static_cast<int32_t>(i)) return "parent is before child";
    const Part& parent = message.parts[static_cast<size_t>(part.parent)];
    if (part.header_offset < parent.body_offset ||
        part.body_offset + part.body_size > parent.body_offset + parent.body_size) {
      return "child is in its parent";
    }
    if (parent.is_message() && part.header_offset != parent.body_offset) {
      return "a message fills its part";
    }
  }
  return "";
}

// One string, literal, number or NIL at `at`; 0 when there is none.
size_t atom_size(std::string_view text, size_t at) {
  if (text[at] == '"') {
    for (size_t i = at + 1; i < text.size(); ++i) {
      if (text[i] == '\\') {
        if (++i >= text.size() || (text[i] != '"' && text[i] != '\\')) return 0;
      } else if (text[i] == '"') {
        return i + 1 - at;
      } else if (text[i] == '\r' || text[i] == '\n' || static_cast<signed char>(text[i]) <= 0) {
        return 0;
      }
    }
    return 0;
  }
  if (text[at] == '{') {
    uint64_t size = 0;
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + at + 1, end, size);
    const std::string_view rest(parsed.ptr, static_cast<size_t>(end - parsed.ptr));
    if (parsed.ec != std::errc() || rest.substr(0, 3) != "}\r\n" || size > rest.size() - 3)
      return 0;
    if (rest.substr(3, size).find('\0') != std::string_view::npos) return 0;
    return static_cast<size_t>(parsed.ptr - text.data()) + 3 + size - at;
  }
  if (text.substr(at, 3) == "NIL") return 3;
  size_t digits = 0;
  while (at + digits < text.size() && text[at + digits] >= '0' && text[at + digits] <= '9')
    ++digits;
  return digits;
}

}  // namespace

bool is_wire_list(std::string_view text) {
  int depth = 0;
  char before = '\0';  // '(' behind an opening one, 'v' behind a value, ' ' behind a space
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (before == 'v' && depth == 0) return false;
    if (c == '(') {
      if (before == 'v' && text[at - 1] != ')') return false;
      ++depth;
      ++at;
      before = '(';
    } else if (c == ')') {
      if (before != 'v' || depth-- == 0) return false;
      ++at;
      before = 'v';
    } else if (c == ' ') {
      if (before != 'v') return false;
      ++at;
      before = ' ';
    } else {
      const size_t size = before == 'v' || depth == 0 ? 0 : atom_size(text, at);
      if (size == 0) return false;
      at += size;
      before = 'v';
    }
  }
  return depth == 0 && before == 'v';
}

std::string broken_scan_law(std::string_view octets) {
  const Message message = scan(octets);
  if (message.size != octets.size()) return "every octet is counted";
  for (const size_t size : {size_t{1}, size_t{7}, size_t{60}}) {
    if (size == 1 && octets.size() > 100000) continue;
    if (!equal(message, scan_in_chunks(octets, size))) return "chunks make no difference";
  }
  if (auto broken = broken_ranges(message, octets); !broken.empty()) return broken;
  const Digest digest = make_digest(message);
  if (!is_wire_list(digest.envelope)) return "ENVELOPE is a list";
  if (!is_wire_list(digest.bodystructure)) return "BODYSTRUCTURE is a list";
  const std::string body = body_from_bodystructure(digest.bodystructure);
  if (!is_wire_list(body)) return "BODY is a list";
  if (body.size() >= digest.bodystructure.size()) return "BODY is shorter than BODYSTRUCTURE";
  if (!is_utf8(digest.preview) || !is_utf8(digest.base_subject) || !is_utf8(digest.from_display) ||
      !is_utf8(digest.from_mailbox)) {
    return "derived texts are UTF-8";
  }
  const PartIndex index = make_part_index(message);
  const auto again = decode_part_index(encode(index));
  if (!again || !(*again == index)) return "the part index survives encoding";
  return "";
}

}  // namespace eilpost::mime
