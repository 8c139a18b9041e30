// What never changes about a message, as IMAP says it: ENVELOPE and BODYSTRUCTURE exactly as they
// go on the wire (RFC 9051 7.5.2), and the values that PREVIEW, SEARCH, SORT and THREAD want.
// Computed once from a scanned message and kept by the store. Strings are quoted when 7-bit text,
// else literals
// "{n}CRLF"; header values are raw and unfolded, RFC 2047 words stay as they are.
// Never fails. Values only; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mime/part_index.h"
#include "mime/scanner.h"

namespace eilpost::mime {

// The parenthesised ENVELOPE of a header block.
std::string print_envelope(std::string_view header);
// The parenthesised BODYSTRUCTURE of a message, with extension data.
std::string print_bodystructure(const Message& message);
// BODY: the same without extension data, cut out of a printed BODYSTRUCTURE. `bodystructure` must
// come from print_bodystructure(); of anything else some text is made, safely.
std::string body_from_bodystructure(std::string_view bodystructure);

// nstring of RFC 9051 9: NIL, a quoted string or a literal. NUL is left out.
void put_nstring(std::string& out, const std::optional<std::string>& value);
void put_string(std::string& out, std::string_view value);

struct Digest {
  std::string envelope;
  std::string bodystructure;  // BODY: body_from_bodystructure(bodystructure)
  std::string part_index;     // decode_part_index() reads it
  std::string preview;        // RFC 8970: UTF-8, blanks collapsed, at most preview_chars_max

  std::string message_id;               // without angle brackets; "" when there is none
  std::string in_reply_to;              // the first id of In-Reply-To, likewise
  std::vector<std::string> references;  // oldest first
  std::string base_subject;             // RFC 5256 2.1, UTF-8
  bool reply_or_forward = false;        // RFC 5256 2.1: the subject says so
  std::optional<SentDate> sent;         // the Date field; absent when it cannot be read

  // For SORT: the first address's mailbox (RFC 5256 3) and name (RFC 5957), UTF-8; "" when none.
  std::string from_mailbox;
  std::string to_mailbox;
  std::string cc_mailbox;
  std::string from_display;  // display name, else mailbox@host
  std::string to_display;
  bool has_attachment = false;  // a leaf with disposition attachment, or a named non-text leaf
};

Digest make_digest(const Message& message);

}  // namespace eilpost::mime
