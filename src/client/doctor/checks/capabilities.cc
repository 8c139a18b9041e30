// What the server says it can, and whether it can: a probe for each claim that has one.

#include <fmt/format.h>

#include <algorithm>

#include "client/doctor/checks/checks.h"
#include "client/doctor/checks/probes.h"

namespace eilpost::client::checks {

namespace {

struct Outcome {
  std::string text;  // "proven", "is refused: ..."
  bool proven = false;
  bool tested = false;
};

// A refusal that the RFC allows is no lie: a part in an encoding that nobody knows (RFC 3516 4.3).
bool is_fair(const Error& error) {
  return error.code == Code::unknown_cte || error.code == Code::permission ||
         error.code == Code::authz_failed || throttle_of(error).has_value();
}

Outcome refused(Examination& exam, const Error& error) {
  if (is_fair(error)) return {"not tested: " + exam.heard(error.detail)};
  return {"is refused: " + exam.heard(error.detail), false, true};
}

Outcome judge_refusal(Examination& exam, const Probe& probe, const Heard& heard) {
  if (heard.ok()) {
    return {fmt::format("does not hold: answers OK and not {}", probe.refusal), false, true};
  }
  const Error& error = heard.answer.error();
  const bool proof = error.detail.find(fmt::format("NO [{}", probe.refusal)) != std::string::npos;
  return proof ? Outcome{"proven", true, true} : refused(exam, error);
}

Task<Result<Outcome>> run_probe(Examination& exam, Session& session, const Probe& probe,
                                const Ground& ground) {
  if (probe.where == Where::message && ground.exists == 0) {
    co_return Outcome{"not tested: the mailbox is empty"};
  }
  Filling form{session.enabled("UTF8=ACCEPT") || session.enabled("IMAP4rev2")};
  if (!probe.before.empty()) {
    const std::string before = fill_in(probe.before, ground, form);
    auto prepared = co_await ask(session, before);
    CO_TRY(prepared);
    if (!prepared->ok()) co_return refused(exam, prepared->answer.error());
  }
  const std::string command = fill_in(probe.command, ground, form);
  auto heard = co_await ask(session, command);
  CO_TRY(heard);
  if (!probe.refusal.empty()) co_return judge_refusal(exam, probe, *heard);
  if (!heard->ok()) co_return refused(exam, heard->answer.error());
  Ground current = ground;
  // Mail that comes meanwhile is told before the command ends.
  if (probe.where != Where::apart) current.exists = session.selected()->exists;
  std::string complaint = probe.judge(*heard, current);
  if (!probe.after.empty()) {
    if (const auto* search = heard->find<imap::ESearchData>()) form.tag = search->tag;
    const std::string after = fill_in(probe.after, ground, form);
    auto undone = co_await ask(session, after);
    CO_TRY(undone);
    if (complaint.empty() && !undone->ok()) {
      complaint = fmt::format("{} is refused: {}", after.substr(0, after.find(' ')),
                              exam.heard(undone->answer.error().detail));
    }
  }
  if (!complaint.empty()) co_return Outcome{"does not hold: " + complaint, false, true};
  co_return Outcome{"proven", true, true};
}

// RFC 4978: from its OK on both sides compress.
Task<Result<Outcome>> probe_compress(Examination& exam, Session& session) {
  auto agreed = co_await ask(session, "COMPRESS DEFLATE");
  CO_TRY(agreed);
  if (!agreed->ok()) co_return refused(exam, agreed->answer.error());
  session.connection().stream().start_deflate();
  auto works = co_await ask(session, "NOOP");
  if (!works) co_return Outcome{"does not hold: nothing can be read once it is on", false, true};
  co_return Outcome{"proven", true, true};
}

// RFC 8437: nobody is signed in behind it, and the connection stays.
Task<Result<Outcome>> probe_unauthenticate(Examination& exam, const Ground& ground) {
  Examination::Attempt usual = exam.usual_attempt();
  auto session = co_await exam.sign_in(std::move(usual));
  CO_TRY(session);
  auto agreed = co_await ask(**session, "UNAUTHENTICATE");
  CO_TRY(agreed);
  if (!agreed->ok()) co_return refused(exam, agreed->answer.error());
  const std::string status = fill_in("STATUS $BOX (MESSAGES)", ground, Filling());
  auto open = co_await ask(**session, status);
  CO_TRY(open);
  auto capability = co_await ask(**session, "CAPABILITY");
  CO_TRY(capability);
  co_await (*session)->logout();
  if (open->ok()) co_return Outcome{"does not hold: the mail is still open", false, true};
  if (!capability->ok()) {
    co_return Outcome{"does not hold: nothing can be said behind it", false, true};
  }
  co_return Outcome{"proven", true, true};
}

struct Line {
  std::string capability;
  Outcome outcome;
};

// The probes that change a session, on one of their own: what was enabled stays on.
Task<Result<>> probe_apart(Examination& exam, const Ground& ground, std::vector<Line>& lines) {
  Examination::Attempt usual = exam.usual_attempt();
  auto session = co_await exam.sign_in(std::move(usual));
  CO_TRY(session);
  for (const Probe& probe : probes()) {
    if (probe.where != Where::apart || !(*session)->has(probe.capability)) continue;
    if (probe.capability == "QRESYNC" && ground.modseq == 0) continue;
    auto outcome = co_await run_probe(exam, **session, probe, ground);
    CO_TRY(outcome);
    lines.push_back({std::string(probe.capability), std::move(*outcome)});
  }
  if ((*session)->has("COMPRESS=DEFLATE")) {
    auto outcome = co_await probe_compress(exam, **session);
    CO_TRY(outcome);
    lines.push_back({"COMPRESS=DEFLATE", std::move(*outcome)});
  }
  const bool unauthenticate = (*session)->has("UNAUTHENTICATE");
  co_await (*session)->logout();
  if (!unauthenticate) co_return Result<>();
  auto outcome = co_await probe_unauthenticate(exam, ground);
  CO_TRY(outcome);
  lines.push_back({"UNAUTHENTICATE", std::move(*outcome)});
  co_return Result<>();
}

Task<Result<>> probe_all(Examination& exam, Session& session, const Ground& ground,
                         std::vector<Line>& lines) {
  for (const Probe& probe : probes()) {
    if (probe.where == Where::apart || !session.has(probe.capability)) continue;
    auto outcome = co_await run_probe(exam, session, probe, ground);
    if (!outcome) {
      lines.push_back(
          {std::string(probe.capability),
           {"ends the connection: " + exam.heard(outcome.error().detail), false, true}});
      co_return tl::unexpected(std::move(outcome).error());
    }
    lines.push_back({std::string(probe.capability), std::move(*outcome)});
  }
  co_return Result<>();
}

void judge(Section& section, const std::vector<std::string>& claimed,
           const std::vector<Line>& lines, Examination& exam) {
  Table table{"", {"claimed", "result"}, {}};
  size_t proven = 0;
  for (const std::string& capability : claimed) {
    const auto line = std::find_if(lines.begin(), lines.end(), [&](const Line& one) {
      return imap::equal_nocase(one.capability, capability);
    });
    std::string result(instead_of_a_probe(capability));
    if (result == "see Writing" && !exam.options().write) result = "not tested without --write";
    if (line != lines.end()) result = line->outcome.text;
    table.rows.push_back({exam.heard(capability), result.empty() ? "not tested" : result});
    if (line == lines.end()) continue;
    proven += line->outcome.proven ? 1 : 0;
    if (line->outcome.proven || !line->outcome.tested) continue;
    section.find(Grade::warning, fmt::format("capabilities.{}", line->capability),
                 fmt::format("{} is listed, and {}", line->capability, line->outcome.text),
                 "Programs that believe the list fail there, or miss mail.",
                 "Update the server, or take it off the list.");
  }
  section.find(
      Grade::good, "capabilities.proven",
      fmt::format("{} of {} claims were put to the test and held", proven, claimed.size()));
  section.tables.push_back(std::move(table));
}

void judge_missing(Section& section, const Session& session) {
  std::string list;
  for (const Missed& missed : worth_having()) {
    if (session.has(missed.capability)) continue;
    // RFC 9051 appendix E: what IMAP4rev2 has taken in. RFC 7162 3.2.3: QRESYNC implies CONDSTORE.
    const bool within = session.has("IMAP4rev2") && missed.capability != "SORT" &&
                        missed.capability != "QUOTA" && missed.capability != "NOTIFY" &&
                        missed.capability != "COMPRESS=DEFLATE" && missed.capability != "ID" &&
                        missed.capability != "CONDSTORE" && missed.capability != "QRESYNC";
    if (within || (missed.capability == "CONDSTORE" && session.has("QRESYNC"))) continue;
    list += fmt::format("{}{} ({})", list.empty() ? "" : "; ", missed.capability, missed.means);
  }
  if (list.empty()) return;
  section.find(Grade::note, "capabilities.missing", "Not there: " + list);
}

}  // namespace

Task<Result<>> capabilities(Examination& exam, Section& section) {
  auto shared = co_await exam.session();
  CO_TRY(shared);
  Session& session = **shared;
  auto ground = co_await find_ground(exam, session);
  CO_TRY(ground);
  const std::vector<std::string> claimed = session.capabilities();
  std::vector<Line> lines;
  auto probed = co_await probe_all(exam, session, *ground, lines);
  Result<> apart;
  if (probed) apart = co_await probe_apart(exam, *ground, lines);
  judge(section, claimed, lines, exam);
  if (probed) judge_missing(section, session);
  CO_TRY(probed);
  co_return apart;
}

}  // namespace eilpost::client::checks
