// The decision over rules: who wins, what is offered, what an account may, and what is warned of.
#include "directory/policy/decide.h"

#include <gtest/gtest.h>

namespace eilpost::directory {
namespace {

using sasl::Mechanism;

net::Network network(const char* text) {
  return net::Network::parse(text).value();
}

struct Place {
  PolicyRules rules;
  AuthPolicy listener;
  Circumstances where;

  Place() {
    where.listener = "imaps";
    where.peer = net::Address::parse("192.0.2.7", 0).value();
    where.is_private = true;
    where.tls_version = 13;
    where.now = parse_day("2026-06-01").value();
  }
  PolicyRule& add(const char* name) {
    rules.rules.emplace_back();
    rules.rules.back().name = name;
    return rules.rules.back();
  }
  Decision ask(const char* account, Mechanism mechanism = Mechanism::plain) const {
    Claimant who;
    who.names = {account};
    who.mechanism = mechanism;
    return decide(rules, listener, where, &who);
  }
  std::string refuser(const char* account, Mechanism mechanism = Mechanism::plain) const {
    const Decision out = ask(account, mechanism);
    return out.refusal ? out.refusal->rule : "";
  }
  AuthPolicy offered() const { return decide(rules, listener, where, nullptr).offered; }
  void clear_tls() {
    where.listener = "imap";
    where.is_private = false;
    where.tls_version = 0;
  }
};

TEST(Rules, Days) {
  EXPECT_EQ(parse_day("1970-01-02").value().micros, 86'400'000'000);
  EXPECT_EQ(print_day(parse_day("2028-02-29").value()), "2028-02-29");
  for (const char* wrong : {"", "2027-02-29", "2027-13-01", "2027-1-1", "20270101", "2027-01-01x",
                            "1969-12-31", "2027-00-10", "-027-01-01", "2027-01--1"}) {
    EXPECT_FALSE(parse_day(wrong)) << wrong;
  }
}

TEST(Rules, Patterns) {
  EXPECT_TRUE(pattern_fits("Thunderbird*", "thunderbird 128.0"));
  EXPECT_TRUE(pattern_fits("*", ""));
  EXPECT_TRUE(pattern_fits("a*b*c", "aXbXbXc"));
  EXPECT_FALSE(pattern_fits("a*b*c", "aXbXb"));
  EXPECT_FALSE(pattern_fits("Mail", "Mail 2"));
  EXPECT_TRUE(account_fits("*@example.org", "anna@example.org"));
  EXPECT_FALSE(account_fits("*@example.org", "anna@mail.example.org"));
  EXPECT_FALSE(account_fits("*@example.org", "example.org"));
  EXPECT_FALSE(account_fits("anna@example.org", "ann@example.org"));
}

TEST(Decide, WithoutRulesTheListenerDecides) {
  Place p;
  EXPECT_FALSE(p.ask("anna@example.org").refusal);
  EXPECT_EQ(p.offered().mechanisms, p.listener.mechanisms);
  p.clear_tls();
  const Decision out = p.ask("anna@example.org");
  ASSERT_TRUE(out.refusal);
  EXPECT_EQ(out.refusal->code, Code::privacy_required);
  EXPECT_EQ(out.refusal->rule, "the listener");
}

TEST(Decide, TheMoreSpecificRuleWinsAndOfEqualsTheLater) {
  Place p;
  p.add("all").allow = false;
  EXPECT_EQ(p.refuser("anna@example.org"), "all");
  EXPECT_TRUE(p.offered().mechanisms.empty());
  EXPECT_FALSE(p.offered().login_command);
  {
    PolicyRule& rule = p.add("office");
    rule.from = {network("192.0.2.0/24")};
    rule.allow = true;
  }
  EXPECT_EQ(p.refuser("anna@example.org"), "");
  {
    // Shorter: less specific, though later and with a listener.
    PolicyRule& rule = p.add("wide");
    rule.from = {network("192.0.0.0/16"), network("::/0")};
    rule.listeners = {"imaps"};
    rule.allow = false;
  }
  EXPECT_EQ(p.refuser("anna@example.org"), "");
  {
    PolicyRule& rule = p.add("office on imaps");
    rule.from = {network("192.0.2.0/24")};
    rule.listeners = {"imaps"};
    rule.allow = false;
  }
  EXPECT_EQ(p.refuser("anna@example.org"), "office on imaps");
  PolicyRule later = p.rules.rules.back();
  later.name = "later";
  later.allow = true;
  p.rules.rules.push_back(later);
  EXPECT_EQ(p.refuser("anna@example.org"), "");
}

TEST(Decide, AnAccountBeforeItsDomainBeforeNothing) {
  Place p;
  {
    PolicyRule& rule = p.add("domain");
    rule.accounts = {"*@example.org"};
    rule.from = {network("192.0.2.7/32")};
    rule.allow = false;
  }
  {
    PolicyRule& rule = p.add("anna");
    rule.accounts = {"anna@example.org"};
    rule.allow = true;
  }
  EXPECT_EQ(p.refuser("anna@example.org"), "");
  EXPECT_EQ(p.refuser("bob@example.org"), "domain");
  EXPECT_EQ(p.refuser("bob@example.net"), "");
}

// What an account's rule allows and the place does not offer stays refused.
TEST(Decide, AnAccountRuleOnlyNarrows) {
  Place p;
  p.add("place").mechanisms = {Mechanism::scram_sha_256};
  {
    PolicyRule& rule = p.add("scanner");
    rule.accounts = {"scanner@example.org"};
    rule.mechanisms = {Mechanism::plain, Mechanism::login};
    rule.tls = TlsNeed::optional;
  }
  EXPECT_EQ(p.refuser("scanner@example.org", Mechanism::plain), "place");
  EXPECT_EQ(p.refuser("scanner@example.org", Mechanism::scram_sha_256), "scanner");
  p.clear_tls();
  EXPECT_EQ(p.ask("scanner@example.org", Mechanism::plain).refusal->rule, "place");
  p.rules.rules.erase(p.rules.rules.begin());
  EXPECT_EQ(p.ask("scanner@example.org", Mechanism::plain).refusal->code, Code::privacy_required);
}

TEST(Decide, AMechanismNamesItsBoundForm) {
  Place p;
  p.add("scram").mechanisms = {Mechanism::scram_sha_256};
  EXPECT_EQ(p.refuser("anna@example.org", Mechanism::scram_sha_256_plus), "");
  EXPECT_FALSE(p.offered().login_command);
  p.rules.rules.back().mechanisms = {Mechanism::scram_sha_256_plus};
  EXPECT_EQ(p.refuser("anna@example.org", Mechanism::scram_sha_256), "scram");
  EXPECT_EQ(p.refuser("anna@example.org", Mechanism::scram_sha_256_plus), "");
}

TEST(Decide, TlsByPlaceAndByAccount) {
  Place p;
  p.clear_tls();
  {
    PolicyRule& rule = p.add("inside");
    rule.from = {network("192.0.2.0/24")};
    rule.tls = TlsNeed::optional;
  }
  EXPECT_EQ(p.refuser("anna@example.org"), "");
  PolicyRule own;
  own.name = "own";
  own.accounts = {"anna@example.org"};
  own.tls = TlsNeed::passwords;
  p.rules.rules.push_back(own);
  EXPECT_EQ(p.ask("anna@example.org").refusal->code, Code::privacy_required);
  EXPECT_EQ(p.refuser("anna@example.org", Mechanism::scram_sha_256), "");
  p.rules.rules.back().tls = TlsNeed::required;
  EXPECT_EQ(p.refuser("anna@example.org", Mechanism::scram_sha_256), "own");
  p.where.is_private = true;
  EXPECT_EQ(p.refuser("anna@example.org"), "");
}

TEST(Decide, OldTls) {
  Place p;
  p.add("new").tls_version_min = 13;
  EXPECT_EQ(p.refuser("anna@example.org"), "");
  p.where.tls_version = 12;
  EXPECT_EQ(p.ask("anna@example.org").refusal->code, Code::privacy_required);
  EXPECT_TRUE(p.offered().mechanisms.empty());
  // A balancer that does not tell which TLS it took.
  p.where.tls_version = 0;
  EXPECT_EQ(p.refuser("anna@example.org"), "new");
  // Without TLS it is about TLS, not about its age.
  p.clear_tls();
  p.listener.plaintext_without_tls = true;
  EXPECT_EQ(p.refuser("anna@example.org"), "");
}

TEST(Decide, Clients) {
  Place p;
  p.add("programs").clients = {"Thunderbird*"};
  EXPECT_EQ(p.refuser("anna@example.org"), "programs");
  p.where.client = "Other 1";
  EXPECT_EQ(p.refuser("anna@example.org"), "programs");
  p.where.client = "Thunderbird 128";
  EXPECT_EQ(p.refuser("anna@example.org"), "");
  EXPECT_FALSE(p.offered().mechanisms.empty());
  PolicyRule& own = p.add("own");
  own.accounts = {"anna@example.org"};
  own.clients = {"Other*"};
  EXPECT_EQ(p.refuser("anna@example.org"), "own");
  p.where.client = "Other 1";
  EXPECT_EQ(p.refuser("anna@example.org"), "");
}

TEST(Decide, AMechanismEndsOnADayAndIsWarnedOfBefore) {
  Place p;
  {
    PolicyRule& rule = p.add("basic ends");
    rule.ends = parse_day("2027-03-01").value();
    rule.warn_days = 30;
  }
  EXPECT_TRUE(p.ask("anna@example.org").endings.empty());
  p.where.now = parse_day("2027-01-30").value();
  const std::vector<Ending> wanted = {
      {Mechanism::plain, parse_day("2027-03-01").value(), "basic ends"}};
  EXPECT_EQ(p.ask("anna@example.org").endings, wanted);
  EXPECT_TRUE(p.ask("anna@example.org", Mechanism::scram_sha_256).endings.empty());
  p.where.now = parse_day("2027-03-01").value();
  EXPECT_EQ(p.refuser("anna@example.org"), "basic ends");
  EXPECT_EQ(p.refuser("anna@example.org", Mechanism::scram_sha_256), "");
  EXPECT_FALSE(p.offered().login_command);
  EXPECT_TRUE(p.rules.something_ends(parse_day("2027-02-28").value(), p.where.now));
  EXPECT_FALSE(p.rules.something_ends(p.where.now, parse_day("2028-01-01").value()));
}

TEST(Explain, NamesTheRuleAndWhy) {
  Place p;
  p.add("place").mechanisms = {Mechanism::scram_sha_256, Mechanism::plain};
  {
    PolicyRule& rule = p.add("anna");
    rule.accounts = {"anna@example.org"};
    rule.from = {network("192.0.2.0/24")};
    rule.mechanisms = {Mechanism::scram_sha_256};
  }
  std::string all;
  for (const auto& line : explain(p.rules, p.listener, p.where, {"anna@example.org"})) {
    all += line + "\n";
  }
  EXPECT_NE(all.find("rule \"anna\", which names the account, a network of 24 bits"),
            std::string::npos)
      << all;
  EXPECT_NE(all.find("SCRAM-SHA-256       allowed"), std::string::npos) << all;
  EXPECT_NE(all.find("PLAIN               refused [CONTACTADMIN]: this account may not log in by "
                     "PLAIN, but by SCRAM-SHA-256 (anna)"),
            std::string::npos)
      << all;
  EXPECT_NE(all.find("LOGIN               refused [CONTACTADMIN]: LOGIN is not taken here (place)"),
            std::string::npos)
      << all;
}

}  // namespace
}  // namespace eilpost::directory
