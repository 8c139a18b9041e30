// Checks NTLM responses with the domain controller, through winbind. libwbclient stands behind this
// header and nowhere else. Thread safe; blocks (directory pool).
#pragma once

#include <string>

#include "base/result.h"
#include "protocol/sasl/mechanism.h"

namespace eilpost::directory {

struct WinbindDomain {
  std::string domain;  // NetBIOS names
  std::string computer;
  std::string dns_domain;
};

struct NtlmUser {
  std::string domain;
  std::string account;
  std::string sid;
  std::string session_base_key;
};

// Code::unavailable: winbind does not run, or is no member of a domain.
Result<WinbindDomain> winbind_domain();

// Codes as those of Directory: auth_failed, expired, authz_failed (disabled, locked), unavailable.
Result<NtlmUser> winbind_check(const sasl::CheckNtlm& claim);

}  // namespace eilpost::directory
