// The reading half of the built-in directory, declared in builtin.h.
#include <fmt/format.h>

#include <algorithm>

#include "directory/builtin.h"

namespace eilpost::directory {

namespace {
constexpr int lookup_attempts_max = 8;
constexpr size_t accounts_per_page = 1000;

// The engine's trouble is the directory's: it cannot answer, which is no word about any password.
Result<engine::ReadResult> answered(Result<engine::ReadResult> read) {
  if (read || read.error().code == Code::corrupt) return read;
  return fail(Code::unavailable, "directory: " + read.error().detail);
}
}  // namespace

Result<engine::ReadResult> BuiltinDirectory::read_rows(const std::vector<std::string>& keys) {
  return answered(engine_.read(directory_partition, keys));
}

Result<engine::ReadResult> BuiltinDirectory::read_rows(const engine::Range& range) {
  return answered(engine_.read(directory_partition, range));
}

Result<AccountRecord> BuiltinDirectory::record(AccountId id) {
  const auto read = TRY(read_rows(std::vector<std::string>{account_key(id)}));
  if (read.rows.empty()) return fail(Code::not_found, fmt::format("no account {}", id.value));
  auto out = TRY(parse_account(read.rows.front().value));
  if (out.removed) return fail(Code::not_found, fmt::format("account {} is removed", id.value));
  return out;
}

Result<AccountRecord> BuiltinDirectory::record_named(std::string_view name) {
  const auto folded = fold_name(name, options_.names);
  // A name that could not be given to anybody is nobody's.
  if (!folded) return fail(Code::not_found, "no such account: " + folded.error().detail);
  for (int attempt = 0; attempt < lookup_attempts_max; ++attempt) {
    const auto read = TRY(read_rows(std::vector<std::string>{name_key(*folded)}));
    if (read.rows.empty()) break;
    auto out = record(TRY(parse_name(read.rows.front().value)));
    if (!out && out.error().code != Code::not_found) return out;
    // Between the two reads the name may have gone to somebody else: then it is looked up again.
    if (!out) continue;
    const auto& account = out->account;
    const auto& aliases = account.aliases;
    const bool holds_name = account.login_name == *folded ||
                            std::binary_search(aliases.begin(), aliases.end(), *folded);
    if (holds_name) return out;
  }
  return fail(Code::not_found, "no such account: " + *folded);
}

Result<Account> BuiltinDirectory::resolve(std::string_view name) {
  return TRY(record_named(name)).account;
}

Result<Account> BuiltinDirectory::find(AccountId id) {
  return TRY(record(id)).account;
}

Result<Account> BuiltinDirectory::check_password(const NamePassword& claim) {
  auto found = record_named(claim.name);
  if (found) return check_password(std::move(*found), claim.password);
  if (found.error().code != Code::not_found) return tl::unexpected(found.error());
  TRY(check_nobody(claim.password));
  return fail(Code::auth_failed, found.error().detail);
}

Result<> BuiltinDirectory::check_nobody(std::string_view password) {
  TRY(hasher_.verify_nobody(password));
  return {};
}

Result<Account> BuiltinDirectory::check_password(AccountRecord record, std::string_view password) {
  if (record.password_hash.empty()) {
    TRY(check_nobody(password));
    return fail(Code::auth_failed, "account has no password");
  }
  const SuccessCache::Claim key{
      .account = record.account.id, .stored_hash = record.password_hash, .password = password};
  if (!cache_.contains(key)) {
    if (!TRY(hasher_.verify(record.password_hash, password))) {
      return fail(Code::auth_failed, "wrong password for " + record.account.login_name);
    }
    cache_.insert(key);
  }
  if (record.account.disabled) {
    return fail(Code::authz_failed, record.account.login_name + " is disabled");
  }
  return std::move(record.account);
}

Result<AccountVerifier> BuiltinDirectory::scram_verifier(std::string_view name) {
  return verifier_of(TRY(record_named(name)), sasl::ScramHash::sha_256);
}

Result<AccountVerifier> BuiltinDirectory::scram_sha_1_verifier(std::string_view name) {
  return verifier_of(TRY(record_named(name)), sasl::ScramHash::sha_1);
}

Result<uint64_t> BuiltinDirectory::without_sha_1_verifier() {
  uint64_t out = 0;
  AccountId after;
  for (auto records = TRY(page(after)); !records.empty(); records = TRY(page(after))) {
    for (const auto& record : records) {
      if (!record.removed && !record.password_hash.empty() && !record.verifier_sha_1) ++out;
    }
    after = records.back().account.id;
  }
  return out;
}

// Accounts and tombstones from `after` on, one read.
Result<std::vector<AccountRecord>> BuiltinDirectory::page(AccountId after) {
  if (after.value == UINT64_MAX) return std::vector<AccountRecord>();
  engine::Range range;
  range.first = account_key(AccountId(after.value + 1));
  range.last = account_key(AccountId(UINT64_MAX));
  range.rows_max = accounts_per_page;
  const auto read = TRY(read_rows(range));
  std::vector<AccountRecord> out;
  for (const auto& row : read.rows) out.push_back(TRY(parse_account(row.value)));
  return out;
}

Result<std::vector<Account>> BuiltinDirectory::list(AccountId after) {
  std::vector<Account> out;
  while (out.empty()) {
    const auto records = TRY(page(after));
    if (records.empty()) break;
    for (const auto& record : records) {
      if (!record.removed) out.push_back(record.account);
    }
    after = records.back().account.id;
  }
  return out;
}

Result<std::vector<RemovedAccount>> BuiltinDirectory::removed(AccountId after) {
  std::vector<RemovedAccount> out;
  while (out.empty()) {
    const auto records = TRY(page(after));
    if (records.empty()) break;
    for (const auto& record : records) {
      if (record.removed && !record.purged) {
        out.push_back({.account = record.account, .removed = *record.removed});
      }
    }
    after = records.back().account.id;
  }
  return out;
}

}  // namespace eilpost::directory
