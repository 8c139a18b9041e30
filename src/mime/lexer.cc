#include "mime/lexer.h"

namespace eilpost::mime {

namespace {
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}
bool is_line_end(char c) {
  return c == '\r' || c == '\n' || c == '\0';
}
}  // namespace

bool Lexer::accept(char c) {
  if (done() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool Lexer::skip_blanks() {
  const size_t begin = at_;
  while (!done() && is_space(text_[at_])) ++at_;
  return at_ != begin;
}

bool Lexer::skip_cfws(std::string* comment) {
  bool any = false;
  for (;;) {
    any = skip_blanks() || any;
    if (done() || text_[at_] != '(') return any;
    std::string text = comment_text();
    if (comment) *comment = std::move(text);
    any = true;
  }
}

std::string Lexer::comment_text() {
  std::string out;
  int depth = 0;
  for (; !done(); ++at_) {
    char c = text_[at_];
    if (c == '(' && depth++ == 0) continue;
    if (c == ')' && --depth == 0) {
      ++at_;
      break;
    }
    if (c == '\\' && at_ + 1 < text_.size()) c = text_[++at_];
    if (!is_line_end(c)) out.push_back(c);
  }
  return out;
}

std::string Lexer::quoted_string() {
  std::string out;
  for (++at_; !done(); ++at_) {
    char c = text_[at_];
    if (c == '"') {
      ++at_;
      break;
    }
    if (c == '\\' && at_ + 1 < text_.size()) c = text_[++at_];
    if (!is_line_end(c)) out.push_back(c);
  }
  return out;
}

std::string_view Lexer::until(std::string_view stop) {
  const size_t begin = at_;
  while (!done() && !is_space(text_[at_]) && stop.find(text_[at_]) == std::string_view::npos) {
    ++at_;
  }
  return text_.substr(begin, at_ - begin);
}

std::string Lexer::domain_literal() {
  std::string out;
  for (; !done(); ++at_) {
    const char c = text_[at_];
    if (!is_space(c)) out.push_back(c);
    if (c == ']') {
      ++at_;
      break;
    }
  }
  return out;
}

}  // namespace eilpost::mime
