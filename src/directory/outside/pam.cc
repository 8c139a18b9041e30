#include "directory/outside/pam.h"

#include <fmt/format.h>
#include <pwd.h>
#include <security/pam_appl.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "protocol/sasl/crypto.h"

namespace eilpost::directory {

namespace {

constexpr size_t passwd_octets_max = 1024 * 1024;

struct Conversation {
  std::string password;
  ~Conversation() { sasl::wipe(password); }
};

// Every prompt that hides what is typed gets the password; others get nothing.
int converse(int count, const pam_message** messages, pam_response** out, void* data) {
  if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
  auto* answers =
      static_cast<pam_response*>(std::calloc(static_cast<size_t>(count), sizeof(pam_response)));
  if (answers == nullptr) return PAM_BUF_ERR;
  for (int i = 0; i < count; ++i) {
    if (messages[i]->msg_style != PAM_PROMPT_ECHO_OFF) continue;
    answers[i].resp = ::strdup(static_cast<Conversation*>(data)->password.c_str());
  }
  *out = answers;
  return PAM_SUCCESS;
}

Code meaning(int status) {
  switch (status) {
    case PAM_AUTH_ERR:
    case PAM_USER_UNKNOWN:
    case PAM_MAXTRIES:
    case PAM_CRED_INSUFFICIENT: return Code::auth_failed;
    case PAM_ACCT_EXPIRED:
    case PAM_CRED_EXPIRED:
    case PAM_AUTHTOK_EXPIRED:
    case PAM_NEW_AUTHTOK_REQD: return Code::expired;
    case PAM_PERM_DENIED: return Code::authz_failed;
    default: return Code::unavailable;
  }
}

}  // namespace

Result<std::vector<Entry>> PamSource::find(const Query& query) {
  const std::string& domain = options_.names.default_domain;
  std::string user = query.by == Query::By::key ? query.text : query.name.user;
  const bool in_domain =
      query.by == Query::By::name && !query.name.realm.empty() && query.name.realm == domain;
  if (in_domain) user = query.name.local;
  if (query.by == Query::By::sid || user.empty()) return std::vector<Entry>();
  passwd found{};
  passwd* there = nullptr;
  std::string buffer(4096, '\0');
  int status = ERANGE;
  while (status == ERANGE && buffer.size() < passwd_octets_max) {
    buffer.resize(buffer.size() * 2);
    status = ::getpwnam_r(user.c_str(), &found, buffer.data(), buffer.size(), &there);
  }
  // NSS says "not found" in several ways.
  const bool unknown = status == ENOENT || status == ESRCH || status == EBADF || status == EPERM;
  if (status != 0 && !unknown) return fail(Code::unavailable, fmt::format("NSS: {}", user));
  if (there == nullptr || there->pw_uid < options_.uid_min) return std::vector<Entry>();
  Entry out;
  out.key = user;
  out.user = user;
  out.handle = there->pw_name;
  if (!domain.empty()) out.primary_address = user + "@" + domain;
  out.login_name = out.primary_address.empty() ? user : out.primary_address;
  const std::string gecos = there->pw_gecos == nullptr ? "" : there->pw_gecos;
  out.display_name = gecos.substr(0, gecos.find(','));
  return std::vector<Entry>{std::move(out)};
}

Result<> PamSource::check_password(const Entry& entry, std::string_view password) {
  // C strings end at an octet of zero.
  if (password.find('\0') != std::string_view::npos) {
    return fail(Code::auth_failed, "a password with an octet of zero");
  }
  Conversation conversation{std::string(password)};
  const pam_conv conv{.conv = converse, .appdata_ptr = &conversation};
  pam_handle_t* handle = nullptr;
  int status = ::pam_start(options_.service.c_str(), entry.handle.c_str(), &conv, &handle);
  if (status != PAM_SUCCESS) return fail(Code::unavailable, "PAM cannot be started");
  // The delays against guessing are the server's own.
  constexpr int quiet = PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK;
  status = ::pam_authenticate(handle, quiet);
  const bool authenticated = status == PAM_SUCCESS;
  if (authenticated) status = ::pam_acct_mgmt(handle, quiet);
  const std::string words = ::pam_strerror(handle, status);
  ::pam_end(handle, status);
  if (status == PAM_SUCCESS) return {};
  // Whoever does not know the password learns nothing about the account.
  Code code = meaning(status);
  if (!authenticated && code != Code::unavailable) code = Code::auth_failed;
  return fail(code, fmt::format("PAM: {}: {}", entry.handle, words));
}

}  // namespace eilpost::directory
