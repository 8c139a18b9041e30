#include "base/result.h"

#include <array>
#include <cstring>

namespace eilpost {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::invalid: return "invalid";
    case Code::not_found: return "not_found";
    case Code::already_exists: return "already_exists";
    case Code::permission: return "permission";
    case Code::auth_failed: return "auth_failed";
    case Code::authz_failed: return "authz_failed";
    case Code::privacy_required: return "privacy_required";
    case Code::expired: return "expired";
    case Code::limit: return "limit";
    case Code::too_big: return "too_big";
    case Code::over_quota: return "over_quota";
    case Code::in_use: return "in_use";
    case Code::cannot: return "cannot";
    case Code::expunge_issued: return "expunge_issued";
    case Code::has_children: return "has_children";
    case Code::try_create: return "try_create";
    case Code::bad_charset: return "bad_charset";
    case Code::bad_url: return "bad_url";
    case Code::unknown_cte: return "unknown_cte";
    case Code::uid_not_sticky: return "uid_not_sticky";
    case Code::not_saved: return "not_saved";
    case Code::modified: return "modified";
    case Code::conflict: return "conflict";
    case Code::unknown: return "unknown";
    case Code::corrupt: return "corrupt";
    case Code::io: return "io";
    case Code::unavailable: return "unavailable";
    case Code::timeout: return "timeout";
    case Code::closed: return "closed";
    case Code::cancelled: return "cancelled";
    case Code::internal: return "internal";
  }
  return "internal";
}

tl::unexpected<Error> wrap(Error error, std::string_view context) {
  std::string detail(context);
  detail += ": ";
  detail += error.detail;
  return fail(error.code, std::move(detail));
}

tl::unexpected<Error> fail_errno(std::string_view what, int saved_errno) {
  std::array<char, 128> buffer{};
  std::string detail(what);
  detail += ": ";
  detail += ::strerror_r(saved_errno, buffer.data(), buffer.size());
  Code code = Code::io;
  if (saved_errno == ENOENT) code = Code::not_found;
  if (saved_errno == EEXIST) code = Code::already_exists;
  if (saved_errno == EACCES || saved_errno == EPERM) code = Code::permission;
  return fail(code, std::move(detail));
}

}  // namespace eilpost
