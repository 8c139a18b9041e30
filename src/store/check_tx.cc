// The steps of a check that need one state of the account, as mutations.

#include <algorithm>
#include <set>
#include <unordered_map>

#include "store/check.h"
#include "store/keys.h"

namespace eilpost::store {

namespace {

// Repairs of holders that one commit takes.
constexpr size_t repairs_max = 10'000;

CheckFinding finding(MailboxId mailbox, std::string what, bool repaired) {
  return {mailbox, Uid(0), std::move(what), repaired};
}

std::set<uint32_t> page_numbers(const std::vector<engine::Row>& rows) {
  std::set<uint32_t> out;
  for (const auto& row : rows) out.insert(keys::page_in(row.key));
  return out;
}

// Every page that has hot, cold or recoverable entries; keys only, a part of the rows at a time.
Result<std::set<uint32_t>> all_pages(Tx& tx, MailboxId mailbox) {
  std::set<uint32_t> out;
  for (const char kind : {'P', 'R'})
    out.merge(page_numbers(TRY(tx.scan(keys::all(kind, mailbox)))));
  const SnapshotPtr base = TRY(tx.snapshot(mailbox));
  base->tree.for_pages(Uid(0), [&](Seq, const PagePtr& page) {
    out.insert(page->page);
    return true;
  });
  // Cold pages that nothing else names: found by skipping from page to page.
  engine::Range range = keys::all('M', mailbox);
  range.rows_max = 1;
  for (;;) {
    const auto rows = TRY(tx.scan(range));
    if (rows.empty()) return out;
    const uint32_t page = keys::page_in(rows.front().key);
    out.insert(page);
    range.first = keys::message_page(mailbox, page).last;
  }
}

// What a mailbox's pages say its counters should be.
struct Sum {
  MailboxCounters counters;
  Findings findings;
};

void add_entry(Sum& sum, const HotPage& page, const HotEntry& entry, const Cold* cold) {
  MailboxCounters& c = sum.counters;
  c.exists += 1;
  c.unseen += (entry.flags & flag_seen) ? 0 : 1;
  c.deleted += (entry.flags & flag_deleted) ? 1 : 0;
  c.size += cold != nullptr ? cold->size : 0;
  c.highest_modseq = std::max(c.highest_modseq, entry.modseq);
  c.uid_next = std::max(c.uid_next, Uid(page.uid(entry).value + 1));
}

// A message whose octets nobody can find: clients would stumble over it for ever.
Result<> drop_hot(Tx& tx, MailboxId mailbox, uint32_t number, const std::vector<uint8_t>& slots) {
  HotPage* page = TRY(tx.page(mailbox, number));
  UidSet uids;
  for (const uint8_t slot : slots) {
    uids.add(keys::uid_at(number, slot));
    page->erase(slot);
  }
  TRY(tx.counters(mailbox))->highest_modseq = tx.modseq();
  tx.log(ChangeKind::expunged, mailbox, std::move(uids));
  return {};
}

// Entries that nothing leads to: made recoverable, so that the purge finds them in its time.
Result<> keep_recoverable(Tx& tx, MailboxId mailbox, uint32_t number, std::vector<Gone> gone,
                          const std::vector<uint8_t>& slots) {
  for (const uint8_t slot : slots) {
    gone.push_back(Gone{slot, false, 0, {}, tx.modseq(), tx.now().seconds()});
  }
  std::sort(gone.begin(), gone.end(), [](const Gone& a, const Gone& b) { return a.slot < b.slot; });
  tx.put(keys::recoverable(mailbox, number), encode(gone));
  return {};
}

Result<> check_page(Tx& tx, engine::Engine& engine, MailboxId mailbox, uint32_t number,
                    StepOptions options, Sum& sum) {
  const PagePtr hot = TRY(tx.peek_page(mailbox, number));
  const PageRows rows = TRY(page_rows(tx, engine, mailbox, number, false));
  std::vector<Gone> gone;
  if (const auto row = TRY(tx.get(keys::recoverable(mailbox, number)))) {
    gone = TRY(decode_gone(*row));
  }
  std::map<uint8_t, const Cold*> cold;
  for (const ColdSlot& s : rows.cold) cold[s.slot] = &s.cold;
  std::set<uint8_t> named;
  std::vector<uint8_t> lost;
  for (const Gone& g : gone) named.insert(g.slot);
  if (hot) {
    for (const HotEntry& entry : hot->entries) {
      named.insert(entry.slot);
      const auto at = cold.find(entry.slot);
      if (at == cold.end()) lost.push_back(entry.slot);
      if (at != cold.end() || !options.repair) {
        add_entry(sum, *hot, entry, at == cold.end() ? nullptr : at->second);
      }
    }
  }
  std::vector<uint8_t> unnamed;
  for (const auto& [slot, entry] : cold) {
    if (named.count(slot) == 0) unnamed.push_back(slot);
  }
  for (const uint8_t slot : lost) {
    sum.findings.push_back({mailbox, keys::uid_at(number, slot),
                            "the message has no octets: taken out of the mailbox", options.repair});
  }
  for (const uint8_t slot : unnamed) {
    sum.findings.push_back({mailbox, keys::uid_at(number, slot),
                            "octets of a message that is neither there nor expunged",
                            options.repair});
  }
  if (!options.repair) return {};
  if (!lost.empty()) TRY(drop_hot(tx, mailbox, number, lost));
  if (!unnamed.empty()) {
    TRY(keep_recoverable(tx, mailbox, number, std::move(gone), unnamed));
  }
  return {};
}

// The part of the counters that follows from the pages, compared and put right.
void compare_counters(const Sum& sum, MailboxCounters& have, std::vector<std::string>& wrong) {
  const auto compare = [&](std::string_view name, auto& mine, auto right) {
    if (mine == right) return;
    wrong.push_back(std::string(name) + " is " + std::to_string(mine) + ", should be " +
                    std::to_string(right));
    mine = right;
  };
  compare("exists", have.exists, sum.counters.exists);
  compare("unseen", have.unseen, sum.counters.unseen);
  compare("deleted", have.deleted, sum.counters.deleted);
  compare("size", have.size, sum.counters.size);
  // These may be ahead of what is there: what they counted may be gone.
  compare("uid_next", have.uid_next.value,
          std::max(have.uid_next.value, sum.counters.uid_next.value));
  compare("highest_modseq", have.highest_modseq.value,
          std::max(have.highest_modseq.value, sum.counters.highest_modseq.value));
}

}  // namespace

Result<Findings> check_mailbox(Tx& tx, engine::Engine& engine, MailboxId mailbox,
                               StepOptions options) {
  Sum sum;
  for (const uint32_t page : TRY(all_pages(tx, mailbox))) {
    TRY(check_page(tx, engine, mailbox, page, options, sum));
  }
  MailboxCounters counters = TRY(tx.peek_counters(mailbox));
  std::vector<std::string> wrong;
  compare_counters(sum, counters, wrong);
  for (std::string& what : wrong) {
    sum.findings.push_back(finding(mailbox, std::move(what), options.repair));
  }
  if (!wrong.empty() && options.repair) *TRY(tx.counters(mailbox)) = counters;
  return std::move(sum.findings);
}

Result<Findings> check_quota_use(Tx& tx, StepOptions options) {
  QuotaUse use;
  for (const auto& entry : tx.folders().entries()) {
    const auto counters = tx.peek_counters(entry.def->id);
    if (!counters) continue;
    use.bytes += counters->size;
    use.messages += counters->exists;
  }
  Findings out;
  const QuotaUse have = tx.head().used;
  if (have.bytes != use.bytes || have.messages != use.messages) {
    out.push_back(finding(MailboxId(0),
                          "the quota counts " + std::to_string(have.bytes) + " octets and " +
                              std::to_string(have.messages) + " messages, the mailboxes hold " +
                              std::to_string(use.bytes) + " and " + std::to_string(use.messages),
                          options.repair));
    if (options.repair) tx.head().used = use;
  }
  return out;
}

Result<Findings> check_holders(Tx& tx, StepOptions options) {
  std::unordered_map<engine::BlobId, uint32_t> named;
  engine::Range range = keys::all('M');
  constexpr size_t rows_at_once = 512;
  range.rows_max = rows_at_once;
  for (;;) {
    const auto rows = TRY(tx.scan(range));
    for (const auto& row : rows) {
      if (keys::slot_in(row.key) != keys::sealed_slot) {
        named[TRY(decode_message(row.value)).cold.blob] += 1;
        continue;
      }
      for (const ColdSlot& s : TRY(decode_sealed(row.value)).slots) named[s.cold.blob] += 1;
    }
    if (rows.empty()) break;
    range.first = rows.back().key + '\0';
  }
  Findings out;
  const auto wrong = [&](std::string what) {
    out.push_back(finding(MailboxId(0), std::move(what), options.repair));
  };
  std::set<std::string> right;
  for (const auto& [blob, count] : named) {
    const std::string key = keys::blob_holders(blob);
    if (count > 1) right.insert(key);
    if (count <= 1 || out.size() >= repairs_max) continue;
    const auto row = TRY(tx.get(key));
    const auto have = row ? decode_holders(*row) : Result<uint32_t>(1);
    if (have && *have == count) continue;
    wrong("a blob that " + std::to_string(count) + " messages share counts " +
          (have ? std::to_string(*have) : "damaged"));
    if (options.repair) tx.put(key, encode_holders(count));
  }
  for (const auto& row : TRY(tx.scan(keys::all('B')))) {
    if (right.count(row.key) != 0 || out.size() >= repairs_max) continue;
    wrong("holders of a blob that at most one message has");
    if (options.repair) tx.del(row.key);
  }
  return out;
}

Result<Findings> check_annotations(Tx& tx, StepOptions options) {
  std::set<MailboxId> known{MailboxId(0)};
  for (const MailboxDef& def : tx.folders().all()) known.insert(def.id);
  Findings out;
  AnnotationUse sum;
  for (const auto& row : TRY(tx.scan(keys::all('N')))) {
    const MailboxId mailbox = keys::mailbox_of(row.key);
    // One that cannot be read was reported when every row was looked at; it is taken away too.
    const auto annotation = decode_annotation(row.value);
    if (annotation && known.count(mailbox) != 0) {
      sum.entries += 1;
      sum.bytes += annotation->name.size() + annotation->value.size();
      continue;
    }
    out.push_back(finding(mailbox,
                          annotation ? "an annotation of a mailbox that is gone"
                                     : "an annotation that cannot be read",
                          options.repair));
    if (options.repair) tx.del(row.key);
  }
  const auto row = TRY(tx.get(keys::annotation_use()));
  const auto use = row ? decode_annotation_use(*row) : Result<AnnotationUse>(AnnotationUse());
  if (use && *use == sum) return out;
  out.push_back(finding(MailboxId(0), "the count of annotations is not their number or size",
                        options.repair));
  if (options.repair) tx.put(keys::annotation_use(), encode(sum));
  return out;
}

Result<bool> replace_digests(Tx& tx, engine::Engine& engine, MailboxId mailbox, uint32_t page,
                             const std::map<uint8_t, Digest>& fresh) {
  PageRows rows = TRY(page_rows(tx, engine, mailbox, page, false));
  if (!rows.sealed) {
    for (const ColdSlot& s : rows.cold) {
      const auto at = fresh.find(s.slot);
      if (at == fresh.end()) continue;
      tx.put(keys::message(mailbox, page, s.slot), encode(MessageRow{s.cold, at->second}));
    }
    return true;
  }
  const auto old = page_rows(tx, engine, mailbox, page, true);
  std::vector<const Digest*> digests;
  for (size_t i = 0; i < rows.cold.size(); ++i) {
    const auto at = fresh.find(rows.cold[i].slot);
    if (at == fresh.end() && !old) return tl::unexpected(old.error());
    digests.push_back(at != fresh.end() ? &at->second : &old->digests[i]);
  }
  SealedPage sealed;
  sealed.slots = std::move(rows.cold);
  const std::string blob = encode_digests(sealed, digests);
  sealed.digests = TRY(tx.stage(blob, "digests of mailbox " + std::to_string(mailbox.value) +
                                          " page " + std::to_string(page)));
  tx.put(keys::message(mailbox, page, keys::sealed_slot), encode(sealed));
  TRY(tx.release_blob(rows.digest_blob));
  return true;
}

}  // namespace eilpost::store
