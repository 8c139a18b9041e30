// What the RFCs say about each key, one by one, on messages made for it.
#include <atomic>
#include <string>

#include "mime/charset.h"
#include "mime/decode.h"
#include "search/match.h"
#include "search/search_testing.h"

namespace eilpost::search {
namespace {

using namespace std::string_literals;

std::string simple(std::string_view subject, std::string_view body) {
  return fmt::format("Subject: {}\r\n\r\n{}", subject, body);
}

std::string with_type(std::string_view type, std::string_view encoding, std::string_view body) {
  return fmt::format("Content-Type: {}\r\nContent-Transfer-Encoding: {}\r\n\r\n{}", type, encoding,
                     body);
}

TEST(Fold, CaseOfManyScripts) {
  const auto match = [](std::string_view text, std::string_view needle) {
    std::string folded;
    fold_append(text, folded);
    return contains(folded, mime::fold_for_search(needle));
  };
  EXPECT_TRUE(match("Die STRASSE hier", "straße"));
  EXPECT_TRUE(match("Die Straße hier", "STRASSE"));
  EXPECT_TRUE(match("DIE STRAẞE", "strasse"));
  EXPECT_TRUE(match("ΟΔΥΣΣΕΥΣ", "οδυσσευς"));
  EXPECT_TRUE(match("οδυσσευσ", "ΟΔΥΣΣΕΥς"));
  EXPECT_TRUE(match("ПРИВЕТ, МИР", "привет, мир"));
  EXPECT_TRUE(match("İSTANBUL", "i̇stanbul"));
  EXPECT_FALSE(match("ışık", "IŞIK"));  // without a language, I is the capital of i
  EXPECT_TRUE(match("日本語のテキスト", "日本語"));
  EXPECT_TRUE(match("ＦＵＬＬ width", "full"));
  EXPECT_TRUE(match("Cafe\u0301 au lait", "CAFÉ"));
  EXPECT_FALSE(match("Cafe\u0301 au lait", "cafe a"));
  EXPECT_FALSE(match("abc", "abcd"));
  EXPECT_TRUE(match("", ""));
}

TEST(Fold, EqualsFoldingTheWhole) {
  Random random(7);
  const std::vector<std::string> atoms = {
      "A", "z",  " ",        "\r\n",         "É", "e\u0301", "ß",
      "Я", "語", "か\u3099", "\u1100\u1161", "ﬁ", "\u00ad",  "QWERTYUIOP"};
  for (int round = 0; round < 400; ++round) {
    std::string text;
    for (uint64_t n = random.below(120); n > 0; --n) {
      const auto& atom = atoms[random.below(random.below(3) == 0 ? atoms.size() : 4)];
      text += random.below(10) == 0 ? atoms.back() + atoms.back() + atoms.back() : atom;
    }
    std::string folded;
    fold_append(text, folded);
    EXPECT_EQ(folded, mime::fold_for_search(text)) << text;
  }
}

TEST(Matcher, FindsAcrossPieces) {
  Random random(3);
  for (int round = 0; round < 60; ++round) {
    // A text of more than a piece, whose first piece ends within the needle.
    const std::string needle = round % 2 ? "Nadel ÜBER den Schnitt" : "plain NEEDLE";
    std::string text;
    while (text.size() < 64 * 1024) text += round % 3 ? "heu " : "Жук ";
    const size_t cut = text.size() + mime::utf8_prefix(needle, random.below(needle.size())).size();
    text += needle + " und der Rest";
    Matcher matcher;
    const size_t wanted = matcher.add(mime::fold_for_search(needle), Where::body);
    const size_t absent = matcher.add(mime::fold_for_search("nadelöhr"), Where::body);
    matcher.feed(std::string_view(text).substr(0, cut));
    for (std::string_view rest = std::string_view(text).substr(cut); !rest.empty();) {
      const auto piece = mime::utf8_prefix(rest, 1 + random.below(9));
      matcher.feed(piece);
      rest.remove_prefix(piece.size());
    }
    matcher.end();
    EXPECT_TRUE(matcher.found(wanted));
    EXPECT_FALSE(matcher.found(absent));
  }
}

TEST(Matcher, AccentsComposeAcrossPieces) {
  Matcher matcher;
  const size_t composed = matcher.add(mime::fold_for_search("café"), Where::body);
  const size_t bare = matcher.add("cafe", Where::body);
  const size_t other = matcher.add(mime::fold_for_search("cafè"), Where::body);
  matcher.feed(std::string(64 * 1024, 'x') + " Cafe");
  matcher.feed("\u0301 au lait");
  matcher.end();
  EXPECT_TRUE(matcher.found(composed));
  // RFC 5051: a letter with its mark begins with the letter.
  EXPECT_TRUE(matcher.found(bare));
  EXPECT_FALSE(matcher.found(other));
}

TEST(Search, Flags) {
  TestMailbox box;
  const std::string m = simple("x", "y");
  box.add({{m, store::flag_seen, {"$Work"}, {}},
           {m, store::flag_seen | store::flag_flagged, {}, {}},
           {m, 0, {"$work", "Other"}, {}},
           {m, store::flag_deleted, {}, {}}});
  EXPECT_EQ(box.uids(everything()), "1:4");
  EXPECT_EQ(box.uids(nothing()), "");
  EXPECT_EQ(box.uids(has_flags(store::flag_seen)), "1:2");
  EXPECT_EQ(box.uids(negation(has_flags(store::flag_seen))), "3:4");
  EXPECT_EQ(box.uids(has_flags(store::flag_seen | store::flag_flagged)), "2");
  EXPECT_EQ(box.uids(has_keyword("$WORK")), "1,3");
  EXPECT_EQ(box.uids(negation(has_keyword("other"))), "1:2,4");
  EXPECT_EQ(box.uids(has_keyword("unheard-of")), "");
  EXPECT_EQ(box.uids(all_of({has_keyword("$work"), has_keyword("other")})), "3");
  UidSet some;
  some.add(Uid(2), Uid(3));
  some.add(Uid(900), Uid(1000));
  EXPECT_EQ(box.uids(in_uids(some)), "2:3");
  EXPECT_EQ(box.uids(in_uids({})), "");
  EXPECT_EQ(box.uids(negation(in_uids(some))), "1,4");
  EXPECT_EQ(box.uids(any_of({in_uids(some), has_flags(store::flag_deleted)})), "2:4");
  EXPECT_EQ(box.uids(all_of({})), "1:4");
  EXPECT_EQ(box.uids(any_of({})), "");
}

TEST(Search, HotKeysReadNothing) {
  TestMailbox box;
  box.add({{simple("x", "y"), store::flag_seen, {}, {}}, {simple("x", "y"), 0, {}, {}}});
  const auto snapshot = box.snapshot();
  const uint64_t before_reads = box.engine.reads;
  const Program program = all_of({negation(has_flags(store::flag_flagged)), modseq_from(1)});
  Evaluator evaluator(box.account, snapshot, program, {});
  EXPECT_FALSE(evaluator.reads());
  EXPECT_EQ(evaluate(box.account, snapshot, program, {})->uids.to_string(), "1:2");
  EXPECT_EQ(box.engine.reads, before_reads);
  EXPECT_EQ(box.engine.blob_octets, 0U);
  // A cheap key that decides keeps the text of the others unread, wherever it stands.
  const Program costly = all_of({body_contains("y"), header_contains("subject", "x"),
                                 any_of({larger(1000), has_flags(store::flag_deleted)})});
  EXPECT_TRUE(Evaluator(box.account, snapshot, costly, {}).reads());
  EXPECT_EQ(box.uids(costly), "");
  EXPECT_EQ(box.engine.blob_octets, 0U);
}

TEST(Search, Modseq) {
  TestMailbox box;
  const Uid first = box.add(simple("a", ""));
  const Uid second = box.add(simple("b", ""));
  UidSet just_first;
  just_first.add(first);
  const store::StoreRequest request{store::inbox_id,  just_first, store::FlagChange::add,
                                    store::flag_seen, {},         std::nullopt};
  auto stored = store::mutate_wait<store::StoreResult>(
      *box.account, {}, [&](store::Tx& tx) { return store::store_flags(tx, request); });
  ASSERT_TRUE(stored);
  const auto snapshot = box.snapshot();
  const ModSeq of_second = snapshot->tree.find(second)->modseq;
  EXPECT_GT(stored->modseq, of_second);
  const Answer all = box.ask(modseq_from(of_second.value));
  EXPECT_EQ(all.uids.to_string(), "1:2");
  EXPECT_EQ(all.highest_modseq, stored->modseq);
  EXPECT_EQ(all.first_modseq, stored->modseq);
  EXPECT_EQ(all.last_modseq, of_second);
  EXPECT_EQ(box.uids(modseq_from(of_second.value + 1)), "1");
  EXPECT_EQ(box.uids(modseq_from(stored->modseq.value + 1)), "");
  EXPECT_EQ(box.ask(nothing()).highest_modseq, ModSeq(0));
}

TEST(Search, InternalDateInItsOwnZone) {
  TestMailbox box;
  // 2023-11-14T23:30 in three zones: +0200, UTC, -0500; and a day before 1970.
  const int64_t local = int64_t{19675} * 86400 + 23 * 3600 + 1800;
  const std::string m = simple("x", "y");
  box.add({{m, 0, {}, {local - 2 * 3600, 120}},
           {m, 0, {}, {local, 0}},
           {m, 0, {}, {local + 5 * 3600, -300}},
           {m, 0, {}, {-1, 0}}});
  EXPECT_EQ(box.uids(on(DateOf::internal, {19675})), "1:3");
  EXPECT_EQ(box.uids(since(DateOf::internal, {19675})), "1:3");
  EXPECT_EQ(box.uids(before(DateOf::internal, {19675})), "4");
  EXPECT_EQ(box.uids(since(DateOf::internal, {19676})), "");
  EXPECT_EQ(box.uids(on(DateOf::internal, {-1})), "4");
  EXPECT_EQ(box.uids(on(DateOf::internal, {0})), "");
  // The clock of the test mailbox stands at 2023-11-14T22:13:20Z.
  EXPECT_EQ(box.uids(on(DateOf::saved, {19675})), "1:4");
  EXPECT_EQ(box.uids(before(DateOf::saved, {19675})), "");
}

TEST(Search, WithinTakesItsBoundary) {
  TestMailbox box;
  const std::string m = simple("x", "y");
  const int64_t now = box.now_seconds();
  box.add({{m, 0, {}, {now - 100, 0}}, {m, 0, {}, {now - 101, 0}}, {m, 0, {}, {now - 99, 0}}});
  EXPECT_EQ(box.uids(older(100)), "1:2");
  EXPECT_EQ(box.uids(younger(100)), "1,3");
  EXPECT_EQ(box.uids(older(UINT64_MAX)), "");
  EXPECT_EQ(box.uids(younger(UINT32_MAX)), "1:3");
}

TEST(Search, SentDates) {
  TestMailbox box;
  box.add("Date: Tue, 14 Nov 2023 23:30:00 -0800\r\n\r\nx");
  box.add("Date: Wed, 15 Nov 2023 00:30:00 +0900\r\n\r\nx");
  box.add("Date: not a date\r\n\r\nx");
  box.add("Subject: none\r\n\r\nx");
  EXPECT_EQ(box.uids(on(DateOf::sent, {19675})), "1");
  EXPECT_EQ(box.uids(before(DateOf::sent, {19676})), "1");
  EXPECT_EQ(box.uids(since(DateOf::sent, {19676})), "2");
  EXPECT_EQ(box.uids(since(DateOf::sent, {0})), "1:2");
  EXPECT_EQ(box.uids(negation(since(DateOf::sent, {0}))), "3:4");
}

TEST(Search, SizeAndIds) {
  TestMailbox box;
  const std::string m = simple("x", "y");
  box.add(m);
  box.add(m + "more");
  EXPECT_EQ(box.uids(larger(m.size())), "2");
  EXPECT_EQ(box.uids(smaller(m.size())), "");
  EXPECT_EQ(box.uids(smaller(m.size() + 1)), "1");
  const auto page = box.account->read_page(store::inbox_id, 0, 0);
  const std::string id = (*page)->find(2)->cold.email_id.to_string();
  EXPECT_EQ(box.uids(has_email_id(id)), "2");
  EXPECT_EQ(box.uids(has_email_id("M0")), "");
}

TEST(Search, Headers) {
  TestMailbox box;
  box.add(
      "From: \"Smith, John\" <John.Smith@Example.ORG>\r\nSubject: a folded\r\n\tSubject line\r\n"
      "X-Tag:\r\nX-Tag: second\r\n\r\nFrom: body\r\n");
  box.add("From: =?utf-8?Q?J=C3=BCrgen?= <j@example.org>\r\nX-Tags: no\r\n\r\n");
  // An encoded word that ends within a character, and one in Latin-1 of the same text.
  box.add(
      "Subject: =?utf-8?B?R3LDvMOf?= =?utf-8?B?ZSB2b24gSsM=?=\r\n =?UTF-8?B?vHJnZW4=?=\r\n\r\n");
  box.add("Subject: =?iso-8859-1?Q?Gr=FC=DFe_von_J=FCrgen?=\r\n\r\n");
  EXPECT_EQ(box.uids(header_contains("From", "smith, john")), "1");
  EXPECT_EQ(box.uids(header_contains("from", "SMITH@EXAMPLE")), "1");
  EXPECT_EQ(box.uids(header_contains("FROM", "jürgen")), "2");
  EXPECT_EQ(box.uids(header_contains("From", "=C3")), "");
  EXPECT_EQ(box.uids(header_contains("Subject", "folded\tsubject LINE")), "1");
  EXPECT_EQ(box.uids(header_contains("Subject", "GRÜSSE VON JÜRGEN")), "3:4");
  EXPECT_EQ(box.uids(header_contains("From", "body")), "");
  // RFC 3501 6.4.4: an empty string asks for presence; a second field of that name counts.
  EXPECT_EQ(box.uids(header_contains("X-Tag", "")), "1");
  EXPECT_EQ(box.uids(header_contains("X-Tag", "SECOND")), "1");
  EXPECT_EQ(box.uids(header_contains("X-Tag", "no")), "");
  EXPECT_EQ(box.uids(negation(header_contains("Subject", ""))), "2");
}

TEST(Search, HeaderKeysReadOnlyTheHeader) {
  TestMailbox box;
  const std::string head = "Subject: here\r\n\r\n";
  box.add(head + std::string(1'000'000, 'x'));
  EXPECT_EQ(box.uids(header_contains("subject", "HERE")), "1");
  EXPECT_EQ(box.engine.blob_octets, head.size());
}

TEST(Search, BodyIsDecoded) {
  TestMailbox box;
  box.add(with_type("text/plain; charset=utf-8", "quoted-printable",
                    "ein l=C3=A4nge=\r\nres Wort, gebro=\r\n=\r\nchen"));
  box.add(with_type("text/plain; charset=utf-8", "base64",
                    "ZWluIGzDp\r\nG5nZXJlcyBXb3J0LCBn\r\nZWJyb\r\n2NoZW4="));
  box.add(
      with_type("text/html; charset=iso-8859-1", "8bit", "<b>ein l\xe4ngeres Wort, gebrochen</b>"));
  box.add(with_type("text/plain; charset=koi8-r", "8bit", "\xf0\xf2\xe9\xf7\xe5\xf4"));
  box.add(with_type("text/plain; charset=iso-2022-jp", "7bit", "\x1b$B$3$s$K$A$O\x1b(B!"));
  box.add(
      with_type("text/plain; charset=utf-16be", "base64", mime::base64_encode("\0H\0i\x04\x16"s)));
  box.add(with_type("text/plain", "8bit", "no charset: \xe4"));
  EXPECT_EQ(box.uids(body_contains("LÄNGERES wort, gebrochen")), "1:3");
  EXPECT_EQ(box.uids(body_contains("<B>EIN")), "3");
  EXPECT_EQ(box.uids(body_contains("привет")), "4");
  EXPECT_EQ(box.uids(body_contains("こんにちは!")), "5");
  EXPECT_EQ(box.uids(body_contains("hiж")), "6");
  EXPECT_EQ(box.uids(body_contains("charset: Ä")), "7");
  EXPECT_EQ(box.uids(body_contains("$3$s")), "");
  EXPECT_EQ(box.uids(body_contains("quoted-printable")), "");
  EXPECT_EQ(box.uids(text_contains("quoted-printable")), "1");
  EXPECT_EQ(box.uids(body_contains("")), "1:7");
  EXPECT_EQ(box.uids(text_contains("")), "1:7");
  EXPECT_EQ(box.uids(negation(body_contains("e"))), "4:6");
}

TEST(Search, PartsAndAttachedMessages) {
  TestMailbox box;
  box.add(
      "Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"
      "--b\r\n\r\nfirst text\r\n"
      "--b\r\nContent-Type: application/octet-stream\r\n\r\nsecret octets\r\n"
      "--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment;\r\n"
      " filename*0*=utf-8''F%C3%BC; filename*1=nf.png\r\n\r\npixels\r\n"
      "--b\r\nContent-Type: message/rfc822\r\nContent-Description: envelope\r\n\r\n"
      "Subject: =?utf-8?Q?inn=C3=A9r?=\r\nContent-Type: text/plain\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\nZGVlcCB0ZXh0\r\n"
      "--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n"
      "--b--\r\n");
  EXPECT_EQ(box.uids(body_contains("FIRST TEXT")), "1");
  EXPECT_EQ(box.uids(body_contains("deep text")), "1");
  EXPECT_EQ(box.uids(body_contains("subject: innér")), "1");
  EXPECT_EQ(box.uids(body_contains("action: failed")), "1");
  EXPECT_EQ(box.uids(body_contains("outer")), "");
  EXPECT_EQ(box.uids(body_contains("envelope")), "");
  EXPECT_EQ(box.uids(body_contains("secret")), "");
  EXPECT_EQ(box.uids(body_contains("pixels")), "");
  EXPECT_EQ(box.uids(text_contains("outer")), "1");
  EXPECT_EQ(box.uids(text_contains("content-description: ENVELOPE")), "1");
  EXPECT_EQ(box.uids(text_contains("fünf.png")), "1");
  EXPECT_EQ(box.uids(text_contains("deep text")), "1");
  EXPECT_EQ(box.uids(text_contains("secret")), "");
  EXPECT_EQ(box.uids(header_contains("subject", "innér")), "");
}

TEST(Search, SeveralTextKeysReadTheMessageOnce) {
  TestMailbox box;
  const std::string m = simple("the subject", "the body of it");
  box.add(m);
  EXPECT_EQ(box.uids(all_of({body_contains("body"), header_contains("subject", "the"),
                             text_contains("subject"), negation(body_contains("subject"))})),
            "1");
  EXPECT_EQ(box.engine.blob_octets, m.size());
}

TEST(Search, LargeBodiesGoInPieces) {
  TestMailbox box;
  std::string filler;
  while (filler.size() < 3'000'000) filler += "Zeile für Zeile nichts als Füllung\r\n";
  const std::string body = filler + "hier endlich die GESUCHTE Stelle ✓\r\n" + filler;
  const std::string encoded = mime::base64_encode(body);
  const std::string head =
      "Subject: big\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\n";
  box.add(head + encoded);
  std::string latin = "Content-Type: text/plain; charset=iso-8859-1\r\n\r\n";
  for (int i = 0; i < 100'000; ++i)
    latin +=
        "f\xfc"
        "nf ";
  box.add(latin + "sch\xf6n");
  std::string unlabelled = "\r\n";
  for (int i = 0; i < 100'000; ++i) unlabelled += "zwölf ";
  box.add(unlabelled + "schön");
  EXPECT_EQ(box.uids(body_contains("gesuchte stelle ✓")), "1");
  EXPECT_LT(box.engine.largest_read, 256 * 1024U);
  EXPECT_EQ(box.uids(body_contains("fünf schön")), "2");
  EXPECT_EQ(box.uids(body_contains("zwölf schön")), "3");
  box.engine.blob_octets = 0;
  UidSet first;
  first.add(Uid(1));
  EXPECT_EQ(box.uids(all_of(
                {in_uids(first), text_contains("nirgends"), header_contains("subject", "big")})),
            "");
  EXPECT_EQ(box.engine.blob_octets, head.size() + encoded.size());
  box.engine.blob_octets = 0;
  EXPECT_EQ(box.uids(all_of({in_uids(first), text_contains("füllung")})), "1");
  EXPECT_LT(box.engine.blob_octets, encoded.size() / 4);
}

TEST(Search, Slices) {
  TestMailbox box;
  std::vector<Delivery> many(700, Delivery{simple("x", "some words here"), 0, {}, {}});
  box.add(many);
  const Program program = body_contains("words");
  Evaluator by_page(box.account, box.snapshot(), program, {});
  int steps = 1;
  while (!*by_page.step({.pages_max = 1})) ++steps;
  EXPECT_EQ(steps, 6);
  EXPECT_EQ(by_page.answer().uids.to_string(), "1:700");
  EXPECT_TRUE(*by_page.step({}));

  Evaluator by_octets(box.account, box.snapshot(), program, {});
  steps = 1;
  while (!*by_octets.step({.octets_max = 10 * many[0].octets.size()})) ++steps;
  EXPECT_EQ(steps, 71);
  EXPECT_EQ(by_octets.answer().uids.to_string(), "1:700");

  std::atomic<bool> cancelled = false;
  Evaluator given_up(box.account, box.snapshot(), program, {.cancelled = &cancelled});
  EXPECT_FALSE(*given_up.step({.pages_max = 1}));
  cancelled = true;
  const auto step = given_up.step({});
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().code, Code::cancelled);
}

TEST(Search, OnlyPagesOfNamedUidsAreRead) {
  TestMailbox box;
  box.add(std::vector<Delivery>(1000, Delivery{simple("x", "words"), 0, {}, {}}));
  UidSet few;
  few.add(Uid(5));
  few.add(Uid(700));
  const auto snapshot = box.snapshot();
  const uint64_t before_reads = box.engine.reads;
  EXPECT_EQ(box.uids(all_of({body_contains("words"), in_uids(few)})), "5,700");
  EXPECT_EQ(box.engine.reads, before_reads + 2);
}

// What one search has read of headers serves the next, whose answers are the same.
TEST(Search, HeadersAreReadOnce) {
  TestMailbox box;
  box.add("Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n From Here\r\nSubject: twice\r\n\r\nbody\r\n");
  box.add("From: one@example.org\r\nTo:\r\n\r\n");
  // Too long to be kept: it is read each time.
  box.add("Subject: " + std::string(5000, 'x') + " end\r\n\r\n");
  const std::vector<std::pair<Program, std::string>> asked = {
      {header_contains("subject", "GRÜSSE from"), "1"},
      {header_contains("Subject", "twice"), "1"},
      {header_contains("subject", "x end"), "3"},
      {header_contains("subject", ""), "1,3"},
      {header_contains("from", "ONE@"), "2"},
      {header_contains("to", ""), "2"},
      {header_contains("to", "one"), ""},
      {header_contains("cc", ""), ""},
      {negation(header_contains("bcc", "x")), "1:3"}};
  for (int round = 0; round < 2; ++round) {
    for (const auto& [program, uids] : asked) EXPECT_EQ(box.uids(program), uids);
  }
  box.engine.blob_octets = 0;
  UidSet kept;
  kept.add(Uid(1), Uid(2));
  const Program program = all_of({header_contains("subject", "here"), in_uids(kept)});
  EXPECT_EQ(box.uids(program), "1");
  EXPECT_EQ(box.engine.blob_octets, 0U);
  box.add("Subject: here it comes\r\n\r\n");
  EXPECT_EQ(box.uids(header_contains("subject", "here")), "1,4");
}

TEST(Search, KnowsWhenMemorySuffices) {
  TestMailbox box;
  box.add(std::vector<Delivery>(300, Delivery{simple("subject", "words"), 0, {}, {}}));
  const Program header = header_contains("subject", "SUB");
  const Slice slice{.pages_max = 64};
  EXPECT_FALSE(Evaluator(box.account, box.snapshot(), header, {}).in_memory(slice));
  EXPECT_EQ(box.uids(header), "1:300");
  Evaluator again(box.account, box.snapshot(), header, {});
  EXPECT_TRUE(again.in_memory(slice));
  const uint64_t reads = box.engine.reads;
  EXPECT_TRUE(*again.step(slice));
  EXPECT_EQ(again.answer().uids.to_string(), "1:300");
  EXPECT_EQ(box.engine.reads, reads);
  // Fields that are not kept, and bodies, are in the messages only.
  for (const Program& other : {header_contains("x-other", ""), body_contains("words")}) {
    EXPECT_FALSE(Evaluator(box.account, box.snapshot(), other, {}).in_memory(slice));
  }
}

TEST(Search, DamagedMessagesAreLeftOut) {
  TestMailbox box;
  box.add(simple("one", "words"));
  box.add(simple("two", "words"));
  const auto page = box.account->read_page(store::inbox_id, 0, 0);
  ASSERT_TRUE(box.engine.remove_blob((*page)->find(1)->cold.blob));
  const Answer answer = box.ask(negation(body_contains("nothing like it")));
  EXPECT_EQ(answer.uids.to_string(), "2");
  EXPECT_EQ(answer.unreadable.to_string(), "1");
  EXPECT_EQ(box.uids(everything()), "1:2");
}

}  // namespace
}  // namespace eilpost::search
