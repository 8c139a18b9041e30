#include "search/attachments/read_attachments.h"

#include "search/index/index_testing.h"

namespace eilpost::search {
namespace {

constexpr std::chrono::milliseconds long_enough{60'000};

std::string attached(const std::string& type, const std::string& octets) {
  return "Subject: see below\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
         "\r\n--b\r\n\r\nAs promised.\r\n--b\r\nContent-Type: " +
         type + "\r\nContent-Transfer-Encoding: base64\r\n\r\n" + mime::base64_encode(octets) +
         "\r\n--b--\r\n";
}

// One page that says `text`, which must be ASCII.
std::string pdf_of(const std::string& text) {
  const std::string stream = "BT /F1 12 Tf 72 700 Td (" + text + ") Tj ET";
  const std::vector<std::string> objects = {
      "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
      "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
      "/Resources << /Font << /F1 5 0 R >> >> >>",
      "<< /Length " + std::to_string(stream.size()) + " >>\nstream\n" + stream + "\nendstream",
      "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"};
  std::string out = "%PDF-1.4\n";
  std::string table = "0000000000 65535 f \n";
  for (size_t i = 0; i < objects.size(); ++i) {
    const std::string at = std::to_string(out.size());
    table += std::string(10 - at.size(), '0') + at + " 00000 n \n";
    out += std::to_string(i + 1) + " 0 obj\n" + objects[i] + "\nendobj\n";
  }
  const std::string xref = std::to_string(out.size());
  return out + "xref\n0 6\n" + table + "trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n" + xref +
         "\n%%EOF\n";
}

class ReadAttachments : public testing::Test {
 protected:
  void SetUp() override {
    if (!xapian_available()) GTEST_SKIP();
  }
  void begin(std::vector<Helper> helpers) {
    indexes_.reset();
    IndexOptions options;
    options.directory = directory_.path();
    options.helpers = std::move(helpers);
    options.confinement.time = std::chrono::milliseconds(2000);
    metrics_.emplace();
    indexes_.emplace(options, *metrics_);
  }
  // Brings the index up to date and has everything read; "" or what went wrong.
  std::string read(std::chrono::milliseconds time = long_enough) {
    const TextIndexPtr index = indexes_->find(box_.account->partition());
    const auto updated = bring_up_to_date(*index, box_.account, {});
    if (!updated) return updated.error().detail;
    for (;;) {
      const auto more = read_attachments(*index, indexes_->helpers(), *box_.account, time);
      if (!more) return more.error().detail;
      if (!*more) return "";
    }
  }
  std::string found(const Program& program) {
    const auto answer = evaluate(box_.account, box_.snapshot(), program,
                                 {.now_seconds = box_.now_seconds(), .indexes = &*indexes_});
    EXPECT_TRUE(answer);
    return answer ? answer->uids.to_string() : "";
  }
  double count(const std::string& name) {
    return metrics_->counter("eilpost_attachments_" + name + "_total", "").value();
  }

  TestDirectory directory_;
  TestMailbox box_;
  std::optional<Metrics> metrics_;
  std::optional<TextIndexes> indexes_;
};

TEST_F(ReadAttachments, FuzzyFindsThemAndNothingElseDoes) {
  box_.add("Subject: plain\r\n\r\nnothing\r\n");
  box_.add(attached("application/pdf", "quokkas in the meadow"));
  box_.add(attached("application/x-other", "quokkas elsewhere"));
  begin({{{"application/pdf"}, {"cat"}}});
  EXPECT_EQ(read(), "");
  EXPECT_EQ(found(fuzzy(body_contains("quokka"))), "2");
  EXPECT_EQ(found(fuzzy(text_contains("meadow quokka"))), "2");
  EXPECT_EQ(found(fuzzy(body_contains("promised"))), "2:3");
  EXPECT_EQ(found(fuzzy(header_contains("subject", "quokka"))), "");
  EXPECT_EQ(found(body_contains("quokka")), "");
  EXPECT_EQ(found(text_contains("quokka")), "");
  EXPECT_EQ(count("read"), 1);
}

TEST_F(ReadAttachments, EachOnceAlsoAcrossRunsAndCopies) {
  box_.add(attached("application/pdf", "quokkas"));
  begin({{{"application/pdf"}, {"cat"}}});
  EXPECT_EQ(read(), "");
  EXPECT_EQ(read(), "");
  store::CopyRequest request;
  request.from = store::inbox_id;
  request.to = store::inbox_id;
  request.uids.add(Uid(1));
  ASSERT_TRUE(store::mutate_wait<store::CopyResult>(
      *box_.account, {},
      [this, request](store::Tx& tx) { return store::copy(tx, box_.engine, request); }));
  EXPECT_EQ(read(), "");
  EXPECT_EQ(count("read"), 1);
  EXPECT_EQ(found(fuzzy(body_contains("quokka"))), "1:2");
  begin({{{"application/pdf"}, {"cat"}}});
  EXPECT_EQ(read(), "");
  EXPECT_EQ(count("read"), 0);
  EXPECT_EQ(found(fuzzy(body_contains("quokka"))), "1:2");
  // Another helper reads all of them again.
  begin({{{"application/pdf"}, {"sh", "-c", "echo wallaby"}}});
  EXPECT_EQ(read(), "");
  EXPECT_EQ(count("read"), 1);
  EXPECT_EQ(found(fuzzy(body_contains("quokka"))), "");
  EXPECT_EQ(found(fuzzy(body_contains("wallaby"))), "1:2");
}

// What a helper fails at costs one attempt and nothing of the rest.
TEST_F(ReadAttachments, HostileAttachments) {
  for (const char* name : {"hang", "fail", "fine", "flood"}) {
    box_.add(attached("application/pdf", name));
  }
  begin({{{"application/pdf"},
          {"sh", "-c",
           "case $(cat) in hang) sleep 1000;; fail) exit 1;; fine) echo quokka;; "
           "flood) yes quokka;; esac"}}});
  EXPECT_EQ(read(std::chrono::milliseconds(0)), "");
  EXPECT_EQ(read(), "");
  EXPECT_EQ(found(fuzzy(body_contains("quokka"))), "3:4");
  EXPECT_EQ(count("read"), 2);
  EXPECT_EQ(count("failed"), 1);
  EXPECT_EQ(count("timed_out"), 1);
}

TEST_F(ReadAttachments, AHelperThatIsMissingSaysNothingOfTheMessages) {
  box_.add(attached("application/pdf", "quokkas"));
  begin({{{"application/pdf"}, {"eilpost-no-such-program"}}});
  EXPECT_EQ(read(), "eilpost-no-such-program: there is no such program");
  begin({{{"application/pdf"}, {"cat"}}});
  EXPECT_EQ(read(), "");
  EXPECT_EQ(found(fuzzy(body_contains("quokka"))), "1");
}

TEST_F(ReadAttachments, ExpungedMessagesAreForgotten) {
  box_.add({{attached("application/pdf", "quokkas"), store::flag_deleted, {}, {}}});
  box_.add(attached("application/pdf", "wallabies"));
  begin({{{"application/pdf"}, {"cat"}}});
  EXPECT_EQ(read(), "");
  const TextIndexPtr index = indexes_->find(box_.account->partition());
  EXPECT_EQ(index->status().attachments, 2U);
  store::ExpungeRequest request;
  request.mailbox = store::inbox_id;
  ASSERT_TRUE(store::mutate_wait<store::ExpungeResult>(
      *box_.account, {},
      [this, request](store::Tx& tx) { return store::expunge(tx, box_.engine, request); }));
  EXPECT_EQ(read(), "");
  EXPECT_EQ(index->status().attachments, 1U);
}

TEST_F(ReadAttachments, PdfsOfUnknownTypeAndMarkup) {
  box_.add(attached("application/octet-stream", "%PDF-1.4 quokkas"));
  box_.add(attached("application/octet-stream", "quokkas"));
  box_.add(attached("application/x-office", "<w:p><w:t>quo</w:t><w:t>kka</w:t></w:p><w:p>m&amp;m"));
  begin({{{"application/pdf"}, {"cat"}}, {{"application/x-office"}, {"cat"}}});
  EXPECT_EQ(read(), "");
  EXPECT_EQ(found(fuzzy(body_contains("quokka"))), "1,3");
}

TEST_F(ReadAttachments, TheRealPdftotext) {
  if (!run_confined({"pdftotext", "-v"}, "", {}) &&
      run_confined({"pdftotext", "-v"}, "", {}).error().code == Code::not_found) {
    GTEST_SKIP() << "pdftotext is not installed";
  }
  box_.add(attached("application/pdf", pdf_of("Quokkas live on Rottnest Island")));
  box_.add(attached("application/pdf", "no PDF at all"));
  begin({{{"application/pdf"}, {"pdftotext", "-q", "-enc", "UTF-8", "-", "-"}}});
  EXPECT_EQ(read(), "");
  EXPECT_EQ(found(fuzzy(body_contains("rottnest quokka"))), "1");
  EXPECT_EQ(count("failed"), 1);
}

TEST(FuzzyHtml, IsSearchedAsItIsRead) {
  TestMailbox box;
  box.add("Subject: a\r\nContent-Type: text/html\r\n\r\n<p class=wombat>caf&eacute;<b>s</b></p>");
  EXPECT_EQ(box.uids(fuzzy(body_contains("cafes"))), "1");
  EXPECT_EQ(box.uids(fuzzy(body_contains("wombat"))), "");
  EXPECT_EQ(box.uids(body_contains("wombat")), "1");
  EXPECT_EQ(box.uids(body_contains("cafes")), "");
}

}  // namespace
}  // namespace eilpost::search
