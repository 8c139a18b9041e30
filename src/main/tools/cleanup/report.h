// What `eilpost cleanup` shows: messages as they are found, sums, what was changed, the journal; as
// text for people or as JSON, one object a line. Nothing that a message says reaches the terminal
// as a control character. Main thread only.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "client/cleanup/changer.h"
#include "main/output.h"

namespace eilpost {

struct CleanupReportOptions {
  bool json = false;
  bool summary = false;  // no single messages
};

class CleanupReport {
 public:
  CleanupReport(Output& output, CleanupReportOptions options, Timestamp now)
      : output_(output), options_(options), now_(now) {}

  void message(const client::Rule& rule, const std::string& mailbox, const client::Message& message,
               const client::Place* original);
  // When a rule has been looked at.
  void plan(const client::Plan& plan);
  void changed(const client::Plan& plan, const client::ChangeTotals& totals);
  void undone(const client::ChangeTotals& totals);
  // One change that undo would take back.
  void undoable(const client::Change& change, const client::Outcome& outcome);
  // The account's runs in the journal.
  void runs(const client::Journal& journal, const std::string& account);
  void end(bool applied);

  uint64_t found() const { return found_; }  // messages that something is to be done with

 private:
  void totals(const client::ChangeTotals& totals, std::string_view words, Json::Object json);

  Output& output_;
  CleanupReportOptions options_;
  Timestamp now_;
  std::string heading_;  // the mailbox whose messages are being shown
  uint64_t found_ = 0;
  uint64_t octets_ = 0;
  bool purges_ = false;
};

// "1 message", "12 messages, 3.4 MiB".
std::string messages_text(uint64_t messages);
std::string size_text(uint64_t octets);
// "2026-11-23T19:05:12Z".
std::string time_text(int64_t seconds);

}  // namespace eilpost
