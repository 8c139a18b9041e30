#include <algorithm>

#include "store/annotations.h"
#include "store/keys.h"
#include "store/mutations.h"

namespace eilpost::store {

namespace {

// Pages that one commit of a mass expunge or purge goes through.
constexpr size_t step_pages = 1024;
constexpr size_t step_bytes = 1'500'000;

Result<> take_out_of_page(Tx& tx, engine::Engine& engine, MailboxId mailbox, uint32_t number,
                          const UidSet& uids, bool moved) {
  HotPage* page = TRY(tx.page(mailbox, number));
  std::vector<uint8_t> slots;
  for (const HotEntry& entry : page->entries) {
    if (uids.contains(page->uid(entry))) slots.push_back(entry.slot);
  }
  const PageRows rows = TRY(slot_rows(tx, engine, mailbox, number, slots, false));
  const std::string key = keys::recoverable(mailbox, number);
  const auto row = TRY(tx.get(key));
  std::vector<Gone> gone;
  if (row) gone = TRY(decode_gone(*row));
  MailboxCounters& counters = *TRY(tx.counters(mailbox));
  Head& head = tx.head();
  for (const ColdSlot& s : rows.cold) {
    const HotEntry* entry = page->find(s.slot);
    if (!entry || !uids.contains(page->uid(*entry))) continue;
    counters.exists -= 1;
    counters.unseen -= (entry->flags & flag_seen) ? 0 : 1;
    counters.deleted -= (entry->flags & flag_deleted) ? 1 : 0;
    counters.size -= s.cold.size;
    head.used.bytes -= s.cold.size;
    head.used.messages -= 1;
    gone.push_back(
        Gone{s.slot, moved, entry->flags, page->keywords(*entry), tx.modseq(), tx.now().seconds()});
    page->erase(s.slot);
  }
  std::sort(gone.begin(), gone.end(), [](const Gone& a, const Gone& b) { return a.slot < b.slot; });
  tx.put(key, encode(gone));
  return {};
}

}  // namespace

Result<> take_out(Tx& tx, engine::Engine& engine, MailboxId mailbox, const UidSet& uids,
                  bool moved) {
  for (const uint32_t page : TRY(tx.pages_of(mailbox, uids))) {
    TRY(take_out_of_page(tx, engine, mailbox, page, uids, moved));
  }
  TRY(tx.counters(mailbox))->highest_modseq = tx.modseq();
  tx.log(ChangeKind::expunged, mailbox, uids);
  return {};
}

Result<ExpungeResult> expunge(Tx& tx, engine::Engine& engine, const ExpungeRequest& request) {
  ExpungeResult out;
  if (TRY(tx.peek_counters(request.mailbox)).deleted == 0) return out;
  UidSet everything;
  everything.add(Uid(1), Uid(UINT32_MAX));
  const UidSet& asked = request.uids ? *request.uids : everything;
  size_t pages_used = 0;
  size_t bytes = 0;
  for (const uint32_t number : TRY(tx.pages_of(request.mailbox, asked))) {
    const PagePtr page = TRY(tx.peek_page(request.mailbox, number));
    if (!page) continue;
    bool used = false;
    for (const HotEntry& entry : page->entries) {
      if ((entry.flags & flag_deleted) == 0 || !asked.contains(page->uid(entry))) continue;
      if (!used && (pages_used == step_pages || bytes > step_bytes)) {
        out.more = true;
        break;
      }
      out.uids.add(page->uid(entry));
      bytes += 32 + 3 * page->keywords(entry).size();  // at most, in its recoverable row
      used = true;
    }
    if (out.more) break;
    pages_used += used ? 1 : 0;
  }
  if (out.uids.empty()) return out;
  TRY(take_out(tx, engine, request.mailbox, out.uids, false));
  out.modseq = tx.modseq();
  return out;
}

namespace {

// Drops the slots that went before `before_seconds` from one page's cold entries and recoverable
// row.
Result<uint64_t> purge_page(Tx& tx, engine::Engine& engine, MailboxId mailbox, uint32_t number,
                            std::vector<Gone> gone, int64_t before_seconds) {
  uint64_t purged = 0;
  const PageRows rows = TRY(page_rows(tx, engine, mailbox, number, false));
  std::vector<Gone> kept;
  std::vector<ColdSlot> cold = rows.cold;
  std::vector<engine::BlobId> blobs;
  for (const ColdSlot& slot : cold) blobs.push_back(slot.cold.blob);
  TRY(tx.know_holders(blobs));
  for (Gone& g : gone) {
    if (g.seconds >= before_seconds) {
      kept.push_back(std::move(g));
      continue;
    }
    const auto at =
        std::find_if(cold.begin(), cold.end(), [&](const ColdSlot& s) { return s.slot == g.slot; });
    if (at == cold.end()) continue;
    TRY(tx.release_blob(at->cold.blob));
    if (!rows.sealed) tx.del(keys::message(mailbox, number, g.slot));
    cold.erase(at);
    ++purged;
  }
  if (rows.sealed && purged > 0) {
    const std::string key = keys::message(mailbox, number, keys::sealed_slot);
    if (cold.empty()) {
      tx.del(key);
      TRY(tx.release_blob(rows.digest_blob));
    } else {
      const auto row = TRY(tx.get(key));
      if (!row) return fail(Code::corrupt, "sealed page is gone");
      SealedPage sealed = TRY(decode_sealed(*row));
      sealed.slots = std::move(cold);
      tx.put(key, encode(sealed));
    }
  }
  const std::string key = keys::recoverable(mailbox, number);
  if (kept.empty()) {
    tx.del(key);
  } else {
    tx.put(key, encode(kept));
  }
  return purged;
}

// Turns a mailbox deleted before `before_seconds` into expunged messages, which purge then removes.
Result<bool> expire_deleted_mailbox(Tx& tx, const MailboxDef& def) {
  size_t steps = 0;
  for (const auto& row : TRY(tx.scan(keys::all('P', def.id)))) {
    if (steps++ == step_pages) return true;
    const HotPage page = TRY(decode_hot_page(keys::page_in(row.key), row.value));
    const std::string key = keys::recoverable(def.id, page.page);
    const auto before = TRY(tx.get(key));
    std::vector<Gone> gone;
    if (before) gone = TRY(decode_gone(*before));
    for (const HotEntry& e : page.entries) {
      gone.push_back(Gone{e.slot, false, e.flags, page.keywords(e), e.modseq, def.deleted_seconds});
    }
    std::sort(gone.begin(), gone.end(),
              [](const Gone& a, const Gone& b) { return a.slot < b.slot; });
    tx.put(key, encode(gone));
    tx.del(row.key);
  }
  if (steps > 0) return true;
  if (!TRY(tx.scan(keys::all('R', def.id))).empty()) return false;
  TRY(drop_annotations(tx, def.id));
  tx.del(keys::definition(def.id));
  tx.del(keys::counters(def.id));
  tx.del(keys::keywords(def.id));
  tx.forget_mailbox(def.id);
  return false;
}

}  // namespace

Result<PurgeResult> purge(Tx& tx, engine::Engine& engine, int64_t before_seconds) {
  PurgeResult out;
  bool due_mailbox = false;
  for (const MailboxDef& def : tx.folders().deleted()) {
    if (def.deleted_seconds >= before_seconds) continue;
    due_mailbox = true;
    if (TRY(expire_deleted_mailbox(tx, def))) {
      out.more = true;
      return out;
    }
  }
  size_t pages = 0;
  engine::Range range = keys::all('R');
  for (const auto& row : TRY(tx.scan(range))) {
    std::vector<Gone> gone = TRY(decode_gone(row.value));
    const bool due = std::any_of(gone.begin(), gone.end(),
                                 [&](const Gone& g) { return g.seconds < before_seconds; });
    if (!due) continue;
    if (pages++ == step_pages || tx.layer_bytes() > 2'000'000) {
      out.more = true;
      break;
    }
    out.messages += TRY(purge_page(tx, engine, keys::mailbox_of(row.key), keys::page_in(row.key),
                                   std::move(gone), before_seconds));
  }
  // A deleted mailbox goes when its last messages have gone: with the next step.
  out.more = out.more || (out.messages > 0 && due_mailbox);
  return out;
}

}  // namespace eilpost::store
