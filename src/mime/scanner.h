// A message's octets in, its parts out: a push scanner that takes the message in chunks of any
// size, passes over every octet once and holds only the header block it stands in, the headers of
// messages (for their envelopes) and the beginning of the first text part (for the preview). It
// never fails, does not recurse and has limits (base/limits.h: mime_*); what lies beyond a limit is
// one opaque part. Line endings may be CRLF or LF, mixed; no octet is changed.
// A Scanner belongs to one thread at a time; everything else is values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mime/header.h"

namespace eilpost::mime {

// The inclusive limits of one scan; a test may lower them.
struct ScanLimits {
  int depth_max;             // levels of parts within parts
  size_t parts_max;          // parts of the message
  size_t header_bytes_max;   // of one header block; its tail is ignored
  size_t headers_bytes_max;  // of all header blocks together; later ones are ignored
  size_t capture_bytes_max;  // raw octets kept of the first text part
  ScanLimits();              // those of base/limits.h
};

// One part. Offsets count octets from the begin of the message.
struct Part {
  int32_t parent = -1;  // index into Message::parts; -1 for the message itself
  uint64_t header_offset = 0;
  uint64_t header_size = 0;  // with the blank line; body_offset == header_offset + header_size
  uint64_t body_offset = 0;
  uint64_t body_size = 0;     // without the line end that belongs to the boundary behind it
  uint64_t header_lines = 0;  // LF octets of the header, blank line included
  uint64_t body_lines = 0;    // LF octets of the body, not those of a boundary's line end

  std::string type;  // lower case; "text" when there is none or it cannot be read
  std::string subtype;
  Params params;
  std::string encoding;  // Content-Transfer-Encoding, lower case; "7bit" when there is none
  std::optional<std::string> id;  // raw, unfolded
  std::optional<std::string> description;
  std::optional<std::string> md5;
  std::optional<Disposition> disposition;
  std::vector<std::string> language;
  std::optional<std::string> location;
  std::string header;  // the header block; kept only for messages (the root, and the child of
                       // a message/rfc822 part)

  bool is_multipart() const { return type == "multipart"; }
  // message/rfc822 or message/global (RFC 6532), whose child is the message within. A part whose
  // encoding hides its octets or that lies beyond a limit has no child and is not one.
  bool is_message() const { return message; }
  bool message = false;
};

// A message in preorder: a part stands before its children, children in their order. parts[0] is
// the message's own header and body. The child of a message/rfc822 part is the message in it.
struct Message {
  uint64_t size = 0;
  std::vector<Part> parts;  // never empty
  // The first octets of the first text/plain leaf (else the first text/html leaf) outside of
  // attached messages, raw as they stand; capture_part is -1 when there is none.
  int32_t capture_part = -1;
  std::string capture;
};

class Scanner {
 public:
  Scanner();
  explicit Scanner(ScanLimits limits);
  ~Scanner();
  Scanner(Scanner&&) noexcept;
  Scanner& operator=(Scanner&&) noexcept;

  void feed(std::string_view octets);
  // The parts of everything fed. The scanner is spent afterwards.
  Message finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// feed() and finish() in one.
Message scan(std::string_view whole);

}  // namespace eilpost::mime
