// Which mailboxes a command is about: "personal", "subtree Lists", "mailboxes (INBOX Sent)". Of
// NOTIFY (RFC 5465 6) and of ESEARCH (RFC 7377 2.2, which adds "subtree-one"). Values only; any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

enum class MailboxScope : uint8_t {
  selected,
  selected_delayed,
  inboxes,
  personal,
  subscribed,
  subtree,
  subtree_one,
  mailboxes,
};

struct MailboxFilter {
  MailboxScope scope = MailboxScope::selected;
  std::vector<std::string> names;  // UTF-8; of subtree, subtree_one and mailboxes: one or more
  friend bool operator==(const MailboxFilter&, const MailboxFilter&) = default;
};

// filter-mailboxes. Code::invalid; Code::limit above `names_max` names.
Result<MailboxFilter> parse_mailbox_filter(Cursor& cursor, size_t names_max);
void print_mailbox_filter(CommandWriter& out, const MailboxFilter& filter);

}  // namespace eilpost::imap
