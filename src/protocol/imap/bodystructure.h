// ENVELOPE and BODYSTRUCTURE as values: what a client reads out of a FETCH response, printed back
// for round trips and for servers under test. Strings are as on the wire, encoded words and all.
// RFC 9051 7.5.2. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct Address {
  std::optional<std::string> name;
  std::optional<std::string> adl;
  std::optional<std::string> mailbox;  // nullopt with host nullopt: end of a group
  std::optional<std::string> host;     // nullopt: `mailbox` begins a group
  friend bool operator==(const Address&, const Address&) = default;
};
using AddressList = std::vector<Address>;  // NIL is the empty list

struct Envelope {
  std::optional<std::string> date;
  std::optional<std::string> subject;
  AddressList from, sender, reply_to, to, cc, bcc;
  std::optional<std::string> in_reply_to;
  std::optional<std::string> message_id;
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

using BodyParameters = std::vector<std::pair<std::string, std::string>>;

struct BodyStructure {
  // "MULTIPART" for the composite; types as sent.
  std::string type;
  std::string subtype;
  BodyParameters parameters;
  std::optional<std::string> id;
  std::optional<std::string> description;
  std::string encoding;
  uint64_t size = 0;                    // octets, of a part that is not multipart
  std::optional<uint64_t> lines;        // text/* and message/rfc822
  std::optional<Envelope> envelope;     // message/rfc822
  std::vector<BodyStructure> children;  // of a multipart; the one body of a message/rfc822
  // Extension data.
  std::optional<std::string> md5;
  std::optional<std::pair<std::string, BodyParameters>> disposition;
  std::vector<std::string> language;
  std::optional<std::string> location;
  // How many of (md5 or parameters, disposition, language, location) were sent: 0 for BODY.
  int extensions = 0;
  friend bool operator==(const BodyStructure&, const BodyStructure&) = default;
};

Result<Envelope> parse_envelope(Cursor& cursor);
// Tolerant where servers are known to err: a disposition as a string, size -1, an empty multipart.
Result<BodyStructure> parse_body_structure(Cursor& cursor);
void append_envelope(std::string& out, const Envelope& envelope, WriteStyle style);
void append_body_structure(std::string& out, const BodyStructure& body, WriteStyle style);

}  // namespace eilpost::imap
