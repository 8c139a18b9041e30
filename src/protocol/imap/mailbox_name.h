// Mailbox names as values: UTF-8, levels divided by "/", INBOX in upper case. What a name may be
// (RFC 9051 5.1, RFC 5198), how it matches a LIST pattern. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace eilpost::imap {

inline constexpr char mailbox_delimiter = '/';

// "inbox" in any case, alone or as the first level, becomes "INBOX" (RFC 9051 5.1).
std::string fold_inbox(std::string name);

// Whether a mailbox of that name may be made: Code::cannot with the reason as detail, meant for the
// peer. Refused: empty names and levels, C0 and C1 controls and U+2028/9, "*" and "%", invalid
// UTF-8, a level of "." or "..", more octets or levels than base/limits.h says.
Result<> check_mailbox_name(std::string_view name);

// A pattern that no name matches: names have no empty levels.
inline constexpr std::string_view matches_nothing = "//";

// LIST: the pattern that stands for reference and mailbox argument together (RFC 9051 6.3.9).
std::string join_pattern(std::string_view reference, std::string_view pattern);

// A LIST pattern over UTF-8 names: "*" matches anything, "%" anything but "/". INBOX matches
// without regard to case. Never exponential in time.
bool pattern_matches(std::string_view pattern, std::string_view name);

}  // namespace eilpost::imap
