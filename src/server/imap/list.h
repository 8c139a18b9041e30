// One name as LIST describes it, for what sends LIST responses of its own accord.
#pragma once

#include <string>

#include "protocol/imap/data.h"
#include "store/folders.h"

namespace eilpost::server {

// \NonExistent where there is no such mailbox; else with what is below it, its special use, and
// whether it is subscribed. Pure.
imap::ListData list_data_of(const store::FolderTree& tree, const std::string& name);

}  // namespace eilpost::server
