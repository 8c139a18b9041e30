// What is found out about a message between reading and sending it: its fingerprint, and whether it
// is one at all. Blocks where octets lie in a file; any thread, one at a time for each message.
#pragma once

#include <string>
#include <vector>

#include "client/message/fingerprint.h"
#include "client/migrate/sides/sides.h"

namespace eilpost::client {

struct PreparedMessage {
  SourceMessage message;
  std::string fingerprint;
  std::string header_key;
  // Exchange puts a notice into the place of an item that it cannot convert; the item itself stays
  // with the server.
  bool placeholder = false;
  bool size_differs = false;
};

Result<Fingerprint> fingerprint_of(const Octets& octets);
Result<std::vector<PreparedMessage>> prepare_messages(std::vector<SourceMessage> messages);
// By the header of such a notice.
bool is_placeholder(std::string_view header);

}  // namespace eilpost::client
