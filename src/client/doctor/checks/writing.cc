// What becomes of mail that is written: in mailboxes of its own, made under a name that nobody else
// has and removed afterwards. Only where the user allows it.

#include "client/doctor/checks/writing.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/doctor/checks/checks.h"
#include "client/session/appending.h"
#include "client/session/changing.h"
#include "client/session/fetching.h"

namespace eilpost::client::checks {

namespace {

constexpr auto news_time = std::chrono::seconds(15);
constexpr imap::DateTime written_at{915148800, 60};  // 1 January 1999, at UTC+1

Task<Result<Bench>> make_bench(Examination& exam, Session& session) {
  auto spaces = co_await session.name_space();
  CO_TRY(spaces);
  const std::string prefix =
      spaces->personal.empty() ? std::string() : spaces->personal.front().prefix;
  Bench out;
  out.first =
      fmt::format("{}eilpost-doctor-{:08x}", prefix, static_cast<uint32_t>(exam.random().next()));
  out.second = out.first + "-2";
  for (const std::string& name : {out.first, out.second}) {
    std::string copy = name;
    imap::Create create;
    create.mailbox = std::move(copy);
    imap::CommandBody body = std::move(create);
    auto made = co_await session.command(std::move(body));
    CO_TRY(made);
  }
  co_return out;
}

// All in one command where MULTIAPPEND is listed, which is judged by that.
Task<Result<std::vector<Result<Appended>>>> append_three(Section& section, Session& session,
                                                         std::string mailbox) {
  const auto items = [] {
    std::vector<AppendItem> out;
    for (int i = 1; i <= 3; ++i) {
      out.push_back({{"\\Flagged"}, written_at, Octets::of(awkward_message(i))});
    }
    return out;
  };
  const bool at_once = session.has("MULTIAPPEND");
  std::vector<AppendItem> first = items();
  auto outcomes = co_await append_messages(session, mailbox, std::move(first), WhenRefused::tell);
  CO_TRY(outcomes);
  if (!at_once) co_return outcomes;
  const bool taken = outcomes->front().has_value();
  judge_claim(section, taken, "writing.multiappend",
              "Several messages are taken at once (MULTIAPPEND)",
              "MULTIAPPEND is listed, and several messages at once are refused",
              "Moves to this server take many times as long.");
  if (taken) co_return outcomes;
  std::vector<AppendItem> singly = items();
  singly.front().alone = true;
  auto again = co_await append_messages(session, std::move(mailbox), std::move(singly));
  co_return again;
}

// APPEND, and whether everything is there as it was sent.
Task<Result<>> try_append(Examination& exam, Section& section, Session& session, Bench& bench) {
  auto outcomes = co_await append_three(section, session, bench.first);
  CO_TRY(outcomes);
  bool uids_told = true;
  for (const Result<Appended>& outcome : *outcomes) {
    if (!outcome) {
      section.find(Grade::warning, "writing.append",
                   "A message was refused: " + exam.heard(outcome.error().detail));
      co_return Result<>();
    }
    uids_told = uids_told && outcome->uid.has_value();
  }
  if (session.has("UIDPLUS")) {
    judge_claim(section, uids_told, "writing.appenduid", "APPEND tells the uid (UIDPLUS)",
                "UIDPLUS is listed, and APPEND does not tell the uid",
                "Programs look for what they have just saved, or save it twice.");
  }
  Session::SelectHow how;
  auto selected = co_await session.select(bench.first, how);
  CO_TRY(selected);
  std::string all = "ALL";
  auto there = co_await session.search(std::move(all));
  CO_TRY(there);
  there->for_each([&bench](Uid uid) { bench.uids.push_back(uid); });
  auto bodies = co_await fetch_bodies(session, *there);
  CO_TRY(bodies);
  bool octets = bodies->bodies.size() == 3, dates = true, flags = true;
  int number = 0;
  for (const FetchedBody& body : bodies->bodies) {
    auto text = body.octets->all();
    CO_TRY(text);
    octets = octets && *text == awkward_message(++number);
    dates =
        dates && body.row.internal_date && body.row.internal_date->seconds == written_at.seconds;
    flags = flags && std::find(body.row.flags.begin(), body.row.flags.end(), "\\Flagged") !=
                         body.row.flags.end();
  }
  judge_claim(
      section, octets, "writing.octets", "Messages come back octet by octet",
      "Messages do not come back as they were written",
      "Signatures over them (DKIM, PGP, S/MIME) do not verify after a move to this server.");
  judge_claim(section, dates, "writing.date", "The date given with APPEND is kept",
              "The date given with APPEND is lost",
              "After a move to this server all mail has the day of the move.");
  judge_claim(section, flags, "writing.flags", "Flags given with APPEND are kept",
              "Flags given with APPEND are lost",
              "After a move to this server all mail is unread.");
  co_return Result<>();
}

Task<Result<>> try_keyword(Section& section, Session& session, const Bench& bench) {
  if (bench.uids.empty()) co_return Result<>();
  const std::string command =
      fmt::format("UID STORE {} +FLAGS (EilpostDoctor)", bench.uids.front().value);
  auto stored = co_await ask(session, command);
  CO_TRY(stored);
  const bool may = session.selected() != nullptr && session.selected()->keywords_allowed;
  if (!may && !stored->ok()) {
    section.find(Grade::note, "writing.no-keywords", "Keywords of one's own are not possible",
                 "Labels and tags that programs give are kept in that program only, and are lost "
                 "in a move to this server.");
    co_return Result<>();
  }
  const std::string search = "UID SEARCH KEYWORD EilpostDoctor";
  auto found = co_await ask(session, search);
  CO_TRY(found);
  const auto* numbers = found->find<imap::SearchData>();
  const bool there = stored->ok() && numbers != nullptr && numbers->numbers.size() == 1;
  judge_claim(section, there, "writing.keywords", "Keywords are kept",
              "Keywords are allowed and not kept", "Labels and tags that programs give are lost.");
  co_return Result<>();
}

Task<Result<>> try_copy_and_move(Section& section, Session& session, const Bench& bench) {
  if (bench.uids.size() < 3) co_return Result<>();
  UidSet one;
  one.add(bench.uids[0]);
  auto copied = co_await copy_messages(session, one, bench.second);
  CO_TRY(copied);
  if (session.has("UIDPLUS")) {
    judge_claim(section, copied->uids.size() == 1, "writing.copyuid",
                "COPY tells where the copy is (UIDPLUS)",
                "UIDPLUS is listed, and COPY does not tell where the copy is",
                "Programs have to look for the copy, and may take another message for it.");
  }
  auto moved = co_await move_messages(session, one, bench.second);
  CO_TRY(moved);
  std::vector<imap::StatusItem> items = {imap::StatusItem::messages};
  auto there = co_await session.status(bench.second, std::move(items));
  CO_TRY(there);
  const uint64_t count = there->values.empty() ? 0 : there->values.front().number;
  std::string criteria = fmt::format("UID {}", bench.uids[0].value);
  auto left = co_await session.search(std::move(criteria));
  CO_TRY(left);
  const bool fine = count == 2 && (left->empty() || !moved->expunged);
  if (session.has("MOVE")) {
    judge_claim(section, fine, "writing.move", "MOVE moves",
                fmt::format("After COPY and MOVE the target has {} messages, not 2", count),
                "Mail that people move is doubled or lost.");
  }
  co_return Result<>();
}

// UID EXPUNGE has to leave alone what others have marked (RFC 4315 2.1).
Task<Result<>> try_expunge(Section& section, Session& session, const Bench& bench) {
  if (bench.uids.size() < 3 || !session.has("UIDPLUS")) co_return Result<>();
  UidSet both, one;
  both.add(bench.uids[1]);
  both.add(bench.uids[2]);
  one.add(bench.uids[1]);
  imap::FlagList deleted = {"\\Deleted"};
  auto marked = co_await store_flags(session, both, FlagChange::add, std::move(deleted));
  CO_TRY(marked);
  auto expunged = co_await expunge_messages(session, one);
  CO_TRY(expunged);
  std::string all = "ALL";
  auto left = co_await session.search(std::move(all));
  CO_TRY(left);
  judge_claim(section, !left->contains(bench.uids[1]) && left->contains(bench.uids[2]),
              "writing.uid-expunge", "UID EXPUNGE removes what it names and nothing else (UIDPLUS)",
              "UID EXPUNGE does not remove exactly what it names",
              "A program that removes its own messages removes others' with them.");
  co_return Result<>();
}

// A second connection in IDLE has to hear of what the first appends.
Task<Result<>> try_news(Examination& exam, Section& section, Session& session, const Bench& bench) {
  if (!session.has("IDLE")) co_return Result<>();
  Examination::Attempt usual = exam.usual_attempt();
  auto listener = co_await exam.sign_in(std::move(usual));
  CO_TRY(listener);
  Session::SelectHow how;
  how.read_only = true;
  auto selected = co_await (*listener)->select(bench.first, how);
  CO_TRY(selected);
  Connection& connection = (*listener)->connection();
  imap::Command idle;
  idle.body = imap::Idle();
  Expect nothing;
  auto ticket = co_await connection.send(std::move(idle), std::move(nothing));
  CO_TRY(ticket);
  auto turn = co_await connection.wait_turn(*ticket);
  CO_TRY(turn);
  if (std::holds_alternative<Answer>(*turn)) co_return Result<>();
  const uint32_t before = (*listener)->selected()->exists;
  const int64_t begun = exam.clock().steady_micros();
  std::vector<AppendItem> items(1);
  items[0].octets = Octets::of(awkward_message(4));
  auto appended = co_await append_messages(session, bench.first, std::move(items));
  CO_TRY(appended);
  const auto deadline = net::after(news_time);
  bool on = true;
  while (on && (*listener)->selected()->exists <= before) {
    auto heard = co_await connection.wait_untagged(deadline);
    CO_TRY(heard);
    on = *heard;
  }
  const int64_t millis = (exam.clock().steady_micros() - begun) / 1000;
  judge_claim(section, on, "writing.news",
              fmt::format("IDLE told of a message after {} ms", millis),
              fmt::format("IDLE did not tell of a message within {} s", news_time.count()),
              "New mail shows up late or only when a program asks.");
  connection.close();
  co_return Result<>();
}

Task<Result<>> run_all(Examination& exam, Section& section, Session& session, Bench& bench) {
  auto appended = co_await try_append(exam, section, session, bench);
  CO_TRY(appended);
  auto keyword = co_await try_keyword(section, session, bench);
  CO_TRY(keyword);
  auto moved = co_await try_copy_and_move(section, session, bench);
  CO_TRY(moved);
  auto expunged = co_await try_expunge(section, session, bench);
  CO_TRY(expunged);
  auto composed = co_await try_composing(exam, section, session, bench);
  CO_TRY(composed);
  auto news = co_await try_news(exam, section, session, bench);
  co_return news;
}

// On a connection that is surely good, whatever became of the other.
Task<Result<>> remove(Examination& exam, const Bench& bench) {
  exam.drop_session();
  auto session = co_await exam.session();
  CO_TRY(session);
  for (const std::string& name : {bench.second, bench.first}) {
    imap::Delete remove;
    remove.mailbox = name;
    imap::CommandBody body = std::move(remove);
    auto done = co_await (*session)->command(std::move(body));
    CO_TRY(done);
  }
  co_return Result<>();
}

}  // namespace

// With what servers and gateways like to change: a long line, octets beyond ASCII, blanks at line
// ends, a header that is folded oddly, no line end at the end.
std::string awkward_message(int number) {
  return fmt::format(
      "From: Eilpost doctor <doctor@example.invalid>\r\n"
      "Subject: examination {}\r\n\t folded \r\nMessage-ID: <doctor-{}@example.invalid>\r\n"
      "X-Examination: {}\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: 8bit\r\n\r\n"
      "blanks   \r\n{}\r\n.\r\nGr\xc3\xbc\xc3\x9f"
      "e",
      number, number, number, std::string(990, 'x'));
}

void judge_claim(Section& section, bool fine, std::string id, std::string good, std::string bad,
                 std::string means) {
  if (fine) {
    section.find(Grade::good, std::move(id), std::move(good));
  } else {
    section.find(Grade::warning, std::move(id), std::move(bad), std::move(means),
                 "Update the server, or take it off the list.");
  }
}

Task<Result<>> writing(Examination& exam, Section& section) {
  if (!exam.options().write) co_return Result<>();
  auto session = co_await exam.session();
  CO_TRY(session);
  auto bench = co_await make_bench(exam, **session);
  if (!bench) {
    section.find(Grade::warning, "writing.create",
                 "No mailbox could be made: " + exam.heard(bench.error().detail),
                 "Programs cannot make folders for sent mail, drafts or junk.",
                 "Give the account the right to make mailboxes.");
    co_return Result<>();
  }
  auto done = co_await run_all(exam, section, **session, *bench);
  auto removed = co_await remove(exam, *bench);
  if (!removed) {
    section.find(
        Grade::problem, "writing.left-behind",
        fmt::format("The mailboxes {} and {} could not be removed: {}", exam.heard(bench->first),
                    exam.heard(bench->second), exam.heard(removed.error().detail)),
        "", "Remove them by hand.");
  }
  co_return done;
}

}  // namespace eilpost::client::checks
