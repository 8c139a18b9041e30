#include <gtest/gtest.h>

#include "directory/outside/ldap_schema.h"
#include "directory/testing.h"

namespace eilpost::directory {
namespace {

using Kind = LdapFilter::Kind;

TEST(LdapFilters, NothingInAValueBecomesPartOfTheFilter) {
  const std::vector<std::string> values = {
      "bob",      "*",       "bob)(uid=*", "a\\b", "x*)(|(objectClass=*)", std::string("nul\0x", 5),
      "\xc3\xa4", "&|!=<>~", "",           "("};
  for (const std::string& value : values) {
    const auto filter = all_of({equal_to("uid", value), equal_to("objectClass", "person")});
    const auto text = print_filter(filter);
    EXPECT_EQ(parse_filter(text).value(), filter) << text;
  }
  EXPECT_EQ(print_filter(equal_to("uid", "a*(b)\\c")), "(uid=a\\2a\\28b\\29\\5cc)");
  EXPECT_EQ(print_filter(equal_to("uid)(x", "a")), "(objectClass=a)");
}

TEST(LdapFilters, WhatAnAdministratorWrites) {
  const std::string good = "(&(objectClass=user)(!(objectClass=computer))(mail=*)(n>=5)(cn=a*b))";
  const auto parsed = parse_filter(good);
  ASSERT_TRUE(parsed) << parsed.error().detail;
  EXPECT_EQ(parsed->parts.size(), 5U);
  EXPECT_EQ(parsed->parts[2].kind, Kind::present);
  EXPECT_EQ(print_filter(*parsed), good);
  for (const auto* bad : {"", "uid=x", "(uid=x", "(uid=x))", "(&)", "(!(a=b)(c=d))", "(=x)",
                          "(uid=\\zz)", "(uid=a(b)", "(a b=c)"}) {
    EXPECT_EQ(code_of(parse_filter(bad)), Code::invalid) << bad;
  }
}

TEST(LdapErrors, SubCodesOfActiveDirectory) {
  const auto code = [](std::string_view sub) {
    return bind_error("CN=x",
                      "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext "
                      "error, data " +
                          std::string(sub) + ", v4563")
        .code;
  };
  for (const auto* sub : {"52e", "525", "775", "999"}) EXPECT_EQ(code(sub), Code::auth_failed);
  for (const auto* sub : {"532", "773", "701"}) EXPECT_EQ(code(sub), Code::expired);
  for (const auto* sub : {"530", "531", "533"}) EXPECT_EQ(code(sub), Code::authz_failed);
  EXPECT_NE(bind_error("CN=x", "error, data 532, v1").detail.find("has expired"),
            std::string::npos);
  EXPECT_EQ(bind_error("CN=x", "").code, Code::auth_failed);
}

LdapEntry ad_alice() {
  LdapEntry out;
  out.dn = "CN=Alice,CN=Users,DC=ad,DC=example,DC=org";
  out.attributes = {{"objectguid", {std::string("\x01\x02\xff\x00", 4)}},
                    {"samaccountname", {"Alice"}},
                    {"userprincipalname", {"Alice@Corp.example"}},
                    {"mail", {"a@old.example"}},
                    {"proxyaddresses",
                     {"smtp:a@old.example", "SMTP:Alice@example.org", "x400:c=de", "sip:a@b",
                      "smtp:asmith@example.org"}},
                    {"mailnickname", {"ally"}},
                    {"useraccountcontrol", {"514"}},
                    {"objectsid", {parse_sid("S-1-5-21-1-2-3-1103")}}};
  return out;
}

TEST(LdapEntries, ActiveDirectory) {
  const std::vector<AdDomain> domains = {{"dc=example,dc=org", "root", "example.org"},
                                         {"dc=ad,dc=example,dc=org", "ad", "ad.example.org"}};
  const auto entry = entry_of(active_directory_schema(), ad_alice(), domains).value();
  EXPECT_EQ(entry.key, "x0102ff00");
  EXPECT_EQ(entry.login_name, "alice@corp.example");
  EXPECT_EQ(entry.primary_address, "alice@example.org");
  EXPECT_EQ(entry.addresses, (std::vector<std::string>{"a@old.example", "asmith@example.org"}));
  EXPECT_EQ(entry.netbios, "ad");
  EXPECT_EQ(entry.realm, "ad.example.org");
  EXPECT_EQ(entry.sid, "S-1-5-21-1-2-3-1103");
  EXPECT_TRUE(entry.disabled);
  LdapEntry nobody;
  nobody.dn = "CN=x";
  EXPECT_FALSE(entry_of(active_directory_schema(), nobody, {}));
}

TEST(LdapEntries, QuestionsFindTheKeyAgain) {
  const auto schema = active_directory_schema();
  const auto entry = entry_of(schema, ad_alice(), {}).value();
  Query by_key;
  by_key.by = Query::By::key;
  by_key.text = entry.key;
  const auto filter = filter_for(schema, by_key).value();
  EXPECT_EQ(filter.parts[1], equal_to("objectGUID", std::string("\x01\x02\xff\x00", 4)));
  Query by_sid;
  by_sid.by = Query::By::sid;
  by_sid.text = entry.sid;
  EXPECT_EQ(filter_for(schema, by_sid).value().parts[1].attribute, "objectSid");
  EXPECT_EQ(code_of(filter_for(inet_org_person_schema(), by_sid)), Code::not_found);
  EXPECT_TRUE(check_schema(schema));
  auto broken = schema;
  broken.user = "uid)(x=*";
  EXPECT_EQ(code_of(check_schema(broken)), Code::invalid);
}

TEST(LdapEntries, Sids) {
  for (const auto* text : {"S-1-5-21-3623811015-3361044348-30300820-1013", "S-1-5", "S-1-0-0"}) {
    EXPECT_EQ(print_sid(parse_sid(text)), text);
  }
  for (const auto* bad : {"", "S-1-", "S-2-5-21", "S-1-5-x", "S-1-5-4294967296", "S-1--5"}) {
    EXPECT_EQ(parse_sid(bad), "") << bad;
  }
  EXPECT_EQ(print_sid("x"), "");
}

}  // namespace
}  // namespace eilpost::directory
