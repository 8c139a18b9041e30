#include "protocol/sasl/saslprep.h"

#include <unicode/uidna.h>
#include <unicode/unorm2.h>
#include <unicode/usprep.h>
#include <unicode/ustring.h>

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
