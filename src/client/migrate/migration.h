// One account's migration from end to end: what becomes what (plan), copying with several
// connections at once, what belongs to mailboxes besides messages, comparing both sides.
// Connections that are lost are made again, servers that want a rest get it. For one executor.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "client/migrate/copy/context.h"
#include "client/migrate/report.h"
#include "client/migrate/sides/sides.h"

namespace eilpost::client {

enum class MigratePhase {
  plan,     // look at both sides, change nothing
  copy,     // what is not in the target yet, and what has changed
  cutover,  // copy until nothing is left to copy
  verify,   // compare only
};

struct MigrateEnds {
  ConnectSource source;
  ConnectTarget target;
  std::string from;  // for people: "anna at old.example.org"
  std::string to;
};

class Migration {
 public:
  Migration(MigrateEnds ends, MigrateContext& context);
  ~Migration();

  // Whatever happens is told in the report, errors included.
  Task<MigrateReport> run(MigratePhase phase);

 private:
  struct Worker;
  struct Work;

  Task<Result<>> prepare();
  Task<Result<>> plan();
  Task<Result<>> count();
  Task<Result<>> copy_all();
  Task<Result<>> work_on(std::vector<size_t> mailboxes, int workers);
  static Task<> worker(Migration* migration, std::shared_ptr<Work> work, bool first);
  Task<Result<>> connect(Worker& worker);
  Task<bool> copy_mailbox(Worker& worker, size_t index);
  Task<Result<>> try_mailbox(Worker& worker, size_t index, struct CopyTries& tries);
  Task<Result<>> verify_all();
  Task<bool> rest(const Error& error, Backoff& backoff, const std::string& mailbox);

  MigrateEnds ends_;
  MigrateContext& context_;
  MigrateReport report_;
  std::vector<MappedMailbox> mailboxes_;  // in the order of report_.mailboxes
  std::vector<SourceMailbox> peeked_;
  std::unique_ptr<Worker> first_;
};

}  // namespace eilpost::client
