// CATENATE (RFC 4469): messages put together from octets that come along and from what URLs name
// in the same account.

#include "protocol/imap/url.h"
#include "server/imap/append_state.h"
#include "server/imap/commands.h"
#include "server/imap/fetch_plan.h"
#include "server/imap/read_ahead.h"

namespace eilpost::server {

namespace {

Reply bad_url(std::string_view url, std::string_view why) {
  return {imap::Condition::no, imap::ResponseCode::bad_url(url), std::string(why)};
}

bool is_own_server(ImapSession& session, const imap::MessageUrl& url) {
  if (url.host.empty()) return true;
  if (!imap::equal_nocase(url.host, session.settings().hostname)) return false;
  return url.user.empty() || imap::equal_nocase(url.user, session.identity().login_name) ||
         imap::equal_nocase(url.user, session.identity().primary_address);
}

// Where the octets lie that a URL names.
struct Source {
  FetchedRun run;  // keeps the row
  store::Cold cold;
  FetchedBody body;
};

// Blocks; disk pool.
Result<Source> locate(store::Account& account, MailboxId mailbox, const imap::MessageUrl& url) {
  imap::FetchItem item;
  item.kind = imap::FetchKind::body_section;
  item.section = url.section;
  item.peek = true;
  item.partial = url.partial;
  if (item.partial && item.partial->length == 0) item.partial->length = UINT64_MAX;
  Source out;
  out.run = TRY(load_run(account, mailbox, plan_fetch({item}), {url.uid}));
  FetchedMessage& message = out.run.messages.front();
  if (!message.row) return fail(Code::not_found, "the message of a URL is gone");
  out.cold = message.row->cold;
  out.body = std::move(message.bodies.front());
  if (out.body.kind == FetchedBody::Kind::nil) return fail(Code::not_found, "no such section");
  return out;
}

// The message of a URL, as long as it is in its mailbox: Code::not_found, Code::bad_url.
net::Task<Result<Source>> find_source(ImapSession& session, const imap::MessageUrl& url) {
  if (!is_own_server(session, url)) co_return fail(Code::bad_url, "the URL of another server");
  const auto mailbox = session.find_mailbox(url.mailbox);
  CO_TRY(mailbox);
  auto snapshot = co_await session.open(*mailbox);
  CO_TRY(snapshot);
  const bool other =
      url.uid_validity != 0 && url.uid_validity != (*snapshot)->counters.uid_validity;
  if (other) co_return fail(Code::not_found, "UIDVALIDITY differs");
  if (!(*snapshot)->tree.find(url.uid)) co_return fail(Code::not_found, "no such uid");
  auto job = [account = session.account_ptr(), mailbox = *mailbox, &url] {
    return locate(*account, mailbox, url);
  };
  auto located = co_await session.read(std::move(job));
  co_return located;
}

// Takes what the URL names as if it had come as a literal8: it may hold NUL where its message does.
net::Task<std::optional<Reply>> add_url(ImapSession& session, AppendState& state,
                                        const std::string& text) {
  const auto url = imap::parse_message_url(text);
  if (!url) co_return bad_url(text, "the URL names no message of this account");
  auto source = co_await find_source(session, *url);
  if (!source) {
    const Code code = source.error().code;
    if (code == Code::not_found || code == Code::bad_url) {
      co_return bad_url(text, "the URL names nothing that there is");
    }
    co_return reply_for(session, source.error());
  }
  if (auto refusal = too_much(session, state, source->body.size)) co_return refusal;
  state.literal8 = true;
  if (source->body.kind == FetchedBody::Kind::octets) {
    co_await message_chunk(session, state, source->body.octets);
    co_return state.failure;
  }
  ReadAhead pieces(session.world().disk, session.account_ptr(), source->cold, source->body.range);
  while (!state.failure) {
    if (session.ending()) {
      co_return Reply::no(imap::CodeName::unavailable, "the session ends");
    }
    auto piece = co_await pieces.next();
    if (!piece) co_return reply_for(session, piece.error());
    if (piece->empty()) break;
    co_await message_chunk(session, state, *piece);
  }
  co_return state.failure;
}

// The URLs from the first that is not done up to `end`.
net::Task<std::optional<Reply>> add_urls(ImapSession& session, AppendState& state,
                                         const imap::AppendMessage& message, size_t end) {
  for (; state.parts_done < end; ++state.parts_done) {
    const imap::CatenatePart& part = message.parts[state.parts_done];
    if (part.kind != imap::CatenatePart::Kind::url) {
      const Error error{Code::internal, "CATENATE without its literal"};
      co_return reply_for(session, error);
    }
    auto refusal = co_await add_url(session, state, part.url);
    if (refusal) co_return refusal;
  }
  co_return std::nullopt;
}

}  // namespace

net::Task<std::optional<Reply>> gather_parts(ImapSession& session, AppendState& state,
                                             const imap::Append& command, GatherUntil until) {
  const size_t begun = state.ready.size();
  for (size_t m = begun == 0 ? 0 : begun - 1; m < command.messages.size(); ++m) {
    const imap::AppendMessage& message = command.messages[m];
    const bool whole = until == GatherUntil::end || m + 1 < command.messages.size();
    if (message.parts.empty() || (m < state.ready.size() && !state.catenating)) continue;
    if (m == state.ready.size()) {
      if (state.held) co_await finish_held(session, state);
      if (state.failure) co_return state.failure;
      open_message(session, state, message);
    }
    // The last part is the literal that is announced.
    const size_t end = message.parts.size() - (whole ? 0 : 1);
    auto refusal = co_await add_urls(session, state, message, end);
    if (refusal) co_return refusal;
    if (!whole) continue;
    if (state.size == 0) {
      co_return Reply::no(imap::CodeName::none, "a message without octets: nothing is appended");
    }
    state.catenating = false;
    state.held = true;
  }
  co_return std::nullopt;
}

}  // namespace eilpost::server
