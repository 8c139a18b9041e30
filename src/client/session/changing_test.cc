#include "client/session/changing.h"

#include <gtest/gtest.h>

#include "client/session/appending.h"
#include "client/session/fetching.h"
#include "client/session/uid_sets.h"
#include "client/testing.h"

namespace eilpost::client {
namespace {

using test::FakeServer;
using Use = std::function<Task<Result<>>(Session&)>;

Task<Result<>> with_session(SessionOptions options, Use use) {
  Random random(1);
  SignIn sign_in;
  sign_in.name = "bob";
  sign_in.secret = "secret";
  auto session = co_await Session::start(std::move(options), std::move(sign_in), random);
  CO_TRY(session);
  auto used = co_await use(**session);
  (*session)->connection().close();
  co_return used;
}

std::string signed_in(std::string_view capabilities) {
  return "S: * OK [CAPABILITY IMAP4rev1] here\nC: LOGIN bob secret\nS: $ OK [CAPABILITY "
         "IMAP4rev1 " +
         std::string(capabilities) + "] welcome\n";
}

// Runs `use` against the script; what the server objected to, or the Error of `use`.
std::string objection(std::string_view capabilities, std::string_view script, Use use) {
  FakeServer server(signed_in(capabilities) + std::string(script));
  auto done = test::run(with_session(server.options(), std::move(use)));
  const std::string failure = server.failure();
  return failure.empty() && !done ? done.error().detail : failure;
}

UidSet uids(uint32_t first, uint32_t last) {
  UidSet out;
  out.add(Uid(first), Uid(last));
  return out;
}

imap::SequenceSet set(std::string_view text) {
  auto parsed = imap::parse_sequence_set(text);
  CHECK(parsed.has_value());
  return *parsed;
}

TEST(UidSets, AreReadInTheOrderInWhichTheyAreWritten) {
  const std::vector<Uid> expected = {Uid(7), Uid(6), Uid(2), Uid(3)};
  EXPECT_EQ(in_written_order(set("7:6,2:3"), 4), expected);
}

TEST(UidSets, ThatNameMoreThanThereCanBeGiveNothing) {
  EXPECT_TRUE(in_written_order(set("1:4294967295"), 10).empty());
  EXPECT_TRUE(in_written_order(set("1:*"), 10).empty());
}

TEST(UidSets, LongOnesGoInPieces) {
  UidSet many;
  for (uint32_t i = 1; i < 1400; i += 2) many.add(Uid(i));
  const std::vector<UidSet> pieces = in_pieces(many);
  ASSERT_EQ(pieces.size(), 3U);
  UidSet together;
  for (const UidSet& piece : pieces) {
    EXPECT_LT(piece.to_string().size(), 4000U);
    together.add(piece);
  }
  EXPECT_EQ(together, many);
}

TEST(Append, ARefusedMultiappendIsRepeatedOneByOne) {
  auto use = [](Session& session) -> Task<Result<>> {
    std::vector<AppendItem> items(2);
    items[0].octets = Octets::of("one");
    items[1].octets = Octets::of("three");
    items[1].flags.emplace_back("\\Seen");
    auto done = co_await append_messages(session, "Box", std::move(items));
    CO_TRY(done);
    EXPECT_FALSE((*done)[0]);
    EXPECT_EQ((*done)[0].error().code, Code::over_quota);
    EXPECT_TRUE((*done)[1]);
    EXPECT_EQ((*done)[1]->uid, Uid(9));
    EXPECT_EQ((*done)[1]->uid_validity, 5U);
    co_return Result<>();
  };
  EXPECT_EQ(objection("LITERAL+ UIDPLUS MULTIAPPEND", R"(
      C: APPEND Box {3+}
      R: one (\Seen) {5+}
      R: three
      S: $ NO [OVERQUOTA] no room for all
      C: APPEND Box {3+}
      R: one
      S: $ NO [OVERQUOTA] no room
      C: APPEND Box (\Seen) {5+}
      R: three
      S: $ OK [APPENDUID 5 9] done)",
                      use),
            "");
}

TEST(Append, WhatTheServerCannotTakeIsNotSent) {
  auto use = [](Session& session) -> Task<Result<>> {
    std::vector<AppendItem> items(2);
    items[0].octets = Octets::of("too long for it");
    items[1].octets = Octets::of(std::string("a\0b", 3));
    auto done = co_await append_messages(session, "Box", std::move(items));
    CO_TRY(done);
    EXPECT_EQ((*done)[0].error().code, Code::too_big);
    EXPECT_EQ((*done)[1].error().code, Code::cannot);
    co_return Result<>();
  };
  EXPECT_EQ(objection("LITERAL+ APPENDLIMIT=10", "", use), "");
}

TEST(Move, WithoutMoveNothingIsRemovedWhenTheCopyIsNotWhole) {
  auto use = [](Session& session) -> Task<Result<>> {
    auto moved = co_await move_messages(session, uids(1, 3), "Box");
    EXPECT_FALSE(moved);
    if (!moved) {
      EXPECT_EQ(moved.error().code, Code::corrupt);
    }
    co_return Result<>();
  };
  EXPECT_EQ(objection("UIDPLUS", R"(
      C: UID SEARCH UID 1:3
      S: * SEARCH 1 2 3
      S: $ OK done
      C: UID COPY 1:3 Box
      S: $ OK [COPYUID 5 1:2 8:9] done)",
                      use),
            "");
}

TEST(Move, WithoutMoveIsCopyAndUidExpunge) {
  auto use = [](Session& session) -> Task<Result<>> {
    auto moved = co_await move_messages(session, uids(1, 3), "Box");
    CO_TRY(moved);
    EXPECT_TRUE(moved->expunged);
    std::vector<std::pair<Uid, Uid>> expected;
    expected.emplace_back(1, 8);
    expected.emplace_back(3, 9);
    EXPECT_EQ(moved->copied.uids, expected);
    co_return Result<>();
  };
  EXPECT_EQ(objection("UIDPLUS", R"(
      C: UID SEARCH UID 1:3
      S: * SEARCH 1 3
      S: $ OK done
      C: UID COPY 1,3 Box
      S: $ OK [COPYUID 5 1,3 8:9] done
      C: UID STORE 1,3 +FLAGS.SILENT (\Deleted)
      S: $ OK done
      C: UID EXPUNGE 1,3
      S: $ OK done)",
                      use),
            "");
}

TEST(Expunge, WithoutUidplusLeavesWhatOthersHaveMarked) {
  auto use = [](Session& session) -> Task<Result<>> {
    auto done = co_await expunge_messages(session, uids(1, 1));
    EXPECT_FALSE(done);
    co_return Result<>();
  };
  EXPECT_EQ(objection("X", R"(
      C: UID SEARCH DELETED
      S: * SEARCH 1 4
      S: $ OK done)",
                      use),
            "");
}

TEST(FetchBodies, AsksAgainForWhatWasPassedOver) {
  auto use = [](Session& session) -> Task<Result<>> {
    auto got = co_await fetch_bodies(session, uids(1, 3));
    CO_TRY(got);
    EXPECT_EQ(got->bodies.size(), 2U);
    EXPECT_EQ(got->bodies[0].row.uid, Uid(1));
    EXPECT_EQ(got->bodies[1].row.uid, Uid(2));
    EXPECT_EQ(*got->bodies[1].octets->all(), "two");
    EXPECT_TRUE(got->failed.empty());
    co_return Result<>();
  };
  EXPECT_EQ(objection("X", R"(
      C: UID FETCH 1:3 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])
      S: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 3 BODY[] "one")
      S: * 4 FETCH (UID 9 FLAGS (\Seen))
      S: $ OK done
      C: UID FETCH 2:3 (UID FLAGS INTERNALDATE RFC822.SIZE)
      S: * 2 FETCH (UID 2 FLAGS () RFC822.SIZE 3)
      S: $ OK done
      C: UID FETCH 2 (UID RFC822.SIZE BODY.PEEK[])
      S: * 2 FETCH (UID 2 RFC822.SIZE 3 BODY[] "two")
      S: $ OK done)",
                      use),
            "");
}

TEST(FetchBodies, NoOctetsOfAMessageThatHasSomeAreNoAnswer) {
  auto use = [](Session& session) -> Task<Result<>> {
    auto got = co_await fetch_bodies(session, uids(1, 1));
    CO_TRY(got);
    EXPECT_EQ(*got->bodies.at(0).octets->all(), "one");
    co_return Result<>();
  };
  EXPECT_EQ(objection("X", R"(
      C: UID FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])
      S: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 3 BODY[] "")
      S: $ OK done
      C: UID FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE)
      S: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 3)
      S: $ OK done
      C: UID FETCH 1 (UID RFC822.SIZE BODY.PEEK[])
      S: * 1 FETCH (UID 1 RFC822.SIZE 3 BODY[] "")
      S: $ OK done
      C: UID SEARCH UID 1
      S: * SEARCH 1
      S: $ OK done
      C: UID FETCH 1 (UID RFC822.SIZE BODY.PEEK[])
      S: * 1 FETCH (UID 1 RFC822.SIZE 3 BODY[] "one")
      S: $ OK done)",
                      use),
            "");
}

TEST(FetchRows, RowsWithoutUidAreAnError) {
  auto use = [](Session& session) -> Task<Result<>> {
    size_t rows = 0;
    auto row = [&rows](const MessageRow&) -> Result<> {
      ++rows;
      return {};
    };
    auto whole = co_await fetch_rows(session, std::nullopt, RowsWanted(), row);
    CO_TRY(whole);
    EXPECT_EQ(rows, 1U);
    auto holes = co_await fetch_rows(session, std::nullopt, RowsWanted(), row);
    EXPECT_EQ(holes.error().code, Code::corrupt);
    co_return Result<>();
  };
  EXPECT_EQ(objection("X", R"(
      C: UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)
      S: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 3)
      S: * 2 FETCH (FLAGS (\Seen))
      S: $ OK done
      C: UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)
      S: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 3)
      S: * 2 FETCH (FLAGS () RFC822.SIZE 3)
      S: $ OK done)",
                      use),
            "");
}

TEST(List, AMailboxThatIsToldTwiceIsOne) {
  auto use = [](Session& session) -> Task<Result<>> {
    auto mailboxes = co_await session.list();
    CO_TRY(mailboxes);
    EXPECT_EQ(mailboxes->size(), 2U);
    co_return Result<>();
  };
  EXPECT_EQ(objection("LIST-EXTENDED", R"(
      C: LIST "" "*" RETURN (SUBSCRIBED)
      S: * LIST () "/" INBOX
      S: * LIST () "/" INBOX
      S: * LIST () "/" Sent
      S: $ OK done)",
                      use),
            "");
}

TEST(Octets, LieInAFileWhenTheyAreMany) {
  Octets octets;
  const std::string piece(300 * 1024, 'x');
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(octets.add(piece));
  ASSERT_TRUE(octets.add("the end"));
  EXPECT_EQ(octets.size(), 5 * piece.size() + 7);
  EXPECT_EQ(*octets.read(5 * piece.size() - 1, 100), "xthe end");
  EXPECT_EQ(*octets.read(octets.size(), 100), "");
  EXPECT_EQ(octets.all()->size(), octets.size());
  octets.clear();
  ASSERT_TRUE(octets.add("again"));
  EXPECT_EQ(*octets.all(), "again");
}

}  // namespace
}  // namespace eilpost::client
