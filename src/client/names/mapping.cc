#include "client/names/mapping.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "client/names/special.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/utf7.h"

namespace eilpost::client {

namespace {

bool begins_with(std::string_view text, std::string_view begin) {
  return text.substr(0, begin.size()) == begin;
}

bool is_inbox(std::string_view name) {
  return imap::equal_nocase(name, "INBOX");
}

std::vector<std::string> split(std::string_view name, char delimiter) {
  std::vector<std::string> out;
  for (;;) {
    const size_t end = delimiter == 0 ? std::string_view::npos : name.find(delimiter);
    out.emplace_back(name.substr(0, end));
    if (end == std::string_view::npos) return out;
    name.remove_prefix(end + 1);
  }
}

// The levels of a name without the prefix of its namespace, or of the root that was asked for.
// Nothing when it does not lie beneath.
std::vector<std::string> levels_of(const std::string& name, const NameSide& side,
                                   const std::string& root) {
  if (!root.empty()) {
    const std::string above = root + side.delimiter;
    if (imap::equal_nocase(name, root)) return {"INBOX"};
    if (!begins_with(name, above)) return {};
    return split(std::string_view(name).substr(above.size()), side.delimiter);
  }
  if (is_inbox(name)) return {"INBOX"};
  const bool prefixed = !side.prefix.empty() && begins_with(name, side.prefix);
  return split(std::string_view(name).substr(prefixed ? side.prefix.size() : 0), side.delimiter);
}

// What the target's server cannot have in a level is "_".
std::string safe_level(std::string level, char delimiter) {
  for (char& c : level) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7f || c == '*' || c == '%' || c == delimiter) c = '_';
  }
  if (level.empty() || level == "." || level == "..") return "_";
  return level;
}

std::string joined(const std::vector<std::string>& levels, size_t from, const NameSide& side) {
  std::string out;
  for (size_t i = from; i < levels.size(); ++i) {
    if (i > from) out += side.delimiter == 0 ? '_' : side.delimiter;
    out += safe_level(levels[i], side.delimiter);
  }
  return out;
}

bool matches_any(const std::vector<std::string>& patterns, const MailboxInfo& mailbox) {
  std::string name = mailbox.name;
  if (mailbox.delimiter != imap::mailbox_delimiter && mailbox.delimiter != 0) {
    std::replace(name.begin(), name.end(), mailbox.delimiter, imap::mailbox_delimiter);
  }
  return std::any_of(patterns.begin(), patterns.end(), [&](std::string pattern) {
    if (mailbox.delimiter != 0) {
      std::replace(pattern.begin(), pattern.end(), mailbox.delimiter, imap::mailbox_delimiter);
    }
    return imap::pattern_matches(pattern, name);
  });
}

// Which mailbox of a side stands for which use: by attribute, else by a name at the top.
std::map<std::string, std::string> uses_of(const NameSide& side, const std::string& root) {
  std::map<std::string, std::string> out;
  for (const MailboxInfo& info : side.mailboxes) {
    if (!info.special_use.empty() && info.selectable) out.emplace(info.special_use, info.name);
  }
  for (const MailboxInfo& info : side.mailboxes) {
    const std::vector<std::string> levels = levels_of(info.name, side, root);
    if (levels.size() != 1 || !info.selectable || !info.special_use.empty()) continue;
    const std::string_view use = special_use_of_name(levels.front());
    if (!use.empty()) out.emplace(use, info.name);
  }
  return out;
}

class Mapper {
 public:
  Mapper(const NameSide& source, const NameSide& target, const MappingRules& rules)
      : source_(source),
        target_(target),
        rules_(rules),
        source_uses_(uses_of(source, rules.from_root)),
        target_uses_(uses_of(target, "")) {
    for (const MailboxInfo& info : target.mailboxes) existing_.insert(info.name);
    for (const auto& [use, name] : source_uses_) {
      use_of_source_.emplace(name, use);
      const std::string there = target_of_use(use);
      if (rules.special_uses && rules.to_root.empty() && !there.empty()) taken_.insert(there);
    }
  }

  MappedMailbox map(const MailboxInfo& info) {
    MappedMailbox out;
    out.source = info;
    out.left_out = reason_to_leave_out(info);
    if (!out.left_out.empty()) return out;
    for (const auto& [from, to] : rules_.renamed) {
      if (from != info.name) continue;
      out.target = to;
      taken_.insert(to);
      out.exists = existing_.count(to) != 0;
      return out;
    }
    const std::vector<std::string> levels = levels_of(info.name, source_, rules_.from_root);
    if (!map_special(levels, out)) out.target = free_name(plain_name(levels));
    taken_.insert(out.target);
    out.exists = is_inbox(out.target) || existing_.count(out.target) != 0;
    return out;
  }

 private:
  std::string reason_to_leave_out(const MailboxInfo& info) const {
    if (!rules_.from_root.empty() && levels_of(info.name, source_, rules_.from_root).empty()) {
      return "not beneath " + rules_.from_root;
    }
    if (matches_any(rules_.exclude, info)) return "excluded";
    const bool asked = matches_any(rules_.include, info);
    if (!asked && !rules_.include.empty()) return "not included";
    if (asked) return "";
    for (const std::string& prefix : source_.foreign_prefixes) {
      if (begins_with(info.name, prefix)) return "belongs to others";
    }
    const std::vector<std::string> levels = levels_of(info.name, source_, rules_.from_root);
    if (source_.exchange && is_other_than_mail(levels.front())) return "holds no mail";
    const bool view = info.special_use == "\\Flagged" || info.special_use == "\\Important";
    if (source_.gmail && view) return "a view of other mailboxes";
    return "";
  }

  // The first level stands for a use on both sides: whatever it is called there.
  bool map_special(const std::vector<std::string>& levels, MappedMailbox& out) {
    if (!rules_.special_uses || !rules_.to_root.empty()) return false;
    std::string use;
    size_t below = 1;
    const auto own = use_of_source_.find(out.source.name);
    if (own != use_of_source_.end()) {
      use = own->second;
      below = levels.size();
    } else {
      for (const auto& [known, name] : source_uses_) {
        if (begins_with(out.source.name, name + source_.delimiter)) {
          use = known;
          below = levels_of(name, source_, rules_.from_root).size();
        }
      }
    }
    if (use == "\\All") use = "\\Archive";
    std::string name = target_of_use(use);
    if (name.empty()) return false;
    if (below < levels.size()) {
      name += (target_.delimiter == 0 ? '_' : target_.delimiter) + joined(levels, below, target_);
      name = free_name(name);
    } else if (existing_.count(name) == 0) {
      out.special_use = use;
    }
    out.target = name;
    return true;
  }

  // "" for what is no special use. Nothing can be put into a view of everything: what is in no
  // other mailbox was archived.
  std::string target_of_use(const std::string& use) const {
    const std::string real = use == "\\All" ? "\\Archive" : use;
    const auto there = target_uses_.find(real);
    if (there != target_uses_.end()) return there->second;
    const std::string usual(name_of_special_use(real));
    return usual.empty() ? usual : target_.prefix + usual;
  }

  std::string plain_name(const std::vector<std::string>& levels) const {
    const char part = target_.delimiter == 0 ? '_' : target_.delimiter;
    if (!rules_.to_root.empty()) return rules_.to_root + part + joined(levels, 0, target_);
    if (levels.size() == 1 && is_inbox(levels.front())) return "INBOX";
    // Beneath INBOX on both sides, or at the top on both.
    if (is_inbox(levels.front())) return "INBOX" + (part + joined(levels, 1, target_));
    return target_.prefix + joined(levels, 0, target_);
  }

  // Characters that the target cannot have may make two names one.
  std::string free_name(const std::string& wanted) const {
    std::string name = wanted;
    for (int i = 2; taken_.count(name) != 0; ++i) name = fmt::format("{}_{}", wanted, i);
    return name;
  }

  const NameSide& source_;
  const NameSide& target_;
  const MappingRules& rules_;
  std::map<std::string, std::string> source_uses_;
  std::map<std::string, std::string> target_uses_;
  std::map<std::string, std::string> use_of_source_;
  std::set<std::string> existing_;
  std::set<std::string> taken_;
};

}  // namespace

std::vector<MappedMailbox> map_mailboxes(const NameSide& source, const NameSide& target,
                                         const MappingRules& rules) {
  Mapper mapper(source, target, rules);
  std::vector<MappedMailbox> out;
  std::vector<MappedMailbox> last;
  for (const MailboxInfo& info : source.mailboxes) {
    if (!info.selectable) continue;
    const bool everything = info.special_use == "\\All";
    (everything ? last : out).push_back(mapper.map(info));
  }
  out.insert(out.end(), last.begin(), last.end());
  return out;
}

Result<std::pair<std::string, std::string>> parse_rename(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) {
    return fail(Code::invalid, "expected SOURCE=TARGET");
  }
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

std::string keyword_of_name(std::string_view name) {
  const auto ascii = imap::utf7_encode(name);
  std::string out = ascii ? *ascii : std::string(name);
  for (char& c : out) {
    const auto octet = static_cast<unsigned char>(c);
    const bool special = std::string_view("(){ %*\"\\]").find(c) != std::string_view::npos;
    if (octet <= 0x20 || octet >= 0x7f || special) c = '_';
  }
  return out.empty() ? "_" : out;
}

}  // namespace eilpost::client
