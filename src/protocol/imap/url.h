// IMAP URLs that name one message, a section of it or some octets of that, in the account of the
// one who uses them. RFC 5092, as CATENATE wants them (RFC 4469). Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "protocol/imap/values.h"

namespace eilpost::imap {

struct MessageUrl {
  // "imap://user@host:port"; all empty in "/mailbox/;UID=1".
  std::string user;
  std::string host;
  std::string mailbox;        // UTF-8, INBOX folded
  uint32_t uid_validity = 0;  // 0: not named
  Uid uid;
  Section section;  // by itself the whole message
  // length 0: up to the end.
  std::optional<Partial> partial;
  friend bool operator==(const MessageUrl&, const MessageUrl&) = default;
};

// Code::bad_url for what is no such URL: another scheme, a relative path (RFC 5092 7.2 forbids them
// in CATENATE), a URL of a mailbox or of a search, URLAUTH.
Result<MessageUrl> parse_message_url(std::string_view url);
std::string print_message_url(const MessageUrl& url);

}  // namespace eilpost::imap
