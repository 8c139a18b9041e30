// BODY out of BODYSTRUCTURE: the printed form without its extension data (RFC 9051 7.5.2).
#include <charconv>

#include "base/limits.h"
#include "mime/wire.h"

namespace eilpost::mime {

namespace {

// Walks over a printed body structure. Every step answers false at what is no such thing.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  bool body(std::string& out, int depth);
  bool done() const { return at_ == text_.size(); }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  bool quoted();
  bool literal();
  // One string, atom or parenthesised list.
  bool value();
  // `count` values with a space before each but the first, copied.
  bool values(int count, std::string& out);
  bool leaf(std::string& out, int depth);
  // Over the extension data to behind the ")".
  bool rest();

  std::string_view text_;
  size_t at_ = 0;
};

bool Walker::quoted() {
  for (++at_; at_ < text_.size(); ++at_) {
    if (text_[at_] == '\\') {
      ++at_;
    } else if (text_[at_] == '"') {
      ++at_;
      return true;
    }
  }
  return false;
}

bool Walker::literal() {
  const size_t end = text_.find("}\r\n", at_);
  if (end == std::string_view::npos) return false;
  uint64_t size = 0;
  const auto parsed = std::from_chars(text_.data() + at_ + 1, text_.data() + end, size);
  if (parsed.ec != std::errc() || parsed.ptr != text_.data() + end) return false;
  at_ = end + 3;
  if (size > text_.size() - at_) return false;
  at_ += size;
  return true;
}

bool Walker::value() {
  int depth = 0;
  do {
    const size_t before = at_;
    while (depth > 0 && accept(' ')) {
    }
    if (accept('(')) {
      ++depth;
    } else if (depth > 0 && accept(')')) {
      --depth;
    } else if (peek() == '"') {
      if (!quoted()) return false;
    } else if (peek() == '{') {
      if (!literal()) return false;
    } else {
      at_ = std::min(text_.find_first_of(" ()\"{", at_), text_.size());
    }
    if (at_ == before) return false;
  } while (depth > 0);
  return true;
}

bool Walker::values(int count, std::string& out) {
  const size_t begin = at_;
  for (int i = 0; i < count; ++i) {
    if (i > 0 && !accept(' ')) return false;
    if (!value()) return false;
  }
  out += text_.substr(begin, at_ - begin);
  return true;
}

bool Walker::rest() {
  while (accept(' ')) {
    if (!value()) return false;
  }
  return accept(')');
}

bool Walker::leaf(std::string& out, int depth) {
  const size_t begin = at_;
  if (!values(7, out)) return false;
  const std::string_view type = text_.substr(begin, at_ - begin);
  const bool message = type.substr(0, 18) == "\"message\" \"rfc822\"" ||
                       type.substr(0, 18) == "\"message\" \"global\"";
  if (message && text_.substr(at_, 2) == " (") {
    ++at_;
    out.push_back(' ');
    if (!values(1, out) || !accept(' ')) return false;
    out.push_back(' ');
    if (!body(out, depth + 1) || !accept(' ')) return false;
    out.push_back(' ');
    if (!values(1, out)) return false;
  } else if (type.substr(0, 7) == "\"text\" ") {
    if (!accept(' ')) return false;
    out.push_back(' ');
    if (!values(1, out)) return false;
  }
  out.push_back(')');
  return rest();
}

bool Walker::body(std::string& out, int depth) {
  if (depth > limits::mime_depth_max + 1 || !accept('(')) return false;
  out.push_back('(');
  if (peek() != '(') return leaf(out, depth);
  while (peek() == '(') {
    if (!body(out, depth + 1)) return false;
  }
  if (!accept(' ')) return false;
  out.push_back(' ');
  if (!values(1, out)) return false;
  out.push_back(')');
  return rest();
}

}  // namespace

std::string body_from_bodystructure(std::string_view bodystructure) {
  std::string out;
  out.reserve(bodystructure.size());
  Walker walker(bodystructure);
  if (walker.body(out, 0) && walker.done()) return out;
  // Not from print_bodystructure(): an empty text part keeps the peer's parser whole.
  return R"(("text" "plain" NIL NIL NIL "7bit" 0 0))";
}

}  // namespace eilpost::mime
