#include "directory/ntlm/winbind.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

// The header is for C and does not say so.
extern "C" {
#include <wbclient.h>
}

namespace eilpost::directory {

namespace {
struct Freed {
  template <class T>
  void operator()(T* object) const {
    wbcFreeMemory(object);
  }
};
template <class T>
using Owned = std::unique_ptr<T, Freed>;

// MS-ERREF 2.3.
constexpr uint32_t status_password_expired = 0xc0000071;
constexpr uint32_t status_account_disabled = 0xc0000072;
constexpr uint32_t status_account_expired = 0xc0000193;
constexpr uint32_t status_must_change = 0xc0000224;
constexpr uint32_t status_locked_out = 0xc0000234;

Code code_of(uint32_t status) {
  switch (status) {
    case status_password_expired:
    case status_account_expired:
    case status_must_change: return Code::expired;
    case status_account_disabled:
    case status_locked_out: return Code::authz_failed;
    default: return Code::auth_failed;
  }
}

std::string text_of(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

uint8_t* octets_of(const std::string& text) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
}
}  // namespace

Result<WinbindDomain> winbind_domain() {
  struct wbcInterfaceDetails* raw = nullptr;
  const wbcErr asked = wbcInterfaceDetails(&raw);
  const Owned<struct wbcInterfaceDetails> details(raw);
  if (!WBC_ERROR_IS_OK(asked) || !details) {
    return fail(Code::unavailable, fmt::format("winbind: {}", wbcErrorString(asked)));
  }
  WinbindDomain out{.domain = text_of(details->netbios_domain),
                    .computer = text_of(details->netbios_name),
                    .dns_domain = text_of(details->dns_domain)};
  if (out.domain.empty()) return fail(Code::unavailable, "winbind: no member of a domain");
  return out;
}

Result<NtlmUser> winbind_check(const sasl::CheckNtlm& claim) {
  wbcAuthUserParams params{};
  params.account_name = claim.user.c_str();
  params.domain_name = claim.domain.c_str();
  params.workstation_name = claim.workstation.c_str();
  params.level = wbcAuthUserParams::WBC_AUTH_USER_LEVEL_RESPONSE;
  auto& response = params.password.response;
  std::copy_n(claim.challenge.begin(), sizeof response.challenge, response.challenge);
  response.nt_length = static_cast<uint32_t>(claim.nt_response.size());
  response.nt_data = octets_of(claim.nt_response);
  response.lm_length = static_cast<uint32_t>(claim.lm_response.size());
  response.lm_data = octets_of(claim.lm_response);
  wbcAuthUserInfo* raw_info = nullptr;
  wbcAuthErrorInfo* raw_error = nullptr;
  const wbcErr asked = wbcAuthenticateUserEx(&params, &raw_info, &raw_error);
  const Owned<wbcAuthUserInfo> info(raw_info);
  const Owned<wbcAuthErrorInfo> error(raw_error);
  if (asked == WBC_ERR_AUTH_ERROR && error) {
    return fail(code_of(error->nt_status), fmt::format("NTLM: {}\\{}: {}", claim.domain, claim.user,
                                                       text_of(error->nt_string)));
  }
  if (!WBC_ERROR_IS_OK(asked) || !info) {
    return fail(Code::unavailable, fmt::format("winbind: {}", wbcErrorString(asked)));
  }
  NtlmUser out{
      .domain = text_of(info->domain_name),
      .account = text_of(info->account_name),
      .session_base_key = std::string(reinterpret_cast<const char*>(info->user_session_key),
                                      sizeof info->user_session_key)};
  if (info->num_sids > 0) {
    char text[WBC_SID_STRING_BUFLEN] = {};
    if (wbcSidToStringBuf(&info->sids[0].sid, text, sizeof text) > 0) out.sid = text;
  }
  return out;
}

}  // namespace eilpost::directory
