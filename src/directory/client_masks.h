// What was learned about an account's clients: that one of them has enabled a capability and then
// shown that it cannot live with it. From its next login on it does not get to see it; other
// clients of the account do. A client is what it says of itself with ID, or "" when it says
// nothing. Kept as rows of the account's login (account_rows.h), so that all nodes agree. Thread
// safe; everything blocks (directory pool).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "directory/account_rows.h"

namespace eilpost::directory {

struct ClientMask {
  std::string client;      // ID's name and version; "": it has sent none
  std::string capability;  // as CAPABILITY lists it
  std::string why;         // what it did, in words
  Timestamp since;
  friend bool operator==(const ClientMask&, const ClientMask&) = default;
};

// By capability, then client. A row that cannot be read is passed over.
std::vector<ClientMask> client_masks_of(const RowMap& rows);
Result<std::vector<ClientMask>> read_client_masks(AccountRows& rows, AccountId id);

// False: that was known. Beyond limits::client_masks_max the oldest goes.
Result<bool> learn_client_mask(AccountRows& rows, AccountId id, const ClientMask& mask);

// All of one capability, of whatever client; "": all. Answers how many there were.
Result<size_t> forget_client_masks(AccountRows& rows, AccountId id, std::string_view capability);

}  // namespace eilpost::directory
