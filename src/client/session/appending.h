// APPEND as tools need it: many messages at once, by MULTIAPPEND or by a pipeline as the server
// has it, each with its own outcome. Belongs to the session's coroutine.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/message/octets.h"
#include "client/session/session.h"

namespace eilpost::client {

struct AppendItem {
  imap::FlagList flags;  // without \Recent
  std::optional<imap::DateTime> date;
  std::shared_ptr<const Octets> octets;
  bool alone = false;  // the first: each goes with a command of its own
};

// The uid that APPENDUID names; nullopt where the server does not say.
struct Appended {
  std::optional<Uid> uid;
  uint32_t uid_validity = 0;
};

// One outcome for each item, in their order. The outer Error is the connection's: then nothing is
// known of those that were under way, and the caller has to look. A message that is refused does
// not keep the others back: a MULTIAPPEND that fails as a whole is repeated message by message.
// Code::too_big: above the server's APPENDLIMIT, not sent at all; Code::cannot: it holds NUL and
// the server has no BINARY; Code::not_found: no such mailbox (TRYCREATE).
// `tell`: it is not repeated, as the server may have stored what it refused; the caller looks
// first.
enum class WhenRefused { repeat, tell };
Task<Result<std::vector<Result<Appended>>>> append_messages(
    Session& session, std::string mailbox, std::vector<AppendItem> items,
    WhenRefused when_refused = WhenRefused::repeat);

}  // namespace eilpost::client
