#include "client/names/mapping.h"

#include <gtest/gtest.h>

#include "client/names/special.h"

namespace eilpost::client {
namespace {

MailboxInfo mailbox(std::string name, char delimiter = '/', std::string use = "") {
  MailboxInfo out;
  out.name = std::move(name);
  out.delimiter = delimiter;
  out.special_use = std::move(use);
  return out;
}

NameSide side(std::vector<std::string> names, char delimiter = '/', std::string prefix = "") {
  NameSide out;
  for (std::string& name : names) out.mailboxes.push_back(mailbox(std::move(name), delimiter));
  out.delimiter = delimiter;
  out.prefix = std::move(prefix);
  return out;
}

// "source>target" for each, or "source:why" when it is left out.
std::vector<std::string> mapped(const NameSide& from, const NameSide& to,
                                const MappingRules& rules = {}) {
  std::vector<std::string> out;
  for (const MappedMailbox& m : map_mailboxes(from, to, rules)) {
    out.push_back(m.source.name + (m.target.empty() ? ":" + m.left_out : ">" + m.target));
  }
  return out;
}

using Names = std::vector<std::string>;

TEST(SpecialNames, ManyLanguages) {
  EXPECT_EQ(special_use_of_name("Sent Items"), "\\Sent");
  EXPECT_EQ(special_use_of_name("GESENDETE ELEMENTE"), "\\Sent");
  EXPECT_EQ(special_use_of_name("Gelöschte Elemente"), "\\Trash");
  EXPECT_EQ(special_use_of_name("ÉLÉMENTS SUPPRIMÉS"), "\\Trash");
  EXPECT_EQ(special_use_of_name("Corbeille"), "\\Trash");
  EXPECT_EQ(special_use_of_name("Borradores"), "\\Drafts");
  EXPECT_EQ(special_use_of_name("Posta indesiderata"), "\\Junk");
  EXPECT_EQ(special_use_of_name("Concepten"), "\\Drafts");
  EXPECT_EQ(special_use_of_name("Archiv"), "\\Archive");
  EXPECT_EQ(special_use_of_name("Friends"), "");
  EXPECT_TRUE(is_other_than_mail("Kalender"));
  EXPECT_FALSE(is_other_than_mail("INBOX"));
}

TEST(Mapping, DelimitersAndPrefixes) {
  const NameSide courier = side({"INBOX", "INBOX.Lists.c++", "INBOX.Sent"}, '.', "INBOX.");
  EXPECT_EQ(mapped(courier, side({"INBOX"})),
            (Names{"INBOX>INBOX", "INBOX.Lists.c++>Lists/c++", "INBOX.Sent>Sent"}));
  EXPECT_EQ(mapped(side({"INBOX", "Lists/v1.2", "Lists/v1_2", "INBOX/sub"}), courier),
            (Names{"INBOX>INBOX", "Lists/v1.2>INBOX.Lists.v1_2", "Lists/v1_2>INBOX.Lists.v1_2_2",
                   "INBOX/sub>INBOX.sub"}));
}

TEST(Mapping, SpecialUsesMeetWhateverTheyAreCalled) {
  NameSide exchange = side({"INBOX", "Gesendete Elemente", "Gesendete Elemente/2019",
                            "Gelöschte Elemente", "Kalender", "Projekte"});
  exchange.exchange = true;
  NameSide target = side({"INBOX"});
  target.mailboxes.push_back(mailbox("Sent Messages", '/', "\\Sent"));
  EXPECT_EQ(mapped(exchange, target),
            (Names{"INBOX>INBOX", "Gesendete Elemente>Sent Messages",
                   "Gesendete Elemente/2019>Sent Messages/2019", "Gelöschte Elemente>Trash",
                   "Kalender:holds no mail", "Projekte>Projekte"}));
  const auto all = map_mailboxes(exchange, target, {});
  EXPECT_EQ(all[3].special_use, "\\Trash");
  EXPECT_EQ(all[1].special_use, "");
  MappingRules plain;
  plain.special_uses = false;
  EXPECT_EQ(mapped(exchange, target, plain)[1], "Gesendete Elemente>Gesendete Elemente");
}

TEST(Mapping, AttributesComeBeforeNames) {
  NameSide from = side({"Sent", "Gesendet"});
  from.mailboxes.push_back(mailbox("Ausgang", '/', "\\Sent"));
  EXPECT_EQ(mapped(from, side({"INBOX"})),
            (Names{"Sent>Sent_2", "Gesendet>Gesendet", "Ausgang>Sent"}));
}

TEST(Mapping, GmailsEverythingIsLast) {
  NameSide gmail = side({"INBOX"});
  gmail.gmail = true;
  gmail.mailboxes.push_back(mailbox("[Gmail]/All Mail", '/', "\\All"));
  gmail.mailboxes.push_back(mailbox("[Gmail]/Starred", '/', "\\Flagged"));
  gmail.mailboxes.push_back(mailbox("Work"));
  EXPECT_EQ(mapped(gmail, side({"INBOX"})),
            (Names{"INBOX>INBOX", "[Gmail]/Starred:a view of other mailboxes", "Work>Work",
                   "[Gmail]/All Mail>Archive"}));
}

TEST(Mapping, RulesOfTheUser) {
  MappingRules rules;
  rules.renamed = {{"Old", "New/Old"}};
  rules.exclude = {"Lists/*"};
  EXPECT_EQ(mapped(side({"Old", "Lists", "Lists/a"}), side({}), rules),
            (Names{"Old>New/Old", "Lists>Lists", "Lists/a:excluded"}));
  MappingRules root;
  root.from_root = "Users/anna";
  root.to_root = "Before";
  EXPECT_EQ(mapped(side({"Users/anna", "Users/anna/Sent", "Users/bob"}), side({}), root),
            (Names{"Users/anna>Before/INBOX", "Users/anna/Sent>Before/Sent",
                   "Users/bob:not beneath Users/anna"}));
  MappingRules include;
  include.include = {"Shared.%"};
  NameSide shared = side({"INBOX", "Shared.team", "Shared.team.x"}, '.');
  shared.foreign_prefixes = {"Shared."};
  EXPECT_EQ(mapped(shared, side({}), include),
            (Names{"INBOX:not included", "Shared.team>Shared/team", "Shared.team.x:not included"}));
  EXPECT_EQ(mapped(shared, side({}))[1], "Shared.team:belongs to others");
}

TEST(Mapping, KeywordsAreAtoms) {
  EXPECT_EQ(keyword_of_name("To do (now)"), "To_do__now_");
  EXPECT_EQ(keyword_of_name("Größe"), "Gr&APYA3w-e");
}

}  // namespace
}  // namespace eilpost::client
