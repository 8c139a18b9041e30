#include "server/imap/search_plan.h"

#include <gtest/gtest.h>

#include "store/types.h"

namespace eilpost::server {
namespace {

using imap::SearchKey;
using imap::SearchOp;

UidSet uid_set(uint32_t first, uint32_t last) {
  UidSet out;
  out.add(Uid(first), Uid(last));
  return out;
}

// Message n has uid 10 * n; there are five; "$" is the second.
SearchSurroundings five_messages() {
  SearchSurroundings out;
  out.first_recent = Uid(40);
  out.resolve = [](const imap::SequenceSet& set, bool uid) -> Result<UidSet> {
    if (set.saved) return uid_set(20, 20);
    if (!uid && set.largest_number() > 5) return fail(Code::invalid, "no such message");
    UidSet uids;
    set.resolve(uid ? 50 : 5).for_each([&](uint32_t n) { uids.add(Uid(uid ? n : 10 * n)); });
    return uids;
  };
  return out;
}

SearchKey make_key(SearchOp op, std::string text = {}) {
  SearchKey out;
  out.op = op;
  out.text = std::move(text);
  return out;
}

Result<search::Program> plan(SearchKey key, std::string charset = {}) {
  imap::Search command;
  command.charset = std::move(charset);
  command.key = std::move(key);
  return plan_search(command, five_messages());
}

TEST(SearchPlan, Sets) {
  SearchKey sequence = make_key(SearchOp::sequence);
  sequence.set = *imap::parse_sequence_set("2,*");
  UidSet wanted = uid_set(20, 20);
  wanted.add(Uid(50));
  EXPECT_EQ(plan(sequence), search::in_uids(wanted));
  sequence.set = *imap::parse_sequence_set("$");
  EXPECT_EQ(plan(sequence), search::in_uids(uid_set(20, 20)));
  SearchKey uids = make_key(SearchOp::uid);
  uids.set = *imap::parse_sequence_set("45:*");
  EXPECT_EQ(plan(uids), search::in_uids(uid_set(45, 50)));
  sequence.set = *imap::parse_sequence_set("6");
  SearchKey nested = make_key(SearchOp::not_);
  nested.children.push_back(sequence);
  const auto refused = plan(nested);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
}

TEST(SearchPlan, RecentAndKeywords) {
  const search::Program recent = search::in_uids(uid_set(40, UINT32_MAX));
  const search::Program unseen = search::negation(search::has_flags(store::flag_seen));
  EXPECT_EQ(plan(make_key(SearchOp::recent)), recent);
  EXPECT_EQ(plan(make_key(SearchOp::old)), search::negation(recent));
  EXPECT_EQ(plan(make_key(SearchOp::new_)), search::all_of({recent, unseen}));
  EXPECT_EQ(plan(make_key(SearchOp::keyword, "$Junk")), search::has_keyword("$Junk"));
  EXPECT_EQ(plan(make_key(SearchOp::unkeyword, "$Junk")),
            search::negation(search::has_keyword("$Junk")));
  EXPECT_EQ(plan(make_key(SearchOp::unkeyword, "\\seen")), unseen);
  EXPECT_EQ(plan(make_key(SearchOp::keyword, "\\Recent")), recent);
  EXPECT_EQ(plan(make_key(SearchOp::keyword, "\\Strange")), search::nothing());
}

TEST(SearchPlan, Charsets) {
  const search::Program wanted = search::header_contains("Subject", "GRÜN");
  EXPECT_EQ(plan(make_key(SearchOp::subject, "grün")), wanted);
  EXPECT_EQ(plan(make_key(SearchOp::subject, "grün"), "UTF-8"), wanted);
  EXPECT_EQ(plan(make_key(SearchOp::subject, "gr\xfcn"), "iso-8859-1"), wanted);
  EXPECT_EQ(plan(make_key(SearchOp::subject, "gr\xfcn"), "X-NOWHERE").error().code,
            Code::bad_charset);
  EXPECT_EQ(plan(make_key(SearchOp::subject, "gr\xfcn")).error().code, Code::invalid);
  EXPECT_EQ(plan(make_key(SearchOp::body, "gr\xc3"), "utf-8").error().code, Code::invalid);
  EXPECT_EQ(plan(make_key(SearchOp::all), "us-ascii"), search::everything());
}

TEST(SearchPlan, DatesAndNumbers) {
  SearchKey date = make_key(SearchOp::sent_since);
  date.date = {1994, 2, 1};
  EXPECT_EQ(plan(date), search::since(search::DateOf::sent, {8797}));
  date.op = SearchOp::saved_on;
  EXPECT_EQ(plan(date), search::on(search::DateOf::saved, {8797}));
  date.op = SearchOp::before;
  EXPECT_EQ(plan(date), search::before(search::DateOf::internal, {8797}));
  SearchKey number = make_key(SearchOp::younger);
  number.number = 86400;
  EXPECT_EQ(plan(number), search::younger(86400));
  EXPECT_EQ(plan(make_key(SearchOp::thread_id, "T1")), search::nothing());
  EXPECT_EQ(plan(make_key(SearchOp::save_date_supported)), search::everything());
}

search::Answer some_answer() {
  search::Answer answer;
  for (const uint32_t uid : {20U, 30U, 50U}) answer.uids.add(Uid(uid));
  answer.highest_modseq = ModSeq(9);
  answer.first_modseq = ModSeq(3);
  answer.last_modseq = ModSeq(5);
  return answer;
}

// RFC 5182 2.4 has this table.
TEST(SearchPlan, WhatSaveKeeps) {
  const UidSet found = some_answer().uids;
  const auto kept = [&](imap::SearchReturn returns) {
    return saved_result(returns, found).to_string();
  };
  EXPECT_EQ(kept({.save = true}), "20,30,50");
  EXPECT_EQ(kept({.min = true, .save = true}), "20");
  EXPECT_EQ(kept({.max = true, .save = true}), "50");
  EXPECT_EQ(kept({.min = true, .max = true, .save = true}), "20,50");
  EXPECT_EQ(kept({.min = true, .count = true, .save = true}), "20,30,50");
  EXPECT_EQ(kept({.max = true, .all = true, .save = true}), "20,30,50");
  EXPECT_EQ(saved_result({.min = true, .save = true}, {}).to_string(), "");
}

TEST(SearchPlan, ModseqOfWhatIsReturned) {
  const search::Answer answer = some_answer();
  EXPECT_EQ(modseq_of_result({.all = true}, answer, {}), 9U);
  EXPECT_EQ(modseq_of_result({.min = true}, answer, {}), 3U);
  EXPECT_EQ(modseq_of_result({.max = true}, answer, {}), 5U);
  EXPECT_EQ(modseq_of_result({.min = true, .max = true}, answer, {}), 5U);
  EXPECT_EQ(modseq_of_result({.min = true, .count = true}, answer, {}), 9U);
  EXPECT_EQ(modseq_of_result({.all = true}, {}, {}), std::nullopt);
}

TEST(SearchPlan, ESearchItems) {
  IntervalSet found;
  found.add(2, 3);
  found.add(5);
  const auto all = esearch_of({.min = true, .max = true, .all = true, .count = true}, found);
  EXPECT_EQ(all.min, 2U);
  EXPECT_EQ(all.max, 5U);
  EXPECT_EQ(all.count, 3U);
  EXPECT_EQ(imap::print_sequence_set(*all.all), "2:3,5");
  // RFC 9051 6.4.4: without a match only COUNT is said.
  const auto none = esearch_of({.min = true, .max = true, .all = true, .count = true}, {});
  EXPECT_EQ(none.count, 0U);
  EXPECT_FALSE(none.min || none.max || none.all);
  EXPECT_EQ(esearch_of({.min = true}, found).all, std::nullopt);
}

}  // namespace
}  // namespace eilpost::server
