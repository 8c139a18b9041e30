#include "directory/outside/directories.h"

#include <gtest/gtest.h>

#include "directory/authenticator.h"
#include "directory/grants.h"
#include "directory/outside/breaker.h"
#include "directory/testing.h"

namespace eilpost::directory {
namespace {

// A directory whose entries and troubles a test sets.
struct FakeState {
  std::vector<Entry> entries;
  std::map<std::string, std::string> passwords;  // by key
  Error trouble;
  bool down = false;
  int found = 0;
  int checked = 0;
};

class FakeSource final : public Source {
 public:
  explicit FakeSource(FakeState& state) : state_(state) {}
  Result<std::vector<Entry>> find(const Query&) override {
    ++state_.found;
    if (state_.down) return fail(Code::unavailable, "down");
    return state_.entries;
  }
  Result<> check_password(const Entry& entry, std::string_view password) override {
    ++state_.checked;
    if (state_.down) return fail(Code::unavailable, "down");
    if (!state_.trouble.detail.empty()) return tl::unexpected(state_.trouble);
    const auto at = state_.passwords.find(entry.key);
    if (at != state_.passwords.end() && at->second == password) return {};
    return fail(Code::auth_failed, "wrong");
  }

 private:
  FakeState& state_;
};

Entry alice() {
  Entry out;
  out.key = "k-alice";
  out.login_name = "alice@corp.example.org";
  out.primary_address = "alice.a@example.org";
  out.addresses = {"alice@example.org"};
  out.nicknames = {"ally"};
  out.user = "asmith";
  out.netbios = "corp";
  out.realm = "ad.example.org";
  out.upn = "alice@corp.example.org";
  out.sid = "S-1-5-21-1";
  out.groups = {"staff"};
  out.handle = "CN=alice";
  return out;
}

struct OutsideWorld : World {
  FakeState ad;
  std::optional<Directories> all;

  explicit OutsideWorld(std::vector<std::string> domains = {}, int64_t password_seconds = 60) {
    ad.entries = {alice()};
    ad.passwords["k-alice"] = "secret";
    OutsideDirectory one;
    one.options.name = "ad";
    one.options.domains = std::move(domains);
    one.options.password_cache_seconds = password_seconds;
    one.source = std::make_unique<FakeSource>(ad);
    std::vector<OutsideDirectory> outside;
    outside.push_back(std::move(one));
    all.emplace(*directory, std::move(outside), clock, random);
  }
  Result<Account> check(std::string_view name, std::string_view password = "secret") {
    return all->check_password({.name = name, .password = password});
  }
};

TEST(Directories, EveryFormMeansTheSameAccount) {
  OutsideWorld w;
  const auto first = w.check("alice@corp.example.org");
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_EQ(first->directory, "ad");
  EXPECT_EQ(first->groups, std::vector<std::string>{"staff"});
  for (const auto* name :
       {"ALICE@corp.example.org", "alice.a@example.org", "Alice@Example.org", "CORP\\asmith",
        "corp/ASmith", "asmith@ad.example.org", "ad.example.org\\asmith", "ally", "asmith"}) {
    const auto found = w.check(name);
    ASSERT_TRUE(found) << name << ": " << found.error().detail;
    EXPECT_EQ(found->id, first->id) << name;
    EXPECT_EQ(code_of(w.check(name, "wrong")), Code::auth_failed) << name;
  }
  for (const auto* name : {"OTHER\\asmith", "asmith@other.example", "smith", "alice\\", ""}) {
    EXPECT_EQ(code_of(w.check(name)), Code::auth_failed) << name;
  }
  EXPECT_EQ(w.all->resolve_sid("S-1-5-21-1").value().id, first->id);
  EXPECT_EQ(code_of(w.all->resolve_sid("S-1-5-21-2")), Code::not_found);
}

TEST(Directories, MailIsForAddressesOnly) {
  OutsideWorld w;
  for (const auto* name : {"alice.a@example.org", "alice@example.org"}) {
    EXPECT_TRUE(w.all->resolve_address(name)) << name;
  }
  for (const auto* name : {"CORP\\asmith", "alice@corp.example.org", "asmith@ad.example.org"}) {
    EXPECT_EQ(code_of(w.all->resolve_address(name)), Code::not_found) << name;
  }
  const auto found = resolve_recipient(*w.all, "alice+lists@example.org", w.directory->names());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->detail, "lists");
}

TEST(Directories, AmbiguousNamesAreNobodys) {
  OutsideWorld w;
  Entry other = alice();
  other.key = "k-other";
  other.upn = other.login_name = "other@corp.example.org";
  other.user = "other";
  w.ad.entries.push_back(other);
  EXPECT_EQ(code_of(w.check("alice@example.org")), Code::auth_failed);
  EXPECT_TRUE(w.check("CORP\\asmith"));
  EXPECT_EQ(code_of(w.all->resolve_address("alice.a@example.org")), Code::not_found);
  const auto lines = w.all->explain("alice@example.org").value();
  EXPECT_NE(lines.back().find("ambiguous by proxy"), std::string::npos) << lines.back();
}

TEST(Directories, BuiltInAccountsComeFirstAndKnowDomains) {
  auto options = cheap_options();
  options.names.domains = {{"corp", "example.org"}};
  World plain(options);
  const auto bob = plain.add("bob");
  Directories all(*plain.directory, {}, plain.clock, plain.random);
  EXPECT_TRUE(all.holds_verifiers());
  for (const auto* name : {"bob", "bob@example.org", "CORP\\bob", "corp/Bob", "bob@corp"}) {
    const auto found = all.check_password({.name = name, .password = "secret"});
    ASSERT_TRUE(found) << name << ": " << found.error().detail;
    EXPECT_EQ(found->id, bob.id);
    EXPECT_EQ(all.scram_verifier(name).value().account.id, bob.id);
  }
  EXPECT_EQ(code_of(all.check_password({.name = "OTHER\\bob", .password = "secret"})),
            Code::auth_failed);
  OutsideWorld w;
  w.ad.passwords["k-alice"] = "theirs";
  const auto own = w.add("alice@example.org", "ours");
  EXPECT_EQ(w.check("alice@example.org", "ours").value().id, own.id);
  EXPECT_EQ(code_of(w.check("alice@example.org", "theirs")), Code::auth_failed);
  EXPECT_FALSE(w.all->holds_verifiers());
}

TEST(Directories, OneThatIsDownIsUnavailableAndNoWrongPassword) {
  OutsideWorld w({"example.org", "corp"}, 0);
  const auto bob = w.add("bob@other.example");
  w.ad.down = true;
  EXPECT_EQ(code_of(w.check("alice@example.org")), Code::unavailable);
  EXPECT_EQ(code_of(w.check("CORP\\asmith", "wrong")), Code::unavailable);
  EXPECT_EQ(code_of(w.all->resolve_address("alice@example.org")), Code::unavailable);
  // Names of other domains, and those that are found before, do not wait for it.
  EXPECT_EQ(w.check("bob@other.example").value().id, bob.id);
  EXPECT_EQ(code_of(w.check("nobody@other.example")), Code::auth_failed);
}

TEST(Directories, AnswersAreRememberedForALifetime) {
  OutsideWorld w;
  ASSERT_TRUE(w.check("ally"));
  ASSERT_TRUE(w.check("ally"));
  EXPECT_EQ(w.ad.found, 1);
  EXPECT_EQ(w.ad.checked, 1);
  EXPECT_EQ(code_of(w.check("ally", "wrong")), Code::auth_failed);
  EXPECT_EQ(w.ad.checked, 2);
  w.ad.down = true;
  EXPECT_TRUE(w.check("ally"));
  w.clock.advance_micros(61'000'000);
  EXPECT_EQ(code_of(w.check("ally")), Code::unavailable);
  w.ad.down = false;
  w.ad.entries.clear();
  EXPECT_EQ(code_of(w.check("ally")), Code::auth_failed);
  EXPECT_EQ(w.ad.found, 3);
  EXPECT_EQ(code_of(w.check("ally")), Code::auth_failed);
  EXPECT_EQ(w.ad.found, 3);
  w.clock.advance_micros(11'000'000);
  EXPECT_EQ(code_of(w.check("ally")), Code::auth_failed);
  EXPECT_EQ(w.ad.found, 4);
}

// A changed password is known by the entry's stamp, before the old one's lifetime is over.
TEST(Directories, ANewStampForgetsTheOldPassword) {
  OutsideWorld w({}, 86'400);
  ASSERT_TRUE(w.check("ally"));
  w.ad.passwords["k-alice"] = "new";
  EXPECT_TRUE(w.check("ally"));
  w.ad.entries[0].stamp = "2";
  w.clock.advance_micros(61'000'000);
  EXPECT_EQ(code_of(w.check("ally")), Code::auth_failed);
  EXPECT_TRUE(w.check("ally", "new"));
}

TEST(Directories, AccountsKeepTheirNumberThroughRenamesAndShowWhenTheyAreGone) {
  OutsideWorld w;
  const auto before = w.check("ally").value();
  EXPECT_EQ(w.all->whereabouts(before), "in ad");
  ASSERT_TRUE(w.all->set_quota(before.id, {.bytes = 5}));
  w.ad.entries[0].login_name = w.ad.entries[0].upn = "alice.jones@corp.example.org";
  w.clock.advance_micros(61'000'000);
  const auto after = w.check("alice.jones@corp.example.org").value();
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.quota.bytes, 5U);
  EXPECT_EQ(w.all->find(before.id).value().login_name, "alice.jones@corp.example.org");
  w.ad.entries.clear();
  w.clock.advance_micros(61'000'000);
  EXPECT_EQ(w.all->whereabouts(after), "gone from ad");
  EXPECT_EQ(w.all->list({}).value().size(), 1U);
  w.ad.down = true;
  w.clock.advance_micros(61'000'000);
  EXPECT_EQ(w.all->whereabouts(after), "ad does not answer");
}

TEST(Directories, WhatTheDirectoryKeepsIsNotChangedHere) {
  OutsideWorld w;
  const auto there = w.check("ally").value();
  EXPECT_EQ(code_of(w.directory->set_password(there.id, "x")), Code::cannot);
  EXPECT_EQ(code_of(w.directory->rename(there.id, "x")), Code::cannot);
  EXPECT_EQ(code_of(w.directory->add_alias(there.id, "x")), Code::cannot);
  // Its names are not in the table of names: a built-in account may have the same one.
  const auto own = w.add("alice@corp.example.org");
  ASSERT_TRUE(w.directory->remove(there.id));
  EXPECT_EQ(w.directory->resolve("alice@corp.example.org").value().id, own.id);
  const auto again = w.check("ally").value();
  EXPECT_GT(again.id, there.id);
  ASSERT_TRUE(w.directory->set_disabled(again.id, true));
  EXPECT_EQ(code_of(w.check("ally")), Code::authz_failed);
}

TEST(Directories, ReasonsOfTheDirectoryComeThrough) {
  OutsideWorld w;
  EXPECT_EQ(code_of(w.check("ally", "")), Code::auth_failed);
  EXPECT_EQ(w.ad.checked, 0);
  w.ad.trouble = {Code::expired, "the password has expired"};
  EXPECT_EQ(code_of(w.check("ally")), Code::expired);
  EXPECT_TRUE(w.directory->list({}).value().empty());
}

struct DelegationWorld : OutsideWorld {
  AccountRows rows{engine, random};
  Grants grants{rows};
  FailureDelays delays{{}, clock, random};
  Authenticator authenticator{*all, delays, directory->names(), {&grants, &clock}};

  Result<Identity> login(const std::string& name, const std::string& authzid = "",
                         const std::string& password = "secret") {
    Attempt attempt{.source = "192.0.2.1", .mechanism = "PLAIN"};
    const sasl::CheckPassword claim{.name = name, .authzid = authzid, .password = password};
    if (!authenticator.admit(attempt, claim)) return fail(Code::limit, "");
    clock.advance_micros(3'600'000'000);
    return authenticator.login(attempt, claim);
  }
};

TEST(Delegation, OnlyByAGrantAndWithItsRights) {
  DelegationWorld w;
  const auto sales = w.add("sales");
  const std::vector<std::pair<const char*, const char*>> forms = {
      {"CORP/asmith/sales", ""},
      {"CORP\\asmith\\sales@example.org", ""},
      {"alice@corp.example.org/sales", ""},
      {"alice@corp.example.org\\sales@example.org", ""},
      {"ally", "sales"},
      {"CORP/asmith/sales", "sales@example.org"}};
  for (const auto& [name, authzid] : forms) {
    EXPECT_EQ(code_of(w.login(name, authzid)), Code::authz_failed) << name;
    EXPECT_EQ(code_of(w.login(name, authzid, "wrong")), Code::auth_failed) << name;
  }
  const auto alice_id = w.check("ally").value().id;
  ASSERT_TRUE(w.grants.add(sales.id, {.to = alice_id, .rights = GrantRights::read_only}));
  for (const auto& [name, authzid] : forms) {
    const auto in = w.login(name, authzid);
    ASSERT_TRUE(in) << name << ": " << in.error().detail;
    EXPECT_EQ(in->account, sales.id);
    EXPECT_EQ(in->login_name, "sales@example.org");
    EXPECT_EQ(in->actor, alice_id);
    EXPECT_EQ(in->actor_name, "alice@corp.example.org");
    EXPECT_TRUE(in->delegated());
    EXPECT_TRUE(in->read_only);
  }
  const auto own = w.login("ally", "alice@example.org");
  ASSERT_TRUE(own);
  EXPECT_FALSE(own->delegated());
  EXPECT_FALSE(own->read_only);
  EXPECT_EQ(code_of(w.login("CORP/asmith/sales", "nobody")), Code::authz_failed);
  EXPECT_EQ(code_of(w.login("alice@corp.example.org/nobody")), Code::authz_failed);
  ASSERT_TRUE(w.directory->set_disabled(sales.id, true));
  EXPECT_EQ(code_of(w.login("ally", "sales")), Code::authz_failed);
}

TEST(Breaker, OpensAndLetsOneTry) {
  ManualClock clock{Timestamp{0}};
  Breaker breaker({.failures_max = 2, .open_seconds = 10}, clock);
  breaker.failed();
  EXPECT_TRUE(breaker.allow());
  breaker.failed();
  EXPECT_FALSE(breaker.allow());
  clock.advance_micros(10'000'000);
  EXPECT_TRUE(breaker.allow());
  EXPECT_FALSE(breaker.allow());
  breaker.succeeded();
  EXPECT_TRUE(breaker.allow());
  EXPECT_TRUE(breaker.allow());
}

}  // namespace
}  // namespace eilpost::directory
