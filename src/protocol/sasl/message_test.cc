// Base64 and its framing, SASLprep, PLAIN and the SCRAM grammar.
#include <gtest/gtest.h>

#include "protocol/sasl/base64.h"
#include "protocol/sasl/crypto.h"
#include "protocol/sasl/plain.h"
#include "protocol/sasl/saslprep.h"
#include "protocol/sasl/scram.h"

namespace eilpost::sasl {
namespace {

using namespace std::string_literals;

std::string hex(std::string_view octets) {
  std::string out;
  for (const char c : octets) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

TEST(Base64, Rfc4648Vectors) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [octets, text] : vectors) {
    EXPECT_EQ(base64_encode(octets), text);
    EXPECT_EQ(base64_decode(text).value(), octets);
  }
  EXPECT_EQ(base64_decode(base64_encode("\x00\xff\xfe\x80"s)).value(), "\x00\xff\xfe\x80"s);
}

TEST(Base64, RefusesWhatIsNotStrict) {
  for (const auto* bad : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm 9", "Zm9v\r\n\r\n",
                          "Zg==Zg==", "Zm9-", "Zm9_"}) {
    EXPECT_EQ(base64_decode(bad).error().code, Code::invalid) << bad;
  }
  EXPECT_EQ(base64_decode(std::string(64 * 1024, 'A')).error().code, Code::too_big);
}

TEST(Base64, Framing) {
  EXPECT_EQ(parse_response("*").value(), std::nullopt);
  EXPECT_EQ(parse_response("").value(), "");
  EXPECT_EQ(parse_response("Zm9v").value(), "foo");
  EXPECT_EQ(print_response(std::nullopt), "*");
  EXPECT_FALSE(parse_response("=").has_value());
  EXPECT_EQ(parse_initial_response("=").value(), "");
  EXPECT_FALSE(parse_initial_response("").has_value());
  EXPECT_FALSE(parse_initial_response("*").has_value());
  EXPECT_EQ(print_initial_response(""), "=");
  EXPECT_EQ(print_initial_response("foo"), "Zm9v");
}

TEST(Crypto, KnownVectors) {
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 4231 case 2.
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  // RFC 7914 section 11.
  EXPECT_EQ(hex(pbkdf2(ScramHash::sha_256, "passwd", "salt", 1)),
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
  EXPECT_EQ(hmac_sha256("", "").size(), sha256_octets);
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abcd"));
}

// RFC 4013 section 3.
TEST(Saslprep, RfcExamples) {
  EXPECT_EQ(saslprep("I\xc2\xadX", PrepFor::storage).value(), "IX");
  EXPECT_EQ(saslprep("user", PrepFor::storage).value(), "user");
  EXPECT_EQ(saslprep("USER", PrepFor::storage).value(), "USER");
  EXPECT_EQ(saslprep("\xc2\xaa", PrepFor::storage).value(), "a");
  EXPECT_EQ(saslprep("\xe2\x85\xa8", PrepFor::storage).value(), "IX");
  EXPECT_EQ(saslprep("\x07", PrepFor::storage).error().code, Code::invalid);
  EXPECT_EQ(saslprep("\xd8\xa7\x31", PrepFor::storage).error().code, Code::invalid);
}

TEST(Saslprep, SpacesUnassignedAndGarbage) {
  EXPECT_EQ(saslprep("a\xc2\xa0z", PrepFor::storage).value(), "a z");
  EXPECT_EQ(saslprep("\xff", PrepFor::query).error().code, Code::invalid);
  EXPECT_EQ(saslprep("\xed\xa0\x80", PrepFor::query).error().code, Code::invalid);
  EXPECT_EQ(saslprep("a\0b"s, PrepFor::query).error().code, Code::invalid);
  // U+1F600 is not in Unicode 3.2.
  EXPECT_EQ(saslprep("\xf0\x9f\x98\x80", PrepFor::query).value(), "\xf0\x9f\x98\x80");
  EXPECT_EQ(saslprep("\xf0\x9f\x98\x80", PrepFor::storage).error().code, Code::invalid);
  EXPECT_EQ(saslprep(std::string(5000, 'a'), PrepFor::query).error().code, Code::too_big);
  EXPECT_EQ(saslprep("", PrepFor::query).value(), "");
}

TEST(Fold, CaseAndDomains) {
  EXPECT_EQ(fold_case("BoB").value(), "bob");
  EXPECT_EQ(fold_case("J\xc3\x96RG").value(), "j\xc3\xb6rg");
  EXPECT_EQ(fold_case("Jo\xcc\x88rg").value(), "j\xc3\xb6rg");
  EXPECT_EQ(fold_case("\xff").error().code, Code::invalid);
  EXPECT_EQ(domain_to_ascii("EXAMPLE.org").value(), "example.org");
  EXPECT_EQ(domain_to_ascii("B\xc3\xbc"
                            "cher.example")
                .value(),
            "xn--bcher-kva.example");
  EXPECT_FALSE(domain_to_ascii("b\xc3\xbc"
                               "cher .example")
                   .has_value());
}

TEST(Plain, ParsesAndPrints) {
  const PlainMessage message{.authzid = "", .authcid = "tim", .password = "tanstaaftanstaaf"};
  EXPECT_EQ(parse_plain("\0tim\0tanstaaftanstaaf"s).value(), message);
  EXPECT_EQ(print_plain(message), "\0tim\0tanstaaftanstaaf"s);
  EXPECT_EQ(parse_plain("Ursel\0Kurt\0xipj3plmq"s).value(),
            (PlainMessage{.authzid = "Ursel", .authcid = "Kurt", .password = "xipj3plmq"}));
  for (const auto& bad : {""s, "\0"s, "\0\0"s, "a\0b"s, "\0a\0"s, "\0\0p"s, "z\0a\0p\0x"s}) {
    EXPECT_EQ(parse_plain(bad).error().code, Code::invalid) << hex(bad);
  }
}

TEST(ScramGrammar, ClientFirst) {
  const auto first = parse_client_first("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL").value();
  EXPECT_EQ(first.gs2.flag, 'n');
  EXPECT_EQ(first.name, "user");
  EXPECT_EQ(first.nonce, "fyko+d2lbbFgONRv9qkxdawL");
  const auto full = parse_client_first("p=tls-exporter,a=o=3Dther,n=us=2Cer,r=abc,x=1,y=2").value();
  EXPECT_EQ(full.gs2.binding, "tls-exporter");
  EXPECT_EQ(full.gs2.authzid, "o=ther");
  EXPECT_EQ(full.name, "us,er");
  EXPECT_EQ(full.extensions, ",x=1,y=2");
  EXPECT_EQ(print_client_first(full), "p=tls-exporter,a=o=3Dther,n=us=2Cer,r=abc,x=1,y=2");
}

TEST(ScramGrammar, ClientFirstSaysWhatIsWrong) {
  const std::pair<std::string, std::string> bad[] = {
      {"", "SCRAM client-first: gs2 flag n, y or p= expected at octet 0"},
      {"x,,n=u,r=a", "SCRAM client-first: gs2 flag n, y or p= expected at octet 0"},
      {"n,n=u,r=a", "SCRAM client-first: a= or \",\" expected at octet 2"},
      {"n,,r=a", "SCRAM client-first: n= expected at octet 3"},
      {"n,,n=,r=a", "SCRAM client-first: a name expected at octet 5"},
      {"n,,n=u", "SCRAM client-first: \",\" expected at octet 6"},
      {"n,,n=u,r=",
       "SCRAM client-first: a nonce of printable ASCII before this expected at octet 9"},
  };
  for (const auto& [octets, message] : bad) {
    const auto parsed = parse_client_first(octets);
    ASSERT_FALSE(parsed.has_value()) << octets;
    EXPECT_EQ(parsed.error().code, Code::invalid);
    EXPECT_EQ(parsed.error().detail, message);
  }
  for (const auto& octets : {"n,,n=a=b,r=x"s, "n,,n=a=2c,r=x"s, "n,,m=1,n=u,r=x"s, "p=,,n=u,r=x"s,
                             "n,a=,n=u,r=x"s, "n,,n=u,r=x,m=1"s, "n,,n=u,r=x,"s, "n,,n=u,r=x,z"s,
                             "n,,n=u\0,r=x"s, "n,,n=u,r=a b"s, "p=b=d,,n=u,r=x"s}) {
    EXPECT_FALSE(parse_client_first(octets).has_value()) << octets;
  }
}

TEST(ScramGrammar, OtherMessages) {
  const auto server_first = parse_server_first("r=ab,s=QSXCR+Q6sek8bf92,i=4096").value();
  EXPECT_EQ(server_first.iterations, 4096U);
  EXPECT_EQ(print_server_first(server_first), "r=ab,s=QSXCR+Q6sek8bf92,i=4096");
  for (const auto* bad : {"r=ab,s=QSXCR+Q6sek8bf92,i=0", "r=ab,s=QSXCR+Q6sek8bf92,i=-1",
                          "r=ab,s=,i=1", "r=ab,s=QSXCR+Q6sek8bf92,i=01", "r=ab,s=QSXCR+Q6sek8bf92",
                          "r=ab,s=QSXCR+Q6sek8bf92,i=9999999999", "m=1,r=ab,s=QQ==,i=4096"}) {
    EXPECT_FALSE(parse_server_first(bad).has_value()) << bad;
  }
  const std::string text = "c=biws,r=ab,x=y,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
  EXPECT_EQ(print_client_final(parse_client_final(text).value()), text);
  for (const auto* bad : {"c=biws,r=ab", "c=biws,p=QQ==", "c=,r=ab,p=QQ==",
                          "c=biws,r=ab,p=QQ==,x=y", "c=biws,r=ab,p=", "c=bi,r=ab,p=QQ=="}) {
    EXPECT_FALSE(parse_client_final(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse_server_final("e=other-error").value().error, "other-error");
  EXPECT_EQ(print_server_final(parse_server_final("v=QQ==").value()), "v=QQ==");
  EXPECT_FALSE(parse_server_final("v=").has_value());
  EXPECT_FALSE(parse_server_final("e=").has_value());
}

// RFC 8265 3.5, tables 1 and 2, and what its text names.
TEST(Precis, UsernameCaseMapped) {
  const std::vector<std::pair<std::string, std::string>> good = {
      {"juliet@example.com", "juliet@example.com"},
      {"fussball", "fussball"},
      {"fu\xc3\x9f"
       "ball",
       "fu\xc3\x9f"
       "ball"},
      {"\xcf\x80", "\xcf\x80"},
      {"\xce\xa3", "\xcf\x83"},
      {"\xcf\x83", "\xcf\x83"},
      {"\xcf\x82", "\xcf\x82"},
      {"Bob", "bob"},
      {"\xef\xbc\xa2ob", "bob"},
      {"a\xcc\x88", "\xc3\xa4"},
      {"\xd7\x90\xd7\x91", "\xd7\x90\xd7\x91"}};
  for (const auto& [given, wanted] : good) {
    EXPECT_EQ(username_case_mapped(given).value_or("refused"), wanted) << given;
  }
  for (const std::string bad : {"", "foo bar", "henry\xe2\x85\xa3", "\xe2\x99\x9a", "a\x01", "\xff",
                                "\xd7\x90"
                                "b",
                                "b\xd7\x90", "\xef\xac\x81x"}) {
    EXPECT_FALSE(username_case_mapped(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace eilpost::sasl
