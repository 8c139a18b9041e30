// IDLE (RFC 2177, RFC 9051 6.3.13): announces what happens as it happens, until the client says
// DONE.

#include "server/imap/commands.h"
#include "server/imap/metadata.h"
#include "server/imap/notify.h"

namespace eilpost::server {

namespace {

// Announces and sends. False when the connection takes no more.
net::Task<bool> announce(ImapSession& session) {
  // RFC 5465 4: with NOTIFY, exactly what it asked for.
  if (session.selected() && tells_selected(session)) {
    auto synced = co_await session.sync(session.pipeline_allows_expunge());
    // The session stays: what happened meanwhile is announced when it can be looked at again.
    if (!synced) session.log().info("idle: {}", synced.error().detail);
  }
  if (session.notify) {
    co_await announce_notified(session);
  } else if (session.metadata_news.subscription) {
    co_await announce_metadata(session);
  }
  auto sent = co_await session.send();
  co_return sent.has_value();
}

enum class Heard { nothing, done, garbage, closed };

// Reads what the client says while it idles.
net::Task<Heard> hear(ImapSession& session, net::Deadline deadline) {
  std::string chunk;
  auto got = co_await session.stream().read_append(chunk, 4096, deadline);
  if (!got) co_return Heard::closed;
  session.framer().feed(chunk);
  co_return Heard::nothing;
}

Heard next_line(ImapSession& session) {
  imap::FramerEvent event = session.framer().next();
  if (std::holds_alternative<imap::NeedMore>(event)) return Heard::nothing;
  const auto* line = std::get_if<imap::RawLine>(&event);
  return line && imap::equal_nocase(line->line, "DONE") ? Heard::done : Heard::garbage;
}

}  // namespace

CommandTask run(ImapSession& session, const imap::Idle&, RunOptions) {
  imap::append_continuation(session.out(), "idling");
  session.entry().set_state("idle");
  session.framer().expect_raw_line();
  const net::Deadline end =
      net::after(std::chrono::seconds(session.settings().idle_session_seconds));
  const int keepalive = session.settings().idle_keepalive_seconds;
  Heard heard = Heard::nothing;
  if (session.selected()) {
    // From here on the account's follower tells.
    auto fresh = co_await session.refresh();
    if (!fresh) session.log().info("idle: {}", fresh.error().detail);
  }
  bool open = co_await announce(session);
  while (open && session.state() != SessionState::logout) {
    heard = next_line(session);
    if (heard != Heard::nothing) break;
    net::Deadline until = end;
    session.stream().rest();
    if (keepalive > 0) until = std::min(end, net::after(std::chrono::seconds(keepalive)));
    const net::Wake wake =
        co_await session.stream().wait_readable_or_signal(session.signal(), until);
    if (wake == net::Wake::closed) break;
    if (wake == net::Wake::readable) {
      heard = co_await hear(session, end);
      if (heard == Heard::closed) break;
      continue;
    }
    if (wake == net::Wake::signalled) {
      const uint32_t reasons = session.signal().take();
      if (reasons & (wake_stop | wake_end)) {
        session.bye(imap::CodeName::unavailable, "the server is going down");
      } else if (reasons & wake_policy) {
        co_await session.renew_policy();
      }
    } else if (net::after(std::chrono::seconds(0)) >= end) {
      session.bye(imap::CodeName::none, "idle for too long");
    } else {
      // Middleboxes forget connections on which nothing passes.
      imap::append_untagged(session.out(), imap::Condition::ok, imap::ResponseCode(),
                            session.text("still here"));
    }
    open = co_await announce(session);
  }
  session.entry().set_state(session.selected() ? "selected" : "authenticated");
  if (heard == Heard::done) co_return Reply::ok("idle is over");
  if (heard == Heard::garbage) co_return Reply::bad("expected DONE at column 1");
  if (session.state() != SessionState::logout) session.set_state(SessionState::logout);
  co_return Reply::no(imap::CodeName::unavailable, "idle was ended");
}

}  // namespace eilpost::server
