// What a cleanup writes down: each change before it is made, and how it ended, one JSON object a
// line. From these lines a change that was cut short is settled, and a finished one is taken back.
// parse_record(print_record(x)) == x. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/interval_set.h"
#include "base/result.h"

namespace eilpost::client {

enum class ChangeKind : uint8_t { mark, unmark, move, purge };
std::string_view change_name(ChangeKind kind);

// By what a moved message is found in its new mailbox when no COPYUID says where it is.
struct Identity {
  uint32_t uid = 0;  // in the mailbox that it leaves
  uint64_t size = 0;
  std::string key;  // of its header (rule.h)
  friend bool operator==(const Identity&, const Identity&) = default;
};

// Written, and on the disk, before it is made.
struct Change {
  uint64_t number = 0;  // rises in the journal
  std::string run;      // the changes of one call of the tool
  int64_t at = 0;       // seconds since 1970
  std::string account;
  std::string rule;
  ChangeKind kind = ChangeKind::mark;
  std::string mailbox;
  uint32_t uid_validity = 0;
  UidSet uids;
  uint64_t octets = 0;
  uint64_t undoes = 0;   // the number of another change; 0: none
  bool partial = false;  // of one that undoes: more is there to be taken back
  // Of a move.
  std::string target;
  uint32_t target_validity = 0;
  uint32_t target_uid_next = 0;  // before
  std::vector<Identity> identities;
  friend bool operator==(const Change&, const Change&) = default;
};

struct Outcome {
  uint64_t number = 0;  // of the change
  bool done = false;
  std::string reason;  // why not
  // Of a move: from here to there, and whether the messages have left their mailbox.
  std::vector<std::pair<uint32_t, uint32_t>> moved;
  uint32_t target_validity = 0;
  bool expunged = true;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

using Record = std::variant<Change, Outcome>;
// Without line end.
std::string print_record(const Record& record);
// Code::invalid: a line that was cut off, or of somebody else.
Result<Record> parse_record(std::string_view line);

}  // namespace eilpost::client
