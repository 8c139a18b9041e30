// Lists of accounts to migrate, as CSV (RFC 4180) with a header line whose names may be this tool's
// own, Exchange's ("EmailAddress,UserName,Password") or mapped by the user. Pure; any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace eilpost::client {

// One line; what has no column is "". Passwords are secrets: they go nowhere but to their server.
struct BatchRow {
  size_t line = 0;
  std::string from_server;
  std::string from_user;
  std::string from_password;
  std::string from_as;
  std::string from_root;  // only what is beneath this mailbox
  std::string to_server;
  std::string to_user;
  std::string to_password;
  std::string to_as;
  std::string to_root;
};

// "from-user": "Login" says that the column Login is that field. Code::invalid with the line and
// what was expected; Code::too_big above 50,000 lines or 64 MiB.
using ColumnNames = std::map<std::string, std::string>;
Result<std::vector<BatchRow>> parse_batch(std::string_view csv, const ColumnNames& columns);

// Rows of cells. Quoted cells may hold separators, quotes ("") and line ends. The separator is ","
// or
// ";", whichever the first line has.
Result<std::vector<std::vector<std::string>>> parse_csv(std::string_view text);
// Every cell quoted that has to be; for the law of the fuzz target.
std::string print_csv(const std::vector<std::vector<std::string>>& rows);

}  // namespace eilpost::client
