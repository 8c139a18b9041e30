// One message on its way into the accounts of its recipients: collects the octets, scans them once,
// stages them as a blob of each account and commits each account's copy. A message up to
// `buffer_bytes` is held in memory; a larger one goes to the disk as it comes, into the blob of the
// first recipient's account, from where the other accounts' blobs are copied at the end. A small
// one for few recipients is scanned, staged and given to the commit by one job of the disk pool.
// Belongs to one session, on its executor; blocking work goes to the disk pool.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mime/scanner.h"
#include "net/task.h"
#include "server/world.h"
#include "store/account.h"

namespace eilpost::server {

// Where one recipient's copy goes.
struct DeliveryTarget {
  store::AccountPtr account;  // shared with the store's table
  MailboxId mailbox;
  store::QuotaLimit quota;
  std::string login_name;
};

class Delivery {
 public:
  // `return_path` without angle brackets; empty for bounces. `targets` must not be empty.
  Delivery(ServerWorld& world, std::string session, std::vector<DeliveryTarget> targets,
           std::string_view return_path);
  ~Delivery();
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  // Appends octets as received. What goes wrong is remembered and answered by finish().
  net::Task<> add(std::string_view octets);
  // Octets received, without Return-Path.
  uint64_t size() const { return received_; }
  // Beyond this the message is only counted: its answer is 552 anyway.
  bool too_big() const;

  // Commits the copies; one result per target, in their order.
  net::Task<std::vector<Result<>>> finish();

 private:
  struct Work;
  struct Commit;
  using Done = std::function<void(std::vector<Result<>>)>;
  static void commit_copies(const std::shared_ptr<Work>& work, const Commit& how, Done done);
  Commit commit_from(store::Account::Where where) const;
  net::Task<> flush();
  net::Task<Result<>> stage_all();
  net::Task<std::vector<Result<>>> commit_all();
  net::Task<std::vector<Result<>>> deliver_small();
  net::Task<> drop_refused(const std::vector<Result<>>& results);
  std::vector<Result<>> all(const Error& error) const;

  ServerWorld& world_;
  SettingsPtr settings_;
  store::Author author_;
  uint64_t received_ = 0;
  std::string buffer_;  // not yet given to work_
  // Shared with the job on the disk pool that works on it.
  std::shared_ptr<Work> work_;
};

}  // namespace eilpost::server
