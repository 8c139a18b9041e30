// Which mailbox of one account becomes which of another: special uses meet each other whatever they
// are called, levels are parted by the delimiter of the side they are on, namespace prefixes come
// and go, and the user's own rules come first. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "client/session/session.h"

namespace eilpost::client {

// One side of the mapping, as its server tells it.
struct NameSide {
  std::vector<MailboxInfo> mailboxes;
  std::string prefix;    // of the personal namespace: "INBOX."
  char delimiter = '/';  // 0: no levels
  // Prefixes of what belongs to others.
  std::vector<std::string> foreign_prefixes;
  bool exchange = false;  // what holds no mail is listed too
  bool gmail = false;     // labels are listed as mailboxes
};

struct MappingRules {
  // From the source's name to the target's, both as their servers call them; first.
  std::vector<std::pair<std::string, std::string>> renamed;
  // LIST patterns over the source's names. Nothing to include: everything that is the user's own.
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::string from_root;     // only what is beneath this mailbox of the source, without it
  std::string to_root;       // everything goes beneath this mailbox of the target
  bool special_uses = true;  // "Gesendet" becomes the target's Sent
};

struct MappedMailbox {
  MailboxInfo source;
  std::string target;       // "" when it is left out
  std::string left_out;     // why
  std::string special_use;  // to be created with, when the target has none for it
  bool exists = false;      // in the target
};

// Every mailbox of the source that can hold messages, in its order; Gmail's "All Mail" last, so
// that what is in another mailbox is known by then. Two mailboxes of the source may have one target
// only when both stand for the same special use or were named in `renamed`.
std::vector<MappedMailbox> map_mailboxes(const NameSide& source, const NameSide& target,
                                         const MappingRules& rules);

// "A=B". Code::invalid without "=".
Result<std::pair<std::string, std::string>> parse_rename(std::string_view text);

// A mailbox's name as a keyword (RFC 9051 9, flag-keyword): an atom. "To do" is "To_do".
std::string keyword_of_name(std::string_view name);

}  // namespace eilpost::client
