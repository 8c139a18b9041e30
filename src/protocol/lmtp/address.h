// Mail addresses as they stand in MAIL and RCPT (RFC 5321 4.1.2, RFC 6531 3.3): dot-strings, quoted
// local parts, UTF-8, domains and address literals. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace eilpost::lmtp {

// RFC 5321 4.5.3.1, in octets. UTF-8 addresses get the same limits.
inline constexpr size_t local_part_octets_max = 64;
inline constexpr size_t domain_octets_max = 255;
inline constexpr size_t path_octets_max =
    512;  // twice the RFC's 256, for the senders that exceed it

struct Address {
  std::string local;  // as meant: without quotes and backslashes, case kept
  std::string
      domain;  // ASCII letters in lower case; "[...]" for a literal; empty only for <Postmaster>
  friend bool operator==(const Address&, const Address&) = default;

  bool is_utf8() const;
  // local@domain, with the local part quoted where it must be.
  std::string to_string() const;
};

// Mailbox = Local-part "@" ( Domain / address-literal ); the whole text. Code::invalid with the
// column. `utf8` allows characters beyond ASCII (they must be UTF-8).
struct AddressOptions {
  bool utf8 = false;
};
Result<Address> parse_address(std::string_view text, AddressOptions options);

// Takes a Mailbox off the front of `text`; used by the path grammar.
Result<Address> take_address(std::string_view& text, AddressOptions options);

}  // namespace eilpost::lmtp
