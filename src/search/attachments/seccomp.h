// The system calls that a confined program is refused with EPERM: sockets, other processes, other
// namespaces, attributes of files, keys, and what goes around such a list. A pure function of the
// machine that it is compiled for; any thread.
#pragma once

#include <linux/filter.h>

#include <vector>

namespace eilpost::search {

std::vector<sock_filter> confined_filter();

}  // namespace eilpost::search
