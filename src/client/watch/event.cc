#include "client/watch/event.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/json.h"

namespace eilpost::client {

namespace {

constexpr std::string_view states_head = "eilpost watch 1\n";

Event event(EventKind kind, const std::string& mailbox, const MailboxState& state) {
  Event out;
  out.kind = kind;
  out.mailbox = mailbox;
  out.state = state;
  return out;
}

// Messages between two states of one incarnation of a mailbox.
void compare_messages(const std::string& mailbox, const MailboxState& before,
                      const MailboxState& after, std::vector<Event>& out) {
  uint32_t arrived = 0;
  if (before.uid_next != 0 && after.uid_next > before.uid_next) {
    Event news = event(EventKind::arrived, mailbox, after);
    news.first_uid = before.uid_next;
    news.last_uid = after.uid_next - 1;
    // Uids may be skipped: never more than the mailbox holds.
    arrived = std::min(after.uid_next - before.uid_next, after.messages);
    news.count = arrived;
    if (arrived > 0) out.push_back(std::move(news));
  } else if (before.uid_next == 0 && after.messages > before.messages) {
    Event news = event(EventKind::arrived, mailbox, after);
    arrived = after.messages - before.messages;
    news.count = arrived;
    out.push_back(std::move(news));
  }
  const bool fewer = before.messages + arrived > after.messages;
  if (fewer) {
    Event gone = event(EventKind::removed, mailbox, after);
    gone.count = before.messages + arrived - after.messages;
    out.push_back(std::move(gone));
  }
  // Lower than before: the server was restored, and counts on from there.
  const bool modseq_moved = before.highest_modseq != 0 && after.highest_modseq != 0 &&
                            after.highest_modseq != before.highest_modseq;
  const bool unseen_alone = before.unseen != after.unseen;
  if (arrived == 0 && !fewer && (modseq_moved || unseen_alone)) {
    out.push_back(event(EventKind::changed, mailbox, after));
  }
}

}  // namespace

MailboxState state_of(const imap::StatusData& status) {
  MailboxState out;
  for (const imap::StatusValue& value : status.values) {
    const auto number = static_cast<uint32_t>(value.number);
    switch (value.item) {
      case imap::StatusItem::uid_validity: out.uid_validity = number; break;
      case imap::StatusItem::uid_next: out.uid_next = number; break;
      case imap::StatusItem::messages: out.messages = number; break;
      case imap::StatusItem::unseen: out.unseen = number; break;
      case imap::StatusItem::highest_modseq: out.highest_modseq = value.number; break;
      default: break;
    }
  }
  return out;
}

std::string_view event_name(EventKind kind) {
  switch (kind) {
    case EventKind::arrived: return "arrived";
    case EventKind::removed: return "removed";
    case EventKind::changed: return "changed";
    case EventKind::created: return "created";
    case EventKind::deleted: return "deleted";
    case EventKind::reset: return "reset";
  }
  return "";
}

std::vector<Event> compare(const std::string& mailbox, const std::optional<MailboxState>& before,
                           const std::optional<MailboxState>& after) {
  std::vector<Event> out;
  if (!before && after) {
    out.push_back(event(EventKind::created, mailbox, *after));
  } else if (before && !after) {
    out.push_back(event(EventKind::deleted, mailbox, {}));
  } else if (before && before->uid_validity != after->uid_validity) {
    out.push_back(event(EventKind::reset, mailbox, *after));
  } else if (before) {
    compare_messages(mailbox, *before, *after, out);
  }
  return out;
}

std::vector<Event> compare(const WatchedMailboxes& before, const WatchedMailboxes& after) {
  std::vector<Event> out;
  const auto add = [&](std::vector<Event> more) {
    out.insert(out.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
  };
  for (const auto& [name, state] : before) {
    if (after.count(name) == 0) add(compare(name, state, std::nullopt));
  }
  for (const auto& [name, state] : after) {
    const auto known = before.find(name);
    std::optional<MailboxState> old;
    if (known != before.end()) old = known->second;
    add(compare(name, old, state));
  }
  return out;
}

std::string print_json(const Event& event, const std::string& account) {
  std::string out =
      fmt::format(R"({{"event":"{}","account":{},"mailbox":{})", event_name(event.kind),
                  json_string(account), json_string(event.mailbox));
  if (event.count > 0) out += fmt::format(R"(,"count":{})", event.count);
  if (event.first_uid > 0) {
    out += fmt::format(R"(,"first_uid":{},"last_uid":{})", event.first_uid, event.last_uid);
  }
  if (event.kind != EventKind::deleted) {
    const MailboxState& state = event.state;
    out += fmt::format(R"(,"uid_validity":{},"uid_next":{},"messages":{},"unseen":{})",
                       state.uid_validity, state.uid_next, state.messages, state.unseen);
    if (state.highest_modseq > 0) out += fmt::format(R"(,"modseq":{})", state.highest_modseq);
  }
  out += fmt::format(R"(,"caught_up":{}}})", event.caught_up);
  return out;
}

std::string print_text(const Event& event) {
  std::string out = event.mailbox + ": ";
  switch (event.kind) {
    case EventKind::arrived:
      out += fmt::format("{} arrived", event.count);
      if (event.first_uid == event.last_uid && event.first_uid > 0) {
        out += fmt::format(" (uid {})", event.first_uid);
      } else if (event.first_uid > 0) {
        out += fmt::format(" (uid {} to {})", event.first_uid, event.last_uid);
      }
      break;
    case EventKind::removed: out += fmt::format("{} removed", event.count); break;
    case EventKind::changed: out += "changed"; break;
    case EventKind::created: out += "is new"; break;
    case EventKind::deleted: return out + "is gone";
    case EventKind::reset: out += "was made anew (another UIDVALIDITY)"; break;
  }
  out += fmt::format(", {} unseen of {}", event.state.unseen, event.state.messages);
  if (event.caught_up) out += "; while nobody watched";
  return out;
}

std::string print_states(const WatchedMailboxes& states) {
  std::string out(states_head);
  for (const auto& [name, state] : states) {
    out += fmt::format("{} {} {} {} {} {}\n", state.uid_validity, state.uid_next,
                       state.highest_modseq, state.messages, state.unseen, name);
  }
  return out;
}

Result<WatchedMailboxes> parse_states(std::string_view text) {
  if (text.substr(0, states_head.size()) != states_head) {
    return fail(Code::invalid, "line 1: expected \"eilpost watch 1\"");
  }
  text.remove_prefix(states_head.size());
  WatchedMailboxes out;
  for (int line = 2; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view rest = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::array<uint64_t, 5> numbers{};
    for (uint64_t& number : numbers) {
      const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), number);
      const auto used = static_cast<size_t>(read.ptr - rest.data());
      if (read.ec != std::errc() || used >= rest.size() || rest[used] != ' ') {
        return fail(Code::invalid, fmt::format("line {}: expected five numbers and a name", line));
      }
      rest.remove_prefix(used + 1);
    }
    MailboxState state;
    state.uid_validity = static_cast<uint32_t>(numbers[0]);
    state.uid_next = static_cast<uint32_t>(numbers[1]);
    state.highest_modseq = numbers[2];
    state.messages = static_cast<uint32_t>(numbers[3]);
    state.unseen = static_cast<uint32_t>(numbers[4]);
    out.insert_or_assign(std::string(rest), state);
  }
  return out;
}

}  // namespace eilpost::client
