// IDLE: whether it is there, whether it ends when told to, and, given time, how long the server
// holds it and how often it says that it still does.

#include <fmt/format.h>

#include "client/doctor/checks/checks.h"
#include "client/doctor/checks/ground.h"

namespace eilpost::client::checks {

namespace {

constexpr Connection::LineKind open_line{};
constexpr auto slice = std::chrono::seconds(2);

struct Sat {
  int64_t seconds = 0;
  int words = 0;  // responses in that time
  bool cut = false;
};

int64_t now_seconds(Examination& exam) {
  return exam.clock().steady_micros() / 1'000'000;
}

// Sits there until the time is over, the server ends it or the user wants to go on.
Task<Sat> sit(Examination& exam, Connection& connection) {
  Sat out;
  const int64_t begun = now_seconds(exam);
  const auto deadline = net::after(exam.options().patience);
  while (!exam.stopping() && std::chrono::steady_clock::now() < deadline) {
    const auto until = std::min(deadline, net::after(slice));
    auto heard = co_await connection.wait_untagged(until);
    if (!heard) {
      out.cut = true;
      break;
    }
    out.words += *heard ? 1 : 0;
  }
  out.seconds = now_seconds(exam) - begun;
  co_return out;
}

void judge(Section& section, const Sat& sat) {
  if (sat.cut) {
    section.find(Grade::warning, "push.idle-cut",
                 fmt::format("The server ended IDLE after {} s", sat.seconds),
                 "Programs that do not begin again in time miss new mail. RFC 9051 5.4 grants them "
                 "30 minutes.",
                 "Raise the server's time limit, or that of the balancer in front of it.");
    return;
  }
  section.find(
      Grade::good, "push.idle-held",
      fmt::format("IDLE was held for {} s, with {} words from the server", sat.seconds, sat.words));
  if (sat.seconds >= 300 && sat.words == 0) {
    section.find(Grade::note, "push.no-keepalive",
                 "The server says nothing for five minutes in IDLE",
                 "Routers forget connections on which nothing passes; a program that does not "
                 "begin IDLE anew hears no more of new mail.",
                 "Let the server say \"* OK Still here\" every two minutes where it can.");
  }
}

}  // namespace

Task<Result<>> push(Examination& exam, Section& section) {
  auto shared = co_await exam.session();
  CO_TRY(shared);
  Session& session = **shared;
  if (!session.has("IDLE")) {
    section.find(Grade::warning, "push.none", "The server has no IDLE",
                 "New mail shows up only when a program asks.", "Switch IDLE on.");
    co_return Result<>();
  }
  auto ground = co_await find_ground(exam, session);
  CO_TRY(ground);
  Connection& connection = session.connection();
  imap::Command idle;
  idle.body = imap::Idle();
  Expect nothing;
  auto ticket = co_await connection.send(std::move(idle), std::move(nothing));
  CO_TRY(ticket);
  auto turn = co_await connection.wait_turn(*ticket);
  CO_TRY(turn);
  if (const auto* refused = std::get_if<Answer>(&*turn)) {
    section.find(Grade::warning, "push.refused",
                 "IDLE is listed and refused: " + exam.heard(refused->tagged.text),
                 "Programs that rely on it show no new mail.",
                 "Update the server, or take IDLE off the list.");
    co_return Result<>();
  }
  if (exam.options().patience.count() > 0) {
    exam.progress(fmt::format("sitting in IDLE for {} s", exam.options().patience.count()));
    Sat sat = co_await sit(exam, connection);
    judge(section, sat);
    if (sat.cut) {
      exam.drop_session();
      co_return Result<>();
    }
  }
  auto done = co_await connection.send_line("DONE", open_line);
  CO_TRY(done);
  auto ended = co_await session.finish(std::move(*ticket));
  CO_TRY(ended);
  section.find(Grade::good, "push.idle", "IDLE begins and ends as it should");
  co_return Result<>();
}

}  // namespace eilpost::client::checks
