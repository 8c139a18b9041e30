#include "protocol/imap/url.h"

#include <gtest/gtest.h>

namespace eilpost::imap {
namespace {

MessageUrl url_of(std::string_view text) {
  auto url = parse_message_url(text);
  EXPECT_TRUE(url) << text;
  return url.value_or(MessageUrl());
}

TEST(Url, PartsOfAMessage) {
  MessageUrl url = url_of("/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER");
  EXPECT_EQ("Drafts", url.mailbox);
  EXPECT_EQ(385759045U, url.uid_validity);
  EXPECT_EQ(Uid(20), url.uid);
  EXPECT_EQ(SectionText::header, url.section.text);
  url = url_of("imap://joe@example.com:1143/inbox/;uid=20/;section=1.2/;partial=0.1024");
  EXPECT_EQ("joe", url.user);
  EXPECT_EQ("example.com", url.host);
  EXPECT_EQ("INBOX", url.mailbox);
  EXPECT_EQ((std::vector<uint32_t>{1, 2}), url.section.part);
  EXPECT_EQ((Partial{0, 1024}), url.partial);
  url = url_of("/a/b%2Fc%20%C3%BC/;UID=1/;SECTION=HEADER.FIELDS%20(From%20%22To%22)/;PARTIAL=7");
  EXPECT_EQ("a/b/c \xc3\xbc", url.mailbox);
  EXPECT_EQ((std::vector<std::string>{"From", "To"}), url.section.fields);
  EXPECT_EQ((Partial{7, 0}), url.partial);
  EXPECT_EQ("[::1]", url_of("imap://[::1]:143/x/;UID=1").host);
}

TEST(Url, PrintsWhatItReads) {
  for (const char* text :
       {"/INBOX/;UID=1", "/a%3Bb;UIDVALIDITY=7/;UID=2/;SECTION=TEXT",
        "imap://a%40b@example.com/INBOX/;UID=3/;SECTION=1.MIME/;PARTIAL=5.6",
        "imap://[::1]/%C3%BC/;UID=4/;PARTIAL=5", "/%2Fa%2F;UIDVALIDITY=1/;UID=1"}) {
    EXPECT_EQ(text, print_message_url(url_of(text)));
  }
}

TEST(Url, RefusesWhatIsNoMessageOfTheAccount) {
  for (const char* text : {"",
                           "/",
                           "INBOX/;UID=1",
                           ";UID=1",
                           "//host/INBOX/;UID=1",
                           "http://x/INBOX/;UID=1",
                           "/INBOX",
                           "/INBOX/;UID=0",
                           "/INBOX/;UID=4294967296",
                           "/INBOX/;UID=",
                           "/INBOX;UIDVALIDITY=0/;UID=1",
                           "/INBOX;X=1/;UID=1",
                           "/INBOX/;UID=1/;SECTION=BODY",
                           "/INBOX/;UID=1/;PARTIAL=1.0",
                           "/INBOX/;UID=1/;PARTIAL=1.2/;X=1",
                           "/INBOX/;UID=1/;URLAUTH=anonymous",
                           "/%/;UID=1",
                           "/%00/;UID=1",
                           "/%ff/;UID=1",
                           "/INBOX?SUBJECT%20x",
                           "imap:///INBOX/;UID=1",
                           "imap://h:x/INBOX/;UID=1",
                           "/INBOX/;UID=1/x"}) {
    auto url = parse_message_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(Code::bad_url, url.error().code) << text;
  }
}

}  // namespace
}  // namespace eilpost::imap
