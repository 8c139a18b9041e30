// Result<T>: a value or an Error. An Error has two faces: `code`, which one table per protocol
// turns into what the peer reads, and `detail`, which goes to the log and never to the peer. TRY
// propagates in plain functions, CO_TRY in coroutines. Values only; any thread.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace eilpost {

enum class Code {
  invalid,           // the request makes no sense as it stands (syntax, bad value)
  not_found,         // the named thing does not exist
  already_exists,    // the thing to be made exists
  permission,        // the caller may not do this
  auth_failed,       // credentials are wrong
  authz_failed,      // credentials are right, the asked-for identity is not allowed
  privacy_required,  // needs TLS first
  expired,           // the credential has expired
  limit,             // a limit of base/limits.h or of the configuration was reached
  too_big,           // larger than any message or value may be
  over_quota,        // the account's quota would be exceeded
  in_use,            // held by somebody else
  cannot,            // can never work (RFC 5530 CANNOT)
  expunge_issued,    // the message is gone (RFC 5530 EXPUNGEISSUED)
  has_children,      // RFC 5530 HASCHILDREN
  try_create,        // the target mailbox does not exist (RFC 3501 TRYCREATE)
  bad_charset,       // SEARCH in a charset that is not known
  bad_url,           // CATENATE: a part that cannot be had (RFC 4469)
  unknown_cte,       // BINARY of a part whose encoding cannot be decoded (RFC 3516)
  uid_not_sticky,    // reserved
  not_saved,         // SEARCHRES: the result could not be saved (RFC 5182)
  modified,          // UNCHANGEDSINCE failed for some (RFC 7162)
  conflict,          // somebody else committed first: run again on fresh state
  unknown,           // the answer to a commit was lost: look the commit id up
  corrupt,           // a checksum or a format byte is wrong
  io,                // the disk or the system said no
  unavailable,       // a component is down or overloaded; later may work
  timeout,           // a deadline passed
  closed,            // the peer or the component is gone
  cancelled,         // the one who asked is gone
  internal,          // a bug that did not need an abort
};

std::string_view code_name(Code code);

struct Error {
  Code code = Code::internal;
  std::string detail;  // for the log; may name paths and keys, never secrets
};

template <class T = void>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Code code, std::string detail) {
  return tl::unexpected<Error>(Error{code, std::move(detail)});
}

// The error with `context` put in front of its detail: "context: detail".
tl::unexpected<Error> wrap(Error error, std::string_view context);

// errno as an Error: "what: strerror(saved_errno)". ENOSPC, EDQUOT and EIO become Code::io.
tl::unexpected<Error> fail_errno(std::string_view what, int saved_errno);

namespace detail {
template <class T>
T take(tl::expected<T, Error>&& r) {
  return std::move(*r);
}
inline void take(tl::expected<void, Error>&&) {}
}  // namespace detail

}  // namespace eilpost

#define EILPOST_PASTE_(a, b) a##b
#define EILPOST_PASTE(a, b) EILPOST_PASTE_(a, b)
#define EILPOST_TRY(expr, result)                                    \
  __extension__({                                                    \
    auto result = (expr);                                            \
    if (!result) return ::tl::unexpected(std::move(result).error()); \
    ::eilpost::detail::take(std::move(result));                      \
  })

// auto x = TRY(f());  or  TRY(f());   In functions that return Result<...>. Not in coroutines.
#define TRY(expr) EILPOST_TRY(expr, EILPOST_PASTE(try_result_, __COUNTER__))

// auto r = co_await f();  CO_TRY(r);   In coroutines that return Result<...>: leaves on error.
#define CO_TRY(result) \
  if (!(result)) co_return ::tl::unexpected(std::move(result).error())
