// NOTIFY (RFC 5465): what a client wants to be told of, by groups of mailboxes. Values only; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/fetch.h"
#include "protocol/imap/mailbox_filter.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

// As bits, so that a group's events are a set.
enum NotifyEvent : uint8_t {
  event_message_new = 1,
  event_message_expunge = 2,
  event_flag_change = 4,
  event_annotation_change = 8,
  event_mailbox_name = 16,
  event_subscription_change = 32,
  event_mailbox_metadata_change = 64,
  event_server_metadata_change = 128,
};
inline constexpr uint8_t message_events = 15;

struct NotifyGroup {
  MailboxFilter where;
  uint8_t events = 0;                       // NotifyEvent bits; none: NONE
  std::vector<std::string> unknown_events;  // as they were written: the session answers NO
  // What to send of new messages of the selected mailbox.
  std::optional<std::vector<FetchItem>> fetch;
  bool is_selected() const {
    return where.scope == MailboxScope::selected || where.scope == MailboxScope::selected_delayed;
  }
  friend bool operator==(const NotifyGroup&, const NotifyGroup&) = default;
};

struct Notify {
  bool status = false;              // SET STATUS
  std::vector<NotifyGroup> groups;  // none: NOTIFY NONE
  friend bool operator==(const Notify&, const Notify&) = default;
};
// Code::invalid too for what RFC 5465 5 and 6.1 call an error: two groups for the selected mailbox,
// other than message events in one, a list of items elsewhere, MessageNew without MessageExpunge.
// Events are taken without their parentheses as well, as in the RFC's own examples.
Result<Notify> parse_notify(Cursor& cursor);
void print_notify(CommandWriter& out, const Notify& command);

// "MessageNew"; of one bit.
std::string_view notify_event_name(NotifyEvent event);

}  // namespace eilpost::imap
