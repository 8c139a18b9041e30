// What a session holds of an APPEND or a REPLACE whose messages are still coming in: each literal
// streams into a blob of the target account while the MIME scanner reads along, and so does what a
// URL of CATENATE names, so that a message of 50 MB costs a session one chunk of memory. One
// session's coroutine; what reads or writes hops to the disk pool.
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
  // The command's messages in its order, staged and scanned but for the last one while `held` or
  // `catenating`.
  std::vector<store::NewMessage> ready;
  // Their blobs, as long as no commit may have taken them.
  std::vector<engine::BlobId> staged;
  bool committing = false;  // the mutation has begun: what fails after that may have been committed
  bool replaces = false;    // REPLACE: the room of one message is given back
  // The message that is coming in. The blob is opened with its first piece that goes to the disk: a
  // small message takes one hop in all.
  bool open = false;
  bool held = false;        // it is complete; what is in `chunk` is staged together with the commit
  bool catenating = false;  // it is put together (RFC 4469), and parts are to come
  size_t parts_done = 0;    // of them
  std::unique_ptr<engine::BlobWriter> writer;
  std::unique_ptr<mime::Scanner> scanner;
  std::string chunk;  // not yet given to the writer
  uint64_t size = 0;  // octets so far
  bool literal8 = false;
  bool nul_seen = false;
  bool eight_bit_header = false;  // its header may hold 8-bit octets
  std::string name;               // of the mailbox that it is for; the commit finds it once more
  std::optional<MailboxId> mailbox;
  // The first thing that went wrong; the command answers it when it is complete.
  std::optional<Reply> failure;
};

// A message literal was announced: makes ready for it, or says why it is refused.
net::Task<std::optional<Reply>> begin_message(ImapSession& session, AppendState& state,
                                              const imap::AppendSoFar& so_far);
net::Task<> message_chunk(ImapSession& session, AppendState& state, std::string_view octets);
net::Task<> message_end(ImapSession& session, AppendState& state);

// The rest of both commands, once all of it has come in: what ends the command, or nothing when
// `ready` is whole.
net::Task<std::optional<Reply>> complete_messages(ImapSession& session, AppendState& state,
                                                  const imap::Append& command);
// One commit for all. With `replaced` that message is expunged by it (RFC 8508).
struct Replaced {
  MailboxId mailbox;
  Uid uid;
};
net::Task<tl::expected<store::AppendResult, Reply>> commit_messages(
    ImapSession& session, AppendState& state, std::optional<Replaced> replaced);

// Begins one more message at the end of `ready`.
void open_message(ImapSession& session, AppendState& state, const imap::AppendMessage& message);
// Of the one that is held, stages and scans what is left; see AppendState::failure.
net::Task<> finish_held(ImapSession& session, AppendState& state);
// Why so many octets more cannot be taken: limits, and the quota as far as it is known before the
// commit.
std::optional<Reply> too_much(ImapSession& session, const AppendState& state, uint64_t octets);

// catenate.cc: feeds every URL that stands before the announced literal, or every one there is.
enum class GatherUntil { literal, end };
net::Task<std::optional<Reply>> gather_parts(ImapSession& session, AppendState& state,
                                             const imap::Append& command, GatherUntil until);

}  // namespace eilpost::server
