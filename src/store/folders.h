// An account's mailbox names: an immutable tree that is replaced as a whole when a name or a
// subscription changes, and shared by everybody who lists. Names are UTF-8 with '/' between levels;
// the first level INBOX compares without case (RFC 9051 5.1), all others octet by octet.
// Values only; any thread.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace eilpost::store {

inline constexpr MailboxId inbox_id = MailboxId(1);

// "inbox/x" -> "INBOX/x"; other names unchanged.
std::string canonical_name(std::string_view name);

class FolderTree {
 public:
  FolderTree() = default;
  // Definitions that are deleted are kept apart; a definition whose parent is missing hangs at the
  // top.
  FolderTree(std::vector<MailboxDef> defs, std::set<std::string> subscriptions);

  // Null when there is no such mailbox. Names in any spelling of INBOX.
  const MailboxDef* find(std::string_view name) const;
  const MailboxDef* find(MailboxId id) const;
  std::string name(MailboxId id) const;  // full name; "" when unknown
  bool has_children(MailboxId id) const;
  std::vector<MailboxId> descendants(MailboxId id) const;  // without itself, parents first

  // Every mailbox by full name, ascending by octets, INBOX first.
  struct Entry {
    std::string name;
    const MailboxDef* def = nullptr;  // points into the tree
  };
  const std::vector<Entry>& entries() const { return entries_; }
  const std::set<std::string>& subscriptions() const { return subscriptions_; }
  const std::vector<MailboxDef>& deleted() const { return deleted_; }
  std::vector<MailboxDef> all() const;  // deleted ones too
  size_t size() const { return entries_.size(); }

  FolderTree(const FolderTree&) = delete;
  FolderTree& operator=(const FolderTree&) = delete;

 private:
  std::unordered_map<MailboxId, MailboxDef> defs_;
  std::map<std::string, MailboxId, std::less<>> by_name_;
  std::map<MailboxId, std::string> names_;
  std::unordered_map<MailboxId, std::vector<MailboxId>> children_;
  std::vector<Entry> entries_;
  std::set<std::string> subscriptions_;
  std::vector<MailboxDef> deleted_;
};
using FoldersPtr = std::shared_ptr<const FolderTree>;  // shared by the account and its sessions

}  // namespace eilpost::store
