// Parse primitives over a Frame: one function per rule of RFC 9051 9 (Formal Syntax). Every error
// is Code::invalid (or too_big, limit) with a text made for the peer, "expected X at column N".
// Serves commands and responses alike. The Frame must outlive the Cursor. Not for several threads
// at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/imap/framer.h"
#include "protocol/imap/sequence_set.h"
#include "protocol/imap/values.h"

namespace eilpost::imap {

struct ParseOptions {
  // UTF-8 in quoted strings and mailbox names as UTF-8 (IMAP4rev2 or UTF8=ACCEPT is enabled).
  // Else mailbox names are modified UTF-7; one with 8-bit octets is taken as UTF-8 if it is that.
  bool utf8_allowed = false;
  // IMAP4rev2 is enabled.
  bool rev2 = false;
  // For responses: takes what servers are known to send though no grammar has it (8-bit octets in
  // atoms and quoted strings, stray backslashes, literal8 anywhere).
  bool tolerant = false;
};

class Cursor {
 public:
  Cursor(const Frame& frame, ParseOptions options) : frame_(&frame), options_(options) {}

  const ParseOptions& options() const { return options_; }
  size_t position() const { return position_; }
  bool at_end() const { return position_ >= frame_->text.size(); }
  // The next character, or 0 at the end. A literal shows as its "{" or "~".
  char peek() const { return at_end() ? '\0' : frame_->text[position_]; }
  std::string_view rest() const { return std::string_view(frame_->text).substr(position_); }
  bool at_literal() const;

  // Takes it if it is next.
  bool accept(char c);
  // Takes a word in any case, if it is next and an atom ends behind it.
  bool accept_word(std::string_view word);
  // Takes `text` in any case, whatever follows.
  bool accept_text(std::string_view text);
  // Takes spaces, if there are any.
  void skip_spaces();
  void skip(size_t characters) { position_ += characters; }

  Result<> expect(char c);
  // One space or more: clients send two where the grammar has one.
  Result<> space();
  // Nothing but spaces up to the end.
  Result<> end();

  // "expected WHAT at column N".
  tl::unexpected<Error> expected(std::string_view what) const;
  // "WHAT at column N", with any code.
  tl::unexpected<Error> error(Code code, std::string_view what) const;
  tl::unexpected<Error> error_at(Code code, std::string_view what, size_t position) const;

  Result<std::string_view> tag();
  Result<std::string_view> atom(std::string_view what = "an atom");
  // 1*ASTRING-CHAR or string.
  Result<std::string> astring(std::string_view what = "a string");
  Result<std::string> string(std::string_view what = "a string");
  // string or NIL.
  Result<std::optional<std::string>> nstring(std::string_view what = "a string or NIL");
  // The literal that is next, with its octets (or a mark that they were streamed).
  Result<const Literal*> literal(std::string_view what = "a literal");

  Result<uint32_t> number(std::string_view what = "a number");
  Result<uint32_t> nz_number(std::string_view what = "a number above 0");
  Result<uint64_t> number64(std::string_view what = "a number");
  Result<uint64_t> nz_number64(std::string_view what = "a number above 0");

  Result<std::string> flag();
  Result<FlagList> flag_list();  // in parentheses
  Result<Date> date();           // "1-Feb-1994", quoted or not
  Result<DateTime> date_time();  // quoted
  Result<SequenceSet> sequence_set();
  // UTF-8, INBOX folded.
  Result<std::string> mailbox();
  // With "*" and "%" allowed outside quotes; UTF-8, INBOX not folded.
  Result<std::string> list_mailbox();
  // Octets as a mailbox name: UTF-8 per options.
  Result<std::string> decode_mailbox(std::string name, size_t position) const;
  // Up to and without the closing bracket.
  Result<Section> section();
  // Skips one value of any kind, with all it nests (tagged-ext-val).
  Result<> skip_value();

  // enter() takes "(", leave() takes ")". Code::invalid beyond limits::command_depth_max.
  Result<> enter();
  Result<> leave();
  // "(" [one *(SP one)] ")": calls `one`, which reads one and answers Result<>, for each.
  template <class One>
  Result<> list(One one) {
    TRY(enter());
    skip_spaces();
    return peek() == ')' ? leave() : rest_of_list(one);
  }
  // "(" one *(SP one) ")"
  template <class One>
  Result<> list_of_some(One one) {
    TRY(enter());
    return rest_of_list(one);
  }

 private:
  template <class One>
  Result<> rest_of_list(One& one) {
    do {
      skip_spaces();
      TRY(one());
      if (peek() != ' ' && peek() != ')') return expected("a space or \")\"");
      skip_spaces();
    } while (peek() != ')');
    return leave();
  }
  Result<std::string> quoted();
  Result<std::string> literal_octets(std::string_view what);
  Result<uint64_t> digits(std::string_view what, uint64_t max);
  std::string_view take_while(bool (*accepts)(unsigned char));

  const Frame* frame_;
  ParseOptions options_;
  size_t position_ = 0;
  size_t next_literal_ = 0;
  int depth_ = 0;
};

// Character classes of RFC 9051 9.
bool is_atom_char(unsigned char c);
bool is_astring_char(unsigned char c);
bool is_list_char(unsigned char c);
bool is_tag_char(unsigned char c);

}  // namespace eilpost::imap
