// What a Kerberos ticket of Active Directory says about its owner: the security
// identifier (SID) in KERB_VALIDATION_INFO (MS-PAC 2.5), which stays the same
// whatever becomes of the names. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace eilpost::sasl {

// "S-1-5-21-1-2-3-1102", of the account itself. Code::invalid.
Result<std::string> account_sid(std::string_view logon_info);

// A SID's binary form (MS-DTYP 2.4.2.2) as text, as attributes such as
// objectSid hold it.
Result<std::string> print_sid(std::string_view octets);

}  // namespace eilpost::sasl
