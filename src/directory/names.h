// The spellings of an account's name: folding to the one form under which it is stored, and taking
// apart user+detail@domain. Pure but for resolve_recipient(), which asks the directory (and
// blocks).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "directory/directory.h"

namespace eilpost::directory {

// After folding. Fits an engine key with its prefix.
inline constexpr size_t name_octets_max = 240;

// By which of its names an account may be meant at login (spelling.h).
enum class NameStep {
  login_id,     // the login name exactly
  primary,      // the primary address
  proxy,        // another address of the account
  domain_user,  // DOMAIN\user, DOMAIN/user
  upn,          // user@REALM, or a user principal name of any suffix
  alias,        // a nickname without a domain
  bare,         // the user's name in the default domain
};

struct NameRules {
  std::string default_domain;               // for bare local parts; empty: they stay bare
  std::string subaddress_delimiters = "+";  // any of these octets begins a detail; empty: none does
  std::vector<NameStep> order;              // empty: as they stand above
  // The DOMAIN of DOMAIN\user and the REALM of user@REALM, folded, and the mail domain in which
  // built-in accounts are meant by them.
  std::map<std::string, std::string> domains;
};

// Case-folded, NFKC, the domain in its ASCII form (RFC 5890); "bob" becomes "bob@default.domain".
// Local parts are compared without case here, as every large mail system does, though RFC 5321 2.4
// would let them differ. Code::invalid: no name at all (empty parts, control characters, spaces,
// not UTF-8).
Result<std::string> fold_name(std::string_view name, const NameRules& rules);

// "bob+lists@x" is {"bob@x", "lists"}; no detail: the address as it was. The first delimiter
// counts; one at the very beginning does not.
struct Subaddress {
  std::string address;
  std::string detail;  // as written, case kept
};
Subaddress split_subaddress(std::string_view address, const NameRules& rules);

// An envelope recipient: the whole address if it exists (an alias may well contain "+"), else
// without its detail. `postmaster` alone is looked up in the default domain (RFC 5321 4.5.1).
struct Recipient {
  Account account;
  std::string detail;
};
Result<Recipient> resolve_recipient(Directory& directory, std::string_view address,
                                    const NameRules& rules);

}  // namespace eilpost::directory
