// Thunderbird's autoconfiguration file (https://autoconfig.DOMAIN/mail/config-v1.1.xml): which IMAP
// servers it names for a mail address, and the login name there. pugixml stands behind this header
// and nowhere else. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/session/endpoint.h"

namespace eilpost::client {

// bob@example.org, cut at the last "@". Code::invalid: it is no address, or its domain could not
// stand in a URL or a DNS name.
struct MailAddress {
  std::string local;
  std::string domain;  // lower case
};
Result<MailAddress> parse_mail_address(std::string_view text);

struct AutoconfigServer {
  Endpoint endpoint;
  std::string user;  // "" when the file does not say
  friend bool operator==(const AutoconfigServer&, const AutoconfigServer&) = default;
};
// The IMAP servers in the order of the file, which is the provider's preference. Code::invalid: no
// XML, or none of that form.
Result<std::vector<AutoconfigServer>> parse_autoconfig(std::string_view xml,
                                                       const MailAddress& address);

}  // namespace eilpost::client
