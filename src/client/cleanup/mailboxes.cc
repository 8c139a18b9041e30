#include "client/cleanup/mailboxes.h"

#include <algorithm>

#include "client/names/special.h"
#include "protocol/imap/mailbox_name.h"

namespace eilpost::client {

namespace {

// With "/" between levels, whatever the server has there: what pattern_matches() knows.
std::string slashed(std::string name, char delimiter) {
  if (delimiter != '\0') std::replace(name.begin(), name.end(), delimiter, '/');
  return name;
}

bool any_matches(const std::vector<std::string>& patterns, const MailboxInfo& mailbox) {
  const std::string name = slashed(mailbox.name, mailbox.delimiter);
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return imap::pattern_matches(slashed(pattern, mailbox.delimiter), name);
  });
}

bool is_named(const Rule& rule, const MailboxInfo& mailbox) {
  return std::any_of(rule.mailboxes.begin(), rule.mailboxes.end(), [&](const std::string& pattern) {
    return pattern.find_first_of("*%") == std::string::npos && any_matches({pattern}, mailbox);
  });
}

// "INBOX.Trash" is "Trash".
std::string_view last_level(const MailboxInfo& mailbox) {
  std::string_view name = mailbox.name;
  const size_t at =
      mailbox.delimiter == '\0' ? std::string_view::npos : name.rfind(mailbox.delimiter);
  if (at != std::string_view::npos) name.remove_prefix(at + 1);
  return name;
}

}  // namespace

std::string trash_of(const std::vector<MailboxInfo>& mailboxes) {
  for (const MailboxInfo& mailbox : mailboxes) {
    if (mailbox.selectable && mailbox.special_use == "\\Trash") return mailbox.name;
  }
  for (const MailboxInfo& mailbox : mailboxes) {
    const bool called_so = special_use_of_name(last_level(mailbox)) == "\\Trash";
    if (mailbox.selectable && called_so) return mailbox.name;
  }
  return "";
}

std::vector<std::string> mailboxes_of(const Rule& rule, const std::string& target,
                                      const std::vector<MailboxInfo>& mailboxes) {
  const std::string trash = trash_of(mailboxes);
  std::vector<std::string> out;
  for (const MailboxInfo& mailbox : mailboxes) {
    if (!mailbox.selectable || mailbox.name == target) continue;
    if (!any_matches(rule.mailboxes, mailbox) || any_matches(rule.exclude, mailbox)) continue;
    const std::string& use = mailbox.special_use;
    const bool view = use == "\\All" || use == "\\Flagged" || use == "\\Important";
    const bool thrown_away = use == "\\Junk" || mailbox.name == trash;
    if ((view || (rule.across && thrown_away)) && !is_named(rule, mailbox)) continue;
    out.push_back(mailbox.name);
  }
  return out;
}

}  // namespace eilpost::client
