#include "store/folders.h"

#include <algorithm>

#include "base/limits.h"

namespace eilpost::store {

namespace {

bool is_inbox(std::string_view level) {
  static constexpr std::string_view inbox = "INBOX";
  return std::equal(level.begin(), level.end(), inbox.begin(), inbox.end(),
                    [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 'a' + 'A' : a) == b; });
}

}  // namespace

std::string canonical_name(std::string_view name) {
  const size_t slash = std::min(name.find('/'), name.size());
  if (!is_inbox(name.substr(0, slash))) return std::string(name);
  std::string out = "INBOX";
  return out.append(name.substr(slash));
}

FolderTree::FolderTree(std::vector<MailboxDef> defs, std::set<std::string> subscriptions)
    : subscriptions_(std::move(subscriptions)) {
  for (MailboxDef& def : defs) {
    if (def.deleted_seconds != 0) {
      deleted_.push_back(std::move(def));
    } else {
      const MailboxId id = def.id;
      defs_.emplace(id, std::move(def));
    }
  }
  for (const auto& [id, def] : defs_) {
    std::string full = def.leaf;
    MailboxId parent = def.parent;
    // Bounded, so that a damaged row cannot make a loop.
    for (int level = 0; level < limits::mailbox_levels_max + 2; ++level) {
      const auto at = defs_.find(parent);
      if (at == defs_.end()) break;
      full = at->second.leaf + "/" + full;
      parent = at->second.parent;
    }
    names_.emplace(id, full);
    by_name_.emplace(full, id);
    if (def.parent) children_[def.parent].push_back(id);
  }
  for (const auto& [full, id] : by_name_) entries_.push_back({full, &defs_.at(id)});
  std::stable_partition(entries_.begin(), entries_.end(),
                        [](const Entry& e) { return e.def->id == inbox_id; });
  for (auto& [id, list] : children_) std::sort(list.begin(), list.end());
}

const MailboxDef* FolderTree::find(std::string_view name) const {
  const auto at = by_name_.find(canonical_name(name));
  return at == by_name_.end() ? nullptr : &defs_.at(at->second);
}

const MailboxDef* FolderTree::find(MailboxId id) const {
  const auto at = defs_.find(id);
  return at == defs_.end() ? nullptr : &at->second;
}

std::string FolderTree::name(MailboxId id) const {
  const auto at = names_.find(id);
  return at == names_.end() ? std::string() : at->second;
}

bool FolderTree::has_children(MailboxId id) const {
  return children_.count(id) != 0;
}

std::vector<MailboxId> FolderTree::descendants(MailboxId id) const {
  std::vector<MailboxId> out;
  const auto add = [&](MailboxId parent) {
    const auto at = children_.find(parent);
    if (at != children_.end()) out.insert(out.end(), at->second.begin(), at->second.end());
  };
  add(id);
  // Bounded, so that damaged rows cannot make a loop.
  for (size_t i = 0; i < out.size() && out.size() < defs_.size(); ++i) add(out[i]);
  return out;
}

std::vector<MailboxDef> FolderTree::all() const {
  std::vector<MailboxDef> out = deleted_;
  for (const auto& [id, def] : defs_) out.push_back(def);
  return out;
}

}  // namespace eilpost::store
