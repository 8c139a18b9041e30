// Which mailboxes a rule is about, and which one is Trash. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "client/cleanup/rule.h"
#include "client/session/session.h"

namespace eilpost::client {

// The name of the mailbox that is Trash: by its special use, else by a name that mail programs give
// it; "" when there is none.
std::string trash_of(const std::vector<MailboxInfo>& mailboxes);

// The names that the rule's patterns match and that can be opened, in the order of LIST. A mailbox
// that only shows messages of others (Gmail's "All Mail", "Starred", "Important") is left out
// unless it is named without a wildcard; so are Trash and Junk where duplicates are looked for
// across mailboxes, since a copy in there is no reason to give up another; so is the target of
// trash.
std::vector<std::string> mailboxes_of(const Rule& rule, const std::string& target,
                                      const std::vector<MailboxInfo>& mailboxes);

}  // namespace eilpost::client
