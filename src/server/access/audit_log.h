// The audit log: who logged in, who was refused and why, who acted for whom, and what
// administrators did; one line of JSON an event, appended in one write. It is only ever added to:
// rotation renames the whole file, and reopen() goes on in a fresh one after somebody else has.
// Secrets never go in here. Thread safe; a write costs one system call.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace eilpost::server {

struct AuditSettings {
  std::string file;                              // empty: nothing is written
  uint64_t rotate_bytes = 100ULL * 1024 * 1024;  // 0: never; somebody else does
  int keep = 10;                                 // FILE.1 is the latest
};

// "login", "refused", "delegation", "ended" or "admin"; fields in the order in which they are to be
// read. Empty values are left out.
struct AuditEvent {
  std::string_view what;
  std::string_view id;  // the session's correlation id
  std::vector<std::pair<std::string_view, std::string>> fields;
};

// One line, with its end.
std::string print_audit(const AuditEvent& event, Timestamp at);
// A field's value in such a line; empty: it has none.
std::string audit_field(std::string_view line, std::string_view name);

class AuditLog {
 public:
  // Code::io: the file cannot be opened.
  static Result<std::unique_ptr<AuditLog>> open(AuditSettings settings, const Clock& clock);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // What cannot be written is said in the log, once until it works again.
  void write(const AuditEvent& event);
  // After somebody has moved the file away.
  Result<> reopen();
  // The file and those that it became, the oldest first.
  std::vector<std::string> files() const;

 private:
  AuditLog(AuditSettings settings, const Clock& clock);
  Result<> open_file();
  void rotate();

  AuditSettings settings_;
  const Clock& clock_;
  std::mutex mutex_;
  int fd_ = -1;
  uint64_t size_ = 0;
  bool failing_ = false;
};

}  // namespace eilpost::server
