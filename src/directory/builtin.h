// The built-in accounts: a Directory that keeps them in an engine partition of its own. Every
// change is one optimistic commit: run again on Conflict, and on Unknown settled by looking its
// random commit id up, so that it happens exactly once or not at all. Thread safe, also between
// processes and nodes that share the engine. Everything blocks (directory pool).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "directory/directory.h"
#include "directory/names.h"
#include "directory/password.h"
#include "directory/records.h"
#include "directory/success_cache.h"
#include "engine/engine.h"

namespace eilpost::directory {

struct BuiltinOptions {
  NameRules names;
  PasswordHasher::Options passwords;
  SuccessCache::Options cache;
  uint32_t scram_iterations = 10'000;  // of verifiers to be made; at least 4,096
  bool scram_sha_1 = false;            // passwords that are set get a verifier for SCRAM-SHA-1 too
};

// A password is given before SASLprep; Code::invalid when it cannot be prepared.
struct NewAccount {
  std::string name;
  std::string password;  // empty: none, nobody can log in until one is set
  std::vector<std::string> aliases;
  std::string display_name;
  Quota quota;
};

// An account that lives in another directory, as that directory says.
struct OutsideAccount {
  std::string directory;
  std::string key;  // its name there for ever
  std::string login_name;
  std::string primary_address;
  std::vector<std::string> aliases;  // sorted, each once
  std::string display_name;
};

struct RemovedAccount {
  Account account;  // as it was; its names may belong to somebody else by this time
  Timestamp removed;
};

class BuiltinDirectory final : public Directory {
 public:
  // Reads the partition's head, and makes it in an empty engine. All references outlive the
  // directory.
  static Result<std::unique_ptr<BuiltinDirectory>> open(engine::Engine& engine, const Clock& clock,
                                                        Random& random, BuiltinOptions options);

  Result<Account> resolve(std::string_view name) override;
  Result<Account> find(AccountId id) override;
  // With the secrets, for who looks at them at once. Code::not_found.
  Result<AccountRecord> record_named(std::string_view name);
  Result<Account> check_password(const NamePassword& claim) override;
  // The same for an account that was just found, and for nobody: costs as much, auth_failed.
  Result<Account> check_password(AccountRecord record, std::string_view password);
  Result<> check_nobody(std::string_view password);
  Result<AccountVerifier> scram_verifier(std::string_view name) override;
  bool holds_verifiers() const override { return true; }
  Result<AccountVerifier> scram_sha_1_verifier(std::string_view name) override;
  bool holds_sha_1_verifiers() const override { return sha_1_complete_; }
  // Accounts whose password was set before there were verifiers for SCRAM-SHA-1: as long as there
  // are any it cannot be offered.
  Result<uint64_t> without_sha_1_verifier();
  std::string fake_verifier_secret() const override { return secret_; }
  uint32_t scram_iterations() const override { return options_.scram_iterations; }
  Result<std::vector<Account>> list(AccountId after) override;

  // Code::already_exists when one of the names belongs to somebody; invalid for a bad name.
  Result<Account> add(const NewAccount& account);
  // Frees the names at once and leaves a tombstone. The mail is removed by whoever purges.
  Result<> remove(AccountId id);
  // Tombstones whose mail is not known to be gone.
  Result<std::vector<RemovedAccount>> removed(AccountId after);
  Result<> mark_purged(AccountId id);

  // The record of an account that lives elsewhere: its number, quota and flags. Made with the first
  // call, brought up to date by the others; nothing is written when nothing has changed.
  Result<Account> register_outside(const OutsideAccount& outside);
  // Code::not_found: it is not registered.
  Result<Account> find_outside(std::string_view directory, std::string_view key);

  // Code::cannot for accounts that live elsewhere; so with rename() and the aliases.
  Result<> set_password(AccountId id, std::string_view password);
  Result<> set_quota(AccountId id, Quota quota) override;
  Result<> set_admin(AccountId id, bool admin);
  // In any case and order. Code::invalid for what cannot be a capability, limit for too many.
  Result<> set_hidden_capabilities(AccountId id, std::vector<std::string> names);
  Result<> set_extra_capabilities(AccountId id, std::vector<std::string> names);
  Result<> set_disabled(AccountId id, bool disabled);
  Result<> set_display_name(AccountId id, std::string_view name);
  // The former name is freed; add it as an alias to keep it.
  Result<> rename(AccountId id, std::string_view name);
  Result<> add_alias(AccountId id, std::string_view alias);
  Result<> remove_alias(AccountId id, std::string_view alias);

  // With the default domain folded; what an Authenticator over this directory wants.
  const NameRules& names() const { return options_.names; }

 private:
  struct Snapshot;
  struct Secrets;
  // Puts and deletes for what it finds; may change the head. Draws nothing at random.
  using Mutation = std::function<Result<engine::Batch>(Snapshot&)>;

  BuiltinDirectory(engine::Engine& engine, const Clock& clock, Random& random,
                   BuiltinOptions options);
  Result<> open_head();
  // What the engine says, with its trouble as ours: unavailable, which is no word about any
  // password.
  Result<engine::ReadResult> read_rows(const std::vector<std::string>& keys);
  Result<engine::ReadResult> read_rows(const engine::Range& range);
  Result<Snapshot> snapshot(std::vector<std::string> keys);
  // Runs `mutation` on fresh rows of `keys` until it is committed.
  Result<> mutate(const std::vector<std::string>& keys, const Mutation& mutation);
  Result<> edit(AccountId id, const std::function<Result<>(AccountRecord&)>& change);
  Result<> change_names(AccountId id, const std::vector<std::string>& names,
                        const std::function<Result<>(AccountRecord&)>& change);
  Result<AccountRecord> record(AccountId id);
  Result<std::vector<AccountRecord>> page(AccountId after);
  Result<Secrets> make_secrets(std::string_view password);
  Result<> look_for_sha_1();

  engine::Engine& engine_;
  const Clock& clock_;
  Random& random_;
  BuiltinOptions options_;
  PasswordHasher hasher_;
  SuccessCache cache_;
  std::string secret_;
  std::atomic<bool> sha_1_complete_{false};
};

}  // namespace eilpost::directory
