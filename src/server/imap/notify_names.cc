// Which names a NOTIFY client is told of, and which mailboxes its groups mean. Pure.

#include <algorithm>
#include <set>

#include "server/imap/notify.h"

namespace eilpost::server {

namespace {

using Filter = imap::NotifyGroup::Filter;

// RFC 5465 6.5: the mailbox itself, and all below.
bool is_in_subtree(std::string_view top, std::string_view name) {
  if (name.substr(0, top.size()) != top) return false;
  return name.size() == top.size() || name[top.size()] == '/';
}

bool means(const imap::NotifyGroup& group, const store::FolderTree& tree, std::string_view name) {
  const auto any = [&](auto&& matches) {
    return std::any_of(group.mailboxes.begin(), group.mailboxes.end(),
                       [&](const std::string& one) { return matches(store::canonical_name(one)); });
  };
  switch (group.filter) {
    case Filter::selected:
    case Filter::selected_delayed: return false;
    // RFC 5465 6.3: mail may be delivered to any of them (user+detail), so both are all.
    case Filter::inboxes:
    case Filter::personal: return true;
    case Filter::subscribed: return tree.subscriptions().count(std::string(name)) != 0;
    case Filter::subtree:
      return any([&](const std::string& top) { return is_in_subtree(top, name); });
    case Filter::mailboxes: return any([&](const std::string& one) { return one == name; });
  }
  return false;
}

std::string parent_of(const std::string& name) {
  const size_t slash = name.rfind('/');
  return slash == std::string::npos ? std::string() : name.substr(0, slash);
}

class Comparison {
 public:
  Comparison(const store::FolderTree& before, const store::FolderTree& after)
      : before_(before), after_(after) {}

  std::vector<NameChange> run() {
    for (const auto& entry : after_.entries()) look_at_new(entry);
    for (const auto& entry : before_.entries()) look_at_old(entry);
    // RFC 5465 5.4: the direct parent, whether it exists or not.
    for (const std::string& name : parents_) {
      if (told_.insert(name).second) out_.push_back({name, {}, {}, {}});
    }
    return std::move(out_);
  }

 private:
  void look_at_new(const store::FolderTree::Entry& entry) {
    const store::MailboxDef* old = before_.find(entry.def->id);
    const store::MailboxDef* namesake = before_.find(entry.name);
    if (!old) {
      const bool replaced = namesake && !after_.find(namesake->id);
      add(entry.name, entry.def->id, replaced ? namesake->id : MailboxId());
      return;
    }
    const std::string old_name = before_.name(entry.def->id);
    if (old_name == entry.name) {
      if (old->selectable != entry.def->selectable) add(entry.name, old->id, old->id);
      return;
    }
    // Moved with the mailbox above it, which is told.
    if (old->parent == entry.def->parent && old->leaf == entry.def->leaf) return;
    told_.insert(entry.name);
    out_.push_back({entry.name, old_name, entry.def->id, {}});
  }

  void look_at_old(const store::FolderTree::Entry& entry) {
    if (after_.find(entry.def->id) || after_.find(entry.name)) return;
    add(entry.name, {}, entry.def->id);
  }

  void add(const std::string& name, MailboxId id, MailboxId old_id) {
    if (!told_.insert(name).second) return;
    out_.push_back({name, {}, id, old_id});
    std::string parent = parent_of(name);
    if (!parent.empty()) parents_.insert(std::move(parent));
  }

  const store::FolderTree& before_;
  const store::FolderTree& after_;
  std::vector<NameChange> out_;
  std::set<std::string> told_;
  std::set<std::string> parents_;
};

}  // namespace

uint8_t events_of(const std::vector<imap::NotifyGroup>& groups, const store::FolderTree& tree,
                  std::string_view name) {
  uint8_t events = 0;
  for (const imap::NotifyGroup& group : groups) {
    if (means(group, tree, name)) events |= group.events;
  }
  return events;
}

std::vector<NameChange> name_changes(const store::FolderTree& before,
                                     const store::FolderTree& after) {
  return Comparison(before, after).run();
}

}  // namespace eilpost::server
