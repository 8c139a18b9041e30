// Base64 as SASL profiles carry it (RFC 4648 section 4, strict), and the few words around it in
// IMAP and its siblings: "=" for an empty initial response, "*" to cancel (RFC 9051 6.2.2, RFC 4954
// 4). Strict means: padding is there, no white space, unused bits are zero; so that parse(print(x))
// == x and no two texts mean the same octets. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace eilpost::sasl {

// More octets than any mechanism's message has any business to be: Code::too_big. Windows makes
// Kerberos tickets of up to 48,000 octets, for those who are in very many groups.
inline constexpr size_t message_octets_max = 47 * 1024;
// Of OAUTHBEARER and XOAUTH2, and of a token.
inline constexpr size_t token_octets_max = 12 * 1024;

std::string base64_encode(std::string_view octets);
// Code::invalid names the position of what is wrong.
Result<std::string> base64_decode(std::string_view text);

// A line that the client sends after AUTHENTICATE: octets, or nothing when it cancels with "*".
Result<std::optional<std::string>> parse_response(std::string_view line);
std::string print_response(const std::optional<std::string>& octets);

// The initial response on the command line: "=" is an empty one (RFC 4959 3).
Result<std::string> parse_initial_response(std::string_view text);
std::string print_initial_response(std::string_view octets);

}  // namespace eilpost::sasl
