#include "client/discovery/discovery.h"

#include <gtest/gtest.h>

#include <map>

#include "base/bytes.h"

namespace eilpost::client {
namespace {

const MailAddress bob{"bob", "example.org"};

std::string autoconfig_file(const std::string& servers) {
  return "<?xml version=\"1.0\"?><clientConfig version=\"1.1\"><emailProvider id=\"example.org\">"
         "<domain>example.org</domain>" +
         servers + "</emailProvider></clientConfig>";
}

std::string server_element(const std::string& host, const std::string& port,
                           const std::string& socket, const std::string& user) {
  return "<incomingServer type=\"imap\"><hostname>" + host + "</hostname><port>" + port +
         "</port><socketType>" + socket + "</socketType><username>" + user +
         "</username></incomingServer>";
}

// --- parsers ---

TEST(MailAddress, IsCutAtTheLastAt) {
  const auto parsed = parse_mail_address("odd@name@Example.ORG");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->local, "odd@name");
  EXPECT_EQ(parsed->domain, "example.org");
  for (const char* bad : {"bob", "@example.org", "bob@", "bob@localhost", "bob@exa mple.org",
                          "bob@example.org/x", "bob@-x.org", "b\nob@example.org"}) {
    EXPECT_FALSE(parse_mail_address(bad)) << bad;
  }
}

TEST(Autoconfig, TakesImapServersInTheirOrderAndFillsIn) {
  const auto servers = parse_autoconfig(
      autoconfig_file("<incomingServer type=\"pop3\"><hostname>pop.example.org</hostname>"
                      "<port>995</port><socketType>SSL</socketType></incomingServer>" +
                      server_element(" imap.%EMAILDOMAIN%\n", "993", "SSL", "%EMAILADDRESS%") +
                      server_element("imap.example.org", "143", "STARTTLS", "%EMAILLOCALPART%") +
                      server_element("imap.example.org", "143", "plain", "")),
      bob);
  ASSERT_TRUE(servers) << servers.error().detail;
  const std::vector<AutoconfigServer> wanted = {
      {{"imap.example.org", 993, Security::tls}, "bob@example.org"},
      {{"imap.example.org", 143, Security::starttls}, "bob"},
      {{"imap.example.org", 143, Security::none}, ""}};
  EXPECT_EQ(*servers, wanted);
}

TEST(Autoconfig, PassesOverWhatMakesNoSense) {
  const auto servers = parse_autoconfig(
      autoconfig_file(server_element("imap.example.org", "0", "SSL", "bob") +
                      server_element("imap.example.org", "99999", "SSL", "bob") +
                      server_element("imap.example.org", "993", "TELNET", "bob") +
                      server_element("evil.example.org/x", "993", "SSL", "bob") +
                      server_element("", "993", "SSL", "bob") +
                      server_element("imap.example.org", "993", "SSL", "a&#13;&#10;b")),
      bob);
  ASSERT_TRUE(servers);
  EXPECT_TRUE(servers->empty());
  EXPECT_FALSE(parse_autoconfig("<html>not found</html>", bob));
  EXPECT_FALSE(parse_autoconfig("not found", bob));
}

std::string dns_name(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('.', at), text.size());
    out += static_cast<char>(end - at);
    out += text.substr(at, end - at);
    at = end + 1;
  }
  return out + '\0';
}

// An answer with one question and these records.
std::string dns_answer(const std::vector<SrvRecord>& records) {
  std::string out;
  for (const size_t number :
       {size_t{7}, size_t{0x8180}, size_t{1}, records.size(), size_t{0}, size_t{0}}) {
    put_u16be(out, static_cast<uint16_t>(number));
  }
  out += dns_name("_imaps._tcp.example.org");
  put_u16be(out, 33);
  put_u16be(out, 1);
  for (const SrvRecord& record : records) {
    put_u16be(out, 0xc00c);  // the question's name
    put_u16be(out, 33);
    put_u16be(out, 1);
    put_u32be(out, 300);
    const std::string target = dns_name(record.target);
    put_u16be(out, static_cast<uint16_t>(6 + target.size()));
    put_u16be(out, record.priority);
    put_u16be(out, record.weight);
    put_u16be(out, record.port);
    out += target;
  }
  return out;
}

TEST(Srv, AnswersTheBestFirst) {
  const SrvRecord spare{"spare.example.org", 993, 20, 0};
  const SrvRecord light{"light.example.org", 993, 10, 1};
  const SrvRecord heavy{"heavy.example.org", 1993, 10, 9};
  const auto records = parse_srv_answer(dns_answer({spare, light, heavy}));
  ASSERT_TRUE(records) << records.error().detail;
  EXPECT_EQ(*records, (std::vector<SrvRecord>{heavy, light, spare}));
}

TEST(Srv, ADotSaysNoSuchService) {
  const auto records = parse_srv_answer(dns_answer({{"", 0, 0, 0}}));
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 1U);
  EXPECT_EQ(records->front().target, "");
}

TEST(Srv, RefusesWhatIsCutShort) {
  const std::string whole = dns_answer({{"imap.example.org", 993, 0, 0}});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_srv_answer(std::string_view(whole).substr(0, size))) << size;
  }
}

// --- the search ---

// A world of its own; what is not in it does not answer.
struct World {
  std::map<std::string, std::string> pages;
  std::map<std::string, std::vector<SrvRecord>> records;
  std::vector<Endpoint> servers;
  std::vector<std::string> asked;

  DiscoverySources sources() {
    DiscoverySources out;
    out.fetch = [this](const std::string& url) -> Result<std::string> {
      asked.push_back(url);
      const auto found = pages.find(url.substr(0, url.find('?')));
      if (found == pages.end()) return fail(Code::not_found, "answers 404");
      return found->second;
    };
    out.srv = [this](const std::string& name) -> Result<std::vector<SrvRecord>> {
      asked.push_back(name);
      return records[name];
    };
    out.reach = [this](const Endpoint& endpoint) -> Result<> {
      asked.push_back(print_endpoint(endpoint));
      for (const Endpoint& server : servers) {
        if (server == endpoint) return {};
      }
      return fail(Code::unavailable, "nobody answers");
    };
    return out;
  }
};

constexpr char autoconfig_url[] = "https://autoconfig.example.org/mail/config-v1.1.xml";

TEST(Discovery, BelievesAutoconfigFirst) {
  World world;
  world.pages[autoconfig_url] =
      autoconfig_file(server_element("mail.host.example", "993", "SSL", "%EMAILLOCALPART%"));
  const auto found = discover("bob@example.org", world.sources());
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(print_endpoint(found->endpoint), "imaps://mail.host.example");
  EXPECT_EQ(found->user, "bob");
  EXPECT_EQ(found->way, autoconfig_url);
  EXPECT_EQ(world.asked, std::vector<std::string>{std::string(autoconfig_url) +
                                                  "?emailaddress=bob%40example.org"});
}

TEST(Discovery, TheWellKnownAddressComesNext) {
  World world;
  world.pages["https://example.org/.well-known/autoconfig/mail/config-v1.1.xml"] =
      autoconfig_file(server_element("imap.example.org", "143", "STARTTLS", ""));
  const auto found = discover("bob@example.org", world.sources());
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(print_endpoint(found->endpoint), "imap://imap.example.org");
  EXPECT_EQ(found->user, "bob@example.org");
}

TEST(Discovery, NoPasswordInTheClearWithoutTheUsersWord) {
  World world;
  world.pages[autoconfig_url] =
      autoconfig_file(server_element("imap.example.org", "143", "plain", "bob"));
  const auto found = discover("bob@example.org", world.sources());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::not_found);
  EXPECT_NE(found.error().detail.find("--server imap+plain://imap.example.org"), std::string::npos)
      << found.error().detail;
  // The same file with TLS further down is taken.
  world.pages[autoconfig_url] =
      autoconfig_file(server_element("imap.example.org", "143", "plain", "bob") +
                      server_element("imap.example.org", "993", "SSL", "bob"));
  EXPECT_TRUE(discover("bob@example.org", world.sources()));
}

TEST(Discovery, SrvRecordsWithTlsComeBeforeStartTls) {
  World world;
  world.records["_imap._tcp.example.org"] = {{"imap.example.org", 143, 0, 0}};
  world.records["_imaps._tcp.example.org"] = {{"IMAP.example.org", 1993, 0, 0}};
  const auto found = discover("bob@Example.org", world.sources());
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(print_endpoint(found->endpoint), "imaps://IMAP.example.org:1993");
}

TEST(Discovery, DnsIsNotBelievedAboutForeignServers) {
  World world;
  for (const char* foreign : {"mail.attacker.example", "notexample.org"}) {
    world.records["_imaps._tcp.example.org"] = {{foreign, 993, 0, 0}};
    std::vector<DiscoveryStep> steps;
    const auto found = discover("bob@example.org", world.sources(), &steps);
    ASSERT_FALSE(found);
    EXPECT_NE(found.error().detail.find(std::string("--server imaps://") + foreign),
              std::string::npos)
        << found.error().detail;
    EXPECT_EQ(steps.size(), 8U);
    for (const DiscoveryStep& step : steps) EXPECT_FALSE(step.usable);
  }
}

TEST(Discovery, GuessesComeLastAndHaveToAnswer) {
  World world;
  world.servers = {{"mail.example.org", 143, Security::starttls}};
  const auto found = discover("bob@example.org", world.sources());
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(print_endpoint(found->endpoint), "imap://mail.example.org");
  EXPECT_EQ(world.asked.size(), 8U);
  world.servers.clear();
  EXPECT_FALSE(discover("bob@example.org", world.sources()));
}

TEST(Discovery, ADotInDnsSaysThereIsNone) {
  World world;
  world.records["_imaps._tcp.example.org"] = {{"", 0, 0, 0}};
  std::vector<DiscoveryStep> steps;
  EXPECT_FALSE(discover("bob@example.org", world.sources(), &steps));
  EXPECT_EQ(steps[2].found, "says that there is no such service");
}

}  // namespace
}  // namespace eilpost::client
