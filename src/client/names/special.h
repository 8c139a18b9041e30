// What a mailbox is for, as its name tells where the server does not: the names that mail programs
// and servers give to Sent, Drafts, Trash, Junk and Archive in many languages, and those of what
// Exchange shows though no mail is in it. Pure; any thread.
#pragma once

#include <string_view>

namespace eilpost::client {

// "\Sent", "\Drafts", "\Trash", "\Junk", "\Archive" (RFC 6154) of one level of a name in UTF-8, in
// any case; "" for any other.
std::string_view special_use_of_name(std::string_view name);

// Calendars, contacts, tasks, notes, journals, what waits to be sent, and Exchange's own logs.
bool is_other_than_mail(std::string_view name);

// How a mailbox for that use is called where none is there: "Sent"; "" for what is no special use.
std::string_view name_of_special_use(std::string_view special_use);

}  // namespace eilpost::client
