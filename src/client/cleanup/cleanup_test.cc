// Finding, changing, settling and undoing against a server that follows a script.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "client/cleanup/changer.h"
#include "client/testing.h"

namespace eilpost::client {
namespace {

using test::FakeServer;

constexpr Timestamp now{1'700'000'000 * int64_t{1'000'000}};  // 14-Nov-2023
constexpr std::string_view fetched_items =
    "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (Message-ID Date From Subject)])";

std::string login(std::string_view capabilities) {
  return "S: * OK [CAPABILITY IMAP4rev1] here\nC: LOGIN bob secret\nS: $ OK [CAPABILITY "
         "IMAP4rev1 " +
         std::string(capabilities) + "] welcome\n";
}

// A row of FETCH as the tool asks for it.
std::string row(uint32_t uid, const std::string& flags, const std::string& id) {
  const std::string header = "Message-ID: <" + id + "@x>\r\nSubject: " + id + "\r\n\r\n";
  std::string script = header;
  for (size_t at = script.find("\r\n"); at != std::string::npos; at = script.find("\r\n", at)) {
    script.replace(at, 2, "\\r\\n");
  }
  return "S- * 1 FETCH (UID " + std::to_string(uid) + " FLAGS (" + flags +
         ") INTERNALDATE \"01-Nov-2023 10:00:00 +0000\" RFC822.SIZE 700 BODY[HEADER.FIELDS "
         "(Message-ID Date From Subject)] {" +
         std::to_string(header.size()) + "}\\r\\n" + script + ")\\r\\n\n";
}

std::string fetch(const std::string& set) {
  return "C: UID FETCH " + set + " " + std::string(fetched_items) + "\n";
}

std::string open(const std::string& verb, const std::string& mailbox, uint32_t validity,
                 uint32_t exists = 9) {
  return "C: " + verb + " " + mailbox + "\nS: * " + std::to_string(exists) +
         " EXISTS\nS: * OK [UIDVALIDITY " + std::to_string(validity) +
         "] x\nS: * OK [UIDNEXT 100] x\nS: $ OK [" +
         (verb == "SELECT" ? "READ-WRITE" : "READ-ONLY") + "] done\n";
}

const std::string listed =
    "C: LIST \"\" \"*\"\n"
    "S: * LIST () \"/\" INBOX\n"
    "S: * LIST (\\Trash) \"/\" Trash\n"
    "S: $ OK done\n"
    "C: LSUB \"\" \"*\"\n"
    "S: $ OK done\n";
const std::string done = "S: $ OK done\n";

class Cleanup : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/eilpost-cleanup-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    ::setenv("EILPOST_CLEANUP_TEST", "secret", 1);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<Account> account(const FakeServer& server) {
    AccountSpec spec;
    spec.endpoint = server.options().endpoint;
    spec.name = "bob";
    spec.secret = {SecretSource::Kind::environment, "EILPOST_CLEANUP_TEST"};
    spec.silence = std::chrono::seconds(5);
    return std::move(*Account::make(std::move(spec), Hooks(), random_));
  }
  std::unique_ptr<Journal> journal() { return std::move(*Journal::open(directory_ + "/journal")); }
  ChangerOptions options(const std::string& run) {
    ChangerOptions out;
    out.run = run;
    out.now = now;
    return out;
  }

  Random random_{1};
  std::string directory_;
};

Task<Result<Plan>> find(Account& account, Rule rule, Finder::Visit visit) {
  auto session = co_await account.connect();
  CO_TRY(session);
  Finder finder(**session, now, std::move(visit));
  auto plan = co_await finder.find(std::move(rule));
  (*session)->connection().close();
  co_return plan;
}

Task<Result<ChangeTotals>> apply(Account& account, Journal& journal, ChangerOptions options,
                                 Plan plan) {
  Changer changer(account, journal, std::move(options));
  auto totals = co_await changer.apply(std::move(plan));
  co_return totals;
}

Task<Result<ChangeTotals>> undo(Account& account, Journal& journal, ChangerOptions options,
                                std::string run) {
  Changer changer(account, journal, std::move(options));
  auto totals = co_await changer.undo(std::move(run));
  co_return totals;
}

Plan plan_of(Action action, const std::string& target = "") {
  Plan plan;
  plan.rule.action = action;
  plan.rule.marked = action == Action::purge ? Want::yes : Want::any;
  plan.target = target;
  Share share;
  share.mailbox = "INBOX";
  share.uid_validity = 7;
  share.uids.add(Uid(4), Uid(5));
  plan.shares.push_back(share);
  return plan;
}

TEST_F(Cleanup, FindsWhatSearchAndTheMessagesThemselvesSay) {
  FakeServer server(login("") + listed + open("EXAMINE", "INBOX", 7) +
                    "C: UID SEARCH DELETED\nS: * SEARCH 4 5 6 8\nS: $ OK done\n" + fetch("4:6,8") +
                    row(4, "\\\\Deleted", "a") +
                    // SEARCH was wrong about this one; that one is told twice.
                    row(5, "", "b") + row(6, "\\\\Deleted", "c") + row(6, "\\\\Deleted", "d") +
                    "S: * 2 FETCH (UID 8 FLAGS (\\Deleted))\n" + done);
  auto account = this->account(server);
  Rule rule = *complete_rule(Rule());
  rule.mailboxes = {"INBOX"};
  std::vector<uint32_t> seen;
  auto plan = test::run(find(*account, rule,
                             [&](const Rule&, const std::string& mailbox, const Message& message,
                                 const Place*) -> Result<> {
                               EXPECT_EQ(mailbox, "INBOX");
                               seen.push_back(message.uid.value);
                               return {};
                             }));
  ASSERT_TRUE(plan) << plan.error().detail;
  EXPECT_EQ(server.failure(), "");
  EXPECT_EQ(seen, (std::vector<uint32_t>{4, 6}));
  ASSERT_EQ(plan->shares.size(), 1U);
  EXPECT_EQ(plan->shares[0].uids.to_string(), "4");
  EXPECT_EQ(plan->shares[0].unclear, 3U);  // two with one uid, one that was not told
}

TEST_F(Cleanup, OfDuplicatesTheFlaggedOneStays) {
  const auto body = [](uint32_t uid, const std::string& flags, const std::string& day,
                       const std::string& text) {
    return "S- * 1 FETCH (UID " + std::to_string(uid) + " FLAGS (" + flags + ") INTERNALDATE \"" +
           day + "-Nov-2023 10:00:00 +0000\" RFC822.SIZE 700 BODY[] {16}\\r\\nA: b\\r\\n\\r\\n" +
           text + "\\r\\n\\r\\n)\\r\\n\n";
  };
  const std::string rows = row(1, "", "a") + row(2, "", "b") + row(3, "", "a") + row(4, "", "a") +
                           row(5, "\\\\Flagged", "a");
  FakeServer server(login("") + listed + open("EXAMINE", "INBOX", 7) + fetch("1:*") + rows + done +
                    open("EXAMINE", "INBOX", 7) +
                    "C: UID FETCH 1,3:5 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])\n" +
                    body(1, "", "01", "same") + body(3, "", "02", "same") +
                    body(4, "", "01", "diff") + body(5, "\\\\Flagged", "03", "same") + done +
                    open("EXAMINE", "INBOX", 7) + fetch("1,3") + row(1, "", "a") + row(3, "", "a") +
                    done);
  auto account = this->account(server);
  Rule rule;
  rule.duplicates = true;
  rule.mailboxes = {"INBOX"};
  std::vector<std::pair<uint32_t, uint32_t>> seen;
  auto plan = test::run(find(*account, *complete_rule(rule),
                             [&](const Rule&, const std::string&, const Message& message,
                                 const Place* original) -> Result<> {
                               seen.emplace_back(message.uid.value,
                                                 original == nullptr ? 0 : original->uid.value);
                               return {};
                             }));
  ASSERT_TRUE(plan) << plan.error().detail;
  EXPECT_EQ(server.failure(), "");
  EXPECT_EQ(seen, (std::vector<std::pair<uint32_t, uint32_t>>{{1, 5}, {3, 5}}));
  EXPECT_EQ(plan->messages(), 2U);
}

// Gmail shows one message in each mailbox that it has as a label: to remove it from one of them
// would be to remove it, or its label.
TEST_F(Cleanup, OnGmailOneMessageUnderTwoLabelsIsNoDuplicate) {
  const auto labelled = [](uint32_t uid, const std::string& number) {
    std::string out = row(uid, "", "a");
    return out.insert(out.find(" FLAGS"), " X-GM-MSGID " + number);
  };
  const auto body = [](uint32_t uid) {
    return "S- * 1 FETCH (UID " + std::to_string(uid) +
           " FLAGS () INTERNALDATE \"01-Nov-2023 10:00:00 +0000\" RFC822.SIZE 700 BODY[] {10}"
           "\\r\\nA: b\\r\\n\\r\\nhi)\\r\\n\n";
  };
  const auto rows = [](const std::string& set) {
    std::string out = fetch(set);
    return out.insert(out.find(" BODY.PEEK"), " X-GM-MSGID");
  };
  const std::string bodies = " (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])\n";
  const std::string both =
      "C: LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\nS: * LIST () \"/\" Work\nS: $ OK done\n"
      "C: LSUB \"\" \"*\"\nS: $ OK done\n";
  FakeServer server(login("X-GM-EXT-1") + both + open("EXAMINE", "INBOX", 7) + rows("1:*") +
                    labelled(1, "55") + labelled(2, "56") + done + open("EXAMINE", "Work", 8) +
                    rows("1:*") + labelled(3, "55") + done + open("EXAMINE", "INBOX", 7) +
                    "C: UID FETCH 1:2" + bodies + body(1) + body(2) + done +
                    open("EXAMINE", "Work", 8) + "C: UID FETCH 3" + bodies + body(3) + done +
                    open("EXAMINE", "INBOX", 7) + rows("2") + labelled(2, "56") + done);
  auto account = this->account(server);
  Rule rule;
  rule.duplicates = true;
  rule.across = true;
  std::vector<std::pair<uint32_t, uint32_t>> seen;
  auto plan = test::run(find(*account, *complete_rule(rule),
                             [&](const Rule&, const std::string&, const Message& message,
                                 const Place* original) -> Result<> {
                               seen.emplace_back(message.uid.value, original->uid.value);
                               return {};
                             }));
  ASSERT_TRUE(plan) << plan.error().detail;
  EXPECT_EQ(server.failure(), "");
  EXPECT_EQ(seen, (std::vector<std::pair<uint32_t, uint32_t>>{{2, 1}}));
}

const std::string status =
    "C: STATUS Trash (UIDVALIDITY UIDNEXT)\n"
    "S: * STATUS Trash (UIDVALIDITY 9 UIDNEXT 20)\n"
    "S: $ OK done\n";

TEST_F(Cleanup, MovesAndPutsBack) {
  auto journal = this->journal();
  FakeServer there(login("MOVE UIDPLUS") + open("SELECT", "INBOX", 7) + fetch("4:5") +
                   row(4, "", "a") + row(5, "", "b") + done + status +
                   "C: UID MOVE 4:5 Trash\n"
                   "S: * OK [COPYUID 9 4:5 20:21] moved\n" +
                   done);
  auto totals =
      test::run(apply(*account(there), *journal, options("r1"), plan_of(Action::trash, "Trash")));
  ASSERT_TRUE(totals) << totals.error().detail;
  EXPECT_EQ(there.failure(), "");
  EXPECT_EQ(totals->messages, 2U);
  EXPECT_EQ(totals->octets, 1400U);
  const auto& entries = journal->entries();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].state, Journal::State::done);

  // The uid 21 of Trash is another message meanwhile, says a server that reuses uids.
  FakeServer back(login("MOVE UIDPLUS") + open("SELECT", "Trash", 9) + fetch("20:21") +
                  row(20, "", "a") + row(21, "", "z") + done +
                  "C: UID SEARCH UID 20:21\nS: * SEARCH 20 21\nS: $ OK done\n"
                  "C: LIST \"\" \"INBOX\"\nS: * LIST () \"/\" INBOX\nS: $ OK done\n"
                  "C: LSUB \"\" \"INBOX\"\nS: $ OK done\n"
                  "C: STATUS INBOX (UIDVALIDITY UIDNEXT)\n"
                  "S: * STATUS INBOX (UIDVALIDITY 7 UIDNEXT 6)\n"
                  "S: $ OK done\n"
                  "C: UID MOVE 20 INBOX\n"
                  "S: * OK [COPYUID 7 20 6] moved\n" +
                  done);
  auto account = this->account(back);
  // The journal knows accounts by name: the test's servers lie at different paths.
  Change copy = *journal->change(entries[0]);
  Outcome outcome = *journal->outcome(entries[0]);
  copy.account = account->label();
  copy.run = "r2";
  outcome.number = journal->begin(copy).value();
  ASSERT_TRUE(journal->end(outcome));
  EXPECT_EQ(last_run(*journal, account->label()), "r2");
  auto undone = test::run(undo(*account, *journal, options("r3"), "r2"));
  ASSERT_TRUE(undone) << undone.error().detail;
  EXPECT_EQ(back.failure(), "");
  EXPECT_EQ(undone->messages, 1U);
  EXPECT_EQ(undone->unchanged, 1U);
  EXPECT_EQ(undone->troubles.size(), 1U);
  // It may look as it did at another time, so that there is something to take back.
  EXPECT_FALSE(journal->entries()[1].undone);
  EXPECT_EQ(last_run(*journal, account->label()), "r2");
}

// Killed between the copy and the removal: one message is in both mailboxes, one has not been
// copied. The next run finishes the first, once its content is seen to be the same, and begins.
TEST_F(Cleanup, WhatWasCutShortIsSettledFirst) {
  const auto content = [](const std::string& uid) {
    return "C: UID FETCH " + uid + " (UID RFC822.SIZE BODY.PEEK[])\nS- * 1 FETCH (UID " + uid +
           " RFC822.SIZE 10 BODY[] {10}\\r\\nA: b\\r\\n\\r\\nhi)\\r\\n\n" + done;
  };
  FakeServer server(
      login("UIDPLUS") + open("EXAMINE", "Trash", 9) + fetch("20:4294967295") + row(20, "", "a") +
      done + open("SELECT", "INBOX", 7) + fetch("4:5") + row(4, "", "a") + row(5, "", "b") + done +
      content("4") + open("EXAMINE", "Trash", 9) + content("20") + open("SELECT", "INBOX", 7) +
      "C: UID STORE 4 +FLAGS.SILENT (\\Deleted)\n" + done + "C: UID EXPUNGE 4\n" + done +
      fetch("4:5") + row(5, "", "b") + done + "C: UID STORE 5 +FLAGS.SILENT (\\Deleted)\n" + done);
  auto account = this->account(server);
  auto journal = this->journal();
  Change cut;
  cut.run = "r1";
  cut.account = account->label();
  cut.kind = ChangeKind::move;
  cut.mailbox = "INBOX";
  cut.uid_validity = 7;
  cut.uids.add(Uid(4), Uid(5));
  cut.target = "Trash";
  cut.target_validity = 9;
  cut.target_uid_next = 20;
  for (const auto& [uid, id] : {std::pair{4U, "a"}, {5U, "b"}}) {
    MessageRow row;
    row.uid = Uid(uid);
    row.size = 700;
    row.internal_date = imap::DateTime();
    row.header = std::string("Message-ID: <") + id + "@x>\r\nSubject: " + id + "\r\n\r\n";
    cut.identities.push_back({uid, 700, message_of(row)->key});
  }
  ASSERT_TRUE(journal->begin(cut));
  auto totals = test::run(apply(*account, *journal, options("r2"), plan_of(Action::mark)));
  ASSERT_TRUE(totals) << totals.error().detail;
  EXPECT_EQ(server.failure(), "");
  EXPECT_EQ(totals->messages, 1U);
  EXPECT_EQ(totals->unchanged, 1U);
  const Outcome settled = *journal->outcome(journal->entries()[0]);
  EXPECT_TRUE(settled.done);
  EXPECT_EQ(settled.moved, (std::vector<std::pair<uint32_t, uint32_t>>{{4, 20}}));
}

TEST_F(Cleanup, PurgesOnlyWhatIsStillMarked) {
  FakeServer server(login("UIDPLUS") + open("SELECT", "INBOX", 7) + fetch("4:5") +
                    row(4, "\\\\Deleted", "a") + row(5, "\\\\Seen", "b") + done +
                    "C: UID EXPUNGE 4\n" + done);
  auto journal = this->journal();
  auto totals = test::run(apply(*account(server), *journal, options("r1"), plan_of(Action::purge)));
  ASSERT_TRUE(totals) << totals.error().detail;
  EXPECT_EQ(server.failure(), "");
  EXPECT_EQ(totals->messages, 1U);
  EXPECT_EQ(totals->unchanged, 1U);
}

// Between the look and the change somebody has removed one original and marked another \Deleted;
// the mailbox of a third was made anew.
TEST_F(Cleanup, ADuplicateThatIsTheLastCopyByNowStays) {
  Plan plan = plan_of(Action::trash, "Trash");
  plan.rule.duplicates = true;
  Share& share = plan.shares[0];
  share.uids.add(Uid(6), Uid(9));
  share.originals[4] = {"INBOX", Uid(1), 7};
  share.originals[5] = {"INBOX", Uid(2), 7};
  share.originals[6] = {"INBOX", Uid(3), 7};
  share.originals[7] = {"Old", Uid(3), 70};
  share.originals[8] = {"Work", Uid(3), 8};
  share.originals[9] = {"Work", Uid(4), 8};
  FakeServer server(login("MOVE UIDPLUS") + open("SELECT", "INBOX", 7) + fetch("4:9") +
                    row(4, "", "a") + row(5, "", "b") + row(6, "", "c") + row(7, "", "d") +
                    row(8, "", "e") + row(9, "", "f") + done + fetch("1:3") + row(1, "", "a") +
                    row(2, "\\\\Deleted", "b") + done + open("EXAMINE", "Old", 71) +
                    open("EXAMINE", "Work", 8) + fetch("3:4") + row(4, "", "f") + done +
                    open("SELECT", "INBOX", 7) + status +
                    "C: UID MOVE 4,9 Trash\nS: * OK [COPYUID 9 4,9 20:21] moved\n" + done);
  auto journal = this->journal();
  auto totals = test::run(apply(*account(server), *journal, options("r1"), std::move(plan)));
  ASSERT_TRUE(totals) << totals.error().detail;
  EXPECT_EQ(server.failure(), "");
  EXPECT_EQ(totals->messages, 2U);
  EXPECT_EQ(totals->unchanged, 4U);
}

TEST_F(Cleanup, AMailboxThatWasMadeAnewIsLeftAlone) {
  FakeServer server(login("UIDPLUS") + open("SELECT", "INBOX", 8));
  auto journal = this->journal();
  auto totals = test::run(apply(*account(server), *journal, options("r1"), plan_of(Action::purge)));
  ASSERT_TRUE(totals);
  EXPECT_EQ(totals->messages, 0U);
  EXPECT_EQ(totals->troubles.size(), 1U);
  EXPECT_TRUE(journal->entries().empty());
}

// The connection is lost between command and answer: on the next one it is found out what happened.
TEST_F(Cleanup, ALostAnswerIsLookedFor) {
  FakeServer server(login("MOVE UIDPLUS") + open("SELECT", "INBOX", 7) + fetch("4:5") +
                    row(4, "", "a") + row(5, "", "b") + done + status +
                    "C: UID MOVE 4:5 Trash\n"
                    "close\n" +
                    login("MOVE UIDPLUS") + open("EXAMINE", "Trash", 9) + fetch("20:4294967295") +
                    row(20, "", "a") + row(21, "", "b") + done + open("SELECT", "INBOX", 7) +
                    fetch("4:5") + done + fetch("4:5") + done);
  auto journal = this->journal();
  auto totals =
      test::run(apply(*account(server), *journal, options("r1"), plan_of(Action::trash, "Trash")));
  ASSERT_TRUE(totals) << totals.error().detail;
  EXPECT_EQ(server.failure(), "");
  const Outcome outcome = *journal->outcome(journal->entries()[0]);
  EXPECT_TRUE(outcome.done);
  EXPECT_EQ(outcome.moved.size(), 2U);
}

}  // namespace
}  // namespace eilpost::client
