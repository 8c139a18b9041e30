// Accounts that live in other directories have a record among the built-in ones, declared in
// builtin.h: their number, quota and flags. Their names are not in the table of names, since it is
// their directory that says who is called how.
#include "directory/builtin_state.h"

namespace eilpost::directory {

namespace {

// What the directory says goes into the record; answers whether that changed it.
bool take_over(const OutsideAccount& outside, Account& account) {
  const Account before = account;
  account.directory = outside.directory;
  account.outside_key = outside.key;
  account.login_name = outside.login_name;
  account.primary_address = outside.primary_address;
  account.aliases = outside.aliases;
  account.display_name = outside.display_name;
  return !(account == before);
}

}  // namespace

Result<Account> BuiltinDirectory::find_outside(std::string_view directory, std::string_view key) {
  const auto row = outside_row_key(directory, key);
  const auto read = TRY(read_rows(std::vector<std::string>{row}));
  if (read.rows.empty()) return fail(Code::not_found, "not registered");
  return TRY(record(TRY(parse_name(read.rows.front().value)))).account;
}

Result<Account> BuiltinDirectory::register_outside(const OutsideAccount& outside) {
  auto known = find_outside(outside.directory, outside.key);
  if (!known && known.error().code != Code::not_found) return known;
  if (known) {
    Account account = *known;
    if (!take_over(outside, account)) return known;
    TRY(edit(account.id, [&](AccountRecord& record) -> Result<> {
      take_over(outside, record.account);
      account = record.account;
      return {};
    }));
    return account;
  }
  const auto row = outside_row_key(outside.directory, outside.key);
  const Timestamp created = clock_.now();
  AccountId given;
  TRY(mutate({row}, [&](Snapshot& state) -> Result<engine::Batch> {
    engine::Batch batch;
    if (const auto there = state.rows.find(row); there != state.rows.end()) {
      given = TRY(parse_name(there->second));
      return batch;
    }
    AccountRecord record;
    take_over(outside, record.account);
    record.account.created = created;
    record.account.id = given = AccountId(state.head.next_id++);
    batch.puts.emplace_back(account_key(given), print_account(record));
    batch.puts.emplace_back(row, print_name(given));
    return batch;
  }));
  return find(given);
}

}  // namespace eilpost::directory
