// Which names a NOTIFY client is told of, and which mailboxes its groups mean. Pure.

#include <algorithm>
#include <set>

#include "server/imap/notify.h"

namespace eilpost::server {

namespace {

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
                  std::string_view name, const ScopeSurroundings& surroundings) {
  uint8_t events = 0;
  for (const imap::NotifyGroup& group : groups) {
    if (is_meant(tree, name, group.where, surroundings)) events |= group.events;
  }
  return events;
}

std::vector<NameChange> name_changes(const store::FolderTree& before,
                                     const store::FolderTree& after) {
  return Comparison(before, after).run();
}

}  // namespace eilpost::server
