#include "directory/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "base/bytes.h"
#include "directory/records.h"

namespace eilpost::directory {

namespace {

constexpr int commit_attempts_max = 100;

struct Rows {
  engine::Version version = 0;
  std::map<std::string, std::string> rows;

  const std::string* find(const std::string& key) const {
    const auto at = rows.find(key);
    return at == rows.end() ? nullptr : &at->second;
  }
};

Result<Rows> read(engine::Engine& engine, const std::vector<std::string>& keys) {
  auto found = TRY(engine.read(directory_partition, keys));
  Rows out;
  out.version = found.version;
  for (auto& row : found.rows) out.rows.emplace(std::move(row.key), std::move(row.value));
  return out;
}

Result<HeadRecord> head_of(const Rows& rows) {
  const auto* row = rows.find(head_key());
  if (row == nullptr) return fail(Code::not_found, "the store has no accounts");
  return parse_head(*row);
}

Result<AccountRecord> record_of(engine::Engine& engine, AccountId id) {
  const Rows rows = TRY(read(engine, {account_key(id)}));
  const auto* row = rows.find(account_key(id));
  if (row == nullptr) return fail(Code::not_found, fmt::format("no account {}", id.value));
  AccountRecord record = TRY(parse_account(*row));
  if (record.removed) return fail(Code::not_found, fmt::format("account {} is removed", id.value));
  return record;
}

std::vector<std::string> name_keys_of(const AccountRecord& record) {
  const Account& account = record.account;
  if (!account.directory.empty()) {
    return {outside_row_key(account.directory, account.outside_key)};
  }
  std::vector<std::string> out = {name_key(account.login_name)};
  for (const std::string& alias : record.account.aliases) out.push_back(name_key(alias));
  return out;
}

// The account with that id in the target must be this one, at an earlier time.
Result<> expect_same(const AccountRecord& there, const AccountRecord& record) {
  if (!there.removed && there.account.created == record.account.created) return {};
  return fail(Code::already_exists, fmt::format("the target has another account of the number {}",
                                                record.account.id.value));
}

Result<> expect_free(const Rows& target, const AccountRecord& record) {
  if (const auto* row = target.find(account_key(record.account.id))) {
    TRY(expect_same(TRY(parse_account(*row)), record));
  }
  for (const std::string& key : name_keys_of(record)) {
    const auto* row = target.find(key);
    if (row == nullptr || TRY(parse_name(*row)) == record.account.id) continue;
    return fail(Code::already_exists, "one of its names is another account's at the target");
  }
  return {};
}

std::vector<std::string> keys_of(const AccountRecord& record) {
  std::vector<std::string> keys = name_keys_of(record);
  keys.push_back(account_key(record.account.id));
  keys.push_back(head_key());
  return keys;
}

// Names that the account has lost since it was last taken over.
Result<> drop_old_names(const Rows& target, const AccountRecord& record, engine::Batch& batch) {
  const auto* row = target.find(account_key(record.account.id));
  if (row == nullptr) return {};
  const std::vector<std::string> kept = name_keys_of(record);
  for (const std::string& key : name_keys_of(TRY(parse_account(*row)))) {
    if (std::find(kept.begin(), kept.end(), key) == kept.end()) batch.deletes.push_back(key);
  }
  return {};
}

Result<engine::Batch> account_batch(const Rows& target, const AccountRecord& record) {
  TRY(expect_free(target, record));
  HeadRecord head = TRY(head_of(target));
  head.next_id = std::max(head.next_id, record.account.id.value + 1);
  engine::Batch batch;
  TRY(drop_old_names(target, record, batch));
  batch.puts.emplace_back(head_key(), print_head(head));
  batch.puts.emplace_back(account_key(record.account.id), print_account(record));
  for (const std::string& key : name_keys_of(record)) {
    batch.puts.emplace_back(key, print_name(record.account.id));
  }
  return batch;
}

// `make` gives the batch for what was read; what it writes is the same when done twice.
Result<> commit(engine::Engine& engine, const std::vector<std::string>& keys,
                const std::function<Result<engine::Batch>(const Rows&)>& make) {
  Error error;
  for (int attempt = 0; attempt < commit_attempts_max; ++attempt) {
    const Rows rows = TRY(read(engine, keys));
    auto batch = TRY(make(rows));
    const auto result =
        engine::commit_wait(engine, directory_partition, rows.version, std::move(batch));
    if (result.outcome == engine::Outcome::done) return {};
    if (result.outcome == engine::Outcome::conflict) continue;
    if (result.was_refused()) return tl::unexpected(result.error);
    error = result.error;
  }
  return fail(Code::unavailable, "the target's directory cannot be written: " + error.detail);
}

}  // namespace

Result<std::string> store_identity(engine::Engine& engine) {
  const HeadRecord head = TRY(head_of(TRY(read(engine, {head_key()}))));
  // Sums, so that the secret itself is shown nowhere.
  return fmt::format("{:08x}{:08x}", crc32c(head.secret, 1), crc32c(head.secret, 2));
}

Result<> reserve_ids(const TransferEngines& engines) {
  const HeadRecord source = TRY(head_of(TRY(read(engines.from, {head_key()}))));
  return commit(engines.to, {head_key()}, [&](const Rows& rows) -> Result<engine::Batch> {
    HeadRecord head;
    if (rows.find(head_key()) != nullptr) head = TRY(head_of(rows));
    if (head.next_id == account_id_first) head.secret = source.secret;
    head.next_id = std::max(head.next_id, source.next_id);
    engine::Batch batch;
    batch.puts.emplace_back(head_key(), print_head(head));
    return batch;
  });
}

Result<> copy_account(const TransferEngines& engines, AccountId id) {
  const AccountRecord record = TRY(record_of(engines.from, id));
  return commit(engines.to, keys_of(record),
                [&](const Rows& rows) { return account_batch(rows, record); });
}

Result<> check_free(const TransferEngines& engines, AccountId id) {
  const AccountRecord record = TRY(record_of(engines.from, id));
  return expect_free(TRY(read(engines.to, keys_of(record))), record);
}

Result<bool> has_account(engine::Engine& engine, AccountId id) {
  const Rows rows = TRY(read(engine, {account_key(id)}));
  return rows.find(account_key(id)) != nullptr;
}

}  // namespace eilpost::directory
