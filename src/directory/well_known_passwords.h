// Passwords that everybody who guesses tries first (RFC 9051 11.7): those that year by year head
// the lists of what leaked, and what the account's own name gives away. Asked where a password of a
// built-in account is set; elsewhere that is the directory's business. Pure; any thread.
#pragma once

#include <string_view>

namespace eilpost::directory {

// Whether `password` is one of them, in any case of its letters, for the account `name`
// ("anna@example.org": neither that nor "anna").
bool is_well_known_password(std::string_view password, std::string_view name);

}  // namespace eilpost::directory
