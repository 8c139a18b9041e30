// Grams: the short runs of characters by which the index knows a text. Of folded text (what
// Matcher looks into): three characters, or two where both are of a script that writes words with
// few (ideographs, kana). Which gram begins at a character is decided by the characters of
// the gram alone, so every gram of a needle is one of any text that contains it. Grams with a line
// end or another control character are left out on both sides. Values only; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eilpost::search {

class GramSet {
 public:
  // The grams of a folded text in UTF-8; a cut character at its front is passed over.
  void add(std::string_view folded);
  size_t size() const { return size_; }
  void clear();
  // Each as a term: its characters in UTF-8. Ascending by no rule.
  void append_terms(std::vector<std::string>& out) const;

 private:
  void insert(uint64_t gram);
  void grow();

  std::vector<uint64_t> slots_;  // open addressing; 0 is free
  size_t size_ = 0;
};

// The next character of valid UTF-8; moves `text` on.
uint32_t next_char(std::string_view& text);
// Kana, bopomofo, ideographs, syllables of hangul (which folding takes apart: its letters make
// grams like those of an alphabet).
bool is_dense(uint32_t c);

// The terms that every text with the folded needle has; none: the needle is too short to say.
std::vector<std::string> terms_of_needle(std::string_view folded);

}  // namespace eilpost::search
