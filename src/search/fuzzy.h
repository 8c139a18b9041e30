// Inexact matching of texts with words (RFC 6203): a needle's words are looked for one by one, in
// any order, without regard to case and diacritics, as themselves, by their stem, as the begin of a
// longer word (compounds), or with one letter wrong. Of ideographs, kana and hangul pairs of
// characters stand for words. A message matches when every word of the needle is found, of four and
// more all but a quarter; its score says how well: 1 to 100. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "search/index/xapian.h"
#include "search/match.h"

namespace eilpost::search {

// The words of a text: letters and digits, lower case, without diacritics; pairs of ideographs.
std::vector<std::string> words_of(std::string_view text);

class FuzzyMatcher {
 public:
  // The number of the needle. `field`: it is looked for where text_for() says, and nowhere else.
  enum class Place { body, text, field };
  size_t add(std::string_view needle, Place place);
  bool empty() const { return needles_.empty(); }

  // For the next message: nothing is found.
  void reset();
  // A text of it: of the body, or of headers, which needles for `text` are looked for in too.
  void text(std::string_view text, Where where);
  // Words of the body that words_of() has made, each ended by a line end.
  void words(std::string_view lines);
  // A text for one needle only, as that of a header field.
  void text_for(size_t number, std::string_view text);
  // 0: does not match.
  uint8_t score(size_t number) const;

 private:
  struct Word {
    std::string text;
    std::vector<std::string> stems;  // by language
    uint8_t best = 0;                // in the message at hand
  };
  struct Needle {
    Place place = Place::body;
    std::vector<Word> words;
  };
  uint8_t compare(Word& word, const std::string& other);
  void show(Needle& needle, const std::string& word);
  const std::vector<std::string>& stems_of(const std::string& word);

  std::vector<Needle> needles_;
  std::vector<std::unique_ptr<Stemmer>> stemmers_;
  std::unordered_map<std::string, std::vector<std::string>> stems_;  // of words met
};

}  // namespace eilpost::search
