#include "directory/builtin.h"

#include <fmt/format.h>

#include <algorithm>

#include "directory/builtin_state.h"
#include "protocol/sasl/crypto.h"
#include "protocol/sasl/saslprep.h"
#include "protocol/sasl/scram.h"

namespace eilpost::directory {

namespace {
constexpr int commit_attempts_max = 100;
constexpr int unknown_outcomes_max = 8;
constexpr size_t aliases_max = 1000;
constexpr size_t capabilities_max = 200;
constexpr size_t capability_octets_max = 100;
constexpr size_t display_name_octets_max = 1000;

// Upper case, sorted, each once.
Result<> tidy_capabilities(std::vector<std::string>& names) {
  for (std::string& name : names) {
    const bool is_atom = !name.empty() && name.size() <= capability_octets_max &&
                         std::all_of(name.begin(), name.end(), [](char c) {
                           return c > ' ' && c < 0x7f &&
                                  std::string_view("(){%*\"\\]").find(c) == std::string_view::npos;
                         });
    if (!is_atom) return fail(Code::invalid, fmt::format("\"{}\" is no capability", name));
    for (char& c : name) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.size() > capabilities_max) return fail(Code::limit, "too many capabilities");
  return {};
}

// Those in the table of names: an account that lives elsewhere has none there.
std::vector<std::string> names_of(const Account& account) {
  if (!account.directory.empty()) return {};
  std::vector<std::string> out = account.aliases;
  out.push_back(account.login_name);
  std::sort(out.begin(), out.end());
  return out;
}

Result<> expect_built_in(const Account& account) {
  if (account.directory.empty()) return {};
  return fail(Code::cannot, fmt::format("{} lives in the directory {}: change it there",
                                        account.login_name, account.directory));
}

bool contains(const std::vector<std::string>& sorted, const std::string& name) {
  return std::binary_search(sorted.begin(), sorted.end(), name);
}

// What stands in both fields of a built-in account: a name without a domain is no address.
void set_name(Account& account, const std::string& folded) {
  account.login_name = folded;
  account.primary_address = folded.find('@') == std::string::npos ? "" : folded;
}

void add_sorted(std::vector<std::string>& aliases, const std::string& alias) {
  const auto at = std::lower_bound(aliases.begin(), aliases.end(), alias);
  if (at == aliases.end() || *at != alias) aliases.insert(at, alias);
}
}  // namespace

struct BuiltinDirectory::Secrets {
  std::string hash;
  std::optional<sasl::ScramVerifier> verifier;
  std::optional<sasl::ScramVerifier> verifier_sha_1;
};

BuiltinDirectory::BuiltinDirectory(engine::Engine& engine, const Clock& clock, Random& random,
                                   BuiltinOptions options)
    : engine_(engine),
      clock_(clock),
      random_(random),
      options_(std::move(options)),
      hasher_(options_.passwords, random),
      cache_(options_.cache, clock, random) {
  options_.scram_iterations = std::max(options_.scram_iterations, sasl::scram_iterations_min);
}

Result<std::unique_ptr<BuiltinDirectory>> BuiltinDirectory::open(engine::Engine& engine,
                                                                 const Clock& clock, Random& random,
                                                                 BuiltinOptions options) {
  if (!options.names.default_domain.empty()) {
    const auto folded = TRY(fold_name("x@" + options.names.default_domain, {}));
    options.names.default_domain = folded.substr(2);
  }
  std::unique_ptr<BuiltinDirectory> out(
      new BuiltinDirectory(engine, clock, random, std::move(options)));
  TRY(out->open_head());
  TRY(out->look_for_sha_1());
  return out;
}

Result<> BuiltinDirectory::open_head() {
  const HeadRecord fresh{.secret = random_.octets(sasl::sha256_octets)};
  for (int attempt = 0; attempt < commit_attempts_max; ++attempt) {
    const auto read = TRY(read_rows(std::vector<std::string>{head_key()}));
    if (!read.rows.empty()) {
      secret_ = TRY(parse_head(read.rows.front().value)).secret;
      return {};
    }
    engine::Batch batch;
    batch.puts.emplace_back(head_key(), print_head(fresh));
    // Whatever becomes of it, the next round reads who came first.
    const auto result = engine::commit_wait(engine_, directory_partition, read.version, batch);
    if (result.was_refused()) return tl::unexpected(result.error);
  }
  return fail(Code::unavailable, "directory: its head cannot be written");
}

Result<BuiltinDirectory::Snapshot> BuiltinDirectory::snapshot(std::vector<std::string> keys) {
  keys.push_back(head_key());
  auto read = TRY(read_rows(keys));
  Snapshot out;
  out.version = read.version;
  for (auto& row : read.rows) out.rows.emplace(std::move(row.key), std::move(row.value));
  const auto head = out.rows.find(head_key());
  if (head == out.rows.end()) return fail(Code::corrupt, "directory: its head is gone");
  out.head = TRY(parse_head(head->second));
  return out;
}

// The commit id is the same in every round. So if a commit whose answer was lost did happen, or
// happens later than the read here, a following round either finds the id or fails on the version
// guard and then finds it: the mutation takes place once.
Result<> BuiltinDirectory::mutate(const std::vector<std::string>& keys, const Mutation& mutation) {
  const auto commit_id = random_.octets(commit_id_octets);
  int unknown = 0;
  engine::Version first_unknown = 0;
  for (int attempt = 0; attempt < commit_attempts_max; ++attempt) {
    auto read = snapshot(keys);
    // After a lost answer it is no longer certain that nothing was written.
    if (!read && unknown == 0) return tl::unexpected(std::move(read).error());
    if (!read && ++unknown > unknown_outcomes_max) break;
    if (!read) continue;
    auto& state = *read;
    auto& ids = state.head.commit_ids;
    if (unknown > 0) {
      if (std::find(ids.begin(), ids.end(), commit_id) != ids.end()) return {};
      const bool out_of_sight = state.version - first_unknown > commit_ids_kept;
      if (out_of_sight || unknown > unknown_outcomes_max) break;
    }
    auto batch = TRY(mutation(state));
    ids.push_back(commit_id);
    while (ids.size() > commit_ids_kept) ids.pop_front();
    batch.puts.emplace_back(head_key(), print_head(state.head));
    const auto result =
        engine::commit_wait(engine_, directory_partition, state.version, std::move(batch));
    if (result.outcome == engine::Outcome::done) return {};
    if (result.outcome == engine::Outcome::conflict) continue;
    if (result.was_refused() && unknown == 0) return tl::unexpected(result.error);
    if (unknown++ == 0) first_unknown = state.version;
  }
  if (unknown > 0) return fail(Code::unknown, "directory: nobody knows whether it was written");
  return fail(Code::unavailable, "directory: too many others are writing");
}

Result<> BuiltinDirectory::edit(AccountId id,
                                const std::function<Result<>(AccountRecord&)>& change) {
  return mutate({account_key(id)}, [&](Snapshot& state) -> Result<engine::Batch> {
    auto record = TRY(state.account(id));
    TRY(change(record));
    engine::Batch batch;
    batch.puts.emplace_back(account_key(id), print_account(record));
    return batch;
  });
}

// `names` are all that `change` may add.
Result<> BuiltinDirectory::change_names(AccountId id, const std::vector<std::string>& names,
                                        const std::function<Result<>(AccountRecord&)>& change) {
  std::vector<std::string> keys = {account_key(id)};
  for (const auto& name : names) keys.push_back(name_key(name));
  return mutate(keys, [&](Snapshot& state) -> Result<engine::Batch> {
    auto record = TRY(state.account(id));
    TRY(expect_built_in(record.account));
    const auto before = names_of(record.account);
    TRY(change(record));
    const auto after = names_of(record.account);
    engine::Batch batch;
    for (const auto& name : before) {
      if (!contains(after, name)) batch.deletes.push_back(name_key(name));
    }
    for (const auto& name : after) {
      if (contains(before, name)) continue;
      TRY(state.expect_free(name, id));
      batch.puts.emplace_back(name_key(name), print_name(id));
    }
    batch.puts.emplace_back(account_key(id), print_account(record));
    return batch;
  });
}

Result<BuiltinDirectory::Secrets> BuiltinDirectory::make_secrets(std::string_view password) {
  Secrets out;
  if (password.empty()) return out;
  auto prepared = TRY(sasl::saslprep(password, sasl::PrepFor::storage));
  if (prepared.empty()) return fail(Code::invalid, "a password of invisible characters only");
  auto hash = hasher_.hash(prepared);
  out.verifier = sasl::make_verifier(prepared, random_.octets(sasl::scram_salt_octets),
                                     options_.scram_iterations);
  if (options_.scram_sha_1) {
    out.verifier_sha_1 = sasl::make_verifier(prepared, random_.octets(sasl::scram_salt_octets),
                                             options_.scram_iterations, sasl::ScramHash::sha_1);
  }
  sasl::wipe(prepared);
  out.hash = TRY(std::move(hash));
  return out;
}

Result<Account> BuiltinDirectory::add(const NewAccount& account) {
  AccountRecord record;
  set_name(record.account, TRY(fold_name(account.name, options_.names)));
  for (const auto& alias : account.aliases) {
    const auto folded = TRY(fold_name(alias, options_.names));
    if (folded != record.account.login_name) add_sorted(record.account.aliases, folded);
  }
  if (record.account.aliases.size() > aliases_max) return fail(Code::limit, "too many aliases");
  if (account.display_name.size() > display_name_octets_max) {
    return fail(Code::too_big, "a display name of more than 1000 octets");
  }
  record.account.display_name = account.display_name;
  record.account.quota = account.quota;
  record.account.created = clock_.now();
  auto secrets = TRY(make_secrets(account.password));
  record.password_hash = std::move(secrets.hash);
  record.verifier = std::move(secrets.verifier);
  record.verifier_sha_1 = std::move(secrets.verifier_sha_1);
  const auto names = names_of(record.account);
  std::vector<std::string> keys;
  for (const auto& name : names) keys.push_back(name_key(name));
  TRY(mutate(keys, [&](Snapshot& state) -> Result<engine::Batch> {
    for (const auto& name : names) TRY(state.expect_free(name, AccountId()));
    record.account.id = AccountId(state.head.next_id++);
    engine::Batch batch;
    batch.puts.emplace_back(account_key(record.account.id), print_account(record));
    for (const auto& name : names) {
      batch.puts.emplace_back(name_key(name), print_name(record.account.id));
    }
    return batch;
  }));
  return record.account;
}

Result<> BuiltinDirectory::remove(AccountId id) {
  const auto removed = clock_.now();
  return mutate({account_key(id)}, [&](Snapshot& state) -> Result<engine::Batch> {
    auto record = TRY(state.account(id));
    engine::Batch batch;
    for (const auto& name : names_of(record.account)) batch.deletes.push_back(name_key(name));
    if (!record.account.directory.empty()) {
      batch.deletes.push_back(
          outside_row_key(record.account.directory, record.account.outside_key));
    }
    record.removed = removed;
    record.password_hash.clear();
    record.verifier.reset();
    record.verifier_sha_1.reset();
    batch.puts.emplace_back(account_key(id), print_account(record));
    return batch;
  });
}

Result<> BuiltinDirectory::mark_purged(AccountId id) {
  return mutate({account_key(id)}, [&](Snapshot& state) -> Result<engine::Batch> {
    const auto row = state.rows.find(account_key(id));
    if (row == state.rows.end()) return fail(Code::not_found, "no such account");
    auto record = TRY(parse_account(row->second));
    if (!record.removed) return fail(Code::cannot, "the account is not removed");
    record.purged = true;
    engine::Batch batch;
    batch.puts.emplace_back(account_key(id), print_account(record));
    return batch;
  });
}

Result<> BuiltinDirectory::set_password(AccountId id, std::string_view password) {
  const auto secrets = TRY(make_secrets(password));
  TRY(edit(id, [&](AccountRecord& record) -> Result<> {
    TRY(expect_built_in(record.account));
    record.password_hash = secrets.hash;
    record.verifier = secrets.verifier;
    record.verifier_sha_1 = secrets.verifier_sha_1;
    return {};
  }));
  // The last that lacked one may have got it.
  if (!sha_1_complete_) (void)look_for_sha_1();
  return {};
}

Result<> BuiltinDirectory::look_for_sha_1() {
  if (!options_.scram_sha_1) return {};
  sha_1_complete_ = TRY(without_sha_1_verifier()) == 0;
  return {};
}

Result<> BuiltinDirectory::set_quota(AccountId id, Quota quota) {
  return edit(id, [&](AccountRecord& record) -> Result<> {
    record.account.quota = quota;
    return {};
  });
}

Result<> BuiltinDirectory::set_admin(AccountId id, bool admin) {
  return edit(id, [&](AccountRecord& record) -> Result<> {
    record.account.admin = admin;
    return {};
  });
}

Result<> BuiltinDirectory::set_hidden_capabilities(AccountId id, std::vector<std::string> names) {
  TRY(tidy_capabilities(names));
  return edit(id, [&](AccountRecord& record) -> Result<> {
    record.account.hidden_capabilities = names;
    return {};
  });
}

Result<> BuiltinDirectory::set_extra_capabilities(AccountId id, std::vector<std::string> names) {
  TRY(tidy_capabilities(names));
  return edit(id, [&](AccountRecord& record) -> Result<> {
    record.account.extra_capabilities = names;
    return {};
  });
}

Result<> BuiltinDirectory::set_disabled(AccountId id, bool disabled) {
  return edit(id, [&](AccountRecord& record) -> Result<> {
    record.account.disabled = disabled;
    return {};
  });
}

Result<> BuiltinDirectory::set_display_name(AccountId id, std::string_view name) {
  if (name.size() > display_name_octets_max) {
    return fail(Code::too_big, "a display name of more than 1000 octets");
  }
  return edit(id, [&](AccountRecord& record) -> Result<> {
    record.account.display_name = name;
    return {};
  });
}

Result<> BuiltinDirectory::rename(AccountId id, std::string_view name) {
  const auto folded = TRY(fold_name(name, options_.names));
  return change_names(id, {folded}, [&](AccountRecord& record) -> Result<> {
    auto& aliases = record.account.aliases;
    aliases.erase(std::remove(aliases.begin(), aliases.end(), folded), aliases.end());
    set_name(record.account, folded);
    return {};
  });
}

Result<> BuiltinDirectory::add_alias(AccountId id, std::string_view alias) {
  const auto folded = TRY(fold_name(alias, options_.names));
  return change_names(id, {folded}, [&](AccountRecord& record) -> Result<> {
    auto& account = record.account;
    if (contains(names_of(account), folded)) {
      return fail(Code::already_exists, folded + " is the account's own already");
    }
    if (account.aliases.size() >= aliases_max) return fail(Code::limit, "too many aliases");
    add_sorted(account.aliases, folded);
    return {};
  });
}

Result<> BuiltinDirectory::remove_alias(AccountId id, std::string_view alias) {
  const auto folded = TRY(fold_name(alias, options_.names));
  return change_names(id, {}, [&](AccountRecord& record) -> Result<> {
    auto& aliases = record.account.aliases;
    const auto at = std::lower_bound(aliases.begin(), aliases.end(), folded);
    if (at == aliases.end() || *at != folded) return fail(Code::not_found, "no such alias");
    aliases.erase(at);
    return {};
  });
}

}  // namespace eilpost::directory
