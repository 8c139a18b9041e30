// Account's reading of cold entries and digests: unsealed slots row by row, sealed pages from the
// digest blob, only the columns that were asked for.

#include <algorithm>

#include "store/account.h"
#include "store/keys.h"

namespace eilpost::store {

const PageData::Message* PageData::find(uint8_t slot) const {
  const auto at = std::lower_bound(messages.begin(), messages.end(), slot,
                                   [](const Message& m, uint8_t s) { return m.slot < s; });
  return at != messages.end() && at->slot == slot ? &*at : nullptr;
}

Result<> Account::read_digests(const SealedPage& sealed, uint8_t columns, PageData& out) {
  for (size_t c = 0; c < column_count; ++c) {
    if ((columns & (1U << c)) == 0) continue;
    const uint32_t from = sealed.column_offsets[c];
    const uint32_t to = sealed.column_offsets[c + 1];
    if (to < from) return fail(Code::corrupt, "sealed page: columns out of order");
    out.octets.push_back(TRY(services_.engine.read_blob(sealed.digests, from, to - from)));
    const std::string_view column = out.octets.back();
    for (PageData::Message& m : out.messages) m.digest[c] = TRY(column_slot(column, m.slot));
  }
  return {};
}

// Adds what the rows say to `out`; true when one of them was the sealed page, which says
// everything.
Result<bool> Account::take_rows(const std::vector<engine::Row>& rows, uint8_t columns,
                                PageData& out) {
  for (const auto& row : rows) {
    const uint8_t slot = keys::slot_in(row.key);
    if (slot == keys::sealed_slot) {
      const SealedPage sealed = TRY(decode_sealed(row.value));
      out.messages.clear();
      for (const ColdSlot& s : sealed.slots) out.messages.push_back({s.slot, s.cold, {}});
      TRY(read_digests(sealed, columns, out));
      return true;
    }
    MessageRow decoded = TRY(decode_message(row.value));
    PageData::Message m{slot, decoded.cold, {}};
    for (size_t c = 0; c < column_count; ++c) {
      if ((columns & (1U << c)) == 0) continue;
      out.octets.push_back(std::move(column_of(decoded.digest, static_cast<Column>(c))));
      m.digest[c] = out.octets.back();
    }
    out.messages.push_back(m);
  }
  return false;
}

Result<PageDataPtr> Account::read_page(MailboxId mailbox, uint32_t page, uint8_t columns) {
  auto out = std::make_shared<PageData>();
  out->page = page;
  out->octets.reserve(keys::page_slots * column_count);
  engine::Range range = keys::message_page(mailbox, page);
  for (bool more = true; more;) {
    const auto read = TRY(services_.engine.read(partition_, range));
    more = read.more && !read.rows.empty();
    if (more) range.first = read.rows.back().key + '\0';
    if (TRY(take_rows(read.rows, columns, *out))) break;
  }
  return PageDataPtr(std::move(out));
}

Result<PageDataPtr> Account::read_slots(MailboxId mailbox, uint32_t page, uint8_t columns,
                                        const std::vector<uint8_t>& slots) {
  // Beyond this many, one scan of the page costs less than so many look-ups.
  constexpr size_t slots_max = 16;
  if (slots.size() > slots_max) return read_page(mailbox, page, columns);
  auto out = std::make_shared<PageData>();
  out->page = page;
  out->octets.reserve((slots.size() + 1) * column_count);
  std::vector<std::string> wanted;
  for (const uint8_t slot : slots) wanted.push_back(keys::message(mailbox, page, slot));
  wanted.push_back(keys::message(mailbox, page, keys::sealed_slot));
  const auto read = TRY(services_.engine.read(partition_, wanted));
  TRY(take_rows(read.rows, columns, *out));
  return PageDataPtr(std::move(out));
}

}  // namespace eilpost::store
