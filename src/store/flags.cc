#include <algorithm>

#include "store/keys.h"
#include "store/mutations.h"

namespace eilpost::store {

namespace {

struct Wanted {
  FlagChange change = FlagChange::replace;
  uint8_t flags = 0;
  // The keywords of the request that the mailbox knows already.
  KeywordSet known;
  // Of the mailbox's table. Names become known to it only when a message takes them, so that a
  // request that changes nothing leaves nothing: empty until then.
  std::optional<KeywordSet> keywords;
};

uint8_t changed_flags(uint8_t before, const Wanted& wanted) {
  switch (wanted.change) {
    case FlagChange::replace: return wanted.flags;
    case FlagChange::add: return before | wanted.flags;
    case FlagChange::remove: return before & static_cast<uint8_t>(~wanted.flags);
  }
  return before;
}

KeywordSet changed_keywords(const KeywordSet& before, const Wanted& wanted) {
  KeywordSet out;
  switch (wanted.change) {
    case FlagChange::replace: return *wanted.keywords;
    case FlagChange::add:
      std::set_union(before.begin(), before.end(), wanted.keywords->begin(), wanted.keywords->end(),
                     std::back_inserter(out));
      return out;
    case FlagChange::remove:
      std::set_difference(before.begin(), before.end(), wanted.keywords->begin(),
                          wanted.keywords->end(), std::back_inserter(out));
      return out;
  }
  return before;
}

void count_change(MailboxCounters& c, uint8_t before, uint8_t after) {
  if ((before ^ after) & flag_seen) c.unseen += (after & flag_seen) ? -1U : 1U;
  if ((before ^ after) & flag_deleted) c.deleted += (after & flag_deleted) ? 1U : -1U;
}

// The indexes of those keywords that the mailbox knows.
Result<KeywordSet> known_keywords(Tx& tx, MailboxId mailbox,
                                  const std::vector<std::string>& names) {
  const KeywordTable table = TRY(tx.keywords(mailbox));
  KeywordSet out;
  for (size_t i = 0; i < table.size(); ++i) {
    const bool named = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return same_keyword(name, table[i]);
    });
    if (named) out.push_back(static_cast<uint16_t>(i));
  }
  return out;
}

bool has(const KeywordSet& set, uint16_t keyword) {
  return std::binary_search(set.begin(), set.end(), keyword);
}

// RFC 7162 3.1.12: of a message that has changed since, whether the flags that the request names
// are those that its author was told of before.
bool only_others_changed(const HotPage& page, const HotEntry& now, const StoreRequest& request,
                         const Wanted& wanted) {
  if (!request.told || request.change == FlagChange::replace) return false;
  const PagePtr told_page = request.told->tree.page(page.page);
  const HotEntry* told = told_page ? told_page->find(now.slot) : nullptr;
  if (!told || told->modseq > *request.unchanged_since) return false;
  if (((told->flags ^ now.flags) & wanted.flags) != 0) return false;
  const KeywordSet& before = told_page->keywords(*told);
  const KeywordSet& after = page.keywords(now);
  return std::all_of(wanted.known.begin(), wanted.known.end(),
                     [&](uint16_t keyword) { return has(before, keyword) == has(after, keyword); });
}

Result<> change_page(Tx& tx, const StoreRequest& request, Wanted& wanted, uint32_t number,
                     MailboxCounters& counters, StoreResult& out) {
  const PagePtr before = TRY(tx.peek_page(request.mailbox, number));
  if (!before) return {};
  HotPage* page = nullptr;
  for (const HotEntry& entry : before->entries) {
    const Uid uid = before->uid(entry);
    if (!request.uids.contains(uid)) continue;
    if (request.unchanged_since && entry.modseq > *request.unchanged_since &&
        !only_others_changed(*before, entry, request, wanted)) {
      out.modified.add(uid);
      continue;
    }
    if (!wanted.keywords) {
      wanted.keywords = TRY(tx.intern_keywords(request.mailbox, request.keywords));
    }
    const uint8_t flags = changed_flags(entry.flags, wanted);
    KeywordSet keywords = changed_keywords(before->keywords(entry), wanted);
    if (flags == entry.flags && keywords == before->keywords(entry)) continue;
    if (!page) page = TRY(tx.page(request.mailbox, number));
    const uint8_t keyword_set = page->intern(keywords);
    HotEntry& changed = *page->find(entry.slot);
    count_change(counters, entry.flags, flags);
    if (((entry.flags ^ flags) & flag_deleted) != 0) {
      changed.deleted_at = (flags & flag_deleted) ? static_cast<uint32_t>(tx.now().seconds()) : 0;
    }
    changed.flags = flags;
    changed.keyword_set = keyword_set;
    changed.modseq = tx.modseq();
    out.changed.add(uid);
    if (request.known_modseq && entry.modseq > *request.known_modseq) out.overtaken.add(uid);
  }
  return {};
}

}  // namespace

Result<StoreResult> store_flags(Tx& tx, const StoreRequest& request) {
  StoreResult out;
  Wanted wanted{request.change, request.flags, {}, std::nullopt};
  if (request.change == FlagChange::remove || request.told) {
    wanted.known = TRY(known_keywords(tx, request.mailbox, request.keywords));
  }
  if (request.change == FlagChange::remove) wanted.keywords = wanted.known;
  const auto pages = TRY(tx.pages_of(request.mailbox, request.uids));
  MailboxCounters counters = TRY(tx.peek_counters(request.mailbox));
  for (const uint32_t page : pages) {
    TRY(change_page(tx, request, wanted, page, counters, out));
  }
  if (out.changed.empty()) return out;
  counters.highest_modseq = tx.modseq();
  *TRY(tx.counters(request.mailbox)) = counters;
  out.modseq = tx.modseq();
  tx.log(ChangeKind::flags, request.mailbox, out.changed);
  return out;
}

Result<Uid> take_recent(Tx& tx, MailboxId mailbox) {
  const MailboxCounters before = TRY(tx.peek_counters(mailbox));
  if (before.first_recent == before.uid_next) return before.first_recent;
  MailboxCounters* counters = TRY(tx.counters(mailbox));
  counters->first_recent = before.uid_next;
  return before.first_recent;
}

}  // namespace eilpost::store
