// What a cleanup is asked for: which messages in which mailboxes, and what is to be done with them.
// A command line is one rule, a file has several. A rule asks the server with SEARCH and judges
// each message itself, so that a server whose SEARCH is wrong costs time and no mail. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "client/session/fetching.h"

namespace eilpost::client {

enum class Action : uint8_t {
  list,
  undelete,  // takes the mark \Deleted away
  mark,      // sets it
  trash,     // moves to Trash, or to the rule's target
  purge,     // removes for ever
};
std::string_view action_name(Action action);
std::optional<Action> action_named(std::string_view name);

// Whether a message shall have a flag.
enum class Want : uint8_t { any, yes, no };
std::optional<Want> want_named(std::string_view name);

struct Rule {
  std::string name;  // for the report and the journal
  Action action = Action::list;
  std::string target;                          // of trash; empty: Trash, wherever that is
  std::vector<std::string> mailboxes = {"*"};  // as LIST has them
  std::vector<std::string> exclude;            // likewise
  std::optional<Want> marked;                  // \Deleted; nothing: what the action means
  Want seen = Want::any;
  Want flagged = Want::any;
  int older_than_days = 0;
  bool by_date_header = false;  // age by Date instead of by arrival
  uint64_t larger_than = 0;     // octets
  std::string from;             // part of it, in any case of ASCII letters
  std::string subject;
  bool duplicates = false;  // of messages with the same content, all but one
  bool across = false;      // the same content in another mailbox counts as well
};

// The rule with what its action means filled in. Code::invalid: it contradicts itself, or would
// take whole mailboxes that nobody has named.
Result<Rule> complete_rule(Rule rule);

// "500", "20K", "5M", "1G", in octets (K is 1024).
Result<uint64_t> parse_size(std::string_view text);

// A message as a rule sees it.
struct Message {
  Uid uid;
  uint64_t size = 0;
  int64_t arrived = 0;  // seconds since 1970
  int64_t sent = 0;     // by Date; `arrived` where that is missing or unreadable
  bool marked = false;
  bool seen = false;
  bool flagged = false;
  std::string from;      // UTF-8
  std::string subject;   // UTF-8
  std::string key;       // of its header, by which it is known elsewhere; "": it has nothing of it
  std::string email_id;  // X-GM-MSGID, where duplicates across Gmail's labels are asked for; or ""
};
// What has to be fetched for it.
RowsWanted message_wanted();
// Nothing when the server has not said all of it: a change of flags that it tells in passing.
std::optional<Message> message_of(const MessageRow& row);

// SEARCH's keys, which may find more than the rule means.
std::string search_criteria(const Rule& rule, Timestamp now);
// Everything but `duplicates`.
bool matches(const Rule& rule, const Message& message, Timestamp now);

}  // namespace eilpost::client
