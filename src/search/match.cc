#include "search/match.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "mime/charset.h"

namespace eilpost::search {

namespace {

constexpr uint64_t high_bits = 0x8080808080808080ULL;

bool is_ascii_char(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

// Eight ASCII characters in lower case: those from 'A' to 'Z' get the bit 0x20.
uint64_t lower_word(uint64_t word) {
  const uint64_t from_a = word + 0x3f3f3f3f3f3f3f3fULL;   // high bit: >= 'A'
  const uint64_t above_z = word + 0x2525252525252525ULL;  // high bit: > 'Z'
  return word | ((from_a & ~above_z & high_bits) >> 2);
}

// Lower-cases up to the first octet that is not ASCII; answers how many it took.
size_t lower_ascii(std::string_view in, char* out) {
  size_t i = 0;
  for (; i + 8 <= in.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, in.data() + i, 8);
    if (word & high_bits) break;
    word = lower_word(word);
    std::memcpy(out + i, &word, 8);
  }
  for (; i < in.size() && is_ascii_char(in[i]); ++i) {
    const char c = in[i];
    out[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  return i;
}

// ASCII this long within other text is worth leaving ICU for.
constexpr size_t ascii_run_min = 32;
// How much feed() gathers before it folds and looks.
constexpr size_t piece_bytes = 64 * 1024;

// The end of the stretch at the front of `text` that ICU has to fold: where a long run of ASCII
// begins.
size_t foreign_stretch(std::string_view text) {
  size_t run = 0;
  for (size_t i = 1; i < text.size(); ++i) {
    run = is_ascii_char(text[i]) ? run + 1 : 0;
    if (run == ascii_run_min) return i + 1 - run;
  }
  return text.size();
}

}  // namespace

void fold_append(std::string_view utf8, std::string& out, mime::Collation collation) {
  if (collation != mime::Collation::unicode_casemap) {
    return mime::append_collation_key(collation, utf8, out);
  }
  while (!utf8.empty()) {
    const size_t begin = out.size();
    out.resize(begin + utf8.size());
    size_t ascii = lower_ascii(utf8, out.data() + begin);
    if (ascii == utf8.size()) return;
    // What follows may compose with the last ASCII character before all is decomposed. Nothing
    // composes with what stands before an ASCII character, so that text may be cut there.
    if (ascii > 0) --ascii;
    out.resize(begin + ascii);
    utf8.remove_prefix(ascii);
    const size_t stretch = foreign_stretch(utf8);
    out += mime::fold_for_search(utf8.substr(0, stretch));
    utf8.remove_prefix(stretch);
  }
}

bool contains(std::string_view folded, std::string_view needle) {
  if (needle.empty()) return true;
  if (needle.size() > folded.size()) return false;
  return memmem(folded.data(), folded.size(), needle.data(), needle.size()) != nullptr;
}

size_t Matcher::add(std::string needle, Where where) {
  longest_ = std::max(longest_, needle.size());
  needles_.push_back({std::move(needle), where == Where::header, false});
  return needles_.size() - 1;
}

void Matcher::listen(Listener listener, size_t overlap) {
  listener_ = std::move(listener);
  listening_ = true;
  longest_ = std::max(longest_, overlap + 1);
}

void Matcher::reset() {
  for (Needle& needle : needles_) needle.found = false;
  listening_ = listener_ != nullptr;
  pending_.clear();
  window_.clear();
}

bool Matcher::wants(Where where) const {
  if (listening_) return true;
  return std::any_of(needles_.begin(), needles_.end(), [&](const Needle& needle) {
    return !needle.found && (where == Where::body || needle.in_headers);
  });
}

void Matcher::look(std::string_view folded, Where where) {
  if (listening_) listening_ = listener_(folded, where);
  for (Needle& needle : needles_) {
    if (needle.found || (where == Where::header && !needle.in_headers)) continue;
    needle.found = contains(folded, needle.text);
  }
}

void Matcher::text(std::string_view utf8, Where where) {
  folded_.clear();
  fold_append(utf8, folded_, collation_);
  look(folded_, where);
}

void Matcher::fold_piece(size_t size) {
  const size_t kept = longest_ > 0 ? std::min(window_.size(), longest_ - 1) : 0;
  window_.erase(0, window_.size() - kept);
  fold_append(std::string_view(pending_).substr(0, size), window_, collation_);
  pending_.erase(0, size);
  look(window_, Where::body);
}

void Matcher::feed(std::string_view utf8) {
  pending_ += utf8;
  if (pending_.size() < piece_bytes) return;
  // Cut before the last ASCII character (see fold_append). In a piece without any, which is text of
  // ideographs, before the last character.
  size_t cut = pending_.size() - 1;
  while (cut > 0 && !is_ascii_char(pending_[cut])) --cut;
  if (cut == 0) {
    cut = pending_.size() - 1;
    while (cut > 0 && (static_cast<unsigned char>(pending_[cut]) & 0xc0) == 0x80) --cut;
  }
  fold_piece(cut);
}

void Matcher::end() {
  fold_piece(pending_.size());
  window_.clear();
}

}  // namespace eilpost::search
