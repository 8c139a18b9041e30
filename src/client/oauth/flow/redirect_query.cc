#include "client/oauth/flow/redirect_query.h"

#include <algorithm>

#include "client/oauth/tokens.h"
#include "protocol/sasl/crypto.h"

namespace eilpost::client::oauth {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string form_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool coded = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                       hex_digit(text[i + 2]) >= 0;
    if (coded) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

// The first field of that name; "" for none.
std::string query_field(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = pair.find('=');
    if (pair.substr(0, equals) != name || equals == std::string_view::npos) continue;
    return form_decoded(pair.substr(equals + 1));
  }
  return "";
}

}  // namespace

Result<std::string> parse_redirect(std::string_view query, const ExpectedRedirect& expected) {
  // RFC 6749 10.12: without it anybody could make us use a code of theirs.
  if (!sasl::equal_in_constant_time(query_field(query, "state"), expected.state)) {
    return fail(Code::invalid, "not the answer to our request");
  }
  if (!expected.issuer.empty() && query_field(query, "iss") != expected.issuer) {
    return fail(Code::invalid, "the answer of another provider");
  }
  TokenAnswer refused;
  refused.error = query_field(query, "error");
  refused.description = query_field(query, "error_description");
  if (!refused.error.empty()) {
    const bool denied = refused.error == "access_denied";
    return fail(denied ? Code::permission : Code::cannot,
                "the provider gives no token: " + error_text(refused));
  }
  std::string code = query_field(query, "code");
  if (code.empty()) return fail(Code::invalid, "an answer without a code");
  return code;
}

}  // namespace eilpost::client::oauth
