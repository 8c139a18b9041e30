// LMTP commands (RFC 2033 with RFC 5321, 1870 SIZE, 6152 8BITMIME, 3030 CHUNKING and BINARYMIME,
// 6531 SMTPUTF8): a line without its CRLF becomes a value, and back. The law is parse(print(x)) ==
// x. Whether a command may come in this place is the session's business. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/lmtp/address.h"
#include "protocol/lmtp/reply.h"

namespace eilpost::lmtp {

enum class Body { unstated, seven_bit, eight_bit, binary };

struct Lhlo {
  std::string domain;  // as given: a domain or an address literal
  friend bool operator==(const Lhlo&, const Lhlo&) = default;
};
struct Mail {
  std::optional<Address> from;  // nothing: the null reverse path "<>"
  std::optional<uint64_t> size;
  Body body = Body::unstated;
  bool smtputf8 = false;
  friend bool operator==(const Mail&, const Mail&) = default;
};
struct Rcpt {
  Address to;
  friend bool operator==(const Rcpt&, const Rcpt&) = default;
};
struct Data {
  friend bool operator==(const Data&, const Data&) = default;
};
struct Bdat {
  uint64_t octets = 0;
  bool last = false;
  friend bool operator==(const Bdat&, const Bdat&) = default;
};
struct Rset {
  friend bool operator==(const Rset&, const Rset&) = default;
};
struct Noop {
  friend bool operator==(const Noop&, const Noop&) = default;
};
struct Quit {
  friend bool operator==(const Quit&, const Quit&) = default;
};
struct Vrfy {
  std::string text;
  friend bool operator==(const Vrfy&, const Vrfy&) = default;
};
using Command = std::variant<Lhlo, Mail, Rcpt, Data, Bdat, Rset, Noop, Quit, Vrfy>;

// What the peer is told and what the log says.
struct Refusal {
  Reply reply;
  std::string detail;
};

struct ParseOptions {
  uint64_t size_max = 0;  // a MAIL with a larger SIZE is refused with 552 5.3.4; 0: none
  bool smtputf8 = true;
  bool chunking = true;    // BDAT
  bool binarymime = true;  // BODY=BINARYMIME, with chunking
  // RCPT has no SMTPUTF8 parameter of its own: whether MAIL had it (RFC 6531 3.4).
  bool utf8_transaction = false;
};

// A BDAT that cannot be parsed must end the connection: nobody knows how many octets follow it.
tl::expected<Command, Refusal> parse_command(std::string_view line, const ParseOptions& options);
// Without CRLF.
std::string print_command(const Command& command);

}  // namespace eilpost::lmtp
