#include "protocol/imap/capability.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace eilpost::imap {
namespace {

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

TEST(Capability, BeforeTls) {
  CapabilityState state;
  state.starttls_offered = true;
  std::vector<std::string> names = capabilities(state);
  EXPECT_EQ("IMAP4rev1", names.at(0));
  EXPECT_TRUE(has(names, "STARTTLS"));
  EXPECT_TRUE(has(names, "LOGINDISABLED"));
  EXPECT_TRUE(has(names, "ID"));
  EXPECT_FALSE(has(names, "AUTH=PLAIN"));
  EXPECT_FALSE(has(names, "UIDPLUS"));
}

TEST(Capability, BeforeLogin) {
  CapabilityState state;
  state.tls = true;
  state.starttls_offered = true;
  state.plaintext_allowed = true;
  state.mechanisms = {"SCRAM-SHA-256", "PLAIN"};
  std::vector<std::string> names = capabilities(state);
  EXPECT_FALSE(has(names, "STARTTLS"));
  EXPECT_FALSE(has(names, "LOGINDISABLED"));
  EXPECT_TRUE(has(names, "AUTH=PLAIN"));
  EXPECT_TRUE(has(names, "SASL-IR"));
  EXPECT_TRUE(has(names, "LITERAL+"));
}

TEST(Capability, AfterLogin) {
  CapabilityState state;
  state.authenticated = true;
  state.mechanisms = {"PLAIN"};
  state.append_limit_bytes = 1000;
  state.hidden = {"imap4rev2"};
  std::vector<std::string> names = capabilities(state);
  EXPECT_FALSE(has(names, "AUTH=PLAIN"));
  EXPECT_FALSE(has(names, "LOGINDISABLED"));
  EXPECT_FALSE(has(names, "IMAP4rev2"));
  EXPECT_TRUE(has(names, "APPENDLIMIT=1000"));
  for (const char* name : {"IDLE", "MOVE", "UIDPLUS", "CONDSTORE", "QRESYNC", "OBJECTID", "BINARY",
                           "STATUS=SIZE", "LIST-EXTENDED", "CREATE-SPECIAL-USE", "SAVEDATE"}) {
    EXPECT_TRUE(has(names, name)) << name;
  }
  EXPECT_FALSE(has(names, "LITERAL-"));
}

TEST(Capability, OnlyAdministratorsSetQuotas) {
  CapabilityState state;
  state.authenticated = true;
  EXPECT_FALSE(has(capabilities(state), "QUOTASET"));
  EXPECT_TRUE(has(capabilities(state), "QUOTA=RES-MAILBOX"));
  state.admin = true;
  EXPECT_TRUE(has(capabilities(state), "QUOTASET"));
}

TEST(Capability, SomeOnlyForThoseWhoAsk) {
  CapabilityState state;
  state.authenticated = true;
  EXPECT_FALSE(has(capabilities(state), "UIDONLY"));
  for (const std::string& name : capabilities(state)) EXPECT_NE(0U, name.rfind("MESSAGELIMIT", 0));
  state.uid_only = true;
  state.message_limit = 500;
  EXPECT_TRUE(has(capabilities(state), "UIDONLY"));
  EXPECT_TRUE(has(capabilities(state), "MESSAGELIMIT=500"));
  for (const char* name :
       {"CATENATE", "REPLACE", "PREVIEW", "UTF8=ACCEPT", "INPROGRESS", "UIDBATCHES"}) {
    EXPECT_TRUE(has(capabilities(state), name)) << name;
  }
}

TEST(Capability, Enableable) {
  EXPECT_EQ(Enableable::qresync, enableable("qresync"));
  EXPECT_EQ(Enableable::imap4rev2, enableable("IMAP4REV2"));
  EXPECT_FALSE(enableable("IDLE"));
  EXPECT_EQ("IMAP4rev2", enableable_name(Enableable::imap4rev2));
}

}  // namespace
}  // namespace eilpost::imap
