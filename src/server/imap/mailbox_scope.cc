#include "server/imap/mailbox_scope.h"

#include <algorithm>
#include <set>

namespace eilpost::server {

namespace {

using imap::MailboxScope;

// `levels_max` below `top`, or at it. The top of all is "".
bool is_in_subtree(std::string_view top, std::string_view name, size_t levels_max) {
  if (name.substr(0, top.size()) != top) return false;
  std::string_view rest = name.substr(top.size());
  if (rest.empty()) return true;
  if (!top.empty() && rest.front() != '/') return false;
  const auto slashes = static_cast<size_t>(std::count(rest.begin(), rest.end(), '/'));
  return slashes + (top.empty() ? 1 : 0) <= levels_max;
}

}  // namespace

bool is_meant(const store::FolderTree& tree, std::string_view name,
              const imap::MailboxFilter& filter, const ScopeSurroundings& surroundings) {
  const auto in_subtree = [&](size_t levels_max) {
    return std::any_of(filter.names.begin(), filter.names.end(), [&](const std::string& top) {
      return is_in_subtree(store::canonical_name(top), name, levels_max);
    });
  };
  switch (filter.scope) {
    case MailboxScope::selected:
    case MailboxScope::selected_delayed: {
      const store::MailboxDef* def = tree.find(name);
      return def && surroundings.selected && def->id == surroundings.selected;
    }
    // RFC 5465 6.3: those to which mail may be delivered.
    case MailboxScope::inboxes: return surroundings.delivers_to_all || name == "INBOX";
    case MailboxScope::personal: return true;
    case MailboxScope::subscribed: return tree.subscriptions().count(std::string(name)) != 0;
    case MailboxScope::subtree: return in_subtree(SIZE_MAX);
    case MailboxScope::subtree_one: return in_subtree(1);
    case MailboxScope::mailboxes:
      return std::any_of(filter.names.begin(), filter.names.end(), [&](const std::string& one) {
        return store::canonical_name(one) == name;
      });
  }
  return false;
}

std::vector<MailboxId> mailboxes_of(const store::FolderTree& tree,
                                    const std::vector<imap::MailboxFilter>& filters,
                                    const ScopeSurroundings& surroundings) {
  std::vector<MailboxId> out;
  for (const store::FolderTree::Entry& entry : tree.entries()) {
    if (!entry.def->selectable) continue;
    const bool meant =
        std::any_of(filters.begin(), filters.end(), [&](const imap::MailboxFilter& filter) {
          return is_meant(tree, entry.name, filter, surroundings);
        });
    if (meant) out.push_back(entry.def->id);
  }
  return out;
}

}  // namespace eilpost::server
