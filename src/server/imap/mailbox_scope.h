// Which mailboxes a filter of NOTIFY or ESEARCH means (RFC 5465 6, RFC 7377 2.2). Pure; any thread.
#pragma once

#include <string_view>
#include <vector>

#include "protocol/imap/mailbox_filter.h"
#include "store/folders.h"

namespace eilpost::server {

struct ScopeSurroundings {
  MailboxId selected;            // 0: none
  bool delivers_to_all = false;  // mail may be delivered to any mailbox: by its name as detail
};

// Whether a filter means the mailbox of that name, which need not be there.
bool is_meant(const store::FolderTree& tree, std::string_view name,
              const imap::MailboxFilter& filter, const ScopeSurroundings& surroundings);

// The mailboxes with messages that any of the filters means, each once, in the order of LIST. Names
// that are not there mean nothing.
std::vector<MailboxId> mailboxes_of(const store::FolderTree& tree,
                                    const std::vector<imap::MailboxFilter>& filters,
                                    const ScopeSurroundings& surroundings);

}  // namespace eilpost::server
