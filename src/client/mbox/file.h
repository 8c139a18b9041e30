// mbox files in a directory: which there are, reading their messages, and adding messages to one so
// that a crash leaves either none of a batch or all of it. Names have levels parted by "/": "a/b"
// is the file "b" in "a.sbd", as Thunderbird has it. Blocks; one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/mbox/index.h"
#include "client/message/octets.h"

namespace eilpost::client {

struct MboxFile {
  std::string name;  // UTF-8; "INBOX" when the path is one file
  std::string path;
};
// `path`: one file, or a directory of them. Code::not_found; Code::invalid: no mbox.
Result<std::vector<MboxFile>> mbox_files(const std::string& path);
// Where the mailbox of that name is, or would be.
std::string mbox_path(const std::string& root, const std::string& name);

Result<std::vector<MboxMessage>> index_mbox_file(const std::string& path);
// As it goes to a server: without what the format adds, lines end with CRLF.
Result<std::shared_ptr<Octets>> read_mbox_message(const std::string& path,
                                                  const MboxMessage& message);

struct MboxItem {
  imap::FlagList flags;  // system flags and keywords
  int64_t seconds = 0;
  std::shared_ptr<const Octets> octets;
};
// Adds them at the end, durable; what they are in the file. The file, and the directories above it,
// are made when they are missing.
Result<std::vector<MboxMessage>> append_to_mbox(const std::string& path,
                                                const std::vector<MboxItem>& items);
// Takes back what an append that did not come to its end has left.
Result<> repair_mbox(const std::string& path);

}  // namespace eilpost::client
