// The flows against a provider that is a function: what it was asked, what it answers, on a clock
// that stands still.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <fstream>

#include "client/oauth/flow/flow.h"
#include "client/oauth/flow/redirect.h"
#include "client/oauth/token_source.h"

namespace eilpost::client::oauth {
namespace {

constexpr int64_t second = 1'000'000;
constexpr Timestamp start{1'700'000'000 * second};

net::HttpAnswer json(std::string body, int status = 200) {
  net::HttpAnswer out;
  out.status = status;
  out.body = std::move(body);
  return out;
}

net::HttpAnswer error(const std::string& word) {
  return json(R"({"error":")" + word + R"("})", 400);
}

// Answers in order; what is asked beyond is an Error.
class FakeProvider {
 public:
  explicit FakeProvider(std::deque<Result<net::HttpAnswer>> answers)
      : answers_(std::move(answers)) {}

  Client client() {
    Client out;
    out.provider.name = "https://idp.example.org";
    out.provider.authorization_endpoint = "https://idp.example.org/auth";
    out.provider.token_endpoint = "https://idp.example.org/token";
    out.provider.device_endpoint = "https://idp.example.org/device";
    out.provider.revocation_endpoint = "https://idp.example.org/revoke";
    out.provider.scopes = {"mail", "offline_access"};
    out.id = "tool";
    return out;
  }
  FlowWorld world() {
    return {[this](net::HttpCall call) { return answer(std::move(call)); }, clock_,
            [this](int64_t seconds) { return wait(seconds); }};
  }
  MakeFetch make_fetch() {
    return [this](const std::string&) -> Result<Fetch> {
      return Fetch([this](net::HttpCall call) { return answer(std::move(call)); });
    };
  }

  ManualClock clock_{start};
  std::vector<net::HttpCall> calls;
  std::vector<int64_t> waits;
  int waits_max = 100;

 private:
  Result<net::HttpAnswer> answer(net::HttpCall call) {
    calls.push_back(std::move(call));
    if (answers_.empty()) return fail(Code::unavailable, "nobody is there");
    auto out = std::move(answers_.front());
    answers_.pop_front();
    return out;
  }
  bool wait(int64_t seconds) {
    waits.push_back(seconds);
    clock_.advance_micros(seconds * second);
    return static_cast<int>(waits.size()) < waits_max;
  }

  std::deque<Result<net::HttpAnswer>> answers_;
};

const char* const device_answer =
    R"({"device_code":"D","user_code":"WXYZ-1234","verification_uri":"https://idp.example.org/d",)"
    R"("verification_uri_complete":"https://idp.example.org/d?c=1","expires_in":60,"interval":4})";
const char* const token_answer =
    R"({"access_token":"A1","token_type":"bearer","expires_in":3600,"refresh_token":"R1"})";

Result<Tokens> by_device(FakeProvider& provider, DeviceCode* shown = nullptr) {
  return device_flow(provider.client(), provider.world(), [&](const DeviceCode& code) {
    if (shown != nullptr) *shown = code;
  });
}

TEST(OAuthDevice, WaitsAsLongAsTheProviderSays) {
  FakeProvider provider({json(device_answer), error("authorization_pending"), error("slow_down"),
                         error("authorization_pending"), json(token_answer)});
  DeviceCode shown;
  const auto tokens = by_device(provider, &shown);
  ASSERT_TRUE(tokens) << tokens.error().detail;
  EXPECT_EQ(shown.user_code, "WXYZ-1234");
  EXPECT_EQ(shown.complete_uri, "https://idp.example.org/d?c=1");
  EXPECT_EQ(provider.waits, (std::vector<int64_t>{4, 4, 9, 9}));
  EXPECT_EQ(tokens->access, "A1");
  EXPECT_EQ(tokens->refresh, "R1");
  EXPECT_EQ(tokens->expires, start.seconds() + 26 + 3600);
  EXPECT_EQ(provider.calls[0].body, "scope=mail%20offline_access&client_id=tool");
  EXPECT_EQ(provider.calls[1].body,
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=D&"
            "client_id=tool");
}

TEST(OAuthDevice, EndsWhenTheUserSaysNoOrTheCodeExpires) {
  FakeProvider denied({json(device_answer), error("access_denied")});
  EXPECT_EQ(by_device(denied).error().code, Code::permission);
  FakeProvider expired({json(device_answer), error("expired_token")});
  EXPECT_EQ(by_device(expired).error().code, Code::timeout);
  // The provider goes on saying "pending" behind the end that it has set itself.
  std::deque<Result<net::HttpAnswer>> forever(100, error("authorization_pending"));
  forever.push_front(json(device_answer));
  FakeProvider patient(forever);
  EXPECT_EQ(by_device(patient).error().code, Code::timeout);
  EXPECT_EQ(patient.waits.size(), 15U);
  FakeProvider left({json(device_answer), error("authorization_pending")});
  left.waits_max = 1;
  EXPECT_EQ(by_device(left).error().code, Code::cancelled);
  FakeProvider unknown({error("unauthorized_client")});
  EXPECT_EQ(by_device(unknown).error().code, Code::cannot);
}

TEST(OAuthDevice, AProviderThatDoesNotAnswerIsAskedLessOften) {
  FakeProvider provider(
      {json(device_answer), fail(Code::timeout, "silent"), json("oops", 502), json(token_answer)});
  EXPECT_TRUE(by_device(provider));
  EXPECT_EQ(provider.waits, (std::vector<int64_t>{4, 8, 16}));
}

TEST(OAuthDevice, WithoutADeviceFlowNothingIsAsked) {
  FakeProvider provider({});
  Client client = provider.client();
  client.provider = *known_provider("google");
  const auto tokens = device_flow(client, provider.world(), [](const DeviceCode&) {});
  EXPECT_EQ(tokens.error().code, Code::cannot);
  EXPECT_TRUE(provider.calls.empty());
}

// RFC 7636 B.
TEST(OAuthPkce, ChallengeOfTheRfc) {
  EXPECT_EQ(pkce_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

std::string parameter(const std::string& url, const std::string& name) {
  const size_t at = url.find(name + "=");
  if (at == std::string::npos) return "";
  const size_t begin = at + name.size() + 1;
  return url.substr(begin, url.find('&', begin) - begin);
}

std::string decoded(std::string text) {
  for (const auto& [code, octet] : {std::pair{"%3A", ":"}, {"%2F", "/"}}) {
    for (size_t at = text.find(code); at != std::string::npos; at = text.find(code)) {
      text.replace(at, 3, octet);
    }
  }
  return text;
}

// The browser: comes back to the redirect with what `query` makes of the state.
int visit(const std::string& url, const std::function<std::string(const std::string&)>& query) {
  net::HttpCall call;
  call.url = decoded(parameter(url, "redirect_uri")) + "/?" + query(parameter(url, "state"));
  const auto answer = (*net::HttpClient::create({}))->fetch_wait(std::move(call));
  return answer ? answer->status : 0;
}

TEST(OAuthBrowser, TakesTheCodeWithOurStateAndProvesWhoAsked) {
  FakeProvider provider({json(token_answer)});
  Random random(7);
  std::string url;
  BrowserOptions options;
  options.login_hint = "anna@example.org";
  const auto tokens = browser_flow(
      provider.client(), provider.world(), random, options, [&](const std::string& shown) {
        url = shown;
        // Somebody else's answers change nothing.
        EXPECT_EQ(visit(url, [](const auto&) { return "code=evil&state=x"; }), 400);
        EXPECT_EQ(visit(url, [](const auto&) { return "error=access_denied"; }), 400);
        EXPECT_EQ(visit(url, [](const auto& state) { return "code=a%2Bb&state=" + state; }), 200);
      });
  ASSERT_TRUE(tokens) << tokens.error().detail;
  EXPECT_EQ(tokens->access, "A1");
  EXPECT_EQ(parameter(url, "code_challenge_method"), "S256");
  EXPECT_EQ(parameter(url, "login_hint"), "anna%40example.org");
  ASSERT_EQ(provider.calls.size(), 1U);
  const std::string& body = "&" + provider.calls[0].body;
  EXPECT_EQ(parameter(body, "&code"), "a%2Bb");
  EXPECT_EQ(parameter(body, "&redirect_uri"), parameter(url, "redirect_uri"));
  EXPECT_EQ(pkce_challenge(parameter(body, "code_verifier")), parameter(url, "code_challenge"));
}

TEST(OAuthBrowser, TheUserMaySayNoOrNothing) {
  FakeProvider provider({});
  Random random(7);
  const auto denied =
      browser_flow(provider.client(), provider.world(), random, {}, [&](const std::string& url) {
        visit(url, [](const auto& state) { return "error=access_denied&state=" + state; });
      });
  EXPECT_EQ(denied.error().code, Code::permission);
  BrowserOptions options;
  options.seconds_max = 3;
  const auto nobody =
      browser_flow(provider.client(), provider.world(), random, options, [](const std::string&) {});
  EXPECT_EQ(nobody.error().code, Code::timeout);
  EXPECT_TRUE(provider.calls.empty());
}

TEST(OAuthRedirect, OnlyLoopbackAndOnlyTheRightIssuer) {
  for (const char* bad : {"https://127.0.0.1", "http://192.0.2.1", "http://example.org",
                          "http://127.0.0.1/?a=b", "nonsense"}) {
    EXPECT_EQ(RedirectListener::open(bad, "s", "").error().code, Code::invalid) << bad;
  }
  const auto listener = RedirectListener::open("http://localhost/cb", "s", "");
  ASSERT_TRUE(listener);
  EXPECT_EQ((*listener)->uri().substr(0, 17), "http://localhost:");
  EXPECT_EQ((*listener)->uri().substr((*listener)->uri().size() - 3), "/cb");
  // RFC 9207 2.4.
  const ExpectedRedirect expected{"s", "https://a"};
  EXPECT_EQ(parse_redirect("state=s&iss=https%3A%2F%2Fa&code=1", expected).value(), "1");
  EXPECT_FALSE(parse_redirect("state=s&iss=https%3A%2F%2Fb&code=1", expected));
  EXPECT_FALSE(parse_redirect("state=s&code=1", expected));
  EXPECT_FALSE(parse_redirect("state=s&iss=https%3A%2F%2Fa", expected));
}

TEST(OAuthProvider, TellsOfItself) {
  const std::string issuer = "https://idp.example.org/realm";
  const std::string document =
      R"({"issuer":"https://idp.example.org/realm","token_endpoint":"https://idp.example.org/t",)"
      R"("authorization_endpoint":"https://idp.example.org/a",)"
      R"("device_authorization_endpoint":"https://idp.example.org/d",)"
      R"("scopes_supported":["openid","offline_access","x"],)"
      R"("authorization_response_iss_parameter_supported":true})";
  FakeProvider provider({json("", 404), json(document)});
  const auto found = discover(provider.world().fetch, issuer);
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(found->device_endpoint, "https://idp.example.org/d");
  EXPECT_EQ(found->response_issuer, issuer);
  EXPECT_EQ(found->scopes, (std::vector<std::string>{"openid", "offline_access"}));
  EXPECT_EQ(provider.calls[0].url, issuer + "/.well-known/openid-configuration");
  // RFC 8414 3.1.
  EXPECT_EQ(provider.calls[1].url,
            "https://idp.example.org/.well-known/oauth-authorization-server/realm");
  FakeProvider direct({json(document)});
  EXPECT_TRUE(discover(direct.world().fetch, issuer + "/.well-known/openid-configuration"));
  EXPECT_EQ(parse_metadata(document, "https://evil.example.org").error().code, Code::invalid);
  EXPECT_FALSE(parse_metadata(R"({"issuer":"https://a"})", "https://a"));
  EXPECT_FALSE(parse_metadata("[]", "https://a"));
}

TEST(OAuthTokens, WhatIsNoBearerTokenIsRefused) {
  for (const char* bad :
       {"", "[]", "{}", R"({"access_token":"a"})", R"({"access_token":"a","token_type":"mac"})"}) {
    EXPECT_FALSE(parse_token_answer(json(bad), start)) << bad;
  }
  const auto refused = parse_token_answer(
      json(R"({"error":"invalid_grant","error_description":"gone\r\nTrace: 1"})", 400), start);
  ASSERT_TRUE(refused);
  EXPECT_EQ(error_text(*refused), "invalid_grant (gone)");
}

TEST(OAuthTokens, AreRenewedBeforeTheyExpire) {
  Tokens tokens;
  tokens.access = "A";
  tokens.obtained = start.seconds();
  tokens.expires = start.seconds() + 3600;
  const auto at = [](int64_t seconds) { return Timestamp{start.micros + seconds * second}; };
  EXPECT_TRUE(is_fresh(tokens, at(0)));
  EXPECT_TRUE(is_fresh(tokens, at(3299)));
  EXPECT_FALSE(is_fresh(tokens, at(3300)));
  // Short ones keep nine tenths of their time.
  tokens.expires = start.seconds() + 100;
  EXPECT_TRUE(is_fresh(tokens, at(89)));
  EXPECT_FALSE(is_fresh(tokens, at(90)));
  // The clock was set back: nobody knows how old it is.
  EXPECT_TRUE(is_fresh(tokens, at(-200)));
  EXPECT_FALSE(is_fresh(tokens, at(-301)));
  tokens.expires = 0;
  EXPECT_TRUE(is_fresh(tokens, at(1'000'000)));
}

// --- the cache ---

class OAuthCache : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/eilpost-tokens-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    wanted_.cache_path = directory_ + "/eilpost/tokens.json";
    wanted_.provider = "https://idp.example.org";
    wanted_.user = "anna@example.org";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  Login login() {
    Login out;
    out.provider = wanted_.provider;
    out.user = wanted_.user;
    out.client_id = "tool";
    out.client_secret = "s";
    out.token_endpoint = "https://idp.example.org/token";
    out.tokens = {"A0", "R0", "mail", start.seconds(), start.seconds() + 3600};
    return out;
  }
  void keep(Login login) {
    auto cache = TokenCache::open(wanted_.cache_path);
    ASSERT_TRUE(cache) << cache.error().detail;
    ASSERT_TRUE((*cache)->put(std::move(login)));
  }
  Tokens kept() {
    return (*TokenCache::open(wanted_.cache_path))->find(wanted_.provider, wanted_.user)->tokens;
  }
  Result<std::string> token(FakeProvider& provider) {
    return good_token(wanted_, provider.clock_, provider.make_fetch());
  }

  std::string directory_;
  TokenWanted wanted_;
};

TEST_F(OAuthCache, IsItsOwnersAlone) {
  keep(login());
  struct stat status {};
  ASSERT_EQ(::stat(wanted_.cache_path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  for (const mode_t mode : {0640, 0604, 0620}) {
    ::chmod(wanted_.cache_path.c_str(), mode);
    EXPECT_EQ(TokenCache::open(wanted_.cache_path).error().code, Code::permission) << mode;
  }
  ::chmod(wanted_.cache_path.c_str(), 0600);
  std::ofstream(wanted_.cache_path) << "{\"version\":1,\"logins\":[{}]}";
  EXPECT_EQ(TokenCache::open(wanted_.cache_path).error().code, Code::invalid);
}

TEST_F(OAuthCache, LoginsArePrintedAndRead) {
  Login other = login();
  other.user = "b\"\n";
  other.ca_file = "/a";
  other.revocation_endpoint = "https://idp.example.org/r";
  const std::vector<Login> all = {login(), other};
  EXPECT_EQ(parse_logins(print_logins(all)).value(), all);
  const std::string text = print_logins(all);
  for (size_t length = 0; length + 1 < text.size(); ++length) {
    EXPECT_FALSE(parse_logins(text.substr(0, length))) << length;
  }
}

TEST_F(OAuthCache, ALeftoverOfAKilledProcessIsNoObstacle) {
  keep(login());
  std::ofstream(wanted_.cache_path + ".new") << "half";
  keep(login());
  EXPECT_EQ(kept().access, "A0");
}

TEST_F(OAuthCache, AFreshTokenIsGivenWithoutAskingAnybody) {
  keep(login());
  FakeProvider provider({});
  EXPECT_EQ(token(provider).value(), "A0");
  EXPECT_TRUE(provider.calls.empty());
}

TEST_F(OAuthCache, RefreshTokensRotate) {
  keep(login());
  FakeProvider provider({json(token_answer),
                         json(R"({"access_token":"A2","token_type":"Bearer","expires_in":3600})")});
  provider.clock_.advance_micros(3500 * second);
  EXPECT_EQ(token(provider).value(), "A1");
  EXPECT_EQ(provider.calls[0].body,
            "grant_type=refresh_token&refresh_token=R0&client_id=tool&client_secret=s");
  EXPECT_EQ(kept().refresh, "R1");
  provider.clock_.advance_micros(3500 * second);
  EXPECT_EQ(token(provider).value(), "A2");
  EXPECT_EQ(kept().refresh, "R1");  // none came: the old one stays good
  EXPECT_EQ(kept().scope, "mail");
}

TEST_F(OAuthCache, ATokenThatTheServerRefusesIsRenewedHoweverGoodItLooks) {
  keep(login());
  FakeProvider provider({json(token_answer)});
  wanted_.rejected = "A0";
  EXPECT_EQ(token(provider).value(), "A1");
  // What another process has renewed meanwhile is good enough.
  EXPECT_EQ(token(provider).value(), "A1");
  EXPECT_EQ(provider.calls.size(), 1U);
}

TEST_F(OAuthCache, AProviderThatIsDownCostsNothingAsLongAsTheTokenLasts) {
  keep(login());
  FakeProvider provider({});
  provider.clock_.advance_micros(3500 * second);
  EXPECT_EQ(token(provider).value(), "A0");
  provider.clock_.advance_micros(100 * second);
  EXPECT_EQ(token(provider).error().code, Code::unavailable);
}

TEST_F(OAuthCache, ALoginThatIsOverHasToBeMadeAgain) {
  FakeProvider provider({error("invalid_grant")});
  EXPECT_EQ(token(provider).error().code, Code::not_found);
  keep(login());
  provider.clock_.advance_micros(3500 * second);
  const auto over = token(provider);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Code::expired);
  EXPECT_NE(over.error().detail.find("eilpost oauth login"), std::string::npos);
  Login single = login();
  single.tokens.refresh.clear();
  keep(single);
  EXPECT_EQ(token(provider).error().code, Code::expired);
  EXPECT_EQ(provider.calls.size(), 1U);
}

}  // namespace
}  // namespace eilpost::client::oauth
