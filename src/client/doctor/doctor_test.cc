#include "client/doctor/doctor.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "client/doctor/rules_testing.h"
#include "client/testing.h"

namespace eilpost::client {
namespace {

using test::Rules;
using test::RulesServer;

constexpr char secret[] = "hush-hush";
const std::string message = "Subject: one\r\nMessage-ID: <a@b>\r\n\r\nhello\r\n";
const std::string header = "Subject: one\r\nMessage-ID: <a@b>\r\n\r\n";
const std::string claims = "IMAP4rev1 ID IDLE ESEARCH NAMESPACE UNSELECT CHILDREN";

std::string literal(const std::string& octets) {
  return fmt::format("{{{}}}\r\n{}", octets.size(), octets);
}

// A small server that tells the truth.
Rules honest() {
  const std::string structure =
      "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"us-ascii\") NIL NIL \"7BIT\" 7 1)";
  return {
      {"LOGIN bob hush-hush", "$ OK [CAPABILITY " + claims + "] welcome\r\n"},
      {"LOGIN", "$ NO [AUTHENTICATIONFAILED] wrong\r\n"},
      {"LOGOUT", "* BYE so long\r\n$ OK done\r\n"},
      {"ID ", "* ID (\"name\" \"Rules\")\r\n$ OK done\r\n"},
      {"EXAMINE",
       "* 1 EXISTS\r\n* OK [UIDVALIDITY 5] is\r\n* OK [UIDNEXT 8] is\r\n"
       "* FLAGS (\\Seen)\r\n$ OK [READ-ONLY] done\r\n"},
      {"UNSELECT", "$ OK done\r\n"},
      {"NOOP", "$ OK done\r\n"},
      {"IDLE", "+ idling\r\n$ OK done\r\n"},
      {"NAMESPACE", "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n$ OK done\r\n"},
      {"LIST", "* LIST (\\HasNoChildren) \"/\" INBOX\r\n$ OK done\r\n"},
      {"LSUB", "* LSUB () \"/\" INBOX\r\n$ OK done\r\n"},
      {"UID SEARCH RETURN (COUNT) ALL", "* ESEARCH (TAG \"$\") UID COUNT 1\r\n$ OK done\r\n"},
      {"UID SEARCH RETURN (ALL) HEADER", "* ESEARCH (TAG \"$\") UID ALL 7\r\n$ OK done\r\n"},
      {"UID SEARCH UID", "* SEARCH\r\n$ OK done\r\n"},
      {"UID SEARCH RETURN (ALL) UID 7", "* ESEARCH (TAG \"$\") UID ALL 7\r\n$ OK done\r\n"},
      {"UID FETCH * (UID)", "* 1 FETCH (UID 7)\r\n$ OK done\r\n"},
      {"UID FETCH 7 (FLAGS)", "* 1 FETCH (UID 7 FLAGS ())\r\n$ OK done\r\n"},
      {"UID FETCH 7 (BODY.PEEK[HEADER]",
       "* 1 FETCH (UID 7 BODY[HEADER] " + literal(header) + " BODY[1] " + literal("hello\r\n") +
           " BODY[]<10> " + literal(message.substr(10, 100)) + ")\r\n$ OK done\r\n"},
      {"UID FETCH 7",
       fmt::format("* 1 FETCH (UID 7 FLAGS () RFC822.SIZE {} BODY[] {})\r\n$ OK done\r\n",
                   message.size(), literal(message))},
      {"FETCH 1 ",
       fmt::format("* 1 FETCH (UID 7 FLAGS () RFC822.SIZE {} BODYSTRUCTURE {})\r\n$ OK done\r\n",
                   message.size(), structure)},
  };
}

Rules lying(const std::string& command, const std::string& answer) {
  Rules out = honest();
  out.insert(out.begin(), {command, answer});
  return out;
}

struct Examined {
  Report report;
  std::string trace;
  std::vector<std::string> commands;

  const Finding* find(std::string_view id) const {
    for (const Section& section : report.sections) {
      for (const Finding& finding : section.findings) {
        if (finding.id == id) return &finding;
      }
    }
    return nullptr;
  }
  std::string unfinished(std::string_view id) const {
    for (const Section& section : report.sections) {
      if (section.id == id) return section.unfinished;
    }
    return "no such section";
  }
  long logins() const {
    return std::count_if(commands.begin(), commands.end(), [](const std::string& command) {
      return command.substr(0, 6) == "LOGIN ";
    });
  }
};

struct How {
  std::string name = "bob";
  int tries = 0;
  std::vector<std::string> names;
};

Examined run(const Rules& rules, How how = {}) {
  RulesServer server("* OK [CAPABILITY " + claims + "] rules", rules);
  Examined out;
  DoctorOptions options;
  options.endpoint = server.endpoint();
  options.sign_in.emplace();
  options.sign_in->name = how.name;
  options.sign_in->secret = secret;
  options.names = how.names;
  options.silence = std::chrono::seconds(20);
  DoctorHooks hooks;
  hooks.consent = [&how](int, const std::string&) { return how.tries; };
  hooks.trace = [&out](ConnectionOptions::Way, std::string_view line) {
    out.trace += std::string(line) + "\n";
  };
  Random random(1);
  ManualClock clock(Timestamp{1'795'000'000'000'000});
  const std::atomic<bool> stopping{false};
  auto report = test::run(examine(std::move(options), std::move(hooks), random, clock, stopping));
  EXPECT_TRUE(report) << report.error().detail;
  if (report) out.report = std::move(*report);
  out.commands = server.commands();
  return out;
}

TEST(Doctor, FindsNothingWrongWithAnHonestServer) {
  const Examined seen = run(honest());
  for (const Section& section : seen.report.sections) {
    EXPECT_EQ(section.unfinished, "") << section.id;
    for (const Finding& finding : section.findings) {
      const bool expected = finding.id == "folders.no-special-use";
      EXPECT_TRUE(expected || finding.grade == Grade::good || finding.grade == Grade::note)
          << finding.id << ": " << finding.what;
    }
  }
  EXPECT_NE(seen.find("messages.honest"), nullptr);
  EXPECT_NE(seen.find("push.idle"), nullptr);
  EXPECT_NE(seen.find("folders.same-for-all"), nullptr);
  EXPECT_EQ(seen.report.sign_ins, seen.logins());
}

TEST(Doctor, ChangesNothing) {
  const Examined seen = run(honest());
  for (const std::string& command : seen.commands) {
    for (const char* change : {"SELECT", "STORE", "APPEND", "EXPUNGE", "CREATE", "DELETE",
                               "UID STORE", "SUBSCRIBE", "RENAME", "BODY["}) {
      EXPECT_EQ(command.find(change) == 0, false) << command;
    }
  }
}

TEST(Doctor, TellsLiesAboutMessages) {
  struct Lie {
    const char* command;
    std::string answer;
    const char* id;
  };
  const std::string size = fmt::format("{}", message.size());
  const std::string row = "* 1 FETCH (UID 7 FLAGS () RFC822.SIZE " + size + " BODYSTRUCTURE ";
  const Lie lies[] = {
      {"UID FETCH 7 (UID",
       "* 1 FETCH (UID 7 RFC822.SIZE 999 BODY[] " + literal(message) + ")\r\n$ OK done\r\n",
       "messages.size"},
      {"UID FETCH 7 (UID", "$ OK done\r\n", "messages.no-octets"},
      {"FETCH 1 ", row + "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 70 1))\r\n$ OK done\r\n",
       "messages.structure-sizes"},
      {"FETCH 1 ", row + "(\"TEXT\" \"HTML\" NIL NIL NIL \"7BIT\" 7 1))\r\n$ OK done\r\n",
       "messages.structure-differs"},
      {"UID FETCH 7 (BODY.PEEK[HEADER]",
       "* 1 FETCH (UID 7 BODY[1] " + literal("hallo\r\n") + ")\r\n$ OK done\r\n",
       "messages.sections"},
      {"UID SEARCH RETURN (ALL) HEADER", "* ESEARCH (TAG \"$\") UID\r\n$ OK done\r\n",
       "messages.search"},
      {"UID FETCH 7 (FLAGS)", "* 1 FETCH (UID 7 FLAGS (\\Seen))\r\n$ OK done\r\n", "messages.seen"},
  };
  for (const Lie& lie : lies) {
    const Examined seen = run(lying(lie.command, lie.answer));
    EXPECT_NE(seen.find(lie.id), nullptr) << lie.id;
    EXPECT_EQ(seen.find("messages.honest"), nullptr) << lie.id;
    EXPECT_EQ(seen.unfinished("messages"), "") << lie.id;
  }
}

TEST(Doctor, TellsPlaceholders) {
  const std::string text =
      "Subject: Retrieval using the IMAP4 protocol failed for the following message: 7\r\n"
      "\r\nThe server couldn't retrieve it.\r\n";
  const Examined seen = run(lying(
      "UID FETCH 7 (UID", fmt::format("* 1 FETCH (UID 7 RFC822.SIZE {} BODY[] {})\r\n$ OK done\r\n",
                                      text.size(), literal(text))));
  EXPECT_NE(seen.find("messages.placeholders"), nullptr);
}

TEST(Doctor, ClaimsThatDoNotHoldAreNamed) {
  const Examined plain = run(lying("UID SEARCH RETURN (COUNT)", "* SEARCH 7\r\n$ OK done\r\n"));
  EXPECT_NE(plain.find("capabilities.ESEARCH"), nullptr);
  const Examined miscounted =
      run(lying("UID SEARCH RETURN (COUNT)", "* ESEARCH (TAG \"$\") UID COUNT 4\r\n$ OK done\r\n"));
  EXPECT_NE(miscounted.find("capabilities.ESEARCH"), nullptr);
  const Examined refused = run(lying("NAMESPACE", "$ BAD what\r\n"));
  EXPECT_NE(refused.find("capabilities.NAMESPACE"), nullptr);
  const Examined silent = run(lying("ID NIL", "$ OK done\r\n"));
  EXPECT_NE(silent.find("capabilities.ID"), nullptr);
  EXPECT_EQ(silent.find("capabilities.NAMESPACE"), nullptr);
}

// A claim, the command that proves it, an answer that does and one that does not.
struct Claim {
  const char* capability;
  const char* command;
  const char* proof;
  const char* lie;
};
constexpr Claim claims_of_all_kinds[] = {
    {"CONTEXT=SEARCH", "UID SEARCH RETURN (UPDATE COUNT) ALL",
     "* ESEARCH (TAG \"$\") UID COUNT 1\r\n$ OK done\r\n",
     "* NO [NOUPDATE \"$\"] no\r\n* ESEARCH (TAG \"$\") UID COUNT 1\r\n$ OK done\r\n"},
    {"CONTEXT=SORT", "UID SORT RETURN (UPDATE COUNT)",
     "* ESEARCH (TAG \"$\") UID COUNT 1\r\n$ OK done\r\n", "$ BAD what\r\n"},
    {"SEARCH=FUZZY", "UID SEARCH RETURN (COUNT) FUZZY",
     "* ESEARCH (TAG \"$\") UID COUNT 1\r\n$ OK done\r\n",
     "* ESEARCH (TAG \"$\") UID COUNT 0\r\n$ OK done\r\n"},
    {"FILTERS", "UID SEARCH FILTER", "$ NO [UNDEFINED-FILTER eilpost-doctor] none\r\n",
     "* SEARCH 7\r\n$ OK done\r\n"},
    {"UIDBATCHES", "UIDBATCHES", "* UIDBATCHES (TAG \"$\") 9:7\r\n$ OK done\r\n", "$ OK done\r\n"},
    {"LIST-MYRIGHTS", "LIST \"\" INBOX RETURN (MYRIGHTS)",
     "* LIST () \"/\" INBOX\r\n* MYRIGHTS INBOX lrs\r\n$ OK done\r\n",
     "* LIST () \"/\" INBOX\r\n$ OK done\r\n"},
    {"LIST-METADATA", "LIST \"\" INBOX RETURN (METADATA",
     "* LIST () \"/\" INBOX\r\n* METADATA INBOX (/shared/comment NIL)\r\n$ OK done\r\n",
     "$ NO not now\r\n"},
    {"QUOTA=RES-MESSAGE", "STATUS INBOX (DELETED)", "* STATUS INBOX (DELETED 0)\r\n$ OK done\r\n",
     "* STATUS INBOX (MESSAGES 1)\r\n$ OK done\r\n"},
    {"UNAUTHENTICATE", "STATUS INBOX (MESSAGES)", "$ BAD sign in first\r\n",
     "* STATUS INBOX (MESSAGES 1)\r\n$ OK done\r\n"},
    {"NOTIFY", "NOTIFY NONE", "$ OK done\r\n", "$ BAD what\r\n"},
};

TEST(Doctor, EachClaimIsProvenOrTold) {
  for (const Claim& claim : claims_of_all_kinds) {
    Rules rules = honest();
    rules.insert(rules.begin(),
                 {{"LOGIN bob hush-hush",
                   fmt::format("$ OK [CAPABILITY {} {}] welcome\r\n", claims, claim.capability)},
                  {"CANCELUPDATE \"", "$ OK done\r\n"},
                  {"NOTIFY SET", "$ OK done\r\n"},
                  {"UNAUTHENTICATE", "$ OK done\r\n"},
                  {"CAPABILITY", "* CAPABILITY IMAP4rev1\r\n$ OK done\r\n"}});
    const std::string id = std::string("capabilities.") + claim.capability;
    rules.insert(rules.begin(), {claim.command, claim.proof});
    EXPECT_EQ(run(rules).find(id), nullptr) << claim.capability;
    rules.front().second = claim.lie;
    EXPECT_NE(run(rules).find(id), nullptr) << claim.capability;
  }
}

TEST(Doctor, FoldersThatDependOnIdAreTold) {
  const Examined seen = run(lying("ID+LIST",
                                  "* LIST (\\HasNoChildren) \"/\" INBOX\r\n"
                                  "* LIST (\\HasNoChildren) \"/\" Kalender\r\n$ OK done\r\n"));
  const Finding* finding = seen.find("folders.by-id");
  ASSERT_NE(finding, nullptr);
  EXPECT_NE(finding->what.find("sees besides Kalender"), std::string::npos) << finding->what;
  EXPECT_NE(seen.find("folders.groupware"), nullptr);
  EXPECT_EQ(seen.find("folders.same-for-all"), nullptr);
}

TEST(Doctor, AWrongPasswordIsExplainedAndTriedOnce) {
  const Examined seen = run(lying("LOGIN", "$ NO [AUTHENTICATIONFAILED] no\r\n"));
  const Finding* finding = seen.find("sign-in.fails");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->grade, Grade::problem);
  EXPECT_EQ(seen.logins(), 1);
  EXPECT_EQ(seen.unfinished("messages"), "no such section");
  EXPECT_EQ(seen.unfinished("sign-in"), "what only an account shows was left out");
  EXPECT_EQ(seen.report.exit_code(), 1);
}

TEST(Doctor, OtherNamesAreTriedAsOftenAsAllowed) {
  How how;
  how.name = "bob@example.org";
  how.names = {"robert", "b.smith"};
  const Rules strict = lying("LOGIN", "$ NO [AUTHENTICATIONFAILED] wrong\r\n");
  EXPECT_EQ(run(strict, how).logins(), 1);  // none without leave
  how.tries = 2;
  EXPECT_EQ(run(strict, how).logins(), 3);
  how.tries = 100;
  EXPECT_EQ(run(strict, how).logins(), 4);
}

TEST(Doctor, GoesOnUnderTheNameThatWorks) {
  How how;
  how.name = "bob@example.org";
  how.tries = 1;
  const Examined seen = run(honest(), how);
  ASSERT_NE(seen.find("sign-in.names"), nullptr);
  EXPECT_EQ(seen.find("sign-in.names")->what, "Login names that work: bob");
  EXPECT_NE(seen.find("messages.honest"), nullptr);
  EXPECT_EQ(
      std::count(seen.commands.begin(), seen.commands.end(), "LOGIN bob@example.org hush-hush"), 1);
}

TEST(Doctor, StopsAtTheFirstSignOfALockOut) {
  How how;
  how.tries = 100;
  how.names = {"one", "two", "three"};
  for (const char* text : {"$ NO account locked for 15 minutes\r\n", "$ NO [LIMIT] too often\r\n",
                           "$ NO [UNAVAILABLE] later\r\n", "close"}) {
    const Examined seen = run(lying("LOGIN one", text), how);
    EXPECT_NE(seen.find("sign-in.stopped"), nullptr) << text;
    for (const std::string& command : seen.commands) {
      EXPECT_NE(command.substr(0, 9), "LOGIN two") << text;
    }
  }
}

TEST(Doctor, SecretsStandInNoReportAndNoTrace) {
  Rules rules = lying("NAMESPACE", "* OK [ALERT] you said hush-hush\r\n$ BAD hush-hush\r\n");
  rules.insert(rules.begin(), {"LIST", "* LIST () \"/\" \"hush-hush\"\r\n$ OK done\r\n"});
  const Examined seen = run(rules);
  EXPECT_NE(seen.find("conduct.alert"), nullptr);
  for (const std::string& text :
       {print_text(seen.report), print_json(seen.report), print_html(seen.report), seen.trace}) {
    EXPECT_EQ(text.find(secret), std::string::npos);
    EXPECT_NE(text.find("***"), std::string::npos);
  }
}

TEST(Doctor, ALostConnectionCostsItsSectionOnly) {
  for (const char* command : {"NAMESPACE", "IDLE", "FETCH 1 ", "UID SEARCH UID"}) {
    const Examined seen = run(lying(command, "close"));
    EXPECT_TRUE(seen.report.connected);
    EXPECT_EQ(seen.unfinished("conduct"), "") << command;
    const auto left =
        std::count_if(seen.report.sections.begin(), seen.report.sections.end(),
                      [](const Section& section) { return !section.unfinished.empty(); });
    EXPECT_GE(left + (seen.find("limits.short-commands") != nullptr ? 1 : 0), 1) << command;
    EXPECT_LE(left, 2) << command;
  }
}

TEST(Doctor, NobodyThereIsToldApart) {
  DoctorOptions options;
  options.endpoint = {"/nonexistent/imap", 0, Security::none, true};
  Random random(1);
  ManualClock clock(Timestamp{1'795'000'000'000'000});
  const std::atomic<bool> stopping{false};
  auto report = test::run(examine(std::move(options), {}, random, clock, stopping));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->exit_code(), 2);
  EXPECT_FALSE(report->connected);
}

TEST(Doctor, StopsBetweenSectionsWhenAsked) {
  RulesServer server("* OK [CAPABILITY IMAP4rev1] rules", honest());
  DoctorOptions options;
  options.endpoint = server.endpoint();
  Random random(1);
  ManualClock clock(Timestamp{1'795'000'000'000'000});
  const std::atomic<bool> stopping{true};
  auto report = test::run(examine(std::move(options), {}, random, clock, stopping));
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->sections.empty());
}

}  // namespace
}  // namespace eilpost::client
