#include "protocol/imap/metadata.h"

#include <gtest/gtest.h>

#include "protocol/imap/response.h"
#include "protocol/imap/test_support.h"

namespace eilpost::imap {
namespace {

TEST(Metadata, OptionsBeforeAndBehindTheMailbox) {
  for (const char* line : {"a GETMETADATA (MAXSIZE 1024 DEPTH 1) INBOX (/shared/comment)",
                           "a GETMETADATA INBOX (DEPTH 1 MAXSIZE 1024) (/shared/comment)",
                           "a getmetadata inbox ( maxsize 1024 depth 1) /shared/comment"}) {
    GetMetadata get = test::body_of<GetMetadata>(line);
    EXPECT_EQ("INBOX", get.mailbox) << line;
    EXPECT_EQ(1024U, get.options.max_size) << line;
    EXPECT_EQ(MetadataDepth::one, get.options.depth) << line;
    EXPECT_EQ(std::vector<std::string>{"/shared/comment"}, get.entries) << line;
  }
  EXPECT_EQ("a GETMETADATA (MAXSIZE 1024 DEPTH 1) INBOX (/shared/comment)",
            test::reprinted("a GETMETADATA INBOX (DEPTH 1 MAXSIZE 1024) /shared/comment"));
}

TEST(Metadata, SeveralEntriesWithAndWithoutParentheses) {
  const std::vector<std::string> both{"/private/comment", "/shared/comment"};
  EXPECT_EQ(both,
            test::body_of<GetMetadata>("a GETMETADATA \"\" (/private/comment \"/shared/comment\")")
                .entries);
  EXPECT_EQ(
      both,
      test::body_of<GetMetadata>("a GETMETADATA \"\" /private/comment /shared/comment").entries);
}

TEST(Metadata, EntryNames) {
  EXPECT_TRUE(is_metadata_entry("/private/comment"));
  EXPECT_TRUE(is_metadata_entry("/Shared/vendor/kolab/folder-type"));
  EXPECT_TRUE(is_metadata_entry("/shared"));
  for (const char* name :
       {"", "/", "private/x", "/private/", "/private//x", "/shared/a*", "/shared/a%",
        "/shared/\x01", "/shared/\xc3\xa4", "/sharedx/y", "/comment"}) {
    EXPECT_FALSE(is_metadata_entry(name)) << name;
  }
}

TEST(Metadata, ValuesOfEveryKind) {
  SetMetadata set = test::body_of<SetMetadata>(
      "a SETMETADATA INBOX (/private/a NIL /private/b \"NIL\" /private/c {3+}\r\nx\ny "
      "/private/d ~{3+}\r\n" +
      std::string("p\0q", 3) + ")");
  ASSERT_EQ(4U, set.entries.size());
  EXPECT_EQ(std::nullopt, set.entries[0].value);
  EXPECT_EQ("NIL", set.entries[1].value);
  EXPECT_EQ("x\ny", set.entries[2].value);
  EXPECT_EQ(std::string("p\0q", 3), set.entries[3].value);
}

TEST(Metadata, Errors) {
  EXPECT_EQ("expected an entry name like /private/comment at column 19",
            test::reprinted("a GETMETADATA \"\" (/foo/bar)"));
  EXPECT_EQ("expected MAXSIZE or DEPTH at column 16",
            test::reprinted("a GETMETADATA (FOO) x /shared/y"));
  EXPECT_EQ("expected 0, 1 or infinity at column 22",
            test::reprinted("a GETMETADATA (DEPTH 2) x /shared/y"));
  EXPECT_EQ("expected a value at column 31", test::reprinted("a SETMETADATA x (/private/ab  )"));
  EXPECT_EQ("expected \"(\" at column 17", test::reprinted("a SETMETADATA x /private/a NIL"));
}

TEST(Metadata, Responses) {
  for (const char* line :
       {"* METADATA \"\" (/shared/comment \"Shared comment\")\r\n",
        "* METADATA INBOX (/shared/comment NIL /private/comment \"NIL\")\r\n",
        "* METADATA INBOX /shared/comment /private/comment\r\n",
        "* MYRIGHTS INBOX lrswipkxtecda\r\n", "* QUOTA \"\" (STORAGE 10 512)\r\n",
        "* QUOTA #user/alice ()\r\n", "* QUOTAROOT INBOX #user/alice !partition/sda4\r\n",
        "* QUOTAROOT comp.mail.mime\r\n", "* XLIST (\\Inbox \\HasNoChildren) \"/\" INBOX\r\n"}) {
    std::optional<Response> response = test::response_of(line);
    ASSERT_TRUE(response) << line;
    EXPECT_FALSE(std::holds_alternative<UnknownData>(*response)) << line;
    std::string printed;
    append_response(printed, *response, WriteStyle{});
    EXPECT_EQ(line, printed);
  }
}

TEST(Metadata, ResponseCodes) {
  for (const char* line :
       {"a OK [METADATA LONGENTRIES 2199] x\r\n", "a NO [METADATA MAXSIZE 1024] x\r\n",
        "a NO [METADATA TOOMANY] x\r\n", "a NO [METADATA NOPRIVATE] x\r\n"}) {
    std::optional<Response> response = test::response_of(line);
    ASSERT_TRUE(response) << line;
    EXPECT_NE(CodeName::other, std::get<StatusResponse>(*response).code.name) << line;
    std::string printed;
    append_response(printed, *response, WriteStyle{});
    EXPECT_EQ(line, printed);
  }
}

}  // namespace
}  // namespace eilpost::imap
