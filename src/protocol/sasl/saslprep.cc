#include "protocol/sasl/saslprep.h"

#include <unicode/uchar.h>
#include <unicode/uidna.h>
#include <unicode/unorm2.h>
#include <unicode/usprep.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace eilpost::sasl {

namespace {
constexpr size_t text_octets_max = 4096;

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

Result<std::u16string> to_utf16(std::string_view utf8) {
  if (utf8.size() > text_octets_max) return fail(Code::too_big, "text of more than 4096 octets");
  std::u16string out(utf8.size(), u'\0');  // never more units than octets
  int32_t length = 0;
  UErrorCode status = U_ZERO_ERROR;
  u_strFromUTF8(out.data(), static_cast<int32_t>(out.size()), &length, utf8.data(),
                static_cast<int32_t>(utf8.size()), &status);
  if (U_FAILURE(status)) return fail(Code::invalid, "not UTF-8");
  out.resize(static_cast<size_t>(length));
  return out;
}

std::string to_utf8(std::u16string_view text) {
  std::string out(text.size() * 3, '\0');
  int32_t length = 0;
  UErrorCode status = U_ZERO_ERROR;
  u_strToUTF8(out.data(), static_cast<int32_t>(out.size()), &length, text.data(),
              static_cast<int32_t>(text.size()), &status);
  out.resize(U_FAILURE(status) ? 0 : static_cast<size_t>(length));
  return out;
}

// Calls an ICU function that fills a buffer, again with the size that it asks for.
template <class F>
Result<std::u16string> filled(size_t guess, std::string_view what, F&& call) {
  std::u16string out(guess, u'\0');
  for (int round = 0; round < 2; ++round) {
    UErrorCode status = U_ZERO_ERROR;
    const int32_t length = call(out.data(), static_cast<int32_t>(out.size()), &status);
    if (status == U_BUFFER_OVERFLOW_ERROR) {
      out.resize(static_cast<size_t>(length));
      continue;
    }
    if (U_FAILURE(status)) {
      return fail(Code::invalid, fmt::format("{}: {}", what, u_errorName(status)));
    }
    out.resize(static_cast<size_t>(length));
    return out;
  }
  return fail(Code::internal, fmt::format("{}: size did not settle", what));
}
}  // namespace

Result<std::string> saslprep(std::string_view utf8, PrepFor purpose) {
  // RFC 4013 leaves printable ASCII alone and prohibits the rest of it.
  if (is_ascii(utf8)) {
    if (utf8.size() > text_octets_max) return fail(Code::too_big, "text of more than 4096 octets");
    for (const char c : utf8) {
      if (c < 0x20 || c == 0x7f) return fail(Code::invalid, "saslprep: control character");
    }
    return std::string(utf8);
  }
  const auto in = TRY(to_utf16(utf8));
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UStringPrepProfile, decltype(&usprep_close)> profile(
      usprep_openByType(USPREP_RFC4013_SASLPREP, &status), &usprep_close);
  if (U_FAILURE(status)) return fail(Code::internal, "ICU has no SASLprep profile");
  const int32_t options = purpose == PrepFor::query ? USPREP_ALLOW_UNASSIGNED : USPREP_DEFAULT;
  const auto out =
      TRY(filled(in.size() + 16, "saslprep", [&](UChar* to, int32_t room, UErrorCode* error) {
        return usprep_prepare(profile.get(), in.data(), static_cast<int32_t>(in.size()), to, room,
                              options, nullptr, error);
      }));
  return to_utf8(out);
}

namespace {

using Points = std::u32string;

Points points_of(std::u16string_view text) {
  Points out;
  const auto length = static_cast<int32_t>(text.size());
  for (int32_t at = 0; at < length;) {
    UChar32 point = 0;
    U16_NEXT(text.data(), at, length, point);
    out += static_cast<char32_t>(point);
  }
  return out;
}

Result<std::u16string> normalized(const UNormalizer2* form, std::u16string_view in) {
  return filled(in.size() * 3 + 16, "normalize", [&](UChar* to, int32_t room, UErrorCode* error) {
    return unorm2_normalize(form, in.data(), static_cast<int32_t>(in.size()), to, room, error);
  });
}

// RFC 8265 3.3.1 rule 1: fullwidth and halfwidth forms become what they are forms of.
Result<std::u16string> map_widths(std::u16string_view in, const UNormalizer2* nfkc) {
  std::u16string out;
  for (const char32_t point : points_of(in)) {
    std::u16string one;
    UChar units[2];
    int32_t length = 0;
    U16_APPEND_UNSAFE(units, length, static_cast<UChar32>(point));
    one.assign(units, static_cast<size_t>(length));
    const int kind = u_getIntPropertyValue(static_cast<UChar32>(point), UCHAR_DECOMPOSITION_TYPE);
    const bool has_width = kind == U_DT_WIDE || kind == U_DT_NARROW;
    out += has_width ? TRY(normalized(nfkc, one)) : one;
  }
  return out;
}

// RFC 8264 4.2 and 8: ASCII7 and LetterDigits, without what a compatibility mapping would change,
// ignorable characters and old Hangul. Characters that depend on their context are not taken.
bool in_identifier_class(char32_t point, const UNormalizer2* nfkc) {
  const auto c = static_cast<UChar32>(point);
  if (c < 0x80) return c > 0x20 && c < 0x7f;
  const int hangul = u_getIntPropertyValue(c, UCHAR_HANGUL_SYLLABLE_TYPE);
  const bool old_hangul =
      hangul == U_HST_LEADING_JAMO || hangul == U_HST_VOWEL_JAMO || hangul == U_HST_TRAILING_JAMO;
  if (old_hangul || u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT)) return false;
  // RFC 8264 9.6, Exceptions (F): PVALID although they are no letters, and disallowed letters.
  constexpr char32_t taken[] = {0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007};
  constexpr char32_t refused[] = {0x640,  0x7fa,  0x302e, 0x302f, 0x3031,
                                  0x3032, 0x3033, 0x3034, 0x3035, 0x303b};
  if (std::find(std::begin(taken), std::end(taken), point) != std::end(taken)) return true;
  if (std::find(std::begin(refused), std::end(refused), point) != std::end(refused)) return false;
  UErrorCode status = U_ZERO_ERROR;
  UChar mapped[32];
  UChar one[2];
  int32_t length = 0;
  U16_APPEND_UNSAFE(one, length, c);
  const int32_t size = unorm2_normalize(nfkc, one, length, mapped, 32, &status);
  const bool changed =
      U_FAILURE(status) || u_strCompare(one, length, mapped, size, static_cast<UBool>(0)) != 0;
  constexpr uint32_t letter_digits = U_GC_LL_MASK | U_GC_LU_MASK | U_GC_LO_MASK | U_GC_ND_MASK |
                                     U_GC_LM_MASK | U_GC_MN_MASK | U_GC_MC_MASK;
  return !changed && (U_GET_GC_MASK(c) & letter_digits) != 0;
}

// RFC 5893 2, for text that has a right-to-left character.
bool keeps_bidi_rule(const Points& text) {
  const auto direction = [](char32_t c) { return u_charDirection(static_cast<UChar32>(c)); };
  const auto rtl = [&](char32_t c) {
    const auto d = direction(c);
    return d == U_RIGHT_TO_LEFT || d == U_RIGHT_TO_LEFT_ARABIC || d == U_ARABIC_NUMBER;
  };
  if (std::none_of(text.begin(), text.end(), rtl)) return true;
  const auto first = direction(text.front());
  if (first != U_RIGHT_TO_LEFT && first != U_RIGHT_TO_LEFT_ARABIC) return false;
  bool european = false;
  bool arabic = false;
  for (const char32_t c : text) {
    const auto d = direction(c);
    if (d == U_LEFT_TO_RIGHT) return false;
    european = european || d == U_EUROPEAN_NUMBER;
    arabic = arabic || d == U_ARABIC_NUMBER;
  }
  if (european && arabic) return false;
  size_t last = text.size();
  while (last > 0 && direction(text[last - 1]) == U_DIR_NON_SPACING_MARK) --last;
  if (last == 0) return false;
  return rtl(text[last - 1]) || direction(text[last - 1]) == U_EUROPEAN_NUMBER;
}

}  // namespace

Result<std::string> username_case_mapped(std::string_view utf8) {
  UErrorCode status = U_ZERO_ERROR;
  const UNormalizer2* nfkc = unorm2_getNFKCInstance(&status);
  const UNormalizer2* nfc = unorm2_getNFCInstance(&status);
  if (U_FAILURE(status)) return fail(Code::internal, "ICU has no normalization data");
  const auto wide = TRY(map_widths(TRY(to_utf16(utf8)), nfkc));
  const auto low =
      TRY(filled(wide.size() * 3 + 16, "lower", [&](UChar* to, int32_t room, UErrorCode* error) {
        return u_strToLower(to, room, wide.data(), static_cast<int32_t>(wide.size()), "", error);
      }));
  const auto out = TRY(normalized(nfc, low));
  const Points points = points_of(out);
  const bool good = !points.empty() && keeps_bidi_rule(points) &&
                    std::all_of(points.begin(), points.end(),
                                [&](char32_t point) { return in_identifier_class(point, nfkc); });
  if (!good) return fail(Code::invalid, "not a name by RFC 8265");
  return to_utf8(out);
}

Result<std::string> fold_case(std::string_view utf8) {
  if (is_ascii(utf8)) {
    std::string out(utf8);
    for (char& c : out) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return out;
  }
  const auto in = TRY(to_utf16(utf8));
  UErrorCode status = U_ZERO_ERROR;
  const UNormalizer2* form = unorm2_getNFKCCasefoldInstance(&status);
  if (U_FAILURE(status)) return fail(Code::internal, "ICU has no NFKC_Casefold data");
  const auto out =
      TRY(filled(in.size() + 16, "fold", [&](UChar* to, int32_t room, UErrorCode* error) {
        return unorm2_normalize(form, in.data(), static_cast<int32_t>(in.size()), to, room, error);
      }));
  return to_utf8(out);
}

Result<std::string> domain_to_ascii(std::string_view utf8) {
  if (is_ascii(utf8)) return fold_case(utf8);
  const auto in = TRY(to_utf16(utf8));
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UIDNA, decltype(&uidna_close)> idna(
      uidna_openUTS46(UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII |
                          UIDNA_USE_STD3_RULES,
                      &status),
      &uidna_close);
  if (U_FAILURE(status)) return fail(Code::internal, "ICU has no IDNA data");
  UIDNAInfo info = UIDNA_INFO_INITIALIZER;
  const auto out =
      TRY(filled(in.size() * 2 + 64, "idna", [&](UChar* to, int32_t room, UErrorCode* error) {
        return uidna_nameToASCII(idna.get(), in.data(), static_cast<int32_t>(in.size()), to, room,
                                 &info, error);
      }));
  if (info.errors != 0) {
    return fail(Code::invalid, fmt::format("idna: errors {:#x}", info.errors));
  }
  return to_utf8(out);
}

}  // namespace eilpost::sasl
