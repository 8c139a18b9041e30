#include "mime/part_index.h"

#include <array>

#include "base/bytes.h"

namespace eilpost::mime {

namespace {

constexpr uint8_t format = 1;

struct TypeName {
  std::string_view type;
  std::string_view subtype;
};
// Types that take one octet. The order is part of the format: entries may only be added at the end.
constexpr std::array<TypeName, 16> common_types = {{{"text", "plain"},
                                                    {"text", "html"},
                                                    {"text", "calendar"},
                                                    {"text", "csv"},
                                                    {"multipart", "mixed"},
                                                    {"multipart", "alternative"},
                                                    {"multipart", "related"},
                                                    {"multipart", "report"},
                                                    {"multipart", "signed"},
                                                    {"message", "rfc822"},
                                                    {"message", "delivery-status"},
                                                    {"image", "jpeg"},
                                                    {"image", "png"},
                                                    {"image", "gif"},
                                                    {"application", "pdf"},
                                                    {"application", "octet-stream"}}};

void put_type(std::string& out, const IndexedPart& part) {
  for (size_t i = 0; i < common_types.size(); ++i) {
    if (common_types[i].type == part.type && common_types[i].subtype == part.subtype) {
      put_u8(out, static_cast<uint8_t>(i + 1));
      return;
    }
  }
  put_u8(out, 0);
  put_bytes(out, part.type);
  put_bytes(out, part.subtype);
}

Result<> take_type(Reader& in, IndexedPart& part) {
  const uint8_t code = TRY(in.u8());
  if (code > common_types.size()) return fail(Code::corrupt, "part index: unknown type code");
  if (code > 0) {
    part.type = common_types[code - 1].type;
    part.subtype = common_types[code - 1].subtype;
    return {};
  }
  part.type = TRY(in.bytes());
  part.subtype = TRY(in.bytes());
  return {};
}

Result<IndexedPart> take_part(Reader& in, size_t index, uint64_t offset_before) {
  IndexedPart part;
  // The parent as a distance: 0 is the root's.
  const uint64_t distance = TRY(in.varint());
  if (distance > index || (distance == 0) != (index == 0)) {
    return fail(Code::corrupt, "part index: a part has no parent");
  }
  part.parent = index == 0 ? -1 : static_cast<int32_t>(index - distance);
  const uint8_t flags = TRY(in.u8());
  const uint8_t kind = flags & 3;
  const uint8_t encoding = flags >> 2;
  if (kind > static_cast<uint8_t>(PartKind::message) ||
      encoding > static_cast<uint8_t>(Encoding::unknown)) {
    return fail(Code::corrupt, "part index: unknown kind or encoding");
  }
  part.kind = static_cast<PartKind>(kind);
  part.encoding = static_cast<Encoding>(encoding);
  const uint64_t step = TRY(in.varint());
  part.header_size = TRY(in.varint());
  part.body_size = TRY(in.varint());
  part.body_lines = TRY(in.varint());
  if (step > UINT64_MAX - offset_before) return fail(Code::corrupt, "part index: offset overflows");
  part.header_offset = offset_before + step;
  TRY(take_type(in, part));
  part.charset = TRY(in.bytes());
  return part;
}

// True when [offset, offset + size) lies in [begin, begin + length), whatever the numbers are.
bool lies_within(uint64_t offset, uint64_t size, uint64_t begin, uint64_t length) {
  return offset >= begin && offset - begin <= length && size <= length - (offset - begin);
}

// Every part lies in its parent's body, behind the header; parents stand before their children and
// can have some; a message has one, a multipart at least one.
Result<> check_tree(const PartIndex& index) {
  std::vector<uint32_t> children(index.parts.size(), 0);
  for (size_t i = 0; i < index.parts.size(); ++i) {
    const IndexedPart& part = index.parts[i];
    uint64_t begin = 0;
    uint64_t length = index.size;
    if (i > 0) {
      const IndexedPart& parent = index.parts[static_cast<size_t>(part.parent)];
      begin = parent.body_offset();
      length = parent.body_size;
      ++children[static_cast<size_t>(part.parent)];
      // Preorder: the parent is the part before or one of that part's ancestors.
      int32_t at = static_cast<int32_t>(i) - 1;
      while (at > part.parent) at = index.parts[static_cast<size_t>(at)].parent;
      if (at != part.parent) return fail(Code::corrupt, "part index: parts are out of order");
    }
    if (!lies_within(part.header_offset, part.header_size, begin, length) ||
        !lies_within(part.body_offset(), part.body_size, begin, length)) {
      return fail(Code::corrupt, "part index: a part lies outside of its parent");
    }
  }
  for (size_t i = 0; i < index.parts.size(); ++i) {
    const PartKind kind = index.parts[i].kind;
    const bool right = kind == PartKind::leaf      ? children[i] == 0
                       : kind == PartKind::message ? children[i] == 1
                                                   : children[i] > 0;
    if (!right) return fail(Code::corrupt, "part index: a part has the wrong number of children");
  }
  return {};
}

int32_t nth_child(const PartIndex& index, int32_t parent, uint32_t number) {
  for (size_t i = static_cast<size_t>(parent) + 1; i < index.parts.size(); ++i) {
    if (index.parts[i].parent < parent) break;
    if (index.parts[i].parent == parent && --number == 0) return static_cast<int32_t>(i);
  }
  return -1;
}

// Part `number` of the message whose own header and body are `root`.
int32_t part_of_message(const PartIndex& index, int32_t root, uint32_t number) {
  if (index.parts[static_cast<size_t>(root)].kind == PartKind::multipart) {
    return nth_child(index, root, number);
  }
  return number == 1 ? root : -1;
}

// RFC 9051 6.4.5.1: numbers count parts of a multipart; a message without parts has part 1, its
// body; a message/rfc822 part has the parts of the message in it.
int32_t part_number(const PartIndex& index, const std::vector<uint32_t>& numbers) {
  if (index.parts.empty()) return -1;
  int32_t at = 0;
  bool first = true;
  for (const uint32_t number : numbers) {
    if (number == 0) return -1;
    const PartKind kind = index.parts[static_cast<size_t>(at)].kind;
    if (first) {
      at = part_of_message(index, 0, number);
    } else if (kind == PartKind::multipart) {
      at = nth_child(index, at, number);
    } else if (kind == PartKind::message) {
      at = part_of_message(index, at + 1, number);
    } else {
      at = -1;
    }
    if (at < 0) return -1;
    first = false;
  }
  return at;
}

}  // namespace

Encoding parse_encoding(std::string_view name) {
  if (name.empty() || equals_ignoring_case(name, "7bit")) return Encoding::seven_bit;
  if (equals_ignoring_case(name, "8bit")) return Encoding::eight_bit;
  if (equals_ignoring_case(name, "binary")) return Encoding::binary;
  if (equals_ignoring_case(name, "base64")) return Encoding::base64;
  if (equals_ignoring_case(name, "quoted-printable")) return Encoding::quoted_printable;
  return Encoding::unknown;
}

PartIndex make_part_index(const Message& message) {
  PartIndex index;
  index.size = message.size;
  index.parts.reserve(message.parts.size());
  for (const Part& part : message.parts) {
    IndexedPart out;
    out.parent = part.parent;
    if (part.is_multipart()) out.kind = PartKind::multipart;
    if (part.is_message()) out.kind = PartKind::message;
    out.encoding = parse_encoding(part.encoding);
    out.header_offset = part.header_offset;
    out.header_size = part.header_size;
    out.body_size = part.body_size;
    out.body_lines = part.body_lines;
    out.type = part.type;
    out.subtype = part.subtype;
    out.charset = std::string(param(part.params, "charset").value_or(""));
    index.parts.push_back(std::move(out));
  }
  return index;
}

std::string encode(const PartIndex& index) {
  std::string out;
  put_u8(out, format);
  put_varint(out, index.size);
  put_varint(out, index.parts.size());
  uint64_t offset_before = 0;
  for (size_t i = 0; i < index.parts.size(); ++i) {
    const IndexedPart& part = index.parts[i];
    put_varint(out, i == 0 ? 0 : i - static_cast<size_t>(part.parent));
    put_u8(out, static_cast<uint8_t>(static_cast<uint8_t>(part.kind) |
                                     static_cast<uint8_t>(part.encoding) << 2));
    put_varint(out, part.header_offset - offset_before);
    put_varint(out, part.header_size);
    put_varint(out, part.body_size);
    put_varint(out, part.body_lines);
    put_type(out, part);
    put_bytes(out, part.charset);
    offset_before = part.header_offset;
  }
  return out;
}

Result<PartIndex> decode_part_index(std::string_view octets) {
  Reader in(octets);
  if (TRY(in.u8()) != format) return fail(Code::corrupt, "part index: unknown format");
  PartIndex index;
  index.size = TRY(in.varint());
  const uint64_t count = TRY(in.varint());
  // A part takes at least eight octets; this bounds what a wrong count can make us reserve.
  if (count == 0 || count > octets.size() / 8) return fail(Code::corrupt, "part index: bad count");
  index.parts.reserve(count);
  uint64_t offset_before = 0;
  for (size_t i = 0; i < count; ++i) {
    index.parts.push_back(TRY(take_part(in, i, offset_before)));
    offset_before = index.parts.back().header_offset;
  }
  if (!in.done()) return fail(Code::corrupt, "part index: octets behind the end");
  TRY(check_tree(index));
  return index;
}

const IndexedPart* find_part(const PartIndex& index, const std::vector<uint32_t>& numbers) {
  const int32_t at = part_number(index, numbers);
  return at < 0 ? nullptr : &index.parts[static_cast<size_t>(at)];
}

std::optional<OctetRange> locate(const PartIndex& index, const std::vector<uint32_t>& numbers,
                                 SectionText text) {
  const int32_t at = part_number(index, numbers);
  if (at < 0) return std::nullopt;
  const IndexedPart& part = index.parts[static_cast<size_t>(at)];
  const auto header = [](const IndexedPart& p) {
    return OctetRange{p.header_offset, p.header_size};
  };
  const auto body = [](const IndexedPart& p) { return OctetRange{p.body_offset(), p.body_size}; };
  if (numbers.empty()) {
    switch (text) {
      case SectionText::whole: return OctetRange{0, index.size};
      case SectionText::header: return header(part);
      case SectionText::text: return body(part);
      case SectionText::mime: return std::nullopt;
    }
  }
  if (text == SectionText::whole) return body(part);
  if (text == SectionText::mime) return header(part);
  // HEADER and TEXT are those of the message in a message/rfc822 part, of nothing else.
  if (part.kind != PartKind::message) return std::nullopt;
  const IndexedPart& inner = index.parts[static_cast<size_t>(at) + 1];
  return text == SectionText::header ? header(inner) : body(inner);
}

}  // namespace eilpost::mime
