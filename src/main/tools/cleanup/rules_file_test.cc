#include "main/tools/cleanup/rules_file.h"

#include <gtest/gtest.h>

#include "main/config/config.h"

namespace eilpost {
namespace {

using client::Action;
using client::Want;

TEST(CleanupRulesFile, EveryKeyIsRead) {
  const auto read = parse_cleanup_rules(R"(
[[rule]]
name = "lists"
action = "trash"
to = "Archive"
mailboxes = ["Lists/*", "News"]
exclude = ["Lists/keep"]
marked = "no"
seen = "yes"
flagged = "no"
older_than = 90
age_by = "date"
larger_than = "5M"
from = "list@"
subject = "digest"
duplicates = true
across = true
[[rule]]
name = "purge"
action = "purge"
older_than = 30
)");
  ASSERT_TRUE(read.problems.empty()) << print_problem("f", read.problems.front());
  ASSERT_EQ(read.rules.size(), 2U);
  const client::Rule& rule = read.rules[0];
  EXPECT_EQ(rule.name, "lists");
  EXPECT_EQ(rule.action, Action::trash);
  EXPECT_EQ(rule.target, "Archive");
  EXPECT_EQ(rule.mailboxes, (std::vector<std::string>{"Lists/*", "News"}));
  EXPECT_EQ(rule.exclude, (std::vector<std::string>{"Lists/keep"}));
  EXPECT_EQ(rule.marked, Want::no);
  EXPECT_EQ(rule.seen, Want::yes);
  EXPECT_EQ(rule.flagged, Want::no);
  EXPECT_EQ(rule.older_than_days, 90);
  EXPECT_TRUE(rule.by_date_header);
  EXPECT_EQ(rule.larger_than, 5U << 20);
  EXPECT_EQ(rule.from, "list@");
  EXPECT_EQ(rule.subject, "digest");
  EXPECT_TRUE(rule.duplicates);
  EXPECT_TRUE(rule.across);
  EXPECT_EQ(read.rules[1].marked, Want::yes);
}

std::vector<std::string> problems(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& problem : parse_cleanup_rules(text).problems) {
    out.push_back(print_problem("f", problem));
  }
  return out;
}

TEST(CleanupRulesFile, FaultsAreToldWithTheirPlaceAndWhatWasExpected) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(problems("[[rule]]\nname = \"a\"\nolder_than = \"90\"\nseen = true\n"),
            (Texts{"f:3:14: rule.older_than: expected a number of days, 1 to 36500",
                   "f:4:8: rule.seen: expected \"yes\", \"no\" or \"any\""}));
  const Texts unknown = problems("[[rule]]\nname = \"a\"\nolder = 5\n");
  ASSERT_EQ(unknown.size(), 1U);
  EXPECT_EQ(unknown[0].substr(0, 30), "f:3:1: rule.older: unknown key");
  EXPECT_EQ(problems("[[rule]]\naction = \"list\"\n"), (Texts{"f:1:1: rule.name: must be given"}));
  EXPECT_EQ(problems("x = 1\n"), (Texts{"f:1:1: x: unknown key; expected [[rule]] tables"}));
  EXPECT_EQ(problems(""), (Texts{"f: expected at least one [[rule]]"}));
  EXPECT_EQ(problems("[[rule]]\nname = \"a\"\n[[rule]]\nname = \"a\"\n"),
            (Texts{"f: rule.name: \"a\" is there twice"}));
  EXPECT_EQ(problems("[[rule]\n").size(), 1U);
  const Texts all = problems("[[rule]]\nname = \"a\"\naction = \"trash\"\n");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_NE(all[0].find("every message of every mailbox"), std::string::npos);
}

}  // namespace
}  // namespace eilpost
