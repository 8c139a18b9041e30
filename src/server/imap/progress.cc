#include "server/imap/progress.h"

namespace eilpost::server {

bool ProgressMeter::due(int64_t now_micros) {
  if (now_micros - last_micros_ < int64_t{limits::progress_seconds} * 1'000'000) return false;
  last_micros_ = now_micros;
  return true;
}

Progress::Progress(ImapSession& session, std::string_view tag, std::optional<uint64_t> goal)
    : session_(session), tag_(tag), goal_(goal), meter_(session.world().clock.steady_micros()) {}

net::Task<Result<>> Progress::at(std::optional<uint64_t> done) {
  if (!meter_.due(session_.world().clock.steady_micros()) || session_.hides("INPROGRESS")) {
    co_return Result<>();
  }
  const bool known = done.has_value() && goal_.value_or(0) > 0;
  const imap::ResponseCode code =
      imap::ResponseCode::in_progress(tag_, done, known ? goal_ : std::optional<uint64_t>());
  imap::append_untagged(session_.out(), imap::Condition::ok, code, session_.text("still working"));
  auto sent = co_await session_.send();
  co_return sent;
}

net::Task<> wait_telling(net::Signal& done, Progress& progress) {
  constexpr std::chrono::seconds pause(limits::progress_seconds);
  while (true) {
    const bool over = co_await done.wait_until(net::after(pause));
    if (over) co_return;
    auto told = co_await progress.at(std::nullopt);
    // Whether somebody listens or not, the commit comes to its end.
    if (!told) continue;
  }
}

}  // namespace eilpost::server
