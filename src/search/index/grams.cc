#include "search/index/grams.h"

#include <algorithm>

namespace eilpost::search {

namespace {

constexpr int char_bits = 21;
constexpr uint32_t char_mask = (1U << char_bits) - 1;
constexpr size_t slots_min = 1 << 12;

}  // namespace

uint32_t next_char(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  uint32_t c = size == 1 ? lead : lead & (0xffU >> (size + 1));
  const size_t have = std::min(size, text.size());
  for (size_t i = 1; i < have; ++i) c = c << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
  text.remove_prefix(have);
  return c & char_mask;
}

bool is_dense(uint32_t c) {
  return (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7ff) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x1b000 && c <= 0x1b2ff) ||
         (c >= 0x20000 && c <= 0x3ffff);
}

namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

bool is_control(uint32_t c) {
  return c < 0x20;
}

// Calls f(gram) for each gram: the characters from the highest bits on, a pair with 0 behind it.
template <class F>
void for_each_gram(std::string_view text, const F& f) {
  while (!text.empty() && is_continuation(text.front())) text.remove_prefix(1);
  uint32_t a = 0;  // a control character stands before the text
  uint32_t b = 0;
  while (!text.empty()) {
    const uint32_t c = next_char(text);
    if (is_dense(b) && is_dense(c)) f(uint64_t{b} << (2 * char_bits) | uint64_t{c} << char_bits);
    const bool pair = is_dense(a) && is_dense(b);
    if (!pair && !is_control(a) && !is_control(b) && !is_control(c)) {
      f(uint64_t{a} << (2 * char_bits) | uint64_t{b} << char_bits | c);
    }
    a = b;
    b = c;
  }
}

void append_char(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
    return;
  }
  const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  const uint32_t marks[] = {0, 0xc0, 0xe0, 0xf0};
  out.push_back(static_cast<char>(marks[more] | c >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) out.push_back(static_cast<char>(0x80 | (c >> 6 * i & 0x3f)));
}

std::string term_of(uint64_t gram) {
  std::string out;
  append_char(out, static_cast<uint32_t>(gram >> (2 * char_bits)));
  append_char(out, static_cast<uint32_t>(gram >> char_bits) & char_mask);
  const auto last = static_cast<uint32_t>(gram) & char_mask;
  if (last != 0) append_char(out, last);
  return out;
}

size_t place_of(uint64_t gram, size_t mask) {
  return static_cast<size_t>((gram * 0x9e3779b97f4a7c15ULL) >> 20) & mask;
}

}  // namespace

void GramSet::insert(uint64_t gram) {
  if (size_ * 2 >= slots_.size()) grow();
  const size_t mask = slots_.size() - 1;
  for (size_t at = place_of(gram, mask);; at = (at + 1) & mask) {
    if (slots_[at] == gram) return;
    if (slots_[at] != 0) continue;
    slots_[at] = gram;
    ++size_;
    return;
  }
}

void GramSet::grow() {
  std::vector<uint64_t> before(std::max(slots_min, slots_.size() * 2));
  before.swap(slots_);
  size_ = 0;
  for (const uint64_t gram : before) {
    if (gram != 0) insert(gram);
  }
}

void GramSet::add(std::string_view folded) {
  for_each_gram(folded, [this](uint64_t gram) { insert(gram); });
}

void GramSet::clear() {
  slots_.clear();
  size_ = 0;
}

void GramSet::append_terms(std::vector<std::string>& out) const {
  out.reserve(out.size() + size_);
  for (const uint64_t gram : slots_) {
    if (gram != 0) out.push_back(term_of(gram));
  }
}

std::vector<std::string> terms_of_needle(std::string_view folded) {
  GramSet grams;
  grams.add(folded);
  std::vector<std::string> out;
  grams.append_terms(out);
  return out;
}

}  // namespace eilpost::search
