// What a migration has done and found, mailbox by mailbox: for people and, as JSON, for programs.
// Values only.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace eilpost::client {

// What comparing both sides has found.
struct VerifyReport {
  bool done = false;
  uint64_t compared = 0;
  uint64_t missing = 0;          // copied, and not in the target any more
  uint64_t octets_differ = 0;    // another size, and the same message all the same
  uint64_t content_differs = 0;  // another message
  uint64_t flags_differ = 0;
};

struct MailboxReport {
  std::string source;
  std::string target;
  std::string left_out;    // why it is not migrated; "" when it is
  bool created = false;    // in the target
  bool unchanged = false;  // since the last run, as the server's counters say
  uint64_t in_source = 0;  // messages
  uint64_t copied = 0;     // in this run
  uint64_t octets = 0;     // of these
  uint64_t found = 0;      // were in the target already
  uint64_t linked = 0;     // copied within the target: the same message was there elsewhere
  uint64_t labelled = 0;   // got a keyword instead of a second copy
  uint64_t before = 0;     // had been carried over by earlier runs
  uint64_t flags = 0;      // whose flags were carried over again
  uint64_t gone = 0;       // copied earlier, gone from the source since, still in the target
  uint64_t removed = 0;    // the same, removed from the target, as was asked
  uint64_t doubles = 0;    // of what had to be sent twice, the second one, removed
  uint64_t failed = 0;
  uint64_t placeholders = 0;         // of those: the server has put a notice in a message's place
  uint64_t sizes_differ = 0;         // the server had told another size than came
  std::set<std::string> flags_lost;  // the target does not keep these
  // The first of what failed: the message's number in the source, and why.
  std::vector<std::pair<uint64_t, std::string>> failures;
  std::vector<std::string> notes;  // what could not be carried over besides: ACL, METADATA
  std::string error;               // why it was not gone through to its end
  VerifyReport verify;
  // Messages that this run has copied or whose flags it has changed; for comparing only.
  std::vector<uint64_t> touched;

  void fail(uint64_t id, std::string reason);
};

struct MigrateReport {
  std::string from;
  std::string to;
  std::vector<MailboxReport> mailboxes;
  bool stopped = false;  // by the user
  bool budget = false;   // the day's octets are used up
  std::string error;     // why nothing more could be done
  double seconds = 0;

  // Everything that is in the source is in the target, and nothing differs.
  bool whole() const;
};

MailboxReport sum_of(const MigrateReport& report);
// One object.
std::string print_json(const MigrateReport& report);
// Lines for people; `plan`: what would be done.
std::string print_text(const MigrateReport& report);

}  // namespace eilpost::client
