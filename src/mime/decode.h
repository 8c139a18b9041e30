// Content-Transfer-Encodings in both directions, in a stream: feed() chunks of any size, then
// finish(). Decoders are tolerant and never fail; malformed() says whether the input broke the
// encoding's rules. decode(encode(x)) == x. Also the text of a part as UTF-8 for preview and
// search. Decoders and encoders belong to one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mime/part_index.h"

namespace eilpost::mime {

// RFC 2045 6.8. Octets outside of the alphabet are skipped; "=" ends a quantum and decoding goes on
// with the next (concatenated encodings are met in the wild).
class Base64Decoder {
 public:
  void feed(std::string_view in, std::string& out);
  void finish(std::string& out);  // a cut quantum gives the octets it holds whole
  bool malformed() const { return malformed_; }

 private:
  uint32_t bits_ = 0;
  int count_ = 0;  // sextets in bits_
  bool malformed_ = false;
};

// RFC 2045 6.7. A malformed "=XY" is kept verbatim; blanks before a line end are dropped.
class QuotedPrintableDecoder {
 public:
  void feed(std::string_view in, std::string& out);
  void finish(std::string& out);
  bool malformed() const { return malformed_; }

 private:
  void step(char c, std::string& out);
  std::string held_;  // "=", "=X", "=CR" or blanks that may end the line; bounded
  bool malformed_ = false;
};

// 76 columns a line, CRLF between them and at the end of a non-empty text.
class Base64Encoder {
 public:
  void feed(std::string_view in, std::string& out);
  void finish(std::string& out);

 private:
  uint32_t bits_ = 0;
  int count_ = 0;  // octets in bits_
  int column_ = 0;
};

// Encodes octets, line ends included only as CRLF pairs; lone CR and LF are written as =0D and =0A.
class QuotedPrintableEncoder {
 public:
  void feed(std::string_view in, std::string& out);
  void finish(std::string& out);

 private:
  void put_literal(char c, std::string& out);
  void put_encoded(char c, std::string& out);
  void make_room(int columns, std::string& out);
  char held_ = '\0';  // a blank or CR whose successor is not known; NUL: none
  int column_ = 0;
};

std::string base64_decode(std::string_view in);
std::string base64_encode(std::string_view in);  // in lines of 76 columns
std::string quoted_printable_decode(std::string_view in);
std::string quoted_printable_encode(std::string_view in);

// Any encoding, in a stream: what BINARY[] and BINARY.SIZE use (RFC 3516, RFC 9051 6.4.5).
class Decoder {
 public:
  explicit Decoder(Encoding encoding) : encoding_(encoding) {}
  void feed(std::string_view in, std::string& out);  // appends to `out`
  void finish(std::string& out);
  bool malformed() const;

 private:
  Encoding encoding_;
  Base64Decoder base64_;
  QuotedPrintableDecoder quoted_printable_;
};

// A body decoded for BINARY; Code::unknown_cte when the encoding is unknown.
Result<std::string> decode_binary(std::string_view octets, Encoding encoding);

// A text part's body as valid UTF-8: transfer encoding removed, charset converted. Tolerant.
std::string text_of_part(std::string_view octets, Encoding encoding, std::string_view charset);
// HTML to readable text: tags, comments, scripts and styles removed, entities resolved, block tags
// as line ends. Valid UTF-8 in and out.
std::string html_to_text(std::string_view html);
// Runs of blanks, line ends and no-break spaces as one space, none at the ends; characters without
// width (soft hyphen, zero-width joiners, byte order mark) left out.
// Stops soon behind `octets_max` octets of answer.
std::string collapse_blanks(std::string_view utf8, size_t octets_max = SIZE_MAX);

}  // namespace eilpost::mime
