// Account's reading of cold entries and digests: unsealed slots row by row, sealed pages from the
// digest blob, only the columns that were asked for; and what of it memory keeps.

#include <algorithm>

#include "store/account.h"
#include "store/keys.h"

namespace eilpost::store {

namespace {

// Of `slots`, ascending, those that `have` (may be null) lacks.
std::vector<uint8_t> lacking(const PageData* have, const std::vector<uint8_t>& slots) {
  std::vector<uint8_t> out;
  for (const uint8_t slot : slots) {
    if (!have || !have->find(slot)) out.push_back(slot);
  }
  return out;
}

// Both pages' messages; those of `more` win. Octets stay where they lie.
PageDataPtr together(const PageData& one, const PageData& more) {
  auto out = std::make_shared<PageData>();
  out->page = more.page;
  out->columns = one.columns & more.columns;
  out->octets = one.octets;
  out->octets.insert(out->octets.end(), more.octets.begin(), more.octets.end());
  out->messages.reserve(one.messages.size() + more.messages.size());
  std::set_union(
      more.messages.begin(), more.messages.end(), one.messages.begin(), one.messages.end(),
      std::back_inserter(out->messages),
      [](const PageData::Message& a, const PageData::Message& b) { return a.slot < b.slot; });
  return out;
}

}  // namespace

Result<> Account::read_digests(const SealedPage& sealed, uint8_t columns, PageData& out) {
  PageData::Octets read;
  read.reserve(column_count);
  for (size_t c = 0; c < column_count; ++c) {
    if ((columns & (1U << c)) == 0) continue;
    const uint32_t from = sealed.column_offsets[c];
    const uint32_t to = sealed.column_offsets[c + 1];
    if (to < from) return fail(Code::corrupt, "sealed page: columns out of order");
    read.push_back(TRY(services_.engine.read_blob(sealed.digests, from, to - from)));
    const std::string_view column = read.back();
    for (PageData::Message& m : out.messages) m.digest[c] = TRY(column_slot(column, m.slot));
  }
  out.octets.push_back(std::make_shared<const PageData::Octets>(std::move(read)));
  out.columns = columns;
  return {};
}

// Adds what the rows say to `out`; true when one of them was the sealed page, which says
// everything.
Result<bool> Account::take_rows(std::vector<engine::Row>& rows, uint8_t columns, PageData& out) {
  auto values = std::make_shared<PageData::Octets>();  // shared by the pages that will hold them
  values->reserve(rows.size());
  for (auto& row : rows) {
    const uint8_t slot = keys::slot_in(row.key);
    if (slot == keys::sealed_slot) {
      const SealedPage sealed = TRY(decode_sealed(row.value));
      out.messages.clear();
      for (const ColdSlot& s : sealed.slots) out.messages.push_back({s.slot, s.cold, {}});
      out.octets.clear();
      TRY(read_digests(sealed, columns, out));
      return true;
    }
    values->push_back(std::move(row.value));
    const MessageRowView view = TRY(view_message(values->back()));
    out.messages.push_back({slot, view.cold, view.digest});
  }
  out.octets.push_back(std::move(values));
  return false;
}

// Empty `slots`: the whole page.
Result<std::shared_ptr<PageData>> Account::read_rows(MailboxId mailbox, uint32_t page,
                                                     uint8_t columns,
                                                     const std::vector<uint8_t>& slots) {
  // Beyond this many, one scan of the page costs less than so many look-ups.
  constexpr size_t slots_max = 16;
  auto out = std::make_shared<PageData>();
  out->page = page;
  out->columns = read_all_columns;
  if (!slots.empty() && slots.size() <= slots_max) {
    std::vector<std::string> wanted;
    for (const uint8_t slot : slots) wanted.push_back(keys::message(mailbox, page, slot));
    wanted.push_back(keys::message(mailbox, page, keys::sealed_slot));
    auto read = TRY(services_.engine.read(partition_, wanted));
    TRY(take_rows(read.rows, columns, *out));
    return out;
  }
  engine::Range range = keys::message_page(mailbox, page);
  for (bool more = true; more;) {
    auto read = TRY(services_.engine.read(partition_, range));
    more = read.more && !read.rows.empty();
    if (more) range.first = read.rows.back().key + '\0';
    if (TRY(take_rows(read.rows, columns, *out))) break;
  }
  return out;
}

Result<PageDataPtr> Account::read_page(MailboxId mailbox, uint32_t page, uint8_t columns) {
  return PageDataPtr(TRY(read_rows(mailbox, page, columns, {})));
}

PageDataPtr Account::cached_slots(MailboxId mailbox, uint32_t page, uint8_t columns,
                                  const std::vector<uint8_t>& slots) const {
  if (!services_.pages) return nullptr;
  PageDataPtr have = services_.pages->data(page_key(mailbox, page));
  if (!have || (have->columns & columns) != columns) return nullptr;
  const bool all = std::all_of(slots.begin(), slots.end(),
                               [&](uint8_t slot) { return have->find(slot) != nullptr; });
  return all ? have : nullptr;
}

Result<PageDataPtr> Account::read_slots(MailboxId mailbox, uint32_t page, uint8_t columns,
                                        const std::vector<uint8_t>& slots) {
  if (!services_.pages) return PageDataPtr(TRY(read_rows(mailbox, page, columns, slots)));
  const uint64_t moment = services_.pages->moment();
  const PageDataPtr have = services_.pages->data(page_key(mailbox, page));
  const bool fits = have && (have->columns & columns) == columns;
  const std::vector<uint8_t> wanted = lacking(fits ? have.get() : nullptr, slots);
  if (fits && wanted.empty()) return have;
  // A page that lacks columns is read again with all that was wanted of it so far.
  if (have) columns |= have->columns;
  PageDataPtr read = TRY(read_rows(mailbox, page, columns, wanted));
  if (fits) read = together(*have, *read);
  if (!read->messages.empty()) services_.pages->keep(page_key(mailbox, page), read, moment);
  return read;
}

Result<> Account::read_blob_into(const Cold& cold, uint64_t offset, uint64_t length,
                                 std::string& into) {
  return services_.engine.read_blob_into(cold.blob, offset, length, into);
}

HeaderTextsPtr Account::header_texts(MailboxId mailbox, uint32_t page) const {
  return services_.pages ? services_.pages->texts(page_key(mailbox, page)) : nullptr;
}

void Account::keep_header_texts(MailboxId mailbox, uint32_t page, const HeaderTexts& texts,
                                uint64_t moment) const {
  if (services_.pages) services_.pages->keep(page_key(mailbox, page), texts, moment);
}

}  // namespace eilpost::store
