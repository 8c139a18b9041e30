// What a Maildir writes into names: a message's flags and keywords behind ":2,", a mailbox's name
// as a directory. Flags are bits: six that Maildir has letters for, and 26 for the keywords that
// the mailbox's own table (Dovecot's file "dovecot-keywords") gives the letters a to z. Pure; any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/imap/values.h"

namespace eilpost::client {

using MaildirFlags = uint32_t;
inline constexpr MaildirFlags maildir_draft = 1;      // D
inline constexpr MaildirFlags maildir_flagged = 2;    // F
inline constexpr MaildirFlags maildir_forwarded = 4;  // P, in IMAP the keyword $Forwarded
inline constexpr MaildirFlags maildir_answered = 8;   // R
inline constexpr MaildirFlags maildir_seen = 16;      // S
inline constexpr MaildirFlags maildir_deleted = 32;   // T
inline constexpr MaildirFlags maildir_system = 63;
inline constexpr int maildir_keywords_max = 26;
inline constexpr MaildirFlags maildir_keyword(int letter) {
  return 64U << letter;
}

class KeywordTable {
 public:
  // Lines of "0 $Label1", as the file has them; what cannot be read is passed over.
  static KeywordTable parse(std::string_view file);
  std::string print() const;

  // Keywords compare without regard to case (RFC 9051 2.3.2).
  std::optional<int> find(std::string_view keyword) const;
  // Its letter, a fresh one when it has none; nullopt when all 26 are given.
  std::optional<int> add(std::string_view keyword);
  // "" when the letter stands for nothing.
  const std::string& at(int letter) const { return words_[static_cast<size_t>(letter)]; }

  // Those that have a bit; `unknown` gets the keywords that have none.
  MaildirFlags bits_of(const imap::FlagList& flags, imap::FlagList* unknown = nullptr) const;
  imap::FlagList flags_of(MaildirFlags bits) const;
  // The same bits as a table with `other`'s letters has them here; what has no letter is left out.
  MaildirFlags translate(MaildirFlags bits, const KeywordTable& other) const;

  friend bool operator==(const KeywordTable&, const KeywordTable&) = default;

 private:
  std::array<std::string, maildir_keywords_max> words_;
};

// "1700000000.M1P2.host:2,FS" in its parts. A name without ":2," has no flags.
struct MessageName {
  std::string_view unique;
  MaildirFlags flags = 0;
};
MessageName parse_message_name(std::string_view file, const KeywordTable& keywords);
// The letters in the order that the format asks for; unique + ":2," + letters is a name for cur/.
std::string message_letters(MaildirFlags flags, const KeywordTable& keywords);

enum class MaildirLayout {
  plus,    // Maildir++: "Lists/dev" is the directory ".Lists.dev", the root is INBOX
  nested,  // "Lists/dev" is the directory "Lists/dev", INBOX is "INBOX" or the root
};
// Levels are written in modified UTF-7, and what the layout cannot have in a level ("." of
// Maildir++, "cur" of the nested one) as "\2e", the way of Dovecot's listescape. INBOX has no
// directory name.
std::string mailbox_directory(std::string_view mailbox, MaildirLayout layout);
// nullopt: no mailbox has that directory.
std::optional<std::string> mailbox_of_directory(std::string_view directory, MaildirLayout layout);

}  // namespace eilpost::client
