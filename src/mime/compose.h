// Builds a simple message (RFC 5322, RFC 2045) as demonstrations and alert mails need it: header
// fields encoded and folded, a text body in UTF-8, optionally an HTML alternative and attachments.
// Lines end in CRLF; no line is longer than 998 octets. Values only; any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mime/header.h"

namespace eilpost::mime {

struct Mailbox {
  std::string name;     // UTF-8; may be empty
  std::string address;  // local@domain
};

struct Attachment {
  std::string filename;  // UTF-8
  std::string type;      // "image/png"
  std::string octets;
};

struct Draft {
  Mailbox from;
  std::vector<Mailbox> to;
  std::vector<Mailbox> cc;
  std::string subject;  // UTF-8
  SentDate date;
  std::string message_id;               // without angle brackets
  std::vector<std::string> references;  // likewise; the last is also In-Reply-To
  std::vector<std::pair<std::string, std::string>> extra_fields;  // name, UTF-8 value
  std::string text;                                               // UTF-8, lines end in LF or CRLF
  std::string html;                     // makes multipart/alternative when not empty
  std::vector<Attachment> attachments;  // make multipart/mixed when not empty
};

// The message's octets. Boundaries follow from the content, so that equal drafts give equal octets.
std::string compose(const Draft& draft);

}  // namespace eilpost::mime
