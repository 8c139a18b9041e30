// Encoded words in header values (RFC 2047), raw UTF-8 (RFC 6532) and the base subject (RFC 5256).
#include "mime/charset.h"
#include "mime/decode.h"
#include "mime/header.h"

namespace eilpost::mime {

namespace {

// encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?=" (RFC 2231 5)
struct Word {
  std::string_view charset;
  bool base64 = false;
  std::string_view text;
  size_t size = 0;  // octets of the whole word
};

std::optional<Word> take_word(std::string_view at) {
  if (at.substr(0, 2) != "=?") return std::nullopt;
  const size_t charset_end = at.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end == 2 || charset_end > 80 ||
      charset_end + 2 >= at.size() || at[charset_end + 2] != '?') {
    return std::nullopt;
  }
  const char encoding = static_cast<char>(at[charset_end + 1] | 0x20);
  if (encoding != 'b' && encoding != 'q') return std::nullopt;
  const size_t text_begin = charset_end + 3;
  const size_t text_end = at.find("?=", text_begin);
  if (text_end == std::string_view::npos) return std::nullopt;
  Word word;
  word.charset = at.substr(2, charset_end - 2);
  word.charset = word.charset.substr(0, word.charset.find('*'));
  word.base64 = encoding == 'b';
  word.text = at.substr(text_begin, text_end - text_begin);
  word.size = text_end + 2;
  return word;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// RFC 2047 4.2: "_" is a space, "=XX" an octet.
std::string decode_q(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_') {
      out.push_back(' ');
    } else if (text[i] == '=' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
               hex_value(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// Words in a row, so that a character cut between two words of one charset becomes whole again.
class WordRun {
 public:
  void add(const Word& word, std::string& out) {
    if (!equals_ignoring_case(word.charset, charset_)) flush(out);
    charset_ = word.charset;
    octets_ += word.base64 ? base64_decode(word.text) : decode_q(word.text);
  }
  void flush(std::string& out) {
    if (!octets_.empty()) out += to_utf8(charset_, octets_);
    octets_.clear();
  }

 private:
  std::string_view charset_;
  std::string octets_;
};

bool all_blank(std::string_view text) {
  return text.find_first_not_of(" \t") == text.npos;
}

}  // namespace

std::string decode_header_value(std::string_view raw_value) {
  const std::string text = unfold(raw_value);
  const std::string_view all = text;
  if (all.find("=?") == std::string_view::npos) return to_utf8("", all);
  std::string out;
  WordRun run;
  bool after_word = false;
  size_t plain = 0;  // begin of what is not encoded
  size_t at = 0;
  while ((at = all.find("=?", at)) != std::string_view::npos) {
    const auto word = take_word(all.substr(at));
    if (!word || !known_charset(word->charset)) {
      at += 2;
      continue;
    }
    const std::string_view between = all.substr(plain, at - plain);
    // RFC 2047 6.2: blanks between two encoded words are not shown.
    if (!after_word || !all_blank(between)) {
      run.flush(out);
      out += to_utf8("", between);
    }
    run.add(*word, out);
    at += word->size;
    plain = at;
    after_word = true;
  }
  run.flush(out);
  out += to_utf8("", all.substr(plain));
  return out;
}

std::string encode_header_value(std::string_view utf8) {
  std::string clean = unfold(utf8);
  if (is_ascii(clean) && clean.find("=?") == std::string::npos) return clean;
  // RFC 2047 2: a word has at most 75 characters; 42 octets make 56 of base64 and 12 around them.
  // No character is cut (5, "each encoded-word MUST represent an integral number of characters").
  std::string out;
  std::string_view rest = clean;
  while (!rest.empty()) {
    size_t size = 0;
    while (size < rest.size()) {
      const size_t next = size + utf8_prefix(rest.substr(size), 1).size();
      if (next > 42) break;
      size = next;
    }
    if (size == 0) size = std::min<size_t>(rest.size(), 42);
    if (!out.empty()) out += "\r\n ";
    std::string encoded = base64_encode(rest.substr(0, size));
    while (!encoded.empty() && (encoded.back() == '\n' || encoded.back() == '\r')) {
      encoded.pop_back();
    }
    out += "=?utf-8?B?" + encoded + "?=";
    rest.remove_prefix(size);
  }
  return out;
}

}  // namespace eilpost::mime
