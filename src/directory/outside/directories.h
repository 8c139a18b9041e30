// All directories of the server as one: the built-in accounts and those that live elsewhere, asked
// in the order of the configuration. The first that knows a name, by whichever of its forms, says
// whose it is; a name that means several accounts there is refused. A directory that does not
// answer ends the search with Code::unavailable: what stands behind it might be somebody else's.
// Accounts from elsewhere get a record among the built-in ones with their first login or delivery.
// Thread safe; everything blocks (directory pool).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "directory/builtin.h"
#include "directory/outside/entry_cache.h"
#include "directory/outside/source.h"

namespace eilpost::directory {

struct OutsideOptions {
  std::string name;                  // of the directory, for ever: accounts are registered under it
  std::vector<std::string> domains;  // folded; only names in these are asked for; empty: all
  EntryCache::Options cache;
  int64_t password_cache_seconds = 60;  // a password that was right is taken for so long
  unsigned concurrent_max = 8;          // callers at once; others wait
};

struct OutsideDirectory {
  OutsideOptions options;
  std::unique_ptr<Source> source;  // null: this is the place of the built-in accounts
};

class Directories final : public Directory {
 public:
  // Without a place of their own the built-in accounts come first. Everything outlives it.
  Directories(BuiltinDirectory& builtin, std::vector<OutsideDirectory> outside, const Clock& clock,
              Random& random);
  ~Directories() override;

  Result<Account> resolve(std::string_view name) override;
  Result<Account> resolve_address(std::string_view address) override;
  Result<Account> resolve_sid(std::string_view sid) override;
  Result<Account> find(AccountId id) override { return builtin_.find(id); }
  Result<Account> check_password(const NamePassword& claim) override;
  Result<AccountVerifier> scram_verifier(std::string_view name) override {
    return verifier(name, sasl::ScramHash::sha_256);
  }
  bool holds_verifiers() const override { return all_built_in_; }
  Result<AccountVerifier> scram_sha_1_verifier(std::string_view name) override {
    return verifier(name, sasl::ScramHash::sha_1);
  }
  bool holds_sha_1_verifiers() const override {
    return all_built_in_ && builtin_.holds_sha_1_verifiers();
  }
  std::string fake_verifier_secret() const override { return builtin_.fake_verifier_secret(); }
  uint32_t scram_iterations() const override { return builtin_.scram_iterations(); }
  Result<> set_quota(AccountId id, Quota quota) override { return builtin_.set_quota(id, quota); }
  Result<std::vector<Account>> list(AccountId after) override { return builtin_.list(after); }

  // Every step by which `name` is looked for, and what came of it, one a line. Registers nothing.
  Result<std::vector<std::string>> explain(std::string_view name);
  // What is to be said of an account that lives elsewhere: "in ad", "gone from ad", "ad does not
  // answer". Empty for the built-in ones.
  std::string whereabouts(const Account& account);

 private:
  struct Place;
  struct Found;
  Result<Found> locate(std::string_view name, NameUse use);
  Result<std::vector<Entry>> entries(Place& place, const Query& query);
  Result<std::optional<Found>> look(Place& place, const Spelling& name, NameUse use);
  Result<std::optional<Found>> look_built_in(const Spelling& name, NameUse use);
  Result<Account> account_of(const Found& found);
  Result<AccountVerifier> verifier(std::string_view name, sasl::ScramHash hash);
  Result<Account> check_outside(const Found& found, std::string_view password);
  bool is_asked(const Place& place, const Spelling& name) const;
  std::vector<std::string> explain_place(Place& place, const Spelling& name);

  BuiltinDirectory& builtin_;
  std::vector<std::unique_ptr<Place>> places_;
  bool all_built_in_ = true;
};

}  // namespace eilpost::directory
