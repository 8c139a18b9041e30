#include "mime/decode.h"

#include <array>

#include "mime/charset.h"

namespace eilpost::mime {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> make_sextets() {
  std::array<int8_t, 256> table{};
  for (auto& entry : table) entry = -1;
  for (size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<int8_t>(i);
  }
  return table;
}
constexpr auto sextets = make_sextets();

int sextet(char c) {
  return sextets[static_cast<unsigned char>(c)];
}
bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// A run of blanks behind "=" or at a line's end that is longer than a line can be is text.
constexpr size_t held_bytes_max = 998;

constexpr int columns_max = 76;

}  // namespace

void Base64Decoder::feed(std::string_view in, std::string& out) {
  out.reserve(out.size() + in.size() / 4 * 3 + 3);
  size_t i = 0;
  while (i < in.size()) {
    if (count_ == 0 && i + 4 <= in.size()) {
      const int a = sextet(in[i]), b = sextet(in[i + 1]), c = sextet(in[i + 2]);
      const int d = sextet(in[i + 3]);
      if ((a | b | c | d) >= 0) {
        out.push_back(static_cast<char>(a << 2 | b >> 4));
        out.push_back(static_cast<char>(b << 4 | c >> 2));
        out.push_back(static_cast<char>(c << 6 | d));
        i += 4;
        continue;
      }
    }
    const char c = in[i++];
    const int value = sextet(c);
    if (value >= 0) {
      bits_ = bits_ << 6 | static_cast<uint32_t>(value);
      if (++count_ < 4) continue;
      out.push_back(static_cast<char>(bits_ >> 16));
      out.push_back(static_cast<char>(bits_ >> 8));
      out.push_back(static_cast<char>(bits_));
      count_ = 0;
    } else if (c == '=') {
      if (count_ == 1) malformed_ = true;
      if (count_ == 2) out.push_back(static_cast<char>(bits_ >> 4));
      if (count_ == 3) {
        out.push_back(static_cast<char>(bits_ >> 10));
        out.push_back(static_cast<char>(bits_ >> 2));
      }
      count_ = 0;
    } else if (!is_blank(c) && c != '\r' && c != '\n') {
      malformed_ = true;
    }
  }
}

void Base64Decoder::finish(std::string& out) {
  if (count_ == 0) return;
  malformed_ = true;
  if (count_ >= 2) feed("=", out);
  count_ = 0;
}

void QuotedPrintableDecoder::step(char c, std::string& out) {
  if (held_.empty()) {
    if (c == '=' || is_blank(c)) {
      held_.push_back(c);
    } else {
      out.push_back(c);
    }
    return;
  }
  const bool escape = held_.front() == '=';
  const bool after_cr = held_.back() == '\r';
  if (c == '\n') {
    // "=" before a line end is a soft one; blanks before a line end are padding (RFC 2045 6.7 (3)).
    if (escape && held_.size() > 1 && hex_value(held_[1]) >= 0) {
      malformed_ = true;  // "=A" and a line end.
      out += held_ + "\n";
    } else if (!escape) {
      out += after_cr ? "\r\n" : "\n";
    }
    held_.clear();
    return;
  }
  if (!after_cr && held_.size() < held_bytes_max) {
    const bool only_blanks = held_.size() == 1 || is_blank(held_.back());
    if (c == '\r' && only_blanks) return held_.push_back(c);
    if (is_blank(c) && only_blanks) return held_.push_back(c);
    if (escape && hex_value(c) >= 0) {
      if (held_.size() == 1) return held_.push_back(c);
      if (held_.size() == 2 && hex_value(held_[1]) >= 0) {
        out.push_back(static_cast<char>(hex_value(held_[1]) * 16 + hex_value(c)));
        held_.clear();
        return;
      }
    }
  }
  if (escape) malformed_ = true;
  out += held_;
  held_.clear();
  step(c, out);
}

void QuotedPrintableDecoder::feed(std::string_view in, std::string& out) {
  size_t i = 0;
  while (i < in.size()) {
    if (!held_.empty()) {
      step(in[i++], out);
      continue;
    }
    const size_t special = std::min(in.find_first_of("= \t", i), in.size());
    out += in.substr(i, special - i);
    i = special;
    if (i + 1 < in.size() && in[i] == ' ' && static_cast<unsigned char>(in[i + 1]) > ' ') {
      out.push_back(in[i++]);  // The usual case: a blank between words.
    } else if (i < in.size()) {
      step(in[i++], out);
    }
  }
}

void QuotedPrintableDecoder::finish(std::string& out) {
  if (!held_.empty() && held_.front() == '=' && held_.size() > 1 && hex_value(held_[1]) >= 0) {
    malformed_ = true;
    out += held_;
  } else if (!held_.empty() && is_blank(held_.front()) && held_.back() == '\r') {
    out.push_back('\r');
  }
  held_.clear();
}

void Base64Encoder::feed(std::string_view in, std::string& out) {
  out.reserve(out.size() + in.size() / 57 * 78 + 80);
  for (const char c : in) {
    bits_ = bits_ << 8 | static_cast<unsigned char>(c);
    if (++count_ < 3) continue;
    for (int shift = 18; shift >= 0; shift -= 6) out.push_back(alphabet[bits_ >> shift & 63]);
    bits_ = 0;
    count_ = 0;
    column_ += 4;
    if (column_ == columns_max) {
      out += "\r\n";
      column_ = 0;
    }
  }
}

void Base64Encoder::finish(std::string& out) {
  if (count_ > 0) {
    const uint32_t bits = bits_ << (count_ == 1 ? 16 : 8);
    out.push_back(alphabet[bits >> 18 & 63]);
    out.push_back(alphabet[bits >> 12 & 63]);
    out.push_back(count_ == 2 ? alphabet[bits >> 6 & 63] : '=');
    out.push_back('=');
    column_ += 4;
  }
  if (column_ > 0) out += "\r\n";
  *this = {};
}

void QuotedPrintableEncoder::make_room(int columns, std::string& out) {
  // The last column is for the "=" of a soft line end.
  if (column_ + columns > columns_max - 1) {
    out += "=\r\n";
    column_ = 0;
  }
  column_ += columns;
}

void QuotedPrintableEncoder::put_literal(char c, std::string& out) {
  make_room(1, out);
  out.push_back(c);
}

void QuotedPrintableEncoder::put_encoded(char c, std::string& out) {
  static constexpr char hex[] = "0123456789ABCDEF";
  make_room(3, out);
  out.push_back('=');
  out.push_back(hex[static_cast<unsigned char>(c) >> 4]);
  out.push_back(hex[static_cast<unsigned char>(c) & 15]);
}

void QuotedPrintableEncoder::feed(std::string_view in, std::string& out) {
  for (const char c : in) {
    const char held = held_;
    held_ = '\0';
    if (held == '\r' && c == '\n') {
      out += "\r\n";
      column_ = 0;
      continue;
    }
    if (held == '\r') put_encoded('\r', out);
    if (is_blank(held)) {
      // A blank before a line end would be lost (RFC 2045 6.7 (3)).
      if (c == '\r') {
        put_encoded(held, out);
      } else {
        put_literal(held, out);
      }
    }
    if (c == '\r' || is_blank(c)) {
      held_ = c;
    } else if (c == '=' || c < ' ' || c == 0x7f) {
      put_encoded(c, out);  // `char` is signed: octets above 0x7f are below ' ' too.
    } else {
      put_literal(c, out);
    }
  }
}

void QuotedPrintableEncoder::finish(std::string& out) {
  if (held_ != '\0') put_encoded(held_, out);
  *this = {};
}

namespace {
template <class Coder>
std::string run(Coder coder, std::string_view in) {
  std::string out;
  coder.feed(in, out);
  coder.finish(out);
  return out;
}
}  // namespace

std::string base64_decode(std::string_view in) {
  return run(Base64Decoder(), in);
}
std::string base64_encode(std::string_view in) {
  return run(Base64Encoder(), in);
}
std::string quoted_printable_decode(std::string_view in) {
  return run(QuotedPrintableDecoder(), in);
}
std::string quoted_printable_encode(std::string_view in) {
  return run(QuotedPrintableEncoder(), in);
}

void Decoder::feed(std::string_view in, std::string& out) {
  if (encoding_ == Encoding::base64) {
    base64_.feed(in, out);
  } else if (encoding_ == Encoding::quoted_printable) {
    quoted_printable_.feed(in, out);
  } else {
    out += in;
  }
}

void Decoder::finish(std::string& out) {
  if (encoding_ == Encoding::base64) base64_.finish(out);
  if (encoding_ == Encoding::quoted_printable) quoted_printable_.finish(out);
}

bool Decoder::malformed() const {
  return base64_.malformed() || quoted_printable_.malformed();
}

Result<std::string> decode_binary(std::string_view octets, Encoding encoding) {
  if (encoding == Encoding::unknown) {
    return fail(Code::unknown_cte, "the part's transfer encoding is not known");
  }
  return run(Decoder(encoding), octets);
}

std::string text_of_part(std::string_view octets, Encoding encoding, std::string_view charset) {
  if (encoding != Encoding::base64 && encoding != Encoding::quoted_printable) {
    return to_utf8(charset, octets);
  }
  return to_utf8(charset, run(Decoder(encoding), octets));
}

}  // namespace eilpost::mime
