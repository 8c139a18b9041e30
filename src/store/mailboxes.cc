#include <algorithm>

#include "base/limits.h"
#include "store/keys.h"
#include "store/mutations.h"

namespace eilpost::store {

namespace {

std::vector<std::string> levels_of(std::string_view name) {
  std::vector<std::string> out;
  size_t at = 0;
  while (true) {
    const size_t slash = name.find('/', at);
    out.emplace_back(name.substr(at, slash == std::string_view::npos ? slash : slash - at));
    if (slash == std::string_view::npos) return out;
    at = slash + 1;
  }
}

Result<> check_name(std::string_view name) {
  if (name.empty()) return fail(Code::cannot, "a mailbox name is empty");
  if (name.size() > limits::mailbox_name_bytes_max) {
    return fail(Code::cannot, "a mailbox name is too long");
  }
  const auto levels = levels_of(name);
  if (levels.size() > static_cast<size_t>(limits::mailbox_levels_max)) {
    return fail(Code::cannot, "a mailbox name has too many levels");
  }
  for (const auto& level : levels) {
    if (level.empty()) return fail(Code::cannot, "a mailbox name has an empty level");
  }
  return {};
}

Result<uint32_t> tombstone_of(Tx& tx, const std::string& name) {
  const auto row = TRY(tx.get(keys::tombstone(name)));
  if (!row) return 0;
  return TRY(decode_name(*row)).uid_validity;
}

// The name is about to be given up by a mailbox with this UIDVALIDITY.
Result<> bury(Tx& tx, const std::string& name, uint32_t uid_validity) {
  const uint32_t before = TRY(tombstone_of(tx, name));
  if (uid_validity > before) {
    tx.put(keys::tombstone(name), encode(NameRow{name, uid_validity}));
  }
  return {};
}

MailboxDef fresh_def(Tx& tx, MailboxId parent, std::string leaf) {
  MailboxDef def;
  def.id = tx.head().next_mailbox;
  tx.head().next_mailbox = MailboxId(def.id.value + 1);
  def.parent = parent;
  def.leaf = std::move(leaf);
  def.created_seconds = tx.now().seconds();
  return def;
}

void put_new_mailbox(Tx& tx, const MailboxDef& def) {
  MailboxCounters counters;
  counters.uid_validity = next_uid_validity(tx);
  counters.highest_modseq = tx.modseq();
  tx.put_def(def);
  tx.add_counters(def.id, counters);
  tx.log(ChangeKind::mailbox, def.id, {});
}

// Room for those of the names "a", "a/b", ... that `levels` spell and that are not there.
Result<> check_room(Tx& tx, const std::vector<std::string>& levels, const QuotaLimit& quota) {
  size_t missing = 0;
  std::string name;
  for (size_t i = 0; i < levels.size(); ++i) {
    name += (i == 0 ? "" : "/") + levels[i];
    if (!tx.folders().find(name)) ++missing;
  }
  if (missing == 0) return {};
  const size_t after = tx.folders().size() + missing;
  if (after > limits::mailboxes_max) {
    return fail(Code::limit, "the account has as many mailboxes as it may have");
  }
  if (quota.mailboxes != 0 && after > quota.mailboxes) {
    return fail(Code::over_quota, "mailbox quota");
  }
  return {};
}

// The parent of the last level of `levels`, made with all above it where missing.
Result<MailboxId> make_parents(Tx& tx, const std::vector<std::string>& levels) {
  MailboxId parent;
  std::string name;
  bool fresh = false;
  for (size_t i = 0; i + 1 < levels.size(); ++i) {
    name += (i == 0 ? "" : "/") + levels[i];
    const MailboxDef* known = fresh ? nullptr : tx.folders().find(name);
    if (known) {
      parent = known->id;
      continue;
    }
    fresh = true;
    const MailboxDef def = fresh_def(tx, parent, levels[i]);
    put_new_mailbox(tx, def);
    parent = def.id;
  }
  return parent;
}

// A mailbox that comes to bear `name` must have a UIDVALIDITY above all that the name ever had.
Result<> outlive_tombstone(Tx& tx, MailboxId id, const std::string& name) {
  const MailboxCounters before = TRY(tx.peek_counters(id));
  if (before.uid_validity > TRY(tombstone_of(tx, name))) return {};
  TRY(tx.counters(id))->uid_validity = next_uid_validity(tx);
  return {};
}

}  // namespace

uint32_t next_uid_validity(Tx& tx) {
  // The clock keeps values apart between restored copies of an account, the counter within one.
  const auto seconds =
      static_cast<uint32_t>(std::clamp<int64_t>(tx.now().seconds(), 1, UINT32_MAX));
  Head& head = tx.head();
  head.last_uid_validity = std::max(head.last_uid_validity + 1, seconds);
  return head.last_uid_validity;
}

Result<MailboxId> create_mailbox(Tx& tx, const CreateRequest& request) {
  std::string name = canonical_name(request.name);
  // A trailing delimiter only announces that names below will be made (RFC 9051 6.3.4).
  if (name.size() > 1 && name.back() == '/') name.pop_back();
  TRY(check_name(name));
  if (const MailboxDef* known = tx.folders().find(name)) {
    if (known->selectable) return fail(Code::already_exists, "mailbox exists");
    MailboxDef def = *known;
    def.selectable = true;
    def.special_use = request.special_use;
    put_new_mailbox(tx, def);
    return def.id;
  }
  const auto levels = levels_of(name);
  TRY(check_room(tx, levels, request.quota));
  const MailboxId parent = TRY(make_parents(tx, levels));
  MailboxDef def = fresh_def(tx, parent, levels.back());
  def.special_use = request.special_use;
  put_new_mailbox(tx, def);
  return def.id;
}

Result<MailboxId> delete_mailbox(Tx& tx, const std::string& name) {
  const MailboxDef* known = tx.folders().find(name);
  if (!known) return fail(Code::not_found, "no such mailbox");
  if (known->id == inbox_id) return fail(Code::cannot, "INBOX cannot be deleted");
  const bool inferiors = tx.folders().has_children(known->id);
  if (inferiors && !known->selectable) {
    return fail(Code::has_children, "the name holds others and no messages");
  }
  const std::string full = tx.folders().name(known->id);
  const MailboxCounters counters = TRY(tx.peek_counters(known->id));
  tx.head().used.bytes -= counters.size;
  tx.head().used.messages -= counters.exists;
  TRY(bury(tx, full, counters.uid_validity));
  if (inferiors) {
    // The name stays for those below it; the messages go with their old identity (RFC 9051 6.3.5).
    MailboxDef husk = fresh_def(tx, known->parent, known->leaf);
    husk.selectable = false;
    tx.put_def(husk);
    MailboxCounters empty;
    empty.uid_validity = next_uid_validity(tx);
    tx.add_counters(husk.id, empty);
    for (const FolderTree::Entry& entry : tx.folders().entries()) {
      if (entry.def->parent != known->id) continue;
      MailboxDef child = *entry.def;
      child.parent = husk.id;
      tx.put_def(child);
    }
  }
  MailboxDef gone = *known;
  gone.deleted_seconds = std::max<int64_t>(tx.now().seconds(), 1);
  gone.deleted_name = full;
  tx.put_def(gone);
  tx.forget_mailbox(known->id);
  tx.log(ChangeKind::mailbox, known->id, {});
  return known->id;
}

Result<MailboxId> rename_mailbox(Tx& tx, const std::string& from, const std::string& to,
                                 const QuotaLimit& quota) {
  const MailboxDef* known = tx.folders().find(from);
  if (!known) return fail(Code::not_found, "no such mailbox");
  if (known->id == inbox_id) return fail(Code::cannot, "INBOX is renamed by moving its messages");
  const std::string old_name = tx.folders().name(known->id);
  std::string name = canonical_name(to);
  if (name.size() > 1 && name.back() == '/') name.pop_back();
  TRY(check_name(name));
  if (tx.folders().find(name)) return fail(Code::already_exists, "mailbox exists");
  if (name.compare(0, old_name.size() + 1, old_name + "/") == 0) {
    return fail(Code::cannot, "a mailbox cannot become its own inferior");
  }
  std::vector<MailboxId> moved{known->id};
  for (const MailboxId id : tx.folders().descendants(known->id)) moved.push_back(id);
  for (const MailboxId id : moved) {
    const std::string before = tx.folders().name(id);
    const std::string after = name + before.substr(old_name.size());
    TRY(check_name(after));
    TRY(bury(tx, before, TRY(tx.peek_counters(id)).uid_validity));
    TRY(outlive_tombstone(tx, id, after));
  }
  const auto levels = levels_of(name);
  // What is renamed is counted already: only superior names that are made count.
  TRY(check_room(tx, {levels.begin(), levels.end() - 1}, quota));
  MailboxDef def = *known;
  def.parent = TRY(make_parents(tx, levels));
  def.leaf = levels.back();
  tx.put_def(def);
  tx.log(ChangeKind::mailbox, def.id, {});
  return def.id;
}

Result<bool> subscribe(Tx& tx, const std::string& name, bool subscribed) {
  const std::string full = canonical_name(name);
  TRY(check_name(full));
  const bool before = tx.folders().subscriptions().count(full) != 0;
  if (before == subscribed) return false;
  if (subscribed && tx.folders().subscriptions().size() >= limits::mailboxes_max) {
    return fail(Code::limit, "the account has as many subscriptions as it may have");
  }
  if (subscribed) {
    tx.subscribe(full);
  } else {
    tx.unsubscribe(full);
  }
  return true;
}

Result<bool> set_special_use(Tx& tx, const std::string& name, uint16_t special_use) {
  const MailboxDef* known = tx.folders().find(name);
  if (!known) return fail(Code::not_found, "no such mailbox");
  if (known->special_use == special_use) return false;
  MailboxDef def = *known;
  def.special_use = special_use;
  tx.put_def(def);
  return true;
}

engine::Batch new_account_batch(Timestamp now) {
  Head head;
  head.next_mailbox = MailboxId(inbox_id.value + 1);
  head.last_modseq = ModSeq(1);
  head.last_uid_validity = static_cast<uint32_t>(std::clamp<int64_t>(now.seconds(), 1, UINT32_MAX));
  head.last_seen_micros = now.micros;
  MailboxDef inbox;
  inbox.id = inbox_id;
  inbox.leaf = "INBOX";
  inbox.created_seconds = now.seconds();
  MailboxCounters counters;
  counters.uid_validity = head.last_uid_validity;
  engine::Batch batch;
  batch.puts.emplace_back(keys::head(), encode(head));
  batch.puts.emplace_back(keys::definition(inbox.id), encode(inbox));
  batch.puts.emplace_back(keys::counters(inbox.id), encode(counters));
  return batch;
}

}  // namespace eilpost::store
