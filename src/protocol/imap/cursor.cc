#include "protocol/imap/cursor.h"

#include <limits>

#include "base/check.h"
#include "base/limits.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/utf7.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {
namespace {

constexpr std::string_view atom_specials = "(){%*\"\\]";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_atom_or_eight_bit(unsigned char c) {
  return c >= 0x80 || is_atom_char(c);
}
bool is_astring_or_eight_bit(unsigned char c) {
  return c >= 0x80 || is_astring_char(c);
}
bool is_list_or_eight_bit(unsigned char c) {
  return c >= 0x80 || is_list_char(c);
}

}  // namespace

// RFC 9051 9: ATOM-CHAR = <any CHAR except atom-specials>
bool is_atom_char(unsigned char c) {
  return c > ' ' && c < 0x7f && atom_specials.find(static_cast<char>(c)) == std::string_view::npos;
}
// ASTRING-CHAR = ATOM-CHAR / resp-specials
bool is_astring_char(unsigned char c) {
  return c == ']' || is_atom_char(c);
}
// list-char = ATOM-CHAR / list-wildcards / resp-specials
bool is_list_char(unsigned char c) {
  return c == '%' || c == '*' || is_astring_char(c);
}
// tag = 1*<any ASTRING-CHAR except "+">
bool is_tag_char(unsigned char c) {
  return c != '+' && is_astring_char(c);
}

bool Cursor::at_literal() const {
  return next_literal_ < frame_->literals.size() &&
         frame_->literals[next_literal_].text_offset == position_;
}

bool Cursor::accept(char c) {
  if (at_end() || frame_->text[position_] != c) return false;
  ++position_;
  return true;
}

bool Cursor::accept_text(std::string_view text) {
  if (!equal_nocase(rest().substr(0, text.size()), text)) return false;
  position_ += text.size();
  return true;
}

bool Cursor::accept_word(std::string_view word) {
  std::string_view text = rest();
  if (text.size() > word.size() && is_atom_char(static_cast<unsigned char>(text[word.size()]))) {
    return false;
  }
  return accept_text(word);
}

void Cursor::skip_spaces() {
  while (accept(' ')) {
  }
}

Result<> Cursor::expect(char c) {
  if (accept(c)) return {};
  if (c == ' ') return expected("a space");
  return expected('"' + std::string(1, c) + '"');
}

Result<> Cursor::space() {
  TRY(expect(' '));
  skip_spaces();
  return {};
}

Result<> Cursor::end() {
  skip_spaces();
  if (!at_end()) return expected("the end of the command");
  return {};
}

tl::unexpected<Error> Cursor::error_at(Code code, std::string_view what, size_t position) const {
  // The lines behind literals are counted from their own beginnings: that is what a person sees.
  size_t literals = 0;
  size_t line_start = 0;
  for (const Literal& literal : frame_->literals) {
    size_t line_end = frame_->text.find('}', literal.text_offset);
    if (line_end == std::string::npos || line_end >= position) break;
    line_start = line_end + 1;
    ++literals;
  }
  std::string detail(what);
  detail += " at column ";
  append_number(detail, position - line_start + 1);
  if (literals > 0) {
    detail += " behind literal ";
    append_number(detail, literals);
  }
  return fail(code, std::move(detail));
}

tl::unexpected<Error> Cursor::error(Code code, std::string_view what) const {
  return error_at(code, what, position_);
}

tl::unexpected<Error> Cursor::expected(std::string_view what) const {
  return error(Code::invalid, "expected " + std::string(what));
}

std::string_view Cursor::take_while(bool (*accepts)(unsigned char)) {
  size_t start = position_;
  // A literal's announcement is never part of a word, though "~" is an atom character.
  size_t stop = next_literal_ < frame_->literals.size()
                    ? frame_->literals[next_literal_].text_offset
                    : frame_->text.size();
  while (position_ < stop && accepts(static_cast<unsigned char>(frame_->text[position_]))) {
    ++position_;
  }
  return std::string_view(frame_->text).substr(start, position_ - start);
}

Result<std::string_view> Cursor::tag() {
  std::string_view taken = take_while(is_tag_char);
  if (taken.empty()) return expected("a tag");
  return taken;
}

Result<std::string_view> Cursor::atom(std::string_view what) {
  std::string_view taken = take_while(options_.tolerant ? is_atom_or_eight_bit : is_atom_char);
  if (taken.empty()) return expected(what);
  return taken;
}

Result<std::string> Cursor::astring(std::string_view what) {
  if (peek() == '"' || at_literal()) return string(what);
  auto accepts = options_.tolerant ? is_astring_or_eight_bit : is_astring_char;
  std::string_view taken = take_while(accepts);
  if (taken.empty()) return expected(what);
  return std::string(taken);
}

Result<std::string> Cursor::string(std::string_view what) {
  if (peek() == '"') return quoted();
  if (at_literal()) return literal_octets(what);
  return expected(what);
}

Result<std::optional<std::string>> Cursor::nstring(std::string_view what) {
  if (accept_word("NIL")) return std::optional<std::string>();
  return std::optional<std::string>(TRY(string(what)));
}

// quoted = DQUOTE *QUOTED-CHAR DQUOTE
Result<std::string> Cursor::quoted() {
  size_t start = position_;
  ++position_;
  std::string out;
  for (;;) {
    size_t stop = frame_->text.find_first_of("\"\\", position_);
    if (stop == std::string::npos) {
      return error_at(Code::invalid, "expected a closing quote for the string", start);
    }
    out.append(frame_->text, position_, stop - position_);
    position_ = stop + 1;
    if (frame_->text[stop] == '"') break;
    char c = peek();
    if (c != '"' && c != '\\') {
      if (!options_.tolerant) return expected("\" or \\ behind the backslash");
      out += '\\';
      continue;
    }
    out += c;
    ++position_;
  }
  if (!options_.tolerant && !valid_utf8(out)) {
    return error_at(Code::invalid, "expected a string in UTF-8", start);
  }
  return out;
}

Result<const Literal*> Cursor::literal(std::string_view what) {
  if (!at_literal()) return expected(what);
  const Literal& literal = frame_->literals[next_literal_++];
  size_t close = frame_->text.find('}', position_);
  CHECK(close != std::string::npos);
  position_ = close + 1;
  return &literal;
}

Result<std::string> Cursor::literal_octets(std::string_view what) {
  size_t start = position_;
  const Literal* found = TRY(literal(what));
  if (options_.tolerant) return found->octets;
  if (found->literal8) return error_at(Code::invalid, "expected a literal without \"~\"", start);
  if (found->streamed) return error_at(Code::invalid, "expected a shorter literal", start);
  // RFC 9051 4.3: literal = ... *CHAR8, which is %x01-ff.
  if (found->octets.find('\0') != std::string::npos) {
    return error_at(Code::invalid, "expected a literal without NUL", start);
  }
  return found->octets;
}

Result<uint64_t> Cursor::digits(std::string_view what, uint64_t max) {
  size_t start = position_;
  uint64_t value = 0;
  while (!at_end() && is_digit(frame_->text[position_])) {
    auto digit = static_cast<uint64_t>(frame_->text[position_] - '0');
    if (value > (max - digit) / 10) {
      return error_at(Code::invalid, "expected a smaller number", start);
    }
    value = value * 10 + digit;
    ++position_;
  }
  if (position_ == start) return expected(what);
  return value;
}

Result<uint32_t> Cursor::number(std::string_view what) {
  uint64_t value = TRY(digits(what, std::numeric_limits<uint32_t>::max()));
  return static_cast<uint32_t>(value);
}

Result<uint32_t> Cursor::nz_number(std::string_view what) {
  size_t start = position_;
  uint32_t value = TRY(number(what));
  if (value == 0) return error_at(Code::invalid, "expected " + std::string(what), start);
  return value;
}

// number64 = 1*DIGIT, below 2^63
Result<uint64_t> Cursor::number64(std::string_view what) {
  return digits(what, std::numeric_limits<int64_t>::max());
}

Result<uint64_t> Cursor::nz_number64(std::string_view what) {
  size_t start = position_;
  uint64_t value = TRY(number64(what));
  if (value == 0) return error_at(Code::invalid, "expected " + std::string(what), start);
  return value;
}

// flag = "\Answered" / ... / flag-keyword / flag-extension
Result<std::string> Cursor::flag() {
  size_t start = position_;
  std::string flag;
  if (accept('\\')) {
    flag = "\\";
    if (options_.tolerant && accept('*')) return std::string("\\*");
  }
  flag += TRY(atom("a flag"));
  if (flag.size() > limits::keyword_bytes_max && !options_.tolerant) {
    return error_at(Code::limit, "the keyword is too long", start);
  }
  if (uint8_t bit = system_flag(flag)) return std::string(system_flag_name(bit));
  return flag;
}

// flag-list = "(" [flag *(SP flag)] ")"
Result<FlagList> Cursor::flag_list() {
  TRY(expect('('));
  FlagList flags;
  for (;;) {
    skip_spaces();
    if (accept(')')) return flags;
    flags.push_back(TRY(flag()));
    if (peek() != ' ' && peek() != ')') return expected("a space or \")\"");
  }
}

Result<SequenceSet> Cursor::sequence_set() {
  size_t used = 0;
  Result<SequenceSet> set = read_sequence_set(rest(), used);
  position_ += used;
  if (set) return set;
  std::string_view what = set.error().detail;
  return error(set.error().code, what.substr(0, what.find(" at column ")));
}

Result<std::string> Cursor::decode_mailbox(std::string name, size_t position) const {
  bool eight_bit = false;
  for (char c : name) eight_bit = eight_bit || static_cast<unsigned char>(c) >= 0x80;
  if (options_.utf8_allowed || eight_bit) {
    if (valid_utf8(name) || options_.tolerant) return name;
    return error_at(Code::invalid, "expected a mailbox name in UTF-8", position);
  }
  if (name.find('&') == std::string::npos) return name;
  Result<std::string> decoded = utf7_decode(name);
  if (decoded) return decoded;
  if (options_.tolerant) return name;
  return error_at(Code::invalid, "expected a mailbox name in modified UTF-7", position);
}

// mailbox = "INBOX" / astring
Result<std::string> Cursor::mailbox() {
  size_t start = position_;
  std::string name = TRY(astring("a mailbox name"));
  return fold_inbox(TRY(decode_mailbox(std::move(name), start)));
}

// list-mailbox = 1*list-char / string
Result<std::string> Cursor::list_mailbox() {
  size_t start = position_;
  std::string name;
  if (peek() == '"' || at_literal()) {
    name = TRY(string("a mailbox pattern"));
  } else {
    name = std::string(take_while(options_.tolerant ? is_list_or_eight_bit : is_list_char));
    if (name.empty()) return expected("a mailbox pattern");
  }
  // RFC 9051 6.3.9: a pattern that is not accepted is passed over, and no error.
  return decode_mailbox(std::move(name), start).value_or(std::string(matches_nothing));
}

Result<> Cursor::enter() {
  TRY(expect('('));
  // A BODYSTRUCTURE nests faster than its message: up to three for each part.
  int depth_max = limits::command_depth_max * (options_.tolerant ? 4 : 1);
  if (++depth_ > depth_max) {
    return error_at(Code::invalid, "expected fewer parentheses", position_ - 1);
  }
  return {};
}

Result<> Cursor::leave() {
  TRY(expect(')'));
  --depth_;
  return {};
}

// tagged-ext-val = tagged-ext-simple / "(" [tagged-ext-comp] ")", and whatever else nests properly.
Result<> Cursor::skip_value() {
  size_t open = 0;
  do {
    skip_spaces();
    if (accept('(')) {
      ++open;
    } else if (peek() == ')' && open > 0) {
      ++position_;
      --open;
    } else if (at_literal()) {
      TRY(literal());
    } else if (peek() == '"') {
      TRY(quoted());
    } else {
      size_t start = position_;
      accept('\\');
      take_while(is_list_or_eight_bit);
      if (position_ == start) return expected("a value");
    }
  } while (open > 0);
  return {};
}

}  // namespace eilpost::imap
