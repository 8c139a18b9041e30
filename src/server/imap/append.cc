// APPEND, also of several messages (RFC 9051 6.3.12, RFC 3502, RFC 3516). The literals have
// streamed into blobs by the time the command is run; what is left is one commit.

#include "mime/decode.h"
#include "server/imap/append_state.h"
#include "server/imap/binary_append.h"
#include "server/imap/commands.h"
#include "store/digest.h"
#include "store/outcome.h"

namespace eilpost::server {

namespace {

constexpr size_t chunk_bytes = 256 * 1024;

Result<store::NewMessage> with_flags(const imap::AppendMessage& message) {
  store::NewMessage out;
  for (const std::string& flag : message.flags) {
    const uint8_t bit = imap::system_flag(flag);
    if (bit == imap::flag_recent) continue;  // migration tools send what they read
    if (bit != 0) {
      out.flags |= bit;
    } else if (flag.front() == '\\') {
      continue;  // RFC 9051 7.1, PERMANENTFLAGS: what cannot be stored is ignored
    } else {
      out.keywords.push_back(flag);
    }
  }
  return out;
}

store::ZonedTime internal_date(ImapSession& session, const imap::AppendMessage& message) {
  if (!message.date) return {session.world().clock.now().seconds(), 0};
  return {message.date->seconds, static_cast<int16_t>(message.date->zone_minutes)};
}

// A piece of the message, on the disk pool.
Result<> take_piece(store::Account& account, AppendState& state, std::string_view octets) {
  if (!state.writer) {
    state.writer = TRY(account.stage("mailbox " + std::to_string(state.mailbox->value)));
  }
  state.scanner->feed(octets);
  return state.writer->append(octets);
}

// Writes and scans what has gathered, off the session's thread.
net::Task<Result<>> write_chunk(ImapSession& session, AppendState& state) {
  std::string chunk = std::move(state.chunk);
  state.chunk = std::string();
  // The session waits for the job, so `state` outlives it.
  auto job = [account = session.account_ptr(), state = &state, chunk = std::move(chunk)] {
    return take_piece(*account, *state, chunk);
  };
  auto written = co_await session.read(std::move(job));
  co_return written;
}

void fail_message(ImapSession& session, AppendState& state, const Error& error) {
  state.failure = reply_for(session, error);
  state.writer.reset();
}

}  // namespace

net::Task<std::optional<Reply>> begin_message(ImapSession& session, AppendState& state,
                                              const imap::Append& so_far) {
  const imap::AppendMessage& message = so_far.messages.back();
  if (session.state() == SessionState::not_authenticated) {
    co_return Reply::bad("log in first");
  }
  if (message.size > session.settings().message_bytes_max) {
    co_return Reply::no(imap::CodeName::too_big, "the message is larger than this server takes");
  }
  if (message.size == 0) {
    // RFC 3502 6.3.11: an empty message cancels the whole command.
    co_return Reply::no(imap::CodeName::none, "a message without octets: nothing is appended");
  }
  if (!state.mailbox) {
    auto fresh = co_await session.refresh();
    if (!fresh) co_return reply_for(session, fresh.error());
    const auto mailbox = session.find_mailbox(so_far.mailbox);
    if (!mailbox) co_return Reply::no(imap::CodeName::try_create, "no such mailbox");
    state.mailbox = *mailbox;
  }
  const auto flags = with_flags(message);
  if (!flags) co_return Reply::bad(flags.error().detail);
  const store::QuotaLimit quota = session.quota();
  const auto head = session.account().head();
  uint64_t waiting = message.size;
  for (const store::NewMessage& ready : state.ready) waiting += ready.cold.size;
  if (waiting > 4 * session.settings().message_bytes_max) {
    co_return Reply::no(imap::CodeName::too_big, "more octets than one APPEND may hold");
  }
  if (head && quota.bytes != 0 && head->used.bytes + waiting > quota.bytes) {
    co_return Reply::no(imap::CodeName::over_quota, "the quota would be exceeded");
  }
  state.writer.reset();
  state.open = true;
  state.scanner = std::make_unique<mime::Scanner>();
  state.size = 0;
  state.literal8 = message.literal8;
  state.nul_seen = false;
  state.ready.push_back(*flags);
  state.ready.back().cold.internal_date = internal_date(session, message);
  co_return std::nullopt;
}

net::Task<> message_chunk(ImapSession& session, AppendState& state, std::string_view octets) {
  if (octets.find('\0') != std::string_view::npos) {
    state.nul_seen = true;
    if (!state.literal8) {
      state.failure = Reply::bad("NUL is allowed in a literal8 only");
      state.writer.reset();
      co_return;
    }
  }
  state.size += octets.size();
  state.chunk += octets;
  if (state.chunk.size() < chunk_bytes) co_return;
  auto written = co_await write_chunk(session, state);
  if (!written) fail_message(session, state, written.error());
}

net::Task<> message_end(ImapSession& session, AppendState& state) {
  if (state.failure || !state.open) co_return;
  state.open = false;
  std::string chunk = std::move(state.chunk);
  state.chunk = std::string();
  store::NewMessage message = std::move(state.ready.back());
  message.cold.size = state.size;
  const bool reencode = state.nul_seen;
  auto job = [account = session.account_ptr(), state = &state, chunk = std::move(chunk), reencode,
              message = std::move(message)]() mutable -> Result<store::NewMessage> {
    TRY(take_piece(*account, *state, chunk));
    message.cold.blob = TRY(state->writer->finish());
    const mime::Message scanned = state->scanner->finish();
    if (reencode) {
      const engine::BlobId raw = message.cold.blob;
      auto clean = without_nul(*account, std::move(message), scanned);
      if (!clean) (void)account->engine().remove_blob(raw);
      return clean;
    }
    message.digest = store::make_digest(scanned);
    return message;
  };
  auto finished = co_await session.read(std::move(job));
  state.writer.reset();
  state.scanner.reset();
  if (!finished) {
    state.ready.pop_back();
    fail_message(session, state, finished.error());
    co_return;
  }
  state.ready.back() = std::move(*finished);
}

namespace {

// A command whose messages came by literals too small to stream does not exist: each message
// literal of APPEND streams, whatever its size. So `ready` holds them all.
Result<store::AppendRequest> make_request(ImapSession& session, AppendState& state,
                                          const imap::Append& command) {
  if (state.ready.size() != command.messages.size() || !state.mailbox) {
    return fail(Code::internal, "APPEND without its messages");
  }
  store::AppendRequest request;
  request.mailbox = *state.mailbox;
  request.messages = std::move(state.ready);
  request.quota = session.quota();
  return request;
}

}  // namespace

CommandTask run(ImapSession& session, const imap::Append& command, RunOptions) {
  AppendState* state = session.append_state();
  if (!state) co_return Reply::bad("APPEND without a message");
  if (state->failure) co_return *state->failure;
  auto request = make_request(session, *state, command);
  if (!request) co_return reply_for(session, request.error());
  std::vector<engine::BlobId> staged;
  for (const store::NewMessage& m : request->messages) staged.push_back(m.cold.blob);
  std::function<Result<store::AppendResult>(store::Tx&)> f =
      [request = std::move(*request)](store::Tx& tx) { return store::append(tx, request); };
  auto appended = co_await session.mutate<store::AppendResult>(std::move(f));
  if (!appended) {
    if (!store::surely_refused(appended.error().code)) staged.clear();
    auto job = [account = session.account_ptr(), staged = std::move(staged)] {
      for (const engine::BlobId blob : staged) (void)account->engine().remove_blob(blob);
    };
    auto removed = co_await session.read(std::move(job));
    if (!removed) session.log().warn("append: {}", removed.error().detail);
    Reply reply = reply_for(session, appended.error());
    if (appended.error().code == Code::not_found) {
      reply.code = imap::ResponseCode(imap::CodeName::try_create);
    }
    co_return reply;
  }
  UidSet uids;
  for (const Uid uid : appended->uids) uids.add(uid);
  co_return Reply::ok(imap::ResponseCode::append_uid(appended->uid_validity, uids), "appended");
}

}  // namespace eilpost::server
