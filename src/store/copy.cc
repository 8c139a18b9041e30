#include <algorithm>
#include <map>

#include "store/keys.h"
#include "store/mutations.h"

namespace eilpost::store {

namespace {

struct Chosen {
  Uid uid;
  uint8_t flags = 0;
  KeywordSet keywords;  // of the source mailbox
  Cold cold;
  Digest digest;
};

// What of `request.uids` is in one page of the source, below `end`: a copy into its own mailbox
// does not copy what it has just made.
Result<std::vector<Chosen>> chosen_in_page(Tx& tx, engine::Engine& engine,
                                           const CopyRequest& request, Uid end, uint32_t number) {
  std::vector<Chosen> out;
  const PagePtr page = TRY(tx.peek_page(request.from, number));
  if (!page) return out;
  for (const HotEntry& entry : page->entries) {
    const Uid uid = page->uid(entry);
    if (uid < end && request.uids.contains(uid)) {
      out.push_back({uid, entry.flags, page->keywords(entry), {}, {}});
    }
  }
  if (out.empty()) return out;
  std::vector<uint8_t> slots;
  for (const Chosen& c : out) slots.push_back(keys::slot_of(c.uid));
  PageRows rows = TRY(slot_rows(tx, engine, request.from, number, slots, true));
  for (Chosen& c : out) {
    const auto at = std::find_if(rows.cold.begin(), rows.cold.end(),
                                 [&](const ColdSlot& s) { return s.slot == keys::slot_of(c.uid); });
    if (at == rows.cold.end()) return fail(Code::corrupt, "message without its cold entry");
    c.cold = at->cold;
    c.digest = std::move(rows.digests[static_cast<size_t>(at - rows.cold.begin())]);
  }
  std::vector<engine::BlobId> blobs;
  for (const Chosen& c : out) blobs.push_back(c.cold.blob);
  TRY(tx.know_holders(blobs));
  return out;
}

// Keyword sets of the source mailbox in terms of the target's table.
class KeywordMap {
 public:
  KeywordMap(Tx& tx, MailboxId to, KeywordTable from) : tx_(tx), to_(to), from_(std::move(from)) {}

  Result<KeywordSet> map(const KeywordSet& set) {
    if (set.empty()) return KeywordSet();
    const auto known = known_.find(set);
    if (known != known_.end()) return known->second;
    std::vector<std::string> names;
    for (const uint16_t index : set) {
      if (index < from_.size()) names.push_back(from_[index]);
    }
    KeywordSet mapped = TRY(tx_.intern_keywords(to_, names));
    known_[set] = mapped;
    return mapped;
  }

 private:
  Tx& tx_;
  MailboxId to_;
  KeywordTable from_;
  std::map<KeywordSet, KeywordSet> known_;
};

}  // namespace

Result<CopyResult> copy(Tx& tx, engine::Engine& engine, const CopyRequest& request) {
  CopyResult out;
  const auto pages = TRY(tx.pages_of(request.from, request.uids));
  const Uid end = TRY(tx.peek_counters(request.from)).uid_next;
  out.uid_validity = TRY(tx.peek_counters(request.to)).uid_validity;
  MailboxCounters* target = nullptr;  // taken to be changed with the first message
  KeywordMap keywords(tx, request.to, TRY(tx.keywords(request.from)));
  UidSet gone;
  UidSet added;
  QuotaUse copied;
  for (const uint32_t page : pages) {
    for (Chosen& c : TRY(chosen_in_page(tx, engine, request, end, page))) {
      if (!target) target = TRY(tx.counters(request.to));
      copied.bytes += c.cold.size;
      copied.messages += 1;
      Arrival arrival{c.cold, &c.digest, c.flags, TRY(keywords.map(c.keywords))};
      arrival.cold.saved_seconds = tx.now().seconds();
      TRY(tx.hold_blob(c.cold.blob));
      const Uid uid = TRY(add_message(tx, request.to, *target, arrival));
      out.uids.emplace_back(c.uid, uid);
      gone.add(c.uid);
      added.add(uid);
    }
    if (tx.layer_bytes() > 4'000'000) {
      return fail(Code::limit, "more messages than one commit can copy");
    }
  }
  if (out.uids.empty()) return out;
  if (request.move) {
    tx.log(ChangeKind::added, request.to, std::move(added));
    TRY(take_out(tx, engine, request.from, gone, true));
  } else {
    // The use was counted by add_message: what is checked is the sum.
    TRY(check_quota(tx, request.quota, {}));
    tx.log(ChangeKind::added, request.to, std::move(added));
  }
  out.modseq = tx.modseq();
  return out;
}

}  // namespace eilpost::store
