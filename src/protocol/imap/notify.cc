#include "protocol/imap/notify.h"

#include <algorithm>
#include <array>

namespace eilpost::imap {
namespace {

struct EventName {
  std::string_view name;
  NotifyEvent event;
};
constexpr auto event_names = std::to_array<EventName>({
    {"MessageNew", event_message_new},
    {"MessageExpunge", event_message_expunge},
    {"FlagChange", event_flag_change},
    {"AnnotationChange", event_annotation_change},
    {"MailboxName", event_mailbox_name},
    {"SubscriptionChange", event_subscription_change},
    {"MailboxMetadataChange", event_mailbox_metadata_change},
    {"ServerMetadataChange", event_server_metadata_change},
});

// event = message-event / mailbox-event / user-event / event-ext
Result<> parse_event(Cursor& cursor, NotifyGroup& group) {
  const std::string_view name = TRY(cursor.atom("an event like MessageNew"));
  const auto known = std::find_if(event_names.begin(), event_names.end(),
                                  [&](const EventName& e) { return equal_nocase(e.name, name); });
  if (known == event_names.end()) {
    group.unknown_events.emplace_back(name);
    return {};
  }
  group.events |= known->event;
  const bool has_items = known->event == event_message_new && cursor.rest().substr(0, 2) == " (";
  if (!has_items) return {};
  const size_t start = cursor.position();
  cursor.skip_spaces();
  group.fetch = TRY(parse_fetch_items(cursor));
  // RFC 5465 8.
  if (group.is_selected()) return {};
  return cursor.error_at(Code::invalid, "expected FETCH items only for the selected mailbox",
                         start);
}

// events = ( "(" event *(SP event) ")" ) / "NONE"
Result<> parse_events(Cursor& cursor, NotifyGroup& group) {
  if (cursor.accept_word("NONE")) return {};
  if (cursor.peek() == '(') {
    return cursor.list_of_some([&]() -> Result<> { return parse_event(cursor, group); });
  }
  do {
    TRY(parse_event(cursor, group));
    cursor.skip_spaces();
  } while (cursor.peek() != ')' && !cursor.at_end());
  return {};
}

Result<> check_group(Cursor& cursor, const NotifyGroup& group, size_t start) {
  // What is not known here is refused as such, whatever else may be wrong.
  if (!group.unknown_events.empty()) return {};
  const auto wrong = [&](std::string_view what) {
    return cursor.error_at(Code::invalid, what, start);
  };
  const uint8_t events = group.events;
  if (group.is_selected() && (events & ~message_events) != 0) {
    return wrong("expected message events only for the selected mailbox");
  }
  const bool news = (events & event_message_new) != 0;
  const bool expunges = (events & event_message_expunge) != 0;
  if (news != expunges) return wrong("expected MessageNew and MessageExpunge together");
  const bool changes = (events & (event_flag_change | event_annotation_change)) != 0;
  if (changes && !news) return wrong("expected MessageNew and MessageExpunge beside FlagChange");
  return {};
}

// event-group = "(" filter-mailboxes SP events ")"
Result<NotifyGroup> parse_group(Cursor& cursor) {
  NotifyGroup group;
  const size_t start = cursor.position();
  TRY(cursor.enter());
  cursor.skip_spaces();
  // How many names there may be, the session says, in its own words (RFC 5465 5.8).
  group.where = TRY(parse_mailbox_filter(cursor, SIZE_MAX));
  TRY(cursor.space());
  TRY(parse_events(cursor, group));
  cursor.skip_spaces();
  TRY(cursor.leave());
  TRY(check_group(cursor, group, start));
  return group;
}

void print_events(std::string& out, const NotifyGroup& group) {
  char before = '(';
  for (const EventName& known : event_names) {
    if ((group.events & known.event) == 0) continue;
    out += before;
    before = ' ';
    out += known.name;
    if (known.event != event_message_new || !group.fetch) continue;
    out += ' ';
    append_fetch_items(out, *group.fetch);
  }
  for (const std::string& name : group.unknown_events) {
    out += before;
    before = ' ';
    out += name;
  }
  out += before == '(' ? "NONE" : ")";
}

}  // namespace

std::string_view notify_event_name(NotifyEvent event) {
  for (const EventName& known : event_names) {
    if (known.event == event) return known.name;
  }
  return {};
}

// notify = "NOTIFY" SP (notify-set / notify-none)
// notify-set = "SET" [status-indicator] SP event-groups
Result<Notify> parse_notify(Cursor& cursor) {
  Notify command;
  TRY(cursor.space());
  if (cursor.accept_word("NONE")) return command;
  if (!cursor.accept_word("SET")) return cursor.expected("SET or NONE");
  TRY(cursor.space());
  command.status = cursor.accept_word("STATUS");
  if (command.status) TRY(cursor.space());
  int selected = 0;
  do {
    const size_t start = cursor.position();
    command.groups.push_back(TRY(parse_group(cursor)));
    if (command.groups.back().is_selected() && ++selected > 1) {
      return cursor.error_at(Code::invalid, "expected one group for the selected mailbox", start);
    }
    cursor.skip_spaces();
  } while (!cursor.at_end());
  return command;
}

void print_notify(CommandWriter& out, const Notify& command) {
  if (command.groups.empty()) {
    out.raw("NOTIFY NONE");
    return;
  }
  out.raw("NOTIFY SET");
  if (command.status) out.raw(" STATUS");
  for (const NotifyGroup& group : command.groups) {
    out.raw(" (");
    print_mailbox_filter(out, group.where);
    out.raw(" ");
    print_events(out.line(), group);
    out.raw(")");
  }
}

}  // namespace eilpost::imap
