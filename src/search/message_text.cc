#include "search/message_text.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/limits.h"
#include "mime/charset.h"
#include "mime/decode.h"

namespace eilpost::search {

namespace {

// A message of at most so many octets is read at once, a text of at most so many is decoded at
// once.
constexpr uint64_t whole_bytes_max = 128 * 1024;
constexpr uint64_t piece_bytes = 64 * 1024;
constexpr uint64_t html_bytes_max = 4 * 1024 * 1024;

// Of one message, of the values that are kept for the next search.
constexpr size_t kept_bytes_max = 2048;
constexpr std::array<std::string_view, 6> kept_fields{"subject", "from", "to",
                                                      "cc",      "bcc",  "message-id"};

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// A field's value as mime::decode_header_value() has it; the usual one has nothing to decode.
void append_value(std::string_view value, std::string& out) {
  const bool decoded = mime::is_ascii(value) && value.find("=?") == std::string_view::npos;
  if (!decoded) {
    out += mime::decode_header_value(value);
  } else if (value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos) {
    out += trim(value);
  } else {
    out += mime::unfold(value);
  }
}

// RFC 2231 hides a file's name behind percents and numbered pieces: "filename=name" as it is meant.
void append_parameters(const mime::Field& field, std::string& out) {
  if (field.value.find('*') == std::string_view::npos) return;
  mime::Params params;
  if (mime::equals_ignoring_case(field.name, "content-type")) {
    params = mime::parse_content_type(field.value).params;
  } else if (mime::equals_ignoring_case(field.name, "content-disposition")) {
    params = mime::parse_disposition(field.value).params;
  }
  for (const mime::Param& p : params) {
    const std::string name = p.name.substr(0, p.name.find('*'));
    const auto value = mime::param_utf8(params, name);
    if (value) out += name + "=" + *value + "\r\n";
  }
}

// "Name: value" and a line end for each field.
void header_text(std::string_view block, std::string& out) {
  mime::FieldReader reader(block);
  while (const auto field = reader.next()) {
    out += field->name;
    out += ": ";
    append_value(field->value, out);
    out += "\r\n";
    append_parameters(*field, out);
  }
}

// Octets below 0x80 are ASCII in it, whatever stands around them.
bool is_ascii_superset(std::string_view charset) {
  if (charset.empty()) return true;
  const std::string name = mime::to_lower(charset);
  return name == "us-ascii" || name == "utf-8" || name == "ascii" ||
         name.compare(0, 9, "iso-8859-") == 0 || name.compare(0, 8, "windows-") == 0;
}

bool is_encoded(mime::Encoding encoding) {
  return encoding == mime::Encoding::base64 || encoding == mime::Encoding::quoted_printable;
}

// RFC 3501 6.4.4: parts other than TEXT and MESSAGE may be left out. A message part that was parsed
// is no leaf; message/delivery-status is one.
bool is_searched(const mime::IndexedPart& part) {
  return part.kind == mime::PartKind::leaf && (part.type == "text" || part.type == "message");
}

}  // namespace

std::optional<size_t> kept_field(std::string_view field) {
  const auto* at = std::find(kept_fields.begin(), kept_fields.end(), field);
  if (at == kept_fields.end()) return std::nullopt;
  return static_cast<size_t>(at - kept_fields.begin());
}

bool kept_contains(std::string_view kept, size_t field, std::string_view needle) {
  constexpr size_t head_bytes = 5;
  while (kept.size() >= head_bytes) {
    const auto number = static_cast<uint8_t>(kept.front());
    const size_t size = load_u32le(kept.substr(1));
    if (number == field && contains(kept.substr(head_bytes, size), needle)) return true;
    kept.remove_prefix(head_bytes + size);
  }
  return false;
}

void MessageText::begin(const store::Cold& cold, std::string_view parts) {
  cold_ = cold;
  parts_ = parts;
  index_.reset();
  whole_.reset();
  header_.reset();
  parsed_ = false;
  fields_.clear();
}

Result<> MessageText::load_index() {
  if (!index_) {
    index_ = TRY(mime::decode_part_index(parts_));
    // Before a client's octets are cut by it, it has to be the index of this message.
    if (index_->size != cold_.size) {
      index_.reset();
      return fail(Code::corrupt, "the part index is of a message of another size");
    }
  }
  return {};
}

Result<std::string_view> MessageText::octets(uint64_t offset, uint64_t size) {
  if (size == 0) return std::string_view();
  if (options_.bodies && !whole_ && cold_.size <= whole_bytes_max) {
    whole_ = TRY(account_.read_blob(cold_, 0, cold_.size));
    octets_read_ += whole_->size();
  }
  if (whole_) {
    if (whole_->size() < offset + size) return fail(Code::corrupt, "a message's blob is too short");
    return std::string_view(*whole_).substr(offset, size);
  }
  buffer_ = TRY(account_.read_blob(cold_, offset, size));
  octets_read_ += buffer_.size();
  if (buffer_.size() != size) return fail(Code::corrupt, "a message's blob is too short");
  return std::string_view(buffer_);
}

Result<std::string_view> MessageText::root_header() {
  if (header_) return std::string_view(*header_);
  TRY(load_index());
  const mime::IndexedPart& root = index_->parts.front();
  const uint64_t size = std::min<uint64_t>(root.header_size, limits::mime_header_bytes_max);
  const std::string_view block = TRY(octets(root.header_offset, size));
  if (whole_) return block;
  header_ = std::string(block);
  return std::string_view(*header_);
}

Result<> MessageText::parse_header() {
  if (parsed_) return {};
  mime::FieldReader reader(TRY(root_header()));
  while (const auto field = reader.next()) fields_.push_back({*field, std::nullopt});
  parsed_ = true;
  return {};
}

const std::string& MessageText::folded(ParsedField& parsed) {
  if (!parsed.folded) {
    text_.clear();
    append_value(parsed.field.value, text_);
    parsed.folded.emplace();
    fold_append(text_, *parsed.folded, options_.collation);
  }
  return *parsed.folded;
}

Result<bool> MessageText::header_contains(const std::string& field, std::string_view needle) {
  TRY(parse_header());
  for (ParsedField& parsed : fields_) {
    if (!mime::equals_ignoring_case(parsed.field.name, field)) continue;
    if (needle.empty() || contains(folded(parsed), needle)) return true;
  }
  return false;
}

Result<> MessageText::each_value(const std::string& field,
                                 const std::function<void(std::string_view folded)>& show) {
  TRY(parse_header());
  for (ParsedField& parsed : fields_) {
    if (mime::equals_ignoring_case(parsed.field.name, field)) show(folded(parsed));
  }
  return {};
}

// For each field: its number, the length of its value in four octets, the value.
Result<std::optional<std::string>> MessageText::kept_texts() {
  TRY(parse_header());
  std::string out;
  for (ParsedField& parsed : fields_) {
    const auto number = kept_field(mime::to_lower(parsed.field.name));
    if (!number) continue;
    const std::string& value = folded(parsed);
    if (out.size() + value.size() > kept_bytes_max) return std::nullopt;
    put_u8(out, static_cast<uint8_t>(*number));
    put_u32le(out, static_cast<uint32_t>(value.size()));
    out += value;
  }
  return out;
}

Result<> MessageText::scan_in_pieces(const mime::IndexedPart& part, Matcher& matcher) {
  mime::Decoder decoder(part.encoding);
  mime::Utf8Stream utf8(part.charset);
  std::string decoded;
  for (uint64_t at = 0; at < part.body_size && matcher.wants(Where::body); at += piece_bytes) {
    const uint64_t size = std::min(piece_bytes, part.body_size - at);
    decoded.clear();
    text_.clear();
    decoder.feed(TRY(octets(part.body_offset() + at, size)), decoded);
    if (at + size == part.body_size) decoder.finish(decoded);
    utf8.feed(decoded, text_);
    if (at + size == part.body_size) utf8.finish(text_);
    matcher.feed(text_);
  }
  matcher.end();
  return {};
}

Result<> MessageText::scan_leaf(const mime::IndexedPart& part, Matcher& matcher) {
  if (part.body_size > whole_bytes_max) return scan_in_pieces(part, matcher);
  const std::string_view body = TRY(octets(part.body_offset(), part.body_size));
  if (!is_encoded(part.encoding) && is_ascii_superset(part.charset) && mime::is_ascii(body)) {
    matcher.text(body, Where::body);
  } else {
    matcher.text(mime::text_of_part(body, part.encoding, part.charset), Where::body);
  }
  return {};
}

// Markup is understood from its beginning on: of a longer text the rest is left out.
Result<> MessageText::scan_html(const mime::IndexedPart& part, Matcher& matcher) {
  const uint64_t size = std::min(part.body_size, html_bytes_max);
  const std::string_view body = TRY(octets(part.body_offset(), size));
  const std::string source = mime::text_of_part(body, part.encoding, part.charset);
  matcher.text(mime::html_to_text(source), Where::body);
  return {};
}

Result<> MessageText::scan_part(size_t number, Matcher& matcher, Html html) {
  const mime::IndexedPart& part = index_->parts[number];
  const bool attached =
      number > 0 && index_->parts[static_cast<size_t>(part.parent)].kind == mime::PartKind::message;
  const Where where = attached ? Where::body : Where::header;
  if (part.header_size > 0 && matcher.wants(where)) {
    const uint64_t size = std::min<uint64_t>(part.header_size, limits::mime_header_bytes_max);
    const std::string_view block =
        number == 0 ? TRY(root_header()) : TRY(octets(part.header_offset, size));
    text_.clear();
    header_text(block, text_);
    matcher.text(text_, where);
  }
  if (!is_searched(part) || !matcher.wants(Where::body)) return {};
  const bool is_read = html == Html::text && part.subtype == "html";
  return is_read ? scan_html(part, matcher) : scan_leaf(part, matcher);
}

Result<> MessageText::scan(Matcher& matcher, Html html) {
  TRY(load_index());
  for (size_t i = 0; i < index_->parts.size() && matcher.wants(Where::body); ++i) {
    TRY(scan_part(i, matcher, html));
  }
  return {};
}

}  // namespace eilpost::search
