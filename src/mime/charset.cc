#include "mime/charset.h"

#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_err.h>
#include <unicode/unistr.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>
#include <unicode/uversion.h>

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "mime/header.h"

namespace eilpost::mime {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

struct CloseConverter {
  void operator()(UConverter* converter) const { ucnv_close(converter); }
};

// The name that ICU shall open for one that mail uses; "" for UTF-8 and its subset ASCII.
std::string icu_name(std::string_view charset) {
  std::string name = to_lower(charset);
  while (!name.empty() && (name.back() == ' ' || name.back() == '"')) name.pop_back();
  while (!name.empty() && (name.front() == ' ' || name.front() == '"')) name.erase(0, 1);
  if (name == "utf-8" || name == "utf8" || name == "us-ascii" || name == "ascii" ||
      name == "ansi_x3.4-1968" || name == "unknown-8bit" || name == "x-unknown" ||
      name == "unicode-1-1-utf-8") {
    return {};
  }
  // WHATWG Encoding 4.2: mail labelled so holds the larger set that follows.
  if (name == "gb2312" || name == "gbk" || name == "x-gbk") return "gb18030";
  if (name == "ks_c_5601-1987" || name == "euc-kr" || name == "ksc5601") return "windows-949";
  if (name == "iso-8859-8-i" || name == "iso-8859-8-e") return "iso-8859-8";
  if (name == "shift_jis" || name == "sjis" || name == "x-sjis") return "windows-932";
  return name;
}

// ISO-8859-1 has controls where windows-1252 has letters and quotes, and mail means those.
std::string tolerant_name(std::string name) {
  return name == "iso-8859-1" || name == "latin1" ? "windows-1252" : name;
}

// The converters of one thread, the last one used in front. A message rarely has more than three.
class Converters {
 public:
  // nullptr when ICU does not know the name.
  UConverter* open(const std::string& name) {
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].name == name && slots_[i].converter) {
        if (i > 0) std::swap(slots_[i], slots_[0]);
        ucnv_resetToUnicode(slots_[0].converter.get());
        return slots_[0].converter.get();
      }
    }
    if (name.size() > 60 || name.find('\0') != std::string::npos) return nullptr;
    UErrorCode error = U_ZERO_ERROR;
    std::unique_ptr<UConverter, CloseConverter> opened(ucnv_open(name.c_str(), &error));
    if (U_FAILURE(error) || !opened) return nullptr;
    for (size_t i = slots_.size() - 1; i > 0; --i) slots_[i] = std::move(slots_[i - 1]);
    slots_[0] = {name, std::move(opened)};
    return slots_[0].converter.get();
  }

 private:
  struct Slot {
    std::string name;
    std::unique_ptr<UConverter, CloseConverter> converter;
  };
  std::array<Slot, 8> slots_;
};

UConverter* open_converter(const std::string& name) {
  thread_local Converters converters;
  return converters.open(name);
}

std::string utf16_to_utf8(const UChar* text, int32_t size) {
  std::string out(static_cast<size_t>(size) * 3, '\0');
  int32_t written = 0;
  UErrorCode error = U_ZERO_ERROR;
  u_strToUTF8WithSub(out.data(), static_cast<int32_t>(out.size()), &written, text, size, 0xfffd,
                     nullptr, &error);
  out.resize(U_SUCCESS(error) ? static_cast<size_t>(written) : 0);
  return out;
}

// Converts in pieces, so that memory follows the answer and no length overflows.
Result<std::string> convert(UConverter* converter, std::string_view octets, bool strict) {
  UErrorCode error = U_ZERO_ERROR;
  ucnv_setToUCallBack(converter, strict ? UCNV_TO_U_CALLBACK_STOP : UCNV_TO_U_CALLBACK_SUBSTITUTE,
                      nullptr, nullptr, nullptr, &error);
  std::string out;
  out.reserve(octets.size() + octets.size() / 2);
  std::array<UChar, 4096> buffer;
  const char* at = octets.data();
  const char* const end = at + octets.size();
  // A surrogate pair may be cut between two buffers: its first half waits here.
  int32_t kept = 0;
  for (;;) {
    UChar* target = buffer.data() + kept;
    error = U_ZERO_ERROR;
    ucnv_toUnicode(converter, &target, buffer.data() + buffer.size(), &at, end, nullptr, true,
                   &error);
    int32_t size = static_cast<int32_t>(target - buffer.data());
    const bool more = error == U_BUFFER_OVERFLOW_ERROR;
    if (U_FAILURE(error) && !more) {
      ucnv_reset(converter);
      return fail(Code::invalid, "octets are not in the charset");
    }
    kept = more && size > 0 && U16_IS_LEAD(buffer[static_cast<size_t>(size) - 1]) ? 1 : 0;
    size -= kept;
    out += utf16_to_utf8(buffer.data(), size);
    if (!more) return out;
    if (kept) buffer[0] = buffer[static_cast<size_t>(size)];
  }
}

// Length of the valid sequence at the front of `text`, 0 when there is none (RFC 3629 4).
size_t sequence_length(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  const auto tail = [&](size_t i, int low = 0x80, int high = 0xbf) {
    return i < text.size() && at(i) >= low && at(i) <= high;
  };
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const int low = lead == 0xe0 ? 0xa0 : 0x80;
    const int high = lead == 0xed ? 0x9f : 0xbf;
    return tail(1, low, high) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const int low = lead == 0xf0 ? 0x90 : 0x80;
    const int high = lead == 0xf4 ? 0x8f : 0xbf;
    return tail(1, low, high) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

size_t ascii_prefix(std::string_view text) {
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if (word & 0x8080808080808080ULL) break;
  }
  while (i < text.size() && static_cast<unsigned char>(text[i]) < 0x80) ++i;
  return i;
}

std::string replace_invalid(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  while (!text.empty()) {
    const size_t length = sequence_length(text);
    if (length == 0) {
      out += replacement;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace

bool is_ascii(std::string_view octets) {
  return ascii_prefix(octets) == octets.size();
}

bool is_utf8(std::string_view octets) {
  while (!octets.empty()) {
    octets.remove_prefix(ascii_prefix(octets));
    if (octets.empty()) break;
    const size_t length = sequence_length(octets);
    if (length == 0) return false;
    octets.remove_prefix(length);
  }
  return true;
}

bool known_charset(std::string_view charset) {
  const std::string name = icu_name(charset);
  return name.empty() || open_converter(name) != nullptr;
}

std::string to_utf8(std::string_view charset, std::string_view octets) {
  const std::string name = tolerant_name(icu_name(charset));
  if (name.empty() && is_utf8(octets)) return std::string(octets);
  UConverter* converter = name.empty() ? nullptr : open_converter(name);
  if (!converter) {
    if (is_utf8(octets)) return std::string(octets);
    // A text that says it is UTF-8 and nearly is (cut in the middle of a character, say) stays
    // that.
    if (to_lower(charset) == "utf-8" || to_lower(charset) == "utf8") return replace_invalid(octets);
    converter = open_converter("windows-1252");
  }
  if (!converter) return replace_invalid(octets);
  auto text = convert(converter, octets, false);
  return text ? std::move(*text) : replace_invalid(octets);
}

Result<std::string> to_utf8_strict(std::string_view charset, std::string_view octets) {
  const std::string name = icu_name(charset);
  if (name.empty()) {
    const std::string given = to_lower(charset);
    const bool ascii_only = given.find("ascii") != std::string::npos || given.empty();
    if (ascii_only ? !is_ascii(octets) : !is_utf8(octets)) {
      return fail(Code::invalid, "octets are not in the charset");
    }
    return std::string(octets);
  }
  UConverter* converter = open_converter(name);
  if (!converter) return fail(Code::bad_charset, "unknown charset " + name);
  return convert(converter, octets, true);
}

struct Utf8Stream::State {
  std::string charset;
  std::unique_ptr<UConverter, CloseConverter> converter;  // null: UTF-8, ASCII or unknown
  std::string held;  // without a converter: the begin of a character that the piece before ended in

  // Converts what is there; `flush` ends the text.
  void convert_piece(std::string_view octets, bool flush, std::string& out);
};

void Utf8Stream::State::convert_piece(std::string_view octets, bool flush, std::string& out) {
  std::array<UChar, 4096> buffer;
  const char* at = octets.data();
  const char* const end = at + octets.size();
  int32_t kept = 0;  // a surrogate pair cut between two buffers: its first half waits here
  for (;;) {
    UChar* target = buffer.data() + kept;
    UErrorCode error = U_ZERO_ERROR;
    ucnv_toUnicode(converter.get(), &target, buffer.data() + buffer.size(), &at, end, nullptr,
                   flush, &error);
    int32_t size = static_cast<int32_t>(target - buffer.data());
    const bool more = error == U_BUFFER_OVERFLOW_ERROR;
    kept = more && size > 0 && U16_IS_LEAD(buffer[static_cast<size_t>(size) - 1]) ? 1 : 0;
    size -= kept;
    out += utf16_to_utf8(buffer.data(), size);
    if (!more) return;
    if (kept) buffer[0] = buffer[static_cast<size_t>(size)];
  }
}

Utf8Stream::Utf8Stream(std::string_view charset) : state_(std::make_unique<State>()) {
  state_->charset = std::string(charset);
  const std::string name = tolerant_name(icu_name(charset));
  if (name.empty() || name.size() > 60 || name.find('\0') != std::string::npos) return;
  UErrorCode error = U_ZERO_ERROR;
  state_->converter.reset(ucnv_open(name.c_str(), &error));
  if (U_FAILURE(error)) state_->converter.reset();
  if (!state_->converter) return;
  ucnv_setToUCallBack(state_->converter.get(), UCNV_TO_U_CALLBACK_SUBSTITUTE, nullptr, nullptr,
                      nullptr, &error);
}

Utf8Stream::~Utf8Stream() = default;
Utf8Stream::Utf8Stream(Utf8Stream&&) noexcept = default;
Utf8Stream& Utf8Stream::operator=(Utf8Stream&&) noexcept = default;

void Utf8Stream::feed(std::string_view octets, std::string& out) {
  if (state_->converter) return state_->convert_piece(octets, false, out);
  std::string& text = state_->held;
  text += octets;
  // The last character may go on in the next piece: at most three of its octets are here.
  size_t tail = 0;
  while (tail < 3 && tail < text.size()) {
    const auto c = static_cast<unsigned char>(text[text.size() - 1 - tail]);
    if (c < 0x80) break;
    ++tail;
    if (c < 0xc0) continue;
    const size_t wanted = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (tail >= wanted) tail = 0;
    break;
  }
  const bool cut = tail > 0 && static_cast<unsigned char>(text[text.size() - tail]) >= 0xc0;
  const std::string rest = cut ? text.substr(text.size() - tail) : std::string();
  text.resize(text.size() - rest.size());
  out += to_utf8(state_->charset, text);
  text = rest;
}

void Utf8Stream::finish(std::string& out) {
  if (state_->converter) return state_->convert_piece({}, true, out);
  out += to_utf8(state_->charset, state_->held);
  state_->held.clear();
}

namespace {

void append_upper(std::string_view ascii, std::string& out) {
  for (const char c : ascii) out.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c);
}

// U+AC00 to U+D7A3 in UTF-8.
bool is_hangul_syllable(std::string_view at) {
  return at.size() >= 3 && at.substr(0, 3) >= "\xea\xb0\x80" && at.substr(0, 3) <= "\xed\x9e\xa3";
}

// Appends the decomposition of valid UTF-8 by the property of UnicodeData.txt (RFC 5051), which
// Hangul syllables do not have.
void append_decomposed(std::string_view utf8, std::string& out) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* decompose = icu::Normalizer2::getNFKDInstance(error);
  while (!utf8.empty()) {
    size_t hangul = 0;
    while (is_hangul_syllable(utf8.substr(hangul))) hangul += 3;
    out += utf8.substr(0, hangul);
    utf8.remove_prefix(hangul);
    size_t other = 0;
    while (other < utf8.size() && !is_hangul_syllable(utf8.substr(other))) ++other;
    icu::StringByteSink<std::string> sink(&out);
    const icu::StringPiece piece(utf8.data(), static_cast<int32_t>(other));
    if (U_SUCCESS(error)) decompose->normalizeUTF8(0, piece, sink, nullptr, error);
    if (U_FAILURE(error)) out += utf8.substr(0, other);
    utf8.remove_prefix(other);
  }
}

}  // namespace

std::string fold_for_search(std::string_view utf8) {
  const size_t ascii = ascii_prefix(utf8);
  if (ascii == utf8.size()) return to_lower(utf8);
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* fold = icu::Normalizer2::getNFKCCasefoldInstance(error);
  const std::string valid = is_utf8(utf8) ? std::string() : replace_invalid(utf8);
  const std::string_view text = valid.empty() ? utf8 : std::string_view(valid);
  if (U_FAILURE(error) || text.size() > INT32_MAX) return to_lower(text);
  std::string folded;
  folded.reserve(text.size() + 16);
  icu::StringByteSink<std::string> sink(&folded);
  const icu::StringPiece piece(text.data(), static_cast<int32_t>(text.size()));
  fold->normalizeUTF8(0, piece, sink, nullptr, error);
  if (U_FAILURE(error)) return to_lower(text);
  std::string out;
  out.reserve(folded.size() + 16);
  append_decomposed(folded, out);
  return out;
}

void append_casemap(std::string_view utf8, std::string& out) {
  const size_t ascii = ascii_prefix(utf8);
  if (ascii == utf8.size()) return append_upper(utf8, out);
  const std::string valid = is_utf8(utf8) ? std::string() : replace_invalid(utf8);
  const std::string_view text = valid.empty() ? utf8 : std::string_view(valid);
  std::string title;
  for (size_t at = 0; at < text.size();) {
    const std::string_view one = utf8_prefix(text.substr(at), 1);
    const icu::UnicodeString read = icu::UnicodeString::fromUTF8(
        icu::StringPiece(one.data(), static_cast<int32_t>(one.size())));
    icu::UnicodeString(u_totitle(read.char32At(0))).toUTF8String(title);
    at += one.size();
  }
  append_decomposed(title, out);
}

namespace {

// Letters that are another one with a stroke, and have no decomposition that says so.
char32_t plain_letter(char32_t c) {
  switch (c) {
    case 0x00f8: return 'o';  // with stroke
    case 0x0131: return 'i';  // without a dot
    case 0x0142: return 'l';
    case 0x0111: return 'd';
    case 0x0127: return 'h';
    case 0x0167: return 't';
    default: return c;
  }
}

// Of NFKD text: marks go, what is neither letter nor digit becomes a blank.
void append_letters(std::string_view text, std::string& out) {
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t at = 0; at < size;) {
    UChar32 c = 0;
    U8_NEXT_OR_FFFD(text.data(), at, size, c);
    const uint32_t mask = U_GET_GC_MASK(c);
    if ((mask & (U_GC_MN_MASK | U_GC_CF_MASK)) != 0) continue;
    if ((mask & (U_GC_L_MASK | U_GC_N_MASK | U_GC_MC_MASK)) == 0) c = ' ';
    c = static_cast<UChar32>(plain_letter(static_cast<char32_t>(c)));
    uint8_t octets[U8_MAX_LENGTH];
    int32_t length = 0;
    U8_APPEND_UNSAFE(octets, length, c);
    out.append(reinterpret_cast<const char*>(octets), static_cast<size_t>(length));
  }
}

}  // namespace

std::string letters_for_search(std::string_view utf8) {
  std::string folded = fold_for_search(utf8);
  if (is_ascii(folded)) {
    for (char& c : folded) {
      const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
      if (!kept) c = ' ';
    }
    return folded;
  }
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* apart = icu::Normalizer2::getNFKDInstance(error);
  if (U_FAILURE(error) || folded.size() > INT32_MAX) return folded;
  std::string decomposed;
  icu::StringByteSink<std::string> sink(&decomposed);
  const icu::StringPiece piece(folded.data(), static_cast<int32_t>(folded.size()));
  apart->normalizeUTF8(0, piece, sink, nullptr, error);
  if (U_FAILURE(error)) return folded;
  std::string letters;
  append_letters(decomposed, letters);
  // Syllables of hangul that were taken apart are put together again.
  std::string out;
  icu::StringByteSink<std::string> whole(&out);
  const icu::Normalizer2* together = icu::Normalizer2::getNFKCInstance(error);
  if (U_FAILURE(error)) return letters;
  const icu::StringPiece parts(letters.data(), static_cast<int32_t>(letters.size()));
  together->normalizeUTF8(0, parts, whole, nullptr, error);
  return U_SUCCESS(error) ? out : letters;
}

std::string charset_tables() {
  UVersionInfo version;
  char text[U_MAX_VERSION_STRING_LENGTH];
  u_getVersion(version);
  u_versionToString(version, text);
  return std::string("decomposed, icu ") + text;
}

std::string_view utf8_prefix(std::string_view utf8, size_t chars_max) {
  size_t at = 0;
  for (size_t chars = 0; chars < chars_max && at < utf8.size(); ++chars) {
    ++at;
    while (at < utf8.size() && (static_cast<unsigned char>(utf8[at]) & 0xc0) == 0x80) ++at;
  }
  return utf8.substr(0, at);
}

}  // namespace eilpost::mime
