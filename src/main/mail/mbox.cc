// mbox files of an import: which folders they are, and the messages in them.

#include <fmt/format.h>

#include "client/mbox/file.h"
#include "main/mail/mail_source.h"
#include "protocol/imap/values.h"

namespace eilpost {

Result<std::vector<SourceFolder>> mbox_folders(const std::string& path) {
  std::vector<SourceFolder> out;
  for (client::MboxFile& file : TRY(client::mbox_files(path))) {
    out.push_back({one_line(file.name), std::move(file.path), true});
  }
  return out;
}

Result<std::vector<SourceMessage>> mbox_messages(const SourceFolder& folder) {
  std::vector<SourceMessage> out;
  for (client::MboxMessage& found : TRY(client::index_mbox_file(folder.path))) {
    SourceMessage message;
    message.file = folder.path;
    message.mbox = true;
    message.offset = found.offset;
    message.length = found.length;
    message.seconds = found.seconds;
    message.keywords = std::move(found.keywords);
    // The store's bits are IMAP's.
    for (const std::string& flag : found.flags) message.flags |= imap::system_flag(flag);
    message.key = fmt::format("{}/{}-{}", one_line(folder.name), found.content, found.equal_before);
    out.push_back(std::move(message));
  }
  return out;
}

}  // namespace eilpost
