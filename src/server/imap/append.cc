// APPEND, also of several messages (RFC 9051 6.3.12, RFC 3502, RFC 3516). The literals have
// streamed into blobs by the time the command is run; what is left is one commit.

#include <utility>

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

// What is left of the last message goes to the disk and is scanned. Disk pool; on an error the
// message is taken out again.
Result<> finish_message(store::Account& account, AppendState& state) {
  store::NewMessage message = std::move(state.ready.back());
  state.ready.pop_back();
  state.held = false;
  message.cold.size = state.size;
  const std::string chunk = std::exchange(state.chunk, std::string());
  TRY(take_piece(account, state, chunk));
  message.cold.blob = TRY(state.writer->finish());
  state.staged.push_back(message.cold.blob);
  state.writer.reset();
  const mime::Message scanned = state.scanner->finish();
  state.scanner.reset();
  if (state.nul_seen) {
    message = TRY(without_nul(account, std::move(message), scanned));
    state.staged.back() = message.cold.blob;
  } else {
    message.digest = store::make_digest(scanned);
  }
  state.ready.push_back(std::move(message));
  return {};
}

// The same from the session.
net::Task<> finish_held(ImapSession& session, AppendState& state) {
  auto job = [account = session.account_ptr(), state = &state] {
    return finish_message(*account, *state);
  };
  auto finished = co_await session.read(std::move(job));
  if (!finished) fail_message(session, state, finished.error());
}

}  // namespace

net::Task<std::optional<Reply>> begin_message(ImapSession& session, AppendState& state,
                                              const imap::Append& so_far) {
  const imap::AppendMessage& message = so_far.messages.back();
  if (state.held) {
    co_await finish_held(session, state);
    if (state.failure) co_return state.failure;
  }
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

namespace {

// One job of the pool stages what is held and lends its thread to the commit.
net::Task<Result<store::AppendResult>> commit_messages(ImapSession& session, AppendState& state) {
  auto start = [&session, &state](std::function<void(Result<store::AppendResult>)> done) {
    auto job = [account = session.account_ptr(), state = &state, author = session.author(),
                quota = session.quota(), done] {
      if (state->held) {
        auto finished = finish_message(*account, *state);
        if (!finished) return done(tl::unexpected(std::move(finished).error()));
      }
      // Shared by the attempts of the mutation.
      auto request = std::make_shared<store::AppendRequest>();
      request->mailbox = *state->mailbox;
      request->messages = std::move(state->ready);
      request->quota = quota;
      account->mutate<store::AppendResult>(
          author, [request](store::Tx& tx) { return store::append(tx, *request); }, done,
          store::Account::Where::here);
    };
    const auto posted = session.world().disk.post(std::move(job));
    if (!posted) done(tl::unexpected(posted.error()));
  };
  auto result = co_await net::await_callback<Result<store::AppendResult>>(start);
  co_return result;
}

}  // namespace

net::Task<> message_end(ImapSession& session, AppendState& state) {
  if (state.failure || !state.open) co_return;
  state.open = false;
  if (!state.writer) {
    state.held = true;
    co_return;
  }
  co_await finish_held(session, state);
}

CommandTask run(ImapSession& session, const imap::Append& command, RunOptions) {
  AppendState* state = session.append_state();
  if (!state) co_return Reply::bad("APPEND without a message");
  if (state->failure) co_return *state->failure;
  // Each message literal of APPEND streams, whatever its size, so `ready` holds them all.
  if (state->ready.size() != command.messages.size() || !state->mailbox) {
    const Error error{Code::internal, "APPEND without its messages"};
    co_return reply_for(session, error);
  }
  auto appended = co_await commit_messages(session, *state);
  // What a commit has or may have taken is not ours to remove; the rest goes when the command ends.
  if (appended || !store::surely_refused(appended.error().code)) state->staged.clear();
  if (!appended) {
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
