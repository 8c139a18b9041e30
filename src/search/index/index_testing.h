// For tests of the text index: messages with texts of twenty scripts that the test knows, needles
// cut out of them, and an index that is brought up to date on the calling thread.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "mime/charset.h"
#include "mime/decode.h"
#include "search/index/text_indexes.h"
#include "search/search_testing.h"

namespace eilpost::search {

inline const std::vector<std::vector<std::string>>& scripts_of_the_world() {
  static const std::vector<std::vector<std::string>> scripts = {
      {"plain", "English", "words", "with.dots", "100%", "e-mail"},
      {"déjà", "naïve", "façade", "Ångström", "smörgåsbord", "čeština", "żółć"},
      {"Straße", "STRASSE", "Donaudampfschifffahrtsgesellschaft", "Größenwahn", "Ärztekammer",
       "Fußballweltmeisterschaft"},
      {"İstanbul", "ISPARTA", "ışık", "Iğdır", "çiğköfte", "ŞEKER"},
      {"Καλημέρα", "ΚΟΣΜΕ", "ὀδός", "λόγος", "ΛΌΓΟΣ", "σοφία"},
      {"Привет", "МИР", "объявление", "ёлка", "Їжак", "свобода"},
      {"مرحبا", "العالم", "كتاب", "مَدْرَسَة", "سلام", "الإنترنت"},
      {"שלום", "עולם", "מכתב", "בְּרֵאשִׁית", "דואר", "אלקטרוני"},
      {"नमस्ते", "दुनिया", "क्षत्रिय", "हिन्दी", "पत्र", "संदेश"},
      {"สวัสดี", "ชาวโลก", "ภาษาไทย", "จดหมาย", "น้ำ", "กำลัง"},
      {"你好", "世界", "电子邮件", "中华人民共和国", "搜索", "信"},
      {"電子郵件", "臺灣", "龍", "𠮷野家", "漢字", "檔案"},
      {"안녕하세요", "세계", "한국어", "전자우편", "검색", "각"},
      {"こんにちは", "ひらがな", "カタカナ", "ﾊﾝｶｸ", "日本語", "検索エンジン"},
      {"😀", "👨‍👩‍👧‍👦", "🇩🇪", "✉️", "👍🏽", "☕"},
      {"გამარჯობა", "მსოფლიო", "საქართველო", "წერილი", "ძებნა", "ფოსტა"},
      {"Բարեւ", "աշխարհ", "Հայաստան", "նամակ", "փնտրել", "և"},
      {"வணக்கம்", "உலகம்", "தமிழ்", "கடிதம்", "தேடல்", "மின்னஞ்சல்"},
      {"ሰላም", "ዓለም", "አማርኛ", "ደብዳቤ", "ፍለጋ", "ፖስታ"},
      {"xin", "chào", "thế", "giới", "tiếng", "Việt", "thư"},
      {"ｆｕｌｌ", "ﬁne", "Å", "Å", "½", "①②③", "ǅungla"},
  };
  return scripts;
}

class TextMaker {
 public:
  explicit TextMaker(uint64_t seed) : random_(std::make_unique<Random>(seed)) {}
  uint64_t below(uint64_t bound) { return random_->below(bound); }
  bool chance(uint64_t of) { return below(of) == 0; }

  std::string words(uint64_t count) {
    const auto& scripts = scripts_of_the_world();
    const auto& script = scripts[below(scripts.size())];
    std::string out;
    for (uint64_t i = 0; i < count; ++i) {
      // Some scripts have no blanks between words.
      if (i > 0 && !chance(4)) out += chance(5) ? "\r\n" : " ";
      out += script[below(script.size())];
      if (chance(5)) out += std::to_string(below(10'000));
    }
    return out;
  }

  std::string message() {
    std::string out = "From: =?utf-8?B?" + one_line(words(2)) + "?= <a" +
                      std::to_string(below(500)) + "@example.org>\r\n";
    out += "Subject: " + (chance(2) ? "=?utf-8?B?" + one_line(words(3)) + "?=" : flat(words(3))) +
           "\r\nMIME-Version: 1.0\r\n";
    if (!chance(4)) return out + leaf();
    out += "Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n" + leaf();
    out += "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: " + flat(words(2)) + "\r\n" +
           leaf();
    return out + "\r\n--b\r\nContent-Type: image/png\r\n\r\nnothing\r\n--b--\r\n";
  }

  // A piece of a likely text, cut at characters, in another case now and then.
  std::string needle() {
    std::string text = words(1 + below(3));
    const std::string_view head = mime::utf8_prefix(text, below(6));
    if (head.size() < text.size()) text.erase(0, head.size());
    text = std::string(mime::utf8_prefix(text, 1 + below(9)));
    return chance(2) ? mime::fold_for_search(text) : text;
  }

  Program key() {
    const std::string text = needle();
    switch (below(6)) {
      case 0: return header_contains("subject", text);
      case 1: return header_contains("from", text);
      case 2: return body_contains(text);
      case 3: return negation(body_contains(text));
      case 4: return any_of({body_contains(text), text_contains(needle())});
      default: return text_contains(text);
    }
  }

 private:
  static std::string flat(std::string text) {
    for (size_t at; (at = text.find("\r\n")) != std::string::npos;) text.replace(at, 2, " ");
    return text;
  }
  static std::string one_line(std::string_view octets) {
    std::string out = mime::base64_encode(octets);
    out.erase(std::remove_if(out.begin(), out.end(), [](char c) { return c < ' '; }), out.end());
    return out;
  }
  std::string leaf() {
    const std::string text = words(1 + below(25));
    const std::string type = "Content-Type: text/plain; charset=utf-8\r\n";
    if (chance(2)) return type + "Content-Transfer-Encoding: 8bit\r\n\r\n" + text;
    return type + "Content-Transfer-Encoding: base64\r\n\r\n" + one_line(text);
  }

  std::unique_ptr<Random> random_;
};

// A directory that goes when the test is over.
class TestDirectory {
 public:
  TestDirectory()
      : path_(testing::TempDir() + "eilpost_index_" + std::to_string(::getpid()) + "_" +
              std::to_string(counter()++)) {
    std::filesystem::create_directories(path_);
  }
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  static int& counter() {
    static int count = 0;
    return count;
  }
  std::string path_;
};

}  // namespace eilpost::search
