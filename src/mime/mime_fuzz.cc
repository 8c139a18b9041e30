// Fuzz targets of the mime layer. Their laws: scan_laws.h; decode(encode(x)) == x; chunks make no
// difference; what is derived is valid UTF-8.
#include "base/check.h"
#include "mime/charset.h"
#include "mime/decode.h"
#include "mime/header.h"
#include "mime/scan_laws.h"
#include "mime/wire.h"
#include "tests/fuzz.h"

namespace eilpost::mime {
namespace {

template <class Coder>
std::string in_steps(std::string_view text, size_t step) {
  Coder coder;
  std::string out;
  for (size_t i = 0; i < text.size(); i += step) coder.feed(text.substr(i, step), out);
  coder.finish(out);
  return out;
}

}  // namespace

FUZZ_TARGET(mime_scan) {
  const std::string broken = broken_scan_law(data);
  CHECK(broken.empty());
}

FUZZ_TARGET(mime_header) {
  CHECK(is_wire_list(print_envelope(data)));
  CHECK(is_utf8(decode_header_value(data)));
  CHECK(is_utf8(base_subject(data).text));
  CHECK(decode_header_value(encode_header_value(decode_header_value(data))) ==
        unfold(decode_header_value(data)));
  if (const auto date = parse_date(data)) CHECK(parse_date(print_date(*date)) == date);
  parse_addresses(data);
  parse_message_ids(data);
  const ContentType type = parse_content_type(data);
  for (const Param& p : type.params) {
    const auto text = param_utf8(type.params, p.name.substr(0, p.name.find('*')));
    CHECK(!text || is_utf8(*text));
  }
  size_t octets = 0;
  FieldReader reader(data);
  while (const auto field = reader.next()) octets += field->octets.size();
  CHECK(octets <= data.size());
  const std::string all = select_fields(data, {}, Select::not_listed);
  CHECK(all == data.substr(0, all.size()));
}

FUZZ_TARGET(mime_decode) {
  CHECK(base64_decode(base64_encode(data)) == data);
  CHECK(quoted_printable_decode(quoted_printable_encode(data)) == data);
  for (const size_t step : {1, 3, 64}) {
    CHECK(in_steps<Base64Decoder>(data, step) == base64_decode(data));
    CHECK(in_steps<QuotedPrintableDecoder>(data, step) == quoted_printable_decode(data));
    CHECK(in_steps<QuotedPrintableEncoder>(data, step) == quoted_printable_encode(data));
  }
  for (const char* charset : {"", "utf-8", "iso-8859-1", "iso-2022-jp", "gb18030", "utf-7", "hz"}) {
    const std::string text = to_utf8(charset, data);
    CHECK(is_utf8(text));
    CHECK(is_utf8(html_to_text(text)));
    CHECK(is_utf8(collapse_blanks(text)));
    CHECK(is_utf8(fold_for_search(text)));
  }
  CHECK(is_utf8(fold_for_search(data)));
}

FUZZ_TARGET(mime_part_index) {
  const auto index = decode_part_index(data);
  if (!index) return;
  CHECK(decode_part_index(encode(*index)) == *index);
  for (uint32_t i = 1; i < 4; ++i) {
    for (uint32_t j = 1; j < 4; ++j) {
      const auto range = locate(*index, {i, j});
      CHECK(!range || (range->offset <= index->size && range->size <= index->size - range->offset));
    }
  }
  CHECK(is_wire_list(body_from_bodystructure(data)));
}

}  // namespace eilpost::mime
