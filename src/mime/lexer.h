// Splits structured header values (RFC 5322 3.2 with its obsolete forms, RFC 2045 5.1) into what
// the parsers of addresses, dates and parameters look at. Tolerant: any octets go through it, and
// every call moves on. Internal to mime/. Values only; any thread.
#pragma once

#include <string>
#include <string_view>

namespace eilpost::mime {

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  bool done() const { return at_ >= text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  void skip() { ++at_; }
  bool accept(char c);
  // Blanks and line ends. True when there were some.
  bool skip_blanks();
  // Blanks and comments (RFC 5322 3.2.2). The text of the last comment is put into `comment`.
  bool skip_cfws(std::string* comment = nullptr);
  // At a '"': its text without quoting; an unterminated one reaches to the end.
  std::string quoted_string();
  // Octets up to one of `stop`, a blank or a line end. May be empty.
  std::string_view until(std::string_view stop);
  // At a '[': the domain literal with its brackets, without folding.
  std::string domain_literal();

 private:
  std::string comment_text();

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace eilpost::mime
