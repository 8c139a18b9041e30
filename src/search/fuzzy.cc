#include "search/fuzzy.h"

#include <algorithm>

#include "mime/charset.h"
#include "search/index/grams.h"

namespace eilpost::search {

namespace {

// How well two words agree.
constexpr uint8_t score_same = 100;
constexpr uint8_t score_stem = 80;
constexpr uint8_t score_begin = 60;
constexpr uint8_t score_near = 40;
// The least that a match may average: of four words one is missing, three have a letter wrong.
constexpr uint8_t score_least = score_near * 3 / 4;

// Stems are compared of words that begin alike, beginnings and near words of such a length.
constexpr size_t alike_letters = 3;
constexpr size_t begin_letters_min = 4;
constexpr size_t near_letters_min = 5;
// Words whose stems are remembered.
constexpr size_t stems_max = 50'000;
// A word that is longer is none that somebody looks for.
constexpr size_t word_bytes_max = 128;
constexpr size_t words_of_needle_max = 64;

// Snowball's languages whose words are made of suffixes.
constexpr const char* languages[] = {"english", "german",  "french",  "spanish",
                                     "italian", "dutch",   "swedish", "norwegian",
                                     "danish",  "finnish", "russian", "portuguese"};

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

size_t letters_in(std::string_view word) {
  return static_cast<size_t>(
      std::count_if(word.begin(), word.end(), [](char c) { return !is_continuation(c); }));
}

bool begins_alike(std::string_view a, std::string_view b) {
  const std::string_view head = mime::utf8_prefix(a, alike_letters);
  return letters_in(head) == alike_letters && b.substr(0, head.size()) == head;
}

// One letter more, less, other, or two exchanged.
bool is_near(std::u32string_view a, std::u32string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (a.size() < near_letters_min || b.size() - a.size() > 1) return false;
  size_t at = 0;
  while (at < a.size() && a[at] == b[at]) ++at;
  if (a.size() != b.size()) return a.substr(at) == b.substr(at + 1);
  if (a.substr(at + 1) == b.substr(at + 1)) return true;
  return at + 1 < a.size() && a[at] == b[at + 1] && a[at + 1] == b[at] &&
         a.substr(at + 2) == b.substr(at + 2);
}

std::u32string letters_of(std::string_view word) {
  std::u32string out;
  while (!word.empty()) out.push_back(next_char(word));
  return out;
}

// A run of letters as words: characters of dense scripts in pairs, the rest as it is.
void append_words(std::string_view run, std::vector<std::string>& out) {
  std::string plain;
  std::string_view before;  // the dense character in front
  bool paired = true;
  const auto end_dense = [&] {
    if (!before.empty() && !paired) out.emplace_back(before);
    before = {};
    paired = false;
  };
  while (!run.empty()) {
    std::string_view rest = run;
    const uint32_t c = next_char(rest);
    const std::string_view here = run.substr(0, run.size() - rest.size());
    run = rest;
    if (!is_dense(c)) {
      end_dense();
      plain += here;
      continue;
    }
    if (!plain.empty()) out.push_back(std::exchange(plain, {}));
    if (before.empty()) paired = false;
    if (!before.empty()) {
      out.push_back(std::string(before) + std::string(here));
      paired = true;
    }
    before = here;
  }
  end_dense();
  if (!plain.empty()) out.push_back(std::move(plain));
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  const std::string plain = mime::letters_for_search(text);
  std::string_view rest = plain;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(' '), rest.size());
    if (end > 0) append_words(rest.substr(0, end), out);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

size_t FuzzyMatcher::add(std::string_view needle, Place place) {
  Needle made;
  made.place = place;
  for (std::string& word : words_of(needle)) {
    if (made.words.size() == words_of_needle_max) break;
    made.words.push_back({word, stems_of(word), 0});
  }
  needles_.push_back(std::move(made));
  return needles_.size() - 1;
}

void FuzzyMatcher::reset() {
  for (Needle& needle : needles_) {
    for (Word& word : needle.words) word.best = 0;
  }
}

const std::vector<std::string>& FuzzyMatcher::stems_of(const std::string& word) {
  if (stemmers_.empty() && xapian_available()) {
    for (const char* language : languages) {
      auto stemmer = Stemmer::create(language);
      if (stemmer) stemmers_.push_back(std::move(*stemmer));
    }
  }
  const auto known = stems_.find(word);
  if (known != stems_.end()) return known->second;
  if (stems_.size() >= stems_max) stems_.clear();
  std::vector<std::string> stems;
  for (const auto& stemmer : stemmers_) stems.push_back(stemmer->stem(word));
  return stems_[word] = std::move(stems);
}

uint8_t FuzzyMatcher::compare(Word& word, const std::string& other) {
  if (word.text == other) return score_same;
  if (other.size() > word_bytes_max) return 0;
  if (begins_alike(word.text, other)) {
    const std::vector<std::string>& stems = stems_of(other);
    for (size_t i = 0; i < stems.size(); ++i) {
      if (stems[i] == word.stems[i]) return score_stem;
    }
    const bool begin = other.compare(0, word.text.size(), word.text) == 0;
    if (begin && letters_in(word.text) >= begin_letters_min) return score_begin;
  }
  const size_t difference =
      std::max(word.text.size(), other.size()) - std::min(word.text.size(), other.size());
  // One letter has four octets at most.
  if (difference > 4 || word.text.front() != other.front()) return 0;
  return is_near(letters_of(word.text), letters_of(other)) ? score_near : 0;
}

void FuzzyMatcher::show(Needle& needle, const std::string& other) {
  for (Word& word : needle.words) {
    // What begins with another octet is no kin by any of the rules.
    if (word.best == score_same || word.text.front() != other.front()) continue;
    word.best = std::max(word.best, compare(word, other));
  }
}

void FuzzyMatcher::text(std::string_view text, Where where) {
  const auto wants = [where](const Needle& needle) {
    return needle.place == Place::text || (needle.place == Place::body && where == Where::body);
  };
  if (std::none_of(needles_.begin(), needles_.end(), wants)) return;
  for (const std::string& word : words_of(text)) {
    for (Needle& needle : needles_) {
      if (wants(needle)) show(needle, word);
    }
  }
}

void FuzzyMatcher::words(std::string_view lines) {
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    const std::string word(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (word.empty()) continue;
    for (Needle& needle : needles_) {
      if (needle.place != Place::field) show(needle, word);
    }
  }
}

void FuzzyMatcher::text_for(size_t number, std::string_view text) {
  for (const std::string& word : words_of(text)) show(needles_[number], word);
}

uint8_t FuzzyMatcher::score(size_t number) const {
  const std::vector<Word>& words = needles_[number].words;
  // Nothing but punctuation: everything is like it.
  if (words.empty()) return 1;
  size_t sum = 0;
  size_t missing = 0;
  for (const Word& word : words) {
    sum += word.best;
    missing += word.best == 0;
  }
  if (missing > words.size() / 4) return 0;
  // RFC 6203 4: the whole range is used.
  return static_cast<uint8_t>(1 +
                              (sum / words.size() - score_least) * 99 / (score_same - score_least));
}

}  // namespace eilpost::search
