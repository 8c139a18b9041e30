#include "client/doctor/doctor.h"

#include "client/doctor/checks/checks.h"

namespace eilpost::client {

namespace {

// A server that has let so many sections wait in vain is not asked further.
constexpr int silences_max = 3;

Task<Section> run_group(const checks::Group& group, Examination& exam, int& silences) {
  Section section;
  section.id = group.id;
  section.title = group.title;
  if (group.needs_account && !exam.signed_in) co_return section;
  if (group.needs_account && silences >= silences_max) {
    section.unfinished = "left out: the server has been silent too often";
    co_return section;
  }
  exam.progress(section.title);
  auto done = co_await group.run(exam, section);
  if (!done) {
    silences += done.error().code == Code::timeout ? 1 : 0;
    section.unfinished = exam.heard(done.error().detail);
    if (auto known = checks::explain(done.error().detail)) {
      known->what = section.unfinished;
      section.findings.push_back(std::move(*known));
    }
    if (is_lost(done.error()) || !exam.forbidden()) exam.drop_session();
  }
  co_return section;
}

// In the section that shows it, instead of an empty section for each that needs an account.
void tell_missing(Report& report, const Examination& exam) {
  if (!exam.options().sign_in || exam.signed_in) return;
  for (Section& section : report.sections) {
    if (section.id == "sign-in") section.unfinished = "what only an account shows was left out";
  }
}

bool is_empty(const Section& section) {
  return section.tables.empty() && section.findings.empty() && section.unfinished.empty();
}

}  // namespace

Task<Result<Report>> examine(DoctorOptions options, DoctorHooks hooks, Random& random,
                             const Clock& clock, const std::atomic<bool>& stopping) {
  Report report;
  report.server = print_endpoint(options.endpoint);
  if (options.sign_in) report.account = options.sign_in->name;
  report.begun = clock.now();
  Examination exam(std::move(options), std::move(hooks), random, clock, stopping);
  auto prepared = exam.prepare();
  CO_TRY(prepared);
  int silences = 0;
  for (const checks::Group& group : checks::groups()) {
    if (stopping) break;
    Section section = co_await run_group(group, exam, silences);
    if (!is_empty(section)) report.sections.push_back(std::move(section));
  }
  if (stopping && !report.sections.empty()) {
    report.sections.back().unfinished = "stopped by the user: what follows was not looked at";
  }
  tell_missing(report, exam);
  report.connected = !exam.looks.empty();
  report.sign_ins = exam.sign_ins;
  report.seconds = clock.now().seconds() - report.begun.seconds();
  co_return report;
}

}  // namespace eilpost::client
