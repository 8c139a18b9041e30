#include "client/maildir/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "protocol/imap/utf7.h"

namespace eilpost::client {

namespace {

constexpr std::string_view forwarded = "$Forwarded";

struct Letter {
  char letter;
  MaildirFlags bit;
  std::string_view flag;
};
// In the order of their letters, which is the order in a name.
constexpr Letter letters[] = {
    {'D', maildir_draft, "\\Draft"},     {'F', maildir_flagged, "\\Flagged"},
    {'P', maildir_forwarded, forwarded}, {'R', maildir_answered, "\\Answered"},
    {'S', maildir_seen, "\\Seen"},       {'T', maildir_deleted, "\\Deleted"},
};

MaildirFlags bit_of_flag(std::string_view flag) {
  for (const Letter& known : letters) {
    if (imap::equal_nocase(known.flag, flag)) return known.bit;
  }
  return 0;
}

MaildirFlags bit_of_letter(char letter, const KeywordTable& keywords) {
  for (const Letter& known : letters) {
    if (known.letter == letter) return known.bit;
  }
  if (letter < 'a' || letter > 'z') return 0;
  const std::string& word = keywords.at(letter - 'a');
  if (word.empty()) return 0;
  // Dovecot gives $Forwarded a letter of the table, others write P.
  return imap::equal_nocase(word, forwarded) ? maildir_forwarded : maildir_keyword(letter - 'a');
}

// No keyword: it could not be told from another line of the file.
bool is_word(std::string_view word) {
  return !word.empty() && word.front() != '\\' &&
         std::none_of(word.begin(), word.end(),
                      [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
}

}  // namespace

// --- keywords ---

KeywordTable KeywordTable::parse(std::string_view file) {
  KeywordTable out;
  while (!file.empty()) {
    const size_t end = std::min(file.find('\n'), file.size());
    std::string_view line = file.substr(0, end);
    file.remove_prefix(std::min(end + 1, file.size()));
    int letter = -1;
    const auto read = std::from_chars(line.data(), line.data() + line.size(), letter);
    if (read.ec != std::errc() || letter < 0 || letter >= maildir_keywords_max) continue;
    line.remove_prefix(static_cast<size_t>(read.ptr - line.data()));
    if (line.empty() || line.front() != ' ') continue;
    const std::string_view word = line.substr(1);
    if (is_word(word) && !out.find(word)) out.words_[static_cast<size_t>(letter)] = word;
  }
  return out;
}

std::string KeywordTable::print() const {
  std::string out;
  for (size_t i = 0; i < words_.size(); ++i) {
    if (!words_[i].empty()) out += fmt::format("{} {}\n", i, words_[i]);
  }
  return out;
}

std::optional<int> KeywordTable::find(std::string_view keyword) const {
  for (size_t i = 0; i < words_.size(); ++i) {
    if (!words_[i].empty() && imap::equal_nocase(words_[i], keyword)) return static_cast<int>(i);
  }
  return std::nullopt;
}

std::optional<int> KeywordTable::add(std::string_view keyword) {
  if (const auto found = find(keyword)) return found;
  if (!is_word(keyword)) return std::nullopt;
  for (size_t i = 0; i < words_.size(); ++i) {
    if (!words_[i].empty()) continue;
    words_[i] = keyword;
    return static_cast<int>(i);
  }
  return std::nullopt;
}

MaildirFlags KeywordTable::bits_of(const imap::FlagList& flags, imap::FlagList* unknown) const {
  MaildirFlags out = 0;
  for (const std::string& flag : flags) {
    if (const MaildirFlags bit = bit_of_flag(flag)) {
      out |= bit;
    } else if (const auto letter = find(flag)) {
      out |= maildir_keyword(*letter);
    } else if (unknown != nullptr && is_word(flag)) {
      unknown->push_back(flag);
    }
  }
  return out;
}

imap::FlagList KeywordTable::flags_of(MaildirFlags bits) const {
  imap::FlagList out;
  for (const Letter& known : letters) {
    if ((bits & known.bit) != 0) out.emplace_back(known.flag);
  }
  for (int letter = 0; letter < maildir_keywords_max; ++letter) {
    if ((bits & maildir_keyword(letter)) != 0 && !at(letter).empty()) out.push_back(at(letter));
  }
  return out;
}

MaildirFlags KeywordTable::translate(MaildirFlags bits, const KeywordTable& other) const {
  return (bits & maildir_system) | bits_of(other.flags_of(bits & ~maildir_system));
}

// --- messages ---

MessageName parse_message_name(std::string_view file, const KeywordTable& keywords) {
  MessageName out;
  const size_t colon = file.rfind(":2,");
  out.unique = file.substr(0, colon);
  if (colon == std::string_view::npos) return out;
  for (const char letter : file.substr(colon + 3)) out.flags |= bit_of_letter(letter, keywords);
  return out;
}

std::string message_letters(MaildirFlags flags, const KeywordTable& keywords) {
  std::string out;
  for (const Letter& known : letters) {
    if ((flags & known.bit) != 0) out += known.letter;
  }
  if ((flags & maildir_forwarded) != 0) {
    if (const auto letter = keywords.find(forwarded)) flags |= maildir_keyword(*letter);
  }
  for (int letter = 0; letter < maildir_keywords_max; ++letter) {
    if ((flags & maildir_keyword(letter)) != 0) out += static_cast<char>('a' + letter);
  }
  return out;
}

// --- mailboxes ---

namespace {

void escape(std::string& out, char c) {
  out += fmt::format("\\{:02x}", static_cast<unsigned char>(c));
}

std::string encode_level(std::string_view level, MaildirLayout layout) {
  const auto encoded = imap::utf7_encode(level);
  const std::string plain = encoded ? *encoded : std::string(level);
  // The directories of a Maildir itself, and what programs keep beside them.
  const bool reserved = layout == MaildirLayout::nested &&
                        (plain == "cur" || plain == "new" || plain == "tmp" || plain[0] == '.');
  std::string out;
  for (size_t i = 0; i < plain.size(); ++i) {
    const char c = plain[i];
    const bool dot = c == '.' && layout == MaildirLayout::plus;
    if (dot || c == '\\' || c == '/' || (i == 0 && reserved)) {
      escape(out, c);
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size()) {
      const auto high = hex_digit(text[i + 1]);
      const auto low = hex_digit(text[i + 2]);
      if (high && low) {
        out += static_cast<char>(*high * 16 + *low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

// "" for what cannot be a level's name.
std::string decode_level(std::string_view level) {
  const std::string plain = unescape(level);
  auto decoded = imap::utf7_decode(plain);
  // Some programs write UTF-8.
  std::string out = decoded ? std::move(*decoded) : plain;
  const bool bad = std::any_of(out.begin(), out.end(), [](char c) {
    return c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  return bad ? std::string() : out;
}

}  // namespace

std::string mailbox_directory(std::string_view mailbox, MaildirLayout layout) {
  const bool plus = layout == MaildirLayout::plus;
  std::string out;
  while (true) {
    const size_t end = std::min(mailbox.find('/'), mailbox.size());
    if (plus) out += '.';
    if (!plus && !out.empty()) out += '/';
    out += encode_level(mailbox.substr(0, end), layout);
    if (end == mailbox.size()) return out;
    mailbox.remove_prefix(end + 1);
  }
}

std::optional<std::string> mailbox_of_directory(std::string_view directory, MaildirLayout layout) {
  const char divider = layout == MaildirLayout::plus ? '.' : '/';
  if (layout == MaildirLayout::plus) {
    if (directory.empty() || directory.front() != '.') return std::nullopt;
    directory.remove_prefix(1);
  }
  std::string out;
  while (true) {
    const size_t end = std::min(directory.find(divider), directory.size());
    const std::string level = decode_level(directory.substr(0, end));
    if (level.empty()) return std::nullopt;
    if (!out.empty()) out += '/';
    out += level;
    if (end == directory.size()) return out;
    directory.remove_prefix(end + 1);
  }
}

}  // namespace eilpost::client
