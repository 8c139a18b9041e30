// Which mechanisms and login names work. Every try with credentials is shown; the first is what the
// user asked for, all others are counted and asked for before, and they end at the first sign that
// the server is about to lock somebody out.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "client/doctor/checks/checks.h"

namespace eilpost::client::checks {

namespace {

using Kind = SignIn::Kind;

struct Try {
  Examination::Attempt attempt;
  std::string why;           // "mechanism", "login name", "port"
  bool name_unsure = false;  // the name may be nobody's, or somebody else's
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Words and codes by which servers say that they have had enough of somebody.
bool is_lockout_sign(const Error& error) {
  if (is_lost(error) || throttle_of(error) || error.code == Code::limit) return true;
  const std::string text = lower(error.detail);
  constexpr std::array<std::string_view, 8> words = {
      "lock", "too many", "blocked", "disabled", "suspend", "browser", "try again", "temporarily"};
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

// --- what to try ---

// The forms that servers know a name by (MS-OXIMAP4 2.2.2 and what administrators set): the
// address, its part before "@", DOMAIN\user and DOMAIN/user.
std::vector<std::string> derived_names(const DoctorOptions& options) {
  const std::string& own = options.sign_in->name;
  std::vector<std::string> out;
  std::string bare = own.substr(0, own.find('@'));
  const size_t slash = bare.find_first_of("\\/");
  std::string domain = options.windows_domain;
  if (slash != std::string::npos) {
    if (domain.empty()) domain = bare.substr(0, slash);
    bare.erase(0, slash + 1);
  }
  out.push_back(bare);
  if (!domain.empty()) {
    out.push_back(domain + "\\" + bare);
    out.push_back(domain + "/" + bare);
  }
  out.insert(out.end(), options.names.begin(), options.names.end());
  std::vector<std::string> distinct;
  for (std::string& name : out) {
    const bool known =
        name == own || std::find(distinct.begin(), distinct.end(), name) != distinct.end();
    if (!known && !name.empty()) distinct.push_back(std::move(name));
  }
  return distinct;
}

// What the server offers on this port that these credentials fit.
std::vector<std::string> usable_mechanisms(const PortLook& look, const SignIn& sign_in) {
  std::vector<std::string_view> fitting;
  switch (sign_in.kind) {
    case Kind::password:
      fitting = {"SCRAM-SHA-256-PLUS",
                 "SCRAM-SHA-1-PLUS",
                 "SCRAM-SHA-256",
                 "SCRAM-SHA-1",
                 "PLAIN",
                 "LOGIN"};
      break;
    case Kind::token: fitting = {"OAUTHBEARER", "XOAUTH2"}; break;
    case Kind::certificate: fitting = {"EXTERNAL"}; break;
    case Kind::ticket: fitting = {"GSSAPI"}; break;
  }
  const auto offered = look.mechanisms();
  std::vector<std::string> out;
  for (const std::string_view name : fitting) {
    if (std::find(offered.begin(), offered.end(), name) != offered.end()) out.emplace_back(name);
  }
  if (sign_in.kind == Kind::password && sign_in.authzid.empty() && !look.has("LOGINDISABLED")) {
    out.emplace_back("login-command");
  }
  return out;
}

// The port as it is when credentials are sent: under TLS where the endpoint has it.
const PortLook* look_of(const Examination& exam, const Endpoint& endpoint) {
  for (const PortLook& look : exam.looks) {
    if (look.endpoint == endpoint) return &look;
  }
  return nullptr;
}

std::string label_of(const std::string& mechanism) {
  return mechanism == "login-command" ? "LOGIN command" : mechanism;
}

std::vector<Try> plan(const Examination& exam, const std::string& used, bool names_only) {
  std::vector<Try> out;
  const Examination::Attempt usual = exam.usual_attempt();
  const PortLook* look = look_of(exam, usual.endpoint);
  if (!names_only && look != nullptr && usual.sign_in.mechanism.empty()) {
    for (const std::string& mechanism : usable_mechanisms(*look, usual.sign_in)) {
      if (imap::equal_nocase(mechanism, used)) continue;
      Try one{usual, "mechanism"};
      one.attempt.sign_in.mechanism = mechanism;
      out.push_back(std::move(one));
    }
  }
  for (const Endpoint& endpoint : exam.endpoints()) {
    const PortLook* other = look_of(exam, endpoint);
    if (names_only || endpoint == usual.endpoint || other == nullptr || !other->tls) continue;
    Try one{usual, "port"};
    one.attempt.endpoint = endpoint;
    out.push_back(std::move(one));
  }
  if (usual.sign_in.kind != Kind::password) return out;
  for (const std::string& name : derived_names(exam.options())) {
    Try one{usual, "login name", true};
    one.attempt.sign_in.name = name;
    out.push_back(std::move(one));
  }
  return out;
}

// --- trying ---

struct Tried {
  bool worked = false;
  Error error;
  std::string mechanism;
};

void add_row(Table& table, Examination& exam, const Examination::Attempt& attempt,
             const Tried& tried, int64_t millis) {
  const std::string wanted = tried.mechanism.empty() ? attempt.sign_in.mechanism : tried.mechanism;
  table.rows.push_back({exam.heard(attempt.sign_in.name), print_endpoint(attempt.endpoint),
                        wanted.empty() ? "strongest" : label_of(wanted), fmt::format("{}", millis),
                        tried.worked ? "yes" : "no: " + exam.heard(tried.error.detail)});
}

// Signs in, and out again unless the session is to be kept.
Task<Tried> try_once(Examination& exam, Table& table, Examination::Attempt attempt, bool keep) {
  const int64_t begun = exam.clock().steady_micros();
  Tried out;
  Examination::Attempt copy = attempt;
  auto session = co_await exam.sign_in(std::move(copy));
  out.worked = session.has_value();
  if (session) {
    out.mechanism = (*session)->mechanism();
    const bool command = out.mechanism == "LOGIN" && attempt.sign_in.mechanism != "LOGIN";
    if (command) out.mechanism = "login-command";
  } else {
    out.error = session.error();
  }
  const int64_t millis = (exam.clock().steady_micros() - begun) / 1000;
  add_row(table, exam, attempt, out, millis);
  if (session && keep) {
    exam.keep_session(std::move(*session));
  } else if (session) {
    co_await (*session)->logout();
  }
  co_return out;
}

// --- judging ---

void explain_refusal(Examination& exam, Section& section, const Error& error) {
  std::string what = "Signing in fails: " + exam.heard(error.detail);
  if (auto known = explain(error.detail)) {
    known->what = what;
    section.findings.push_back(std::move(*known));
    return;
  }
  std::string means, todo;
  if (error.detail.find("certificate verify failed") != std::string::npos) {
    section.find(Grade::problem, "sign-in.certificate", std::move(what),
                 "No credentials were sent: this could be another server.",
                 "See TLS and certificates; trust its authority here with --ca-file, or send "
                 "them all the same with --insecure.");
    return;
  }
  switch (error.code) {
    case Code::auth_failed:
      means = "The server takes name and password for wrong. It does not say which of them.";
      todo =
          "Check both; where the name may have another form, let the doctor try it "
          "(--name, --windows-domain).";
      break;
    case Code::authz_failed:
      means = "The credentials are right, and may not open this mailbox.";
      todo = "Give the account the right to it, or sign in as its owner.";
      break;
    case Code::expired:
      means = "The credentials were right once.";
      todo = "Set another password, or get another token.";
      break;
    case Code::privacy_required:
      means = "The server takes credentials under TLS only.";
      todo = "Use port 993, or STARTTLS.";
      break;
    case Code::unavailable:
    case Code::limit:
      means =
          "The server is busy, or the account has too many connections. The password may well "
          "be right.";
      todo = "Close other programs that are signed in, wait, and try again.";
      break;
    case Code::cannot:
      means = "No way of signing in fits these credentials and this server.";
      todo = "Use other credentials, or another --mechanism.";
      break;
    default: means = "The connection did not come that far."; break;
  }
  section.find(Grade::problem, "sign-in.fails", std::move(what), std::move(means), std::move(todo));
}

void judge(Section& section, const Try& one, const Tried& tried) {
  if (one.why == "login name") return;  // told together
  const SignIn& sign_in = one.attempt.sign_in;
  if (tried.worked) return;
  if (one.why == "port") {
    section.find(Grade::warning, "sign-in.port-refuses",
                 fmt::format("The credentials work, but not on port {}", one.attempt.endpoint.port),
                 "Programs that are set to that port say that the password is wrong.",
                 "Let both ports have the same rules, or close one.");
    return;
  }
  if (sign_in.mechanism == "login-command") {
    section.find(Grade::note, "sign-in.login-command",
                 "The LOGIN command is refused though LOGINDISABLED is not listed");
    return;
  }
  section.find(Grade::warning, "sign-in.mechanism-dead",
               sign_in.mechanism + " is offered, and refuses credentials that are right",
               "Programs choose the strongest mechanism that is offered, fail, and tell the user "
               "that the password is wrong.",
               "Make it work, or take it off the list.");
}

void judge_names(Examination& exam, Section& section, const std::vector<std::string>& good,
                 const std::vector<std::string>& bad) {
  if (!good.empty()) {
    section.find(Grade::good, "sign-in.names",
                 exam.heard(fmt::format("Login names that work: {}", fmt::join(good, ", "))));
  }
  if (!bad.empty()) {
    section.find(Grade::note, "sign-in.names-refused",
                 exam.heard(fmt::format("Login names that do not: {}", fmt::join(bad, ", "))),
                 "Whoever types one of these is told that the password is wrong.");
  }
}

void judge_offer(Section& section, const PortLook& look, Kind kind) {
  constexpr std::array<std::string_view, 4> outside = {"NTLM", "GSSAPI", "CRAM-MD5", "DIGEST-MD5"};
  for (const std::string_view name : outside) {
    const auto offered = look.mechanisms();
    if (std::find(offered.begin(), offered.end(), name) == offered.end()) continue;
    if (name == "GSSAPI" && kind == Kind::ticket) continue;
    const bool obsolete = name != "GSSAPI";
    section.find(Grade::note, "sign-in.not-tried",
                 fmt::format("{} is offered and was not tried", name),
                 obsolete ? "It is out of date, and with NTLM a login can be passed on to others."
                          : "It needs a Kerberos ticket (--kerberos). Some programs take it first "
                            "and then say that the password is wrong.");
  }
}

struct Names {
  std::vector<std::string> good, bad;
};

// False: there was a sign of a lock-out, and the rest is left alone.
Task<bool> try_all(Examination& exam, Section& section, Table& table, std::vector<Try> tries,
                   Names& names) {
  for (const Try& one : tries) {
    Tried tried = co_await try_once(exam, table, one.attempt, false);
    judge(section, one, tried);
    if (one.name_unsure) {
      (tried.worked ? names.good : names.bad).push_back(one.attempt.sign_in.name);
    }
    if (tried.worked || !is_lockout_sign(tried.error)) continue;
    section.find(Grade::warning, "sign-in.stopped",
                 "The server does not want to be tried further: " + exam.heard(tried.error.detail),
                 "To go on could lock the account. What was not tried yet was left alone.",
                 "Wait before somebody signs in again.");
    exam.forbid_sign_ins();
    co_return false;
  }
  co_return true;
}

// Leaves of `tries` as many as the user allows. Where names are tried that may be wrong, the right
// one is tried once more in the end, which is counted too.
void ask_for(Examination& exam, Section& section, std::vector<Try>& tries, bool again) {
  const auto unsure =
      std::count_if(tries.begin(), tries.end(), [](const Try& one) { return one.name_unsure; });
  const int last = again && unsure > 0 ? 1 : 0;
  const int count = static_cast<int>(tries.size()) + last;
  if (tries.empty()) return;
  const std::string why = fmt::format(
      "{} more sign-in{} would show which mechanisms, ports and login names work; {} with "
      "names that may be wrong, which some servers count towards a lock-out",
      count, count == 1 ? "" : "s", unsure);
  const int allowed = exam.consent(count, why);
  if (allowed < count) {
    section.find(Grade::note, "sign-in.not-asked",
                 fmt::format("{}. Of these {} were made", why, allowed), "",
                 "Allow them with --tries.");
    tries.resize(static_cast<size_t>(std::max(0, allowed - last)));
  }
}

}  // namespace

Task<Result<>> signing_in(Examination& exam, Section& section) {
  if (!exam.options().sign_in || exam.looks.empty()) co_return Result<>();
  Table table{"", {"name", "server", "mechanism", "ms", "works"}, {}};
  Examination::Attempt usual = exam.usual_attempt();
  Tried first = co_await try_once(exam, table, usual, true);
  if (!first.worked) explain_refusal(exam, section, first.error);
  const bool hopeless = !first.worked && first.error.code != Code::auth_failed;
  const bool locked = !first.worked && is_lockout_sign(first.error);
  Names names;
  if (first.worked) names.good.push_back(usual.sign_in.name);
  std::vector<Try> tries;
  if (!hopeless && !locked) tries = plan(exam, first.mechanism, !first.worked);
  ask_for(exam, section, tries, first.worked);
  bool on = co_await try_all(exam, section, table, std::move(tries), names);
  if (on && first.worked && !names.bad.empty()) {
    // Whether the wrong names have done any harm.
    Tried again = co_await try_once(exam, table, usual, false);
    if (!again.worked) {
      section.find(
          Grade::problem, "sign-in.locked",
          "The credentials that worked at first do not any more: " + exam.heard(again.error.detail),
          "The tries with other names have locked the account or this address.",
          "Wait, or unlock it.");
      exam.forbid_sign_ins();
    }
  }
  // What follows is examined under the name that works.
  if (!first.worked && !names.good.empty()) exam.use_name(names.good.front());
  judge_names(exam, section, names.good, names.bad);
  if (const PortLook* look = look_of(exam, usual.endpoint)) {
    judge_offer(section, *look, usual.sign_in.kind);
  }
  section.tables.push_back(std::move(table));
  co_return Result<>();
}

}  // namespace eilpost::client::checks
