// What a change of the built-in directory works on: rows of its partition as one read found them.
// For builtin.cc and builtin_outside.cc.
#pragma once

#include <fmt/format.h>

#include <map>
#include <string>

#include "directory/builtin.h"

namespace eilpost::directory {

struct BuiltinDirectory::Snapshot {
  engine::Version version = 0;
  HeadRecord head;
  std::map<std::string, std::string> rows;

  // not_found also for a tombstone.
  Result<AccountRecord> account(AccountId id) const {
    const auto row = rows.find(account_key(id));
    if (row == rows.end()) return fail(Code::not_found, fmt::format("no account {}", id.value));
    auto out = TRY(parse_account(row->second));
    if (out.removed) return fail(Code::not_found, fmt::format("account {} is removed", id.value));
    return out;
  }
  // The name must be nobody's, or the account's own.
  Result<> expect_free(const std::string& name, AccountId id) const {
    const auto row = rows.find(name_key(name));
    if (row == rows.end()) return {};
    const auto owner = TRY(parse_name(row->second));
    if (owner == id) return {};
    return fail(Code::already_exists,
                fmt::format("the address {} is taken by account {}", name, owner.value));
  }
};

}  // namespace eilpost::directory
