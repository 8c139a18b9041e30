// Writing strings, numbers, names and dates as IMAP has them, by appending to a std::string; no
// allocation but the string's own growth. CommandWriter gathers a client's command in the pieces
// between which it waits for "+". Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/sequence_set.h"
#include "protocol/imap/values.h"

namespace eilpost::imap {

void append_number(std::string& out, uint64_t value);

// Server side. utf8: IMAP4rev2 or UTF8=ACCEPT is enabled, so that quoted strings may hold UTF-8 and
// mailbox names travel as UTF-8; else 8-bit strings become literals and names modified UTF-7.
struct WriteStyle {
  bool utf8 = false;
};

// Quoted where the grammar allows it and the text is short, else a literal. Text with NUL:
// literal8.
void append_string(std::string& out, std::string_view text, WriteStyle style);
// NIL for nullopt.
void append_nstring(std::string& out, const std::optional<std::string>& text, WriteStyle style);
void append_astring(std::string& out, std::string_view text, WriteStyle style);
// "{5}\r\n" or "~{5}\r\n"; the octets follow.
void append_literal_header(std::string& out, uint64_t size);
void append_literal8_header(std::string& out, uint64_t size);
// A mailbox name, UTF-8 in. INBOX, atoms and others: always valid as astring, quoted when not an
// atom.
void append_mailbox(std::string& out, std::string_view name, WriteStyle style);
// The same, never as an atom: where the grammar has string.
void append_mailbox_string(std::string& out, std::string_view name, WriteStyle style);
// "(\Seen $Junk)".
void append_flag_list(std::string& out, const FlagList& flags);
void append_flag_list(std::string& out, uint8_t system_flags,
                      const std::vector<std::string_view>& keywords);
// "\"17-Jul-1996 02:44:25 -0700\"", 28 characters; years outside 1..9999 are drawn to the border.
void append_date_time(std::string& out, DateTime at);

// Client side.
enum class LiteralForm : uint8_t {
  synchronizing,  // "{5}" and wait
  plus,           // LITERAL+: "{5+}"
  minus,          // LITERAL-: "{5+}" up to 4096 octets
};
struct WriteOptions {
  LiteralForm literals = LiteralForm::synchronizing;
  bool utf8 = false;
  bool binary = false;  // literal8 may be used for what has NUL
};

// What to send: the pieces in order; after each but the last, wait for a continuation request.
struct WireCommand {
  std::vector<std::string> pieces;
  std::string joined() const;
};

class CommandWriter {
 public:
  explicit CommandWriter(const WriteOptions& options) : options_(options), pieces_(1) {}
  const WriteOptions& options() const { return options_; }
  // Text of the line as it is; the caller knows that it is valid.
  CommandWriter& raw(std::string_view text);
  CommandWriter& number(uint64_t value);
  CommandWriter& set(const SequenceSet& set);
  CommandWriter& astring(std::string_view text);
  CommandWriter& string(std::string_view text);
  CommandWriter& nstring(const std::optional<std::string>& text);
  CommandWriter& mailbox(std::string_view utf8_name);
  // A LIST pattern or reference: quoted, never an atom.
  CommandWriter& list_mailbox(std::string_view utf8_pattern);
  CommandWriter& flags(const FlagList& flags);
  struct LiteralKind {
    bool literal8 = false;
  };
  CommandWriter& literal(std::string_view octets, LiteralKind kind);
  std::string& line() { return pieces_.back(); }
  WireCommand finish();

 private:
  WriteOptions options_;
  std::vector<std::string> pieces_;
};

}  // namespace eilpost::imap
