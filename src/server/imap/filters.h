// Named searches (RFC 5466): FILTER keys are replaced by the searches that are stored under their
// names in the account's annotations, or in the configuration. One session's coroutine.
#pragma once

#include "protocol/imap/search.h"
#include "server/imap/session.h"

namespace eilpost::server {

// Entries "/private/filters/values/NAME" and, where there is none, "/shared/filters/values/NAME".
inline constexpr std::string_view private_filters = "/private/filters/values/";
inline constexpr std::string_view shared_filters = "/shared/filters/values/";

// The command without FILTER keys; or the reply that refuses it: NO [UNDEFINED-FILTER name], also
// for one that is no search; NO [LIMIT]; BAD [BADCHARSET].
net::Task<tl::expected<imap::Search, Reply>> with_filters(ImapSession& session,
                                                          imap::Search command);

// A value that SETMETADATA is about to store under that name: false when the name is a filter's and
// the value is no search.
bool may_be_filter(std::string_view entry, std::string_view value);

}  // namespace eilpost::server
