// A trace shows no octet of a secret, whatever stands around it, and no control character; it does
// not matter in which pieces responses come.
#include "protocol/imap/trace.h"

#include <algorithm>

#include "base/check.h"
#include "tests/fuzz.h"

namespace eilpost::imap {
namespace {

bool printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return c != '\n' && (octet < 0x20 || octet == 0x7f);
  });
}

// `user` is one argument that the secret follows; what cannot be one may swallow it.
void expect_hidden(const std::string& head, const std::string& user) {
  constexpr std::string_view secret = "^hunter2^";
  Frame frame;
  frame.text = head + " " + user + " " + std::string(secret);
  const std::string out = trace_command(frame);
  CHECK(out.find(secret) == std::string::npos);
  CHECK(printable(out));
}

}  // namespace

FUZZ_TARGET(imap_trace) {
  std::string user(data.substr(0, 40));
  // A user whose name holds the secret is no leak: "^" is the secret's alone.
  std::erase_if(user,
                [](char c) { return c == '\r' || c == '\n' || c == '\0' || c == ' ' || c == '^'; });
  expect_hidden("a LOGIN", user);
  expect_hidden("a login", "\"" + user + "\"");
  expect_hidden("a AUTHENTICATE", user);
  Frame frame;
  frame.text = std::string(data);
  CHECK(printable(trace_command(frame)));

  ResponseTrace whole;
  ResponseTrace pieces;
  const std::string at_once = whole.feed(data, false);
  std::string one_by_one;
  for (size_t i = 0; i < data.size(); i += 3) one_by_one += pieces.feed(data.substr(i, 3), false);
  CHECK(at_once == one_by_one);
  CHECK(printable(at_once));
}

}  // namespace eilpost::imap
