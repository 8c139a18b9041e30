#include "protocol/imap/mailbox_name.h"

#include "base/limits.h"
#include "protocol/imap/utf7.h"
#include "protocol/imap/values.h"

namespace eilpost::imap {
namespace {

constexpr std::string_view inbox = "INBOX";

// C0, DEL, C1, and the line and paragraph separators, which RFC 5198 and RFC 9051 5.1 keep out of
// names.
bool has_control(std::string_view utf8) {
  for (size_t i = 0; i < utf8.size(); ++i) {
    auto c = static_cast<unsigned char>(utf8[i]);
    if (c < 0x20 || c == 0x7f) return true;
    if (c == 0xc2 && i + 1 < utf8.size() && static_cast<unsigned char>(utf8[i + 1]) < 0xa0) {
      return true;
    }
    std::string_view three = utf8.substr(i, 3);
    if (three == "\xe2\x80\xa8" || three == "\xe2\x80\xa9") return true;
  }
  return false;
}

Result<> check_level(std::string_view level) {
  if (level.empty()) return fail(Code::cannot, "a mailbox name may not have an empty level");
  if (level == "." || level == "..") {
    return fail(Code::cannot, "a mailbox name may not have \".\" or \"..\" as a level");
  }
  return {};
}

bool same_char(char pattern, char name, bool nocase) {
  if (pattern == name) return true;
  return nocase && equal_nocase(std::string_view(&pattern, 1), std::string_view(&name, 1));
}

}  // namespace

std::string fold_inbox(std::string name) {
  if (name.size() < inbox.size()) return name;
  if (!equal_nocase(std::string_view(name).substr(0, inbox.size()), inbox)) return name;
  if (name.size() > inbox.size() && name[inbox.size()] != mailbox_delimiter) return name;
  name.replace(0, inbox.size(), inbox);
  return name;
}

Result<> check_mailbox_name(std::string_view name) {
  if (name.empty()) return fail(Code::cannot, "a mailbox name may not be empty");
  if (name.size() > limits::mailbox_name_bytes_max) {
    return fail(Code::cannot, "the mailbox name is too long");
  }
  if (!valid_utf8(name)) return fail(Code::cannot, "the mailbox name is not UTF-8");
  if (has_control(name)) {
    return fail(Code::cannot, "a mailbox name may not hold control characters");
  }
  if (name.find_first_of("*%") != std::string_view::npos) {
    return fail(Code::cannot, "a mailbox name may not hold \"*\" or \"%\"");
  }
  int levels = 0;
  for (size_t at = 0;;) {
    size_t end = name.find(mailbox_delimiter, at);
    TRY(check_level(name.substr(at, end == std::string_view::npos ? end : end - at)));
    if (++levels > limits::mailbox_levels_max) {
      return fail(Code::cannot, "the mailbox name has too many levels");
    }
    if (end == std::string_view::npos) return {};
    at = end + 1;
  }
}

std::string join_pattern(std::string_view reference, std::string_view pattern) {
  // A pattern that begins with the delimiter is absolute: the reference's own root is "".
  if (!pattern.empty() && pattern.front() == mailbox_delimiter) return std::string(pattern);
  return std::string(reference) + std::string(pattern);
}

// Remembers the last "*" and the last "%": a mismatch goes back to the "%" while no delimiter was
// passed, else to the "*", whose match then grows by one. An earlier "%" need not be tried again:
// what it would give up, the later one could take as well.
bool pattern_matches(std::string_view pattern, std::string_view name) {
  bool is_inbox = name.substr(0, inbox.size()) == inbox &&
                  (name.size() == inbox.size() || name[inbox.size()] == mailbox_delimiter);
  constexpr size_t none = std::string_view::npos;
  size_t p = 0, n = 0;
  size_t star = none, star_name = 0;
  size_t percent = none, percent_name = 0;
  while (n < name.size() || p < pattern.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
      percent = none;
      continue;
    }
    if (p < pattern.size() && pattern[p] == '%') {
      percent = p++;
      percent_name = n;
      continue;
    }
    if (p < pattern.size() && n < name.size() &&
        same_char(pattern[p], name[n], is_inbox && n < inbox.size())) {
      ++p;
      ++n;
      continue;
    }
    if (percent != none && percent_name < name.size() && name[percent_name] != mailbox_delimiter) {
      n = ++percent_name;
      p = percent + 1;
    } else if (star != none && star_name < name.size()) {
      n = ++star_name;
      p = star + 1;
      percent = none;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace eilpost::imap
