// The part tree of a message in a compact form that the store keeps beside it, so that sections and
// text leaves are found later without reading the message. locate() gives the octets that a section
// of FETCH names (RFC 9051 6.4.5). decode(encode(x)) == x; decode() refuses what could lead outside
// of the message. Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mime/scanner.h"

namespace eilpost::mime {

// Content-Transfer-Encoding (RFC 2045 6). `unknown` cannot be decoded (RFC 3516 UNKNOWN-CTE).
enum class Encoding : uint8_t { seven_bit, eight_bit, binary, quoted_printable, base64, unknown };
Encoding parse_encoding(std::string_view name);

enum class PartKind : uint8_t { leaf, multipart, message };

struct IndexedPart {
  int32_t parent = -1;
  PartKind kind = PartKind::leaf;
  Encoding encoding = Encoding::seven_bit;
  uint64_t header_offset = 0;
  uint64_t header_size = 0;  // the body follows it at once
  uint64_t body_size = 0;
  uint64_t body_lines = 0;
  std::string type;     // lower case: "text"
  std::string subtype;  // lower case: "plain"
  std::string charset;  // as written; "" when the part names none

  uint64_t body_offset() const { return header_offset + header_size; }
  bool is_text() const { return kind == PartKind::leaf && type == "text"; }
  friend bool operator==(const IndexedPart&, const IndexedPart&) = default;
};

struct PartIndex {
  uint64_t size = 0;               // octets of the message
  std::vector<IndexedPart> parts;  // preorder, as Message::parts
  friend bool operator==(const PartIndex&, const PartIndex&) = default;
};

PartIndex make_part_index(const Message& message);
std::string encode(const PartIndex& index);
// Code::corrupt for anything that encode() cannot have written.
Result<PartIndex> decode_part_index(std::string_view octets);

struct OctetRange {
  uint64_t offset = 0;
  uint64_t size = 0;
  friend bool operator==(const OctetRange&, const OctetRange&) = default;
};

// What stands behind the part numbers of a section: BODY[1.2] whole, BODY[1.2.HEADER] (also for
// HEADER.FIELDS) header, BODY[1.2.TEXT] text, BODY[1.2.MIME] mime.
enum class SectionText { whole, header, text, mime };

// The octets of a section; nothing when the message has no such section (answered NIL). No numbers
// and `whole` is the message; `mime` needs numbers; `header` and `text` behind numbers need a
// message part.
std::optional<OctetRange> locate(const PartIndex& index, const std::vector<uint32_t>& numbers,
                                 SectionText text = SectionText::whole);
// The part that the numbers name, or nullptr. {1} of a message without parts is the message's body;
// no numbers: the message itself. For BINARY: its body in its encoding.
const IndexedPart* find_part(const PartIndex& index, const std::vector<uint32_t>& numbers);

}  // namespace eilpost::mime
