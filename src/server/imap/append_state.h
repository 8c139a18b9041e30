// What a session holds of an APPEND whose messages are still coming in: each literal streams into a
// blob of the target account while the MIME scanner reads along, so that a message of 50 MB costs a
// session one chunk of memory. One session's coroutine; append() and finish() hop to the disk pool.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mime/scanner.h"
#include "protocol/imap/append.h"
#include "server/imap/session.h"
#include "store/mutations.h"

namespace eilpost::server {

struct AppendState {
  // The command's messages in its order, staged and scanned but for the last one while `held`.
  std::vector<store::NewMessage> ready;
  // Their blobs, as long as no commit may have taken them.
  std::vector<engine::BlobId> staged;
  // The message that is coming in. The blob is opened with its first piece that goes to the disk: a
  // small message takes one hop in all.
  bool open = false;
  bool held = false;  // it is complete and wholly in `chunk`: staged together with the commit
  std::unique_ptr<engine::BlobWriter> writer;
  std::unique_ptr<mime::Scanner> scanner;
  std::string chunk;  // not yet given to the writer
  uint64_t size = 0;  // octets so far
  bool literal8 = false;
  bool nul_seen = false;
  std::optional<MailboxId> mailbox;
  // The first thing that went wrong; the command answers it when it is complete.
  std::optional<Reply> failure;
};

// A message literal of APPEND was announced: makes ready for it, or says why it is refused.
net::Task<std::optional<Reply>> begin_message(ImapSession& session, AppendState& state,
                                              const imap::Append& so_far);
net::Task<> message_chunk(ImapSession& session, AppendState& state, std::string_view octets);
net::Task<> message_end(ImapSession& session, AppendState& state);

}  // namespace eilpost::server
