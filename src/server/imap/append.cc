// APPEND, also of several messages (RFC 9051 6.3.12, RFC 3502, RFC 3516, RFC 4469, RFC 6855 4).
// The literals have streamed into blobs by the time the command is run; what is left is one commit.

#include <algorithm>
#include <utility>

#include "mime/decode.h"
#include "protocol/imap/utf7.h"
#include "server/imap/append_state.h"
#include "server/imap/binary_append.h"
#include "server/imap/commands.h"
#include "server/imap/quota.h"
#include "store/digest.h"
#include "store/outcome.h"

namespace eilpost::server {

namespace {

constexpr size_t chunk_bytes = 256 * 1024;

store::NewMessage with_flags(const imap::AppendMessage& message) {
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

// It came as UTF8 (~{...}), as a whole or one of its parts.
bool says_utf8(const imap::AppendMessage& message) {
  return message.utf8 ||
         std::any_of(message.parts.begin(), message.parts.end(), [](const imap::CatenatePart& p) {
           return p.kind == imap::CatenatePart::Kind::utf8;
         });
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

Reply reply_to_failure(ImapSession& session, const Error& error) {
  Reply reply = reply_for(session, error);
  if (error.code == Code::not_found) reply.code = imap::ResponseCode(imap::CodeName::try_create);
  if (error.code == Code::cannot) reply.text = error.detail;
  return reply;
}

void fail_message(ImapSession& session, AppendState& state, const Error& error) {
  state.failure = reply_to_failure(session, error);
  state.writer.reset();
}

// RFC 6855 4: characters above 127 in a header are refused from those who have not enabled it, but
// only where the operator wants it so: every tool that moves mail would lose messages. Octets that
// are no UTF-8 are no characters.
Result<> check_header(const AppendState& state, const mime::Message& scanned) {
  if (state.eight_bit_header) return {};
  const std::string& header = scanned.parts.front().header;
  const bool plain = std::all_of(header.begin(), header.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (plain || !imap::valid_utf8(header)) return {};
  return fail(Code::cannot, "a header in UTF-8 needs UTF8=ACCEPT to be enabled");
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
  TRY(check_header(state, scanned));
  if (state.nul_seen) {
    message = TRY(without_nul(account, std::move(message), scanned));
    state.staged.back() = message.cold.blob;
  } else {
    message.digest = store::make_digest(scanned);
  }
  state.ready.push_back(std::move(message));
  return {};
}

std::optional<Reply> wrong_state(ImapSession& session, const imap::AppendSoFar& so_far) {
  if (session.state() == SessionState::not_authenticated) return Reply::bad("log in first");
  if (session.identity().read_only) {
    return Reply::no(imap::CodeName::no_perm, "the app password only reads");
  }
  if (!so_far.replaces) return std::nullopt;
  if (!session.selected()) return Reply::bad("select a mailbox first");
  if (session.selected()->read_only) {
    return Reply::no(imap::CodeName::no_perm, "the mailbox was opened read-only");
  }
  return std::nullopt;
}

// Room for whatever one command may bring: nothing will be refused for the quota on the grounds of
// what another node may have changed since.
bool has_much_room(ImapSession& session) {
  const store::QuotaLimit quota = session.quota();
  const auto head = session.account().head();
  const uint64_t most = 4 * session.settings().message_bytes_max;
  return quota.bytes == 0 || (head && head->used.bytes + most <= quota.bytes);
}

net::Task<std::optional<Reply>> find_target(ImapSession& session, AppendState& state,
                                            const std::string& name) {
  if (state.mailbox) co_return std::nullopt;
  co_await session.renew_quota();
  if (!session.find_mailbox(name) || !has_much_room(session)) {
    auto fresh = co_await session.refresh();
    if (!fresh) co_return reply_for(session, fresh.error());
  }
  const auto mailbox = session.find_mailbox(name);
  if (!mailbox) co_return Reply::no(imap::CodeName::try_create, "no such mailbox");
  state.name = name;
  state.mailbox = *mailbox;
  co_return std::nullopt;
}

// What the command holds of the account's quota, as far as it can be known before the commit.
std::optional<Reply> over_quota(ImapSession& session, uint64_t octets, bool replaces) {
  const store::QuotaLimit quota = session.quota();
  const auto head = session.account().head();
  if (!head || quota.bytes == 0) return std::nullopt;
  // What is replaced gives its room back, which may be all that is used; whoever is over quota may
  // make it smaller. The commit knows its size.
  const uint64_t used = replaces ? 0 : head->used.bytes;
  if (used + octets <= quota.bytes) return std::nullopt;
  if (replaces && octets <= head->used.bytes) return std::nullopt;
  return Reply::no(imap::CodeName::over_quota, "the quota would be exceeded");
}

// RFC 9738: all of the messages or none.
std::optional<Reply> too_many(ImapSession& session, const imap::Append& command) {
  const uint32_t most = session.message_limit();
  if (most == 0 || command.messages.size() <= most) return std::nullopt;
  return Reply{imap::Condition::no, imap::ResponseCode::message_limit(most, std::nullopt),
               "more messages than one command may work on"};
}

uint64_t octets_so_far(const AppendState& state) {
  uint64_t octets = state.catenating ? state.size : 0;
  for (const store::NewMessage& ready : state.ready) octets += ready.cold.size;
  return octets;
}

}  // namespace

std::optional<Reply> too_much(ImapSession& session, const AppendState& state, uint64_t octets) {
  const uint64_t max = session.settings().message_bytes_max;
  const uint64_t before = state.catenating ? state.size : 0;
  if (octets > max || before + octets > max) {
    return Reply::no(imap::CodeName::too_big, "the message is larger than this server takes");
  }
  if (octets_so_far(state) + octets > 4 * max) {
    return Reply::no(imap::CodeName::too_big, "more octets than one APPEND may hold");
  }
  return over_quota(session, octets_so_far(state) + octets, state.replaces);
}

void open_message(ImapSession& session, AppendState& state, const imap::AppendMessage& message) {
  state.writer.reset();
  state.scanner = std::make_unique<mime::Scanner>();
  state.size = 0;
  state.nul_seen = false;
  state.parts_done = 0;
  state.catenating = !message.parts.empty();
  state.eight_bit_header = session.utf8 || !session.settings().refuse_utf8_headers;
  state.ready.push_back(with_flags(message));
  state.ready.back().cold.internal_date = internal_date(session, message);
}

net::Task<> finish_held(ImapSession& session, AppendState& state) {
  auto job = [account = session.account_ptr(), state = &state] {
    return finish_message(*account, *state);
  };
  auto finished = co_await session.read(std::move(job));
  if (!finished) fail_message(session, state, finished.error());
}

net::Task<std::optional<Reply>> begin_message(ImapSession& session, AppendState& state,
                                              const imap::AppendSoFar& so_far) {
  const imap::AppendMessage& message = so_far.append.messages.back();
  const bool catenated = !message.parts.empty();
  const uint64_t size = catenated ? message.parts.back().size : message.size;
  if (auto refusal = wrong_state(session, so_far)) co_return refusal;
  if (says_utf8(message) && !session.utf8) {
    co_return Reply::bad("UTF8 needs UTF8=ACCEPT to be enabled");
  }
  if (auto refusal = too_many(session, so_far.append)) co_return refusal;
  if (state.held) {
    co_await finish_held(session, state);
    if (state.failure) co_return state.failure;
  }
  if (size == 0 && !catenated) {
    // RFC 3502 6.3.11: an empty message cancels the whole command.
    co_return Reply::no(imap::CodeName::none, "a message without octets: nothing is appended");
  }
  state.replaces = so_far.replaces;
  auto missing = co_await find_target(session, state, so_far.append.mailbox);
  if (missing) co_return missing;
  auto refusal = co_await gather_parts(session, state, so_far.append, GatherUntil::literal);
  if (refusal) co_return refusal;
  if (state.held) {
    co_await finish_held(session, state);
    if (state.failure) co_return state.failure;
  }
  if (auto reply = too_much(session, state, size)) co_return reply;
  if (!catenated) open_message(session, state, message);
  state.open = true;
  state.literal8 = catenated ? message.parts.back().literal8 : message.literal8;
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
  if (state.catenating) {
    ++state.parts_done;
    co_return;
  }
  state.held = true;
  if (state.writer) co_await finish_held(session, state);
}

net::Task<std::optional<Reply>> complete_messages(ImapSession& session, AppendState& state,
                                                  const imap::Append& command) {
  if (state.failure) co_return state.failure;
  if (auto refused = too_many(session, command)) co_return refused;
  auto missing = co_await find_target(session, state, command.mailbox);
  if (missing) co_return missing;
  auto refusal = co_await gather_parts(session, state, command, GatherUntil::end);
  if (refusal) co_return refusal;
  // Each message literal streams, whatever its size, so `ready` holds them all.
  if (state.ready.size() == command.messages.size()) co_return std::nullopt;
  const Error error{Code::internal, "APPEND without its messages"};
  co_return reply_for(session, error);
}

namespace {

// One job of the pool stages what is held and lends its thread to the commit.
net::Task<Result<store::AppendResult>> commit(ImapSession& session, AppendState& state,
                                              std::optional<Replaced> replaced) {
  auto start = [&session, &state, replaced](std::function<void(Result<store::AppendResult>)> done) {
    auto job = [account = session.account_ptr(), state = &state, author = session.author(),
                quota = session.quota(), replaced, done] {
      if (state->held) {
        auto finished = finish_message(*account, *state);
        if (!finished) return done(tl::unexpected(std::move(finished).error()));
      }
      // Shared by the attempts of the mutation.
      auto request = std::make_shared<store::ReplaceRequest>();
      request->append.messages = std::move(state->ready);
      request->append.quota = quota;
      std::function<Result<store::AppendResult>(store::Tx&)> f =
          [request, name = state->name](store::Tx& tx) -> Result<store::AppendResult> {
        request->append.mailbox = TRY(find_selectable(tx.folders(), name));
        return store::append(tx, request->append);
      };
      if (replaced) {
        request->mailbox = replaced->mailbox;
        request->uid = replaced->uid;
        f = [request, name = state->name,
             engine = &account->engine()](store::Tx& tx) -> Result<store::AppendResult> {
          request->append.mailbox = TRY(find_selectable(tx.folders(), name));
          return store::replace(tx, *engine, *request);
        };
      }
      state->committing = true;
      account->mutate<store::AppendResult>(author, std::move(f), done, store::Account::Where::here);
    };
    const auto posted = session.world().disk.post(std::move(job));
    if (!posted) done(tl::unexpected(posted.error()));
  };
  auto result = co_await net::await_callback<Result<store::AppendResult>>(start);
  co_return result;
}

}  // namespace

net::Task<tl::expected<store::AppendResult, Reply>> commit_messages(
    ImapSession& session, AppendState& state, std::optional<Replaced> replaced) {
  auto appended = co_await commit(session, state, replaced);
  // What a commit has or may have taken is not ours to remove; the rest goes when the command ends.
  const bool refused =
      !appended && (!state.committing || store::surely_refused(appended.error().code));
  if (!refused) state.staged.clear();
  if (!appended) co_return tl::unexpected(reply_to_failure(session, appended.error()));
  session.note_change();
  co_return std::move(*appended);
}

CommandTask run(ImapSession& session, const imap::Append& command, RunOptions) {
  AppendState& state = session.append_state();
  auto refusal = co_await complete_messages(session, state, command);
  if (refusal) co_return *refusal;
  auto appended = co_await commit_messages(session, state, std::nullopt);
  if (!appended) co_return std::move(appended.error());
  UidSet uids;
  for (const Uid uid : appended->uids) uids.add(uid);
  warn_of_quota(session);
  co_return Reply::ok(imap::ResponseCode::append_uid(appended->uid_validity, uids), "appended");
}

}  // namespace eilpost::server
