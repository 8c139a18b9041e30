// What is told at which login, and what is not told again.
#include "server/access/alerts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "engine/memory.h"

namespace eilpost::server {
namespace {

constexpr int64_t hour = 3'600'000'000;

struct World {
  Random random{1};
  ManualClock clock{Timestamp{1'700'000'000'000'000}};
  engine::MemoryEngine engine;
  directory::AccountRows rows{engine, random};
  Alerts alerts{rows, clock};
  AlertSettings settings;
  LoginFacts facts;

  World() {
    facts.account = AccountId(100);
    facts.names = {"anna@example.org"};
    facts.credential = "password";
    facts.address = "192.0.2.1";
    facts.is_private = true;
    facts.tls_version = 13;
  }
  // The kinds, in their order.
  std::string told() {
    std::string out;
    for (const Alert& alert : alerts.every_login(facts, settings)) add(out, alert);
    const auto judged = alerts.judge(facts, settings);
    EXPECT_TRUE(judged) << judged.error().detail;
    for (const Alert& alert : *judged) add(out, alert);
    return out;
  }
  static void add(std::string& out, const Alert& alert) {
    out += (out.empty() ? "" : " ") + std::string(alert_name(alert.kind));
    if (alert.mail) out += "+mail";
  }
};

TEST(Alerts, PlacesAndClientsAreNewOnce) {
  World w;
  EXPECT_EQ(w.told(), "");  // the first login of all
  EXPECT_TRUE(w.alerts.quiet(w.facts));
  w.facts.address = "192.0.2.200";  // the same network
  EXPECT_EQ(w.told(), "");
  w.facts.address = "198.51.100.1";
  EXPECT_EQ(w.told(), "new_place");
  EXPECT_EQ(w.told(), "");
  w.facts.client = "Thunderbird 128.0";
  EXPECT_EQ(w.told(), "");  // the first client of all
  w.facts.client = "Thunderbird 140.1";
  EXPECT_EQ(w.told(), "");
  w.facts.client = "Other";
  EXPECT_EQ(w.told(), "new_client");
  EXPECT_EQ(w.told(), "");
  EXPECT_EQ(w.alerts.devices(AccountId(100)).value(),
            (std::vector<std::string>{"192.0.2.0/24", "198.51.100.0/24"}));
}

TEST(Alerts, UnencryptedAtEachLogin) {
  World w;
  w.facts.is_private = false;
  w.facts.tls_version = 0;
  EXPECT_EQ(w.told(), "unencrypted");
  EXPECT_EQ(w.told(), "unencrypted");
  AlertRule never;
  never.kind = AlertKind::unencrypted;
  never.frequency = AlertFrequency::never;
  never.accounts = {"*@example.org"};
  w.settings.rules = {never};
  EXPECT_EQ(w.told(), "");
}

TEST(Alerts, QuotaAndEndingsOnceADayForEachCredential) {
  World w;
  w.facts.bytes_used = 90;
  w.facts.bytes_max = 100;
  w.facts.endings = {{sasl::Mechanism::plain, Timestamp{1'800'000'000'000'000}, "r"}};
  EXPECT_EQ(w.told(), "ending quota");
  EXPECT_EQ(w.told(), "");
  w.facts.credential = "SCRAM-SHA-256";
  EXPECT_EQ(w.told(), "ending quota");
  w.clock.advance_micros(25 * hour);
  w.facts.bytes_used = 89;
  EXPECT_EQ(w.told(), "ending");
}

TEST(Alerts, BroadcastsReachTheirAudienceUntilTheirEnd) {
  World w;
  EXPECT_EQ(w.told(), "");
  Broadcast one;
  one.english = "Tonight all is off.";
  one.german = "Heute Nacht ist alles aus.";
  one.until = Timestamp{w.clock.now().micros + 10 * hour};
  one.accounts = {"*@example.net"};
  ASSERT_TRUE(w.alerts.send(one, "a"));
  EXPECT_EQ(w.told(), "");
  one.accounts.clear();
  one.mail = true;
  ASSERT_TRUE(w.alerts.send(one, "b"));
  EXPECT_FALSE(w.alerts.quiet(w.facts));
  EXPECT_EQ(w.told(), "broadcast+mail");
  EXPECT_EQ(w.told(), "");
  one.kind = AlertKind::maintenance;
  one.mail = false;
  ASSERT_TRUE(w.alerts.send(one, "c"));
  EXPECT_EQ(w.told(), "maintenance");
  EXPECT_EQ(w.told(), "maintenance");
  ASSERT_TRUE(w.alerts.remove("c"));
  EXPECT_FALSE(w.alerts.remove("c"));
  EXPECT_EQ(w.told(), "");
  w.clock.advance_micros(11 * hour);
  w.facts.credential = "other";
  EXPECT_EQ(w.told(), "");
}

TEST(Alert, WordsInBothLanguages) {
  for (size_t i = 0; i < alert_kind_count; ++i) {
    Alert alert;
    alert.kind = static_cast<AlertKind>(i);
    alert.arguments = {"{0} x", "y"};
    for (const auto language : {AlertLanguage::english, AlertLanguage::german}) {
      const std::string text = alert_text(alert, language);
      EXPECT_FALSE(text.empty());
      const std::string plain = ascii_text(text);
      EXPECT_TRUE(std::all_of(plain.begin(), plain.end(), [](char c) {
        return c >= ' ' && c < 127;
      })) << plain;
      EXPECT_EQ(alert_named(alert_name(alert.kind)), alert.kind);
    }
  }
  EXPECT_EQ(ascii_text("Größe ändern: \xe2\x82\xac"), "Groesse aendern: ?");
}

TEST(Alert, BroadcastsAreReadAsTheyWereWritten) {
  Broadcast one;
  one.id = "x";
  one.kind = AlertKind::maintenance;
  one.english = "a";
  one.german = "ä";
  one.sent = Timestamp{1};
  one.until = Timestamp{-5};
  one.accounts = {"a", "*@b"};
  one.mail = true;
  const std::string octets = print_broadcast(one);
  EXPECT_EQ(parse_broadcast("x", octets).value(), one);
  for (size_t cut = 0; cut < octets.size(); ++cut) {
    EXPECT_FALSE(parse_broadcast("x", octets.substr(0, cut))) << cut;
  }
}

// A database in MaxMind's format in which 192.0.2.0/24 is in Germany and all else nowhere.
class TinyDatabase {
 public:
  static std::string octets() {
    constexpr size_t nodes = 24;
    constexpr unsigned network[] = {192, 0, 2};
    std::string out;
    for (size_t bit = 0; bit < nodes; ++bit) {
      const bool right = (network[bit / 8] >> (7 - bit % 8) & 1) != 0;
      const size_t next = bit + 1 < nodes ? bit + 1 : nodes + 16;
      out += record(right ? nodes : next) + record(right ? next : nodes);
    }
    out += std::string(16, '\0');
    out += map(1) + text("country") + map(2) + text("iso_code") + text("DE") + text("names") +
           map(1) + text("en") + text("Germany");
    out += "\xab\xcd\xefMaxMind.com";
    out += map(9) + text("node_count") + number(6, 4, nodes) + text("record_size") +
           number(5, 2, 24) + text("ip_version") + number(5, 2, 4) + text("database_type") +
           text("Test") + text("languages") + std::string("\1\4") + text("en") +
           text("binary_format_major_version") + number(5, 2, 2) +
           text("binary_format_minor_version") + number(5, 2, 0) + text("build_epoch") +
           std::string("\10\2") + std::string(8, '\1') + text("description") + map(0);
    return out;
  }

 private:
  static std::string number(int type, int octets, size_t value) {
    std::string out(1, static_cast<char>(type << 5 | octets));
    for (int i = octets - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
    return out;
  }
  static std::string record(size_t value) { return number(0, 3, value).substr(1); }
  static std::string map(int size) { return {static_cast<char>(7 << 5 | size)}; }
  static std::string text(const std::string& t) {
    return static_cast<char>(2 << 5 | static_cast<int>(t.size())) + t;
  }
};

TEST(Geo, PlacesAreCountries) {
  const std::string file = ::testing::TempDir() + "eilpost-places.mmdb";
  std::ofstream(file, std::ios::binary) << TinyDatabase::octets();
  const auto geo = Geo::open(file);
  ASSERT_TRUE(geo) << geo.error().detail;
  EXPECT_EQ((*geo)->find("192.0.2.77")->code, "DE");
  EXPECT_EQ((*geo)->find("192.0.2.77")->name, "Germany");
  EXPECT_FALSE((*geo)->find("192.0.3.1"));
  EXPECT_FALSE((*geo)->find("local"));
  World w;
  ASSERT_TRUE(w.alerts.open_places(file));
  w.facts.address = "198.51.100.1";
  EXPECT_EQ(w.told(), "");
  w.facts.address = "192.0.2.1";
  const auto judged = w.alerts.judge(w.facts, w.settings).value();
  ASSERT_EQ(judged.size(), 1U);
  EXPECT_EQ(judged[0].arguments[0], "Germany (192.0.2.1)");
  std::remove(file.c_str());
}

TEST(Geo, WithoutADatabase) {
  World w;
  EXPECT_FALSE(w.alerts.open_places("/nowhere/GeoLite2.mmdb"));
  EXPECT_TRUE(w.alerts.open_places(""));
}

}  // namespace
}  // namespace eilpost::server
