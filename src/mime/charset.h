// Charsets and case: the only file that knows ICU. Charset names are those of MIME (any alias that
// ICU knows, and some that mail uses); an ICU converter is opened once per thread and charset and
// used again. Any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace eilpost::mime {

// True when to_utf8() can read it. "" and "us-ascii" are known.
bool known_charset(std::string_view charset);

// `octets` as valid UTF-8; what cannot be read becomes U+FFFD. "us-ascii", "" and unknown charsets:
// as UTF-8 when valid, else windows-1252. Never fails.
std::string to_utf8(std::string_view charset, std::string_view octets);
// Code::bad_charset for an unknown charset, Code::invalid for octets that are not in it.
Result<std::string> to_utf8_strict(std::string_view charset, std::string_view octets);

// to_utf8() of a text that comes in pieces, for texts too long to be held. Characters that are cut
// between two pieces become whole. "us-ascii", "" and unknown charsets are judged piece by piece.
class Utf8Stream {
 public:
  explicit Utf8Stream(std::string_view charset);
  ~Utf8Stream();
  Utf8Stream(Utf8Stream&&) noexcept;
  Utf8Stream& operator=(Utf8Stream&&) noexcept;
  void feed(std::string_view octets, std::string& out);  // appends to `out`
  void finish(std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view octets);
bool is_ascii(std::string_view octets);

// What two texts are compared by in SEARCH: full case folding (Unicode NFKC_Casefold), decomposed.
// What contains another by i;unicode-casemap (RFC 5051) contains it here as well, and more: ss
// finds the sharp s, ligatures and widths are as they read. ASCII takes a path without ICU. Invalid
// UTF-8 gives U+FFFD. Any thread.
std::string fold_for_search(std::string_view utf8);

// Appends the text as RFC 5051 (i;unicode-casemap) compares it: each character in its simple
// titlecase, then decomposed; octet order is the collation's order. ASCII takes a path without ICU.
// Invalid UTF-8 gives U+FFFD. Any thread.
void append_casemap(std::string_view utf8, std::string& out);

// The letters and digits of a text for comparing words: folded as above, without diacritics and
// vowel marks, everything else as blanks. Any thread.
std::string letters_for_search(std::string_view utf8);

// Names the tables behind all of this file: what was made of texts under another name may differ.
std::string charset_tables();

// The first `chars_max` code points of valid UTF-8.
std::string_view utf8_prefix(std::string_view utf8, size_t chars_max);

}  // namespace eilpost::mime
