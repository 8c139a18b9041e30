#include "base/check.h"
#include "store/keys.h"
#include "store/mutations.h"

namespace eilpost::store {

Result<> check_quota(Tx& tx, const QuotaLimit& limit, QuotaUse added) {
  const QuotaUse used = tx.head().used;
  if (limit.bytes != 0 && (added.bytes > limit.bytes || used.bytes > limit.bytes - added.bytes)) {
    return fail(Code::over_quota, "storage quota");
  }
  if (limit.messages != 0 &&
      (added.messages > limit.messages || used.messages > limit.messages - added.messages)) {
    return fail(Code::over_quota, "message quota");
  }
  return {};
}

Result<PageRows> page_rows(Tx& tx, engine::Engine& engine, MailboxId mailbox, uint32_t page,
                           bool with_digests) {
  PageRows out;
  const auto rows = TRY(tx.scan(keys::message_page(mailbox, page)));
  for (const auto& row : rows) {
    const uint8_t slot = keys::slot_in(row.key);
    if (slot != keys::sealed_slot) {
      MessageRow message = TRY(decode_message(row.value));
      out.cold.push_back({slot, message.cold});
      if (with_digests) out.digests.push_back(std::move(message.digest));
      continue;
    }
    SealedPage sealed = TRY(decode_sealed(row.value));
    out.sealed = true;
    out.digest_blob = sealed.digests;
    out.cold = std::move(sealed.slots);
    out.digests.clear();
    if (!with_digests) return out;
    const uint32_t length = sealed.column_offsets[column_count];
    const std::string blob = TRY(engine.read_blob(sealed.digests, 0, length));
    out.digests.resize(out.cold.size());
    for (size_t c = 0; c < column_count; ++c) {
      if (sealed.column_offsets[c] > blob.size())
        return fail(Code::corrupt, "digest blob is short");
      const auto column = std::string_view(blob).substr(
          sealed.column_offsets[c], sealed.column_offsets[c + 1] - sealed.column_offsets[c]);
      for (size_t i = 0; i < out.cold.size(); ++i) {
        column_of(out.digests[i], static_cast<Column>(c)) =
            std::string(TRY(column_slot(column, out.cold[i].slot)));
      }
    }
    return out;
  }
  return out;
}

Result<PageRows> slot_rows(Tx& tx, engine::Engine& engine, MailboxId mailbox, uint32_t page,
                           const std::vector<uint8_t>& slots, bool with_digests) {
  // Beyond this many, one scan of the page costs less than so many look-ups.
  constexpr size_t slots_max = 8;
  const bool sealed = TRY(tx.get(keys::message(mailbox, page, keys::sealed_slot))).has_value();
  if (sealed || slots.size() > slots_max) {
    return page_rows(tx, engine, mailbox, page, with_digests);
  }
  PageRows out;
  for (const uint8_t slot : slots) {
    const auto row = TRY(tx.get(keys::message(mailbox, page, slot)));
    if (!row) continue;
    MessageRow message = TRY(decode_message(*row));
    out.cold.push_back({slot, message.cold});
    if (with_digests) out.digests.push_back(std::move(message.digest));
  }
  return out;
}

Result<> seal_page(Tx& tx, MailboxId mailbox, uint32_t page) {
  const auto rows = TRY(tx.scan(keys::message_page(mailbox, page)));
  SealedPage sealed;
  std::vector<Digest> digests;
  for (const auto& row : rows) {
    const uint8_t slot = keys::slot_in(row.key);
    if (slot == keys::sealed_slot) return {};
    MessageRow message = TRY(decode_message(row.value));
    sealed.slots.push_back({slot, message.cold});
    digests.push_back(std::move(message.digest));
  }
  if (sealed.slots.empty()) return {};
  std::vector<const Digest*> pointers;
  for (const Digest& d : digests) pointers.push_back(&d);
  const std::string blob = encode_digests(sealed, pointers);
  sealed.digests = TRY(tx.stage(blob, "digests of mailbox " + std::to_string(mailbox.value) +
                                          " page " + std::to_string(page)));
  for (const ColdSlot& s : sealed.slots) tx.del(keys::message(mailbox, page, s.slot));
  tx.put(keys::message(mailbox, page, keys::sealed_slot), encode(sealed));
  return {};
}

Result<Uid> add_message(Tx& tx, MailboxId mailbox, MailboxCounters& counters,
                        const Arrival& arrival) {
  const Uid uid = counters.uid_next;
  if (uid.value == UINT32_MAX) return fail(Code::limit, "the mailbox has used up its uids");
  const uint32_t number = keys::page_of(uid);
  HotPage* page = TRY(tx.page(mailbox, number));
  const uint8_t keyword_set = page->intern(arrival.keywords);
  HotEntry& entry = page->insert(keys::slot_of(uid));
  entry.modseq = tx.modseq();
  entry.flags = arrival.flags;
  entry.keyword_set = keyword_set;
  entry.deleted_at = (arrival.flags & flag_deleted) ? static_cast<uint32_t>(tx.now().seconds()) : 0;
  tx.put_fresh(keys::message(mailbox, number, keys::slot_of(uid)),
               encode(MessageRow{arrival.cold, *arrival.digest}));
  counters.uid_next = Uid(uid.value + 1);
  counters.exists += 1;
  counters.unseen += (arrival.flags & flag_seen) ? 0 : 1;
  counters.deleted += (arrival.flags & flag_deleted) ? 1 : 0;
  counters.size += arrival.cold.size;
  counters.highest_modseq = tx.modseq();
  Head& head = tx.head();
  head.used.bytes += arrival.cold.size;
  head.used.messages += 1;
  if (keys::page_of(counters.uid_next) != number) TRY(seal_page(tx, mailbox, number));
  return uid;
}

Result<AppendResult> append(Tx& tx, const AppendRequest& request) {
  return append(tx, request, request.quota);
}

Result<AppendResult> append(Tx& tx, const AppendRequest& request, const QuotaLimit& quota) {
  QuotaUse added;
  for (const NewMessage& m : request.messages) {
    added.bytes += m.cold.size;
    added.messages += 1;
  }
  TRY(check_quota(tx, quota, added));
  MailboxCounters* counters = TRY(tx.counters(request.mailbox));
  AppendResult out;
  out.uid_validity = counters->uid_validity;
  UidSet uids;
  for (const NewMessage& m : request.messages) {
    Arrival arrival;
    arrival.cold = m.cold;
    arrival.cold.email_id = tx.new_email_id();
    arrival.cold.saved_seconds = tx.now().seconds();
    arrival.digest = &m.digest;
    arrival.flags = m.flags;
    arrival.keywords = TRY(tx.intern_keywords(request.mailbox, m.keywords));
    tx.sync_blob(m.cold.blob);
    const Uid uid = TRY(add_message(tx, request.mailbox, *counters, arrival));
    out.uids.push_back(uid);
    uids.add(uid);
  }
  out.modseq = tx.modseq();
  tx.log(ChangeKind::added, request.mailbox, std::move(uids));
  return out;
}

}  // namespace eilpost::store
