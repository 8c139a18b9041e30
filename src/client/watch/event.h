// What `watch` tells: one event for each thing that has happened in a mailbox, found by comparing
// two states of it, so that what happened while nobody was connected is told too. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/interval_set.h"
#include "base/result.h"
#include "protocol/imap/data.h"

namespace eilpost::client {

// What is known of a mailbox; 0 where the server does not say.
struct MailboxState {
  uint32_t uid_validity = 0;
  uint32_t uid_next = 0;
  uint64_t highest_modseq = 0;
  uint32_t messages = 0;
  uint32_t unseen = 0;
  friend bool operator==(const MailboxState&, const MailboxState&) = default;
};
// Of a STATUS response.
MailboxState state_of(const imap::StatusData& status);

using WatchedMailboxes = std::map<std::string, MailboxState, std::less<>>;

enum class EventKind : uint8_t {
  arrived,  // messages with the uids `first` to `last`; some of these may be gone already
  removed,  // `count` messages have gone
  changed,  // flags or other data of messages
  created,
  deleted,
  reset,  // another UIDVALIDITY: nothing that was known of its messages holds
};
std::string_view event_name(EventKind kind);

struct Event {
  EventKind kind = EventKind::changed;
  std::string mailbox;
  uint32_t count = 0;  // arrived and removed
  uint32_t first_uid = 0;
  uint32_t last_uid = 0;
  MailboxState state;      // after it
  bool caught_up = false;  // it happened while nobody watched
  friend bool operator==(const Event&, const Event&) = default;
};

// What has happened between the two; nothing when `before` is not known.
std::vector<Event> compare(const std::string& mailbox, const std::optional<MailboxState>& before,
                           const std::optional<MailboxState>& after);
// The same for all of them.
std::vector<Event> compare(const WatchedMailboxes& before, const WatchedMailboxes& after);

// One line: {"event":"arrived","mailbox":"INBOX",...}.
std::string print_json(const Event& event, const std::string& account);
// One line for people: "INBOX: 2 arrived (uid 17 to 18), 5 unseen of 120".
std::string print_text(const Event& event);

// The states as text, one mailbox a line, to be kept between two runs. Code::invalid with the line.
std::string print_states(const WatchedMailboxes& states);
Result<WatchedMailboxes> parse_states(std::string_view text);

}  // namespace eilpost::client
