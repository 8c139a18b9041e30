// Mail in files as source and as target of a migration: a Maildir (Maildir++, or directories within
// directories) and mbox files. A message's number is made of its name, or of its content where it
// has none. For one executor; they block on the disk.
#pragma once

#include <string>

#include "client/migrate/sides/sides.h"

namespace eilpost::client {

// Code::not_found: nothing is there; Code::invalid: it is something else.
Result<MailSource> maildir_source(const std::string& path);
Result<MailSource> mbox_source(const std::string& path);
// Made when it is missing; what is in it stays.
Result<MailTarget> maildir_target(const std::string& path);
// A directory of mbox files. Flags go into Status, X-Status and X-Keywords when a message is
// written and are not changed afterwards; nothing is ever removed.
Result<MailTarget> mbox_target(const std::string& path);

// A number of 63 bits for what has a name.
uint64_t number_of_name(std::string_view name);

// Tables whose functions say that the side has no such thing: what both kinds begin with.
MailSource plain_source();
MailTarget plain_target();
// A value as a task's.
template <class T>
Task<Result<T>> at_once(Result<T> value) {
  co_return value;
}

}  // namespace eilpost::client
