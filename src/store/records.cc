#include "store/records.h"

#include <algorithm>

#include "base/bytes.h"

namespace eilpost::store {

namespace {

constexpr uint8_t format_1 = 1;
// What a log row holds behind its changes.
constexpr uint8_t log_subscriptions = 1;
constexpr uint8_t log_annotations = 2;

Result<Reader> open(std::string_view value, std::string_view what) {
  auto row = unseal_value(value);
  if (!row) return wrap(row.error(), what);
  if (row->format != format_1) return fail(Code::corrupt, std::string(what) + ": unknown format");
  return Reader(row->payload);
}

std::string close(std::string_view payload) {
  return seal_value(format_1, payload);
}

void put_uids(std::string& out, const UidSet& uids) {
  const auto& intervals = uids.raw().intervals();
  put_varint(out, intervals.size());
  uint32_t before = 0;
  for (const Interval& i : intervals) {
    put_varint(out, i.first - before);
    put_varint(out, i.last - i.first);
    before = i.last;
  }
}

Result<UidSet> take_uids(Reader& in) {
  UidSet out;
  const uint64_t count = TRY(in.varint());
  uint64_t before = 0;
  for (uint64_t k = 0; k < count; ++k) {
    const uint64_t first = before + TRY(in.varint());
    const uint64_t last = first + TRY(in.varint());
    if (last > UINT32_MAX || first == 0) return fail(Code::corrupt, "uid set out of range");
    out.add(Uid(static_cast<uint32_t>(first)), Uid(static_cast<uint32_t>(last)));
    before = last;
  }
  return out;
}

void put_text(std::string& out, std::string_view text) {
  put_bytes(out, text);
}
Result<std::string> take_text(Reader& in) {
  return std::string(TRY(in.bytes()));
}

void put_cold(std::string& out, const Cold& cold) {
  put_svarint(out, cold.internal_date.seconds);
  put_svarint(out, cold.internal_date.zone_minutes);
  put_svarint(out, cold.saved_seconds - cold.internal_date.seconds);
  put_varint(out, cold.size);
  put_u64le(out, cold.blob.hi);
  put_u64le(out, cold.blob.lo);
  put_u64le(out, cold.email_id.hi);
  put_u64le(out, cold.email_id.lo);
}

Result<Cold> take_cold(Reader& in) {
  Cold cold;
  cold.internal_date.seconds = TRY(in.svarint());
  cold.internal_date.zone_minutes = static_cast<int16_t>(TRY(in.svarint()));
  cold.saved_seconds = cold.internal_date.seconds + TRY(in.svarint());
  cold.size = TRY(in.varint());
  cold.blob.hi = TRY(in.u64le());
  cold.blob.lo = TRY(in.u64le());
  cold.email_id.hi = TRY(in.u64le());
  cold.email_id.lo = TRY(in.u64le());
  return cold;
}

}  // namespace

std::string EmailId::to_string() const {
  static constexpr char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string out = "M";
  unsigned __int128 value = (static_cast<unsigned __int128>(hi) << 64) | lo;
  char digits[26];
  for (int i = 25; i >= 0; --i) {
    digits[i] = alphabet[static_cast<unsigned>(value & 31)];
    value >>= 5;
  }
  out.append(digits, 26);
  return out;
}

std::string encode(const Head& head) {
  std::string out;
  put_varint(out, head.next_mailbox.value);
  put_varint(out, head.last_modseq.value);
  put_varint(out, head.last_uid_validity);
  put_varint(out, head.used.bytes);
  put_varint(out, head.used.messages);
  put_varint(out, head.log_floor.value);
  put_svarint(out, head.last_seen_micros);
  put_varint(out, head.epoch);
  if (head.log_counted) {
    put_varint(out, head.log_rows);
    put_varint(out, head.log_bytes);
  }
  return close(out);
}

Result<Head> decode_head(std::string_view value) {
  Reader in = TRY(open(value, "head"));
  Head head;
  head.next_mailbox = MailboxId(TRY(in.varint()));
  head.last_modseq = ModSeq(TRY(in.varint()));
  head.last_uid_validity = static_cast<uint32_t>(TRY(in.varint()));
  head.used.bytes = TRY(in.varint());
  head.used.messages = TRY(in.varint());
  head.log_floor = ModSeq(TRY(in.varint()));
  head.last_seen_micros = TRY(in.svarint());
  head.epoch = TRY(in.varint());
  head.log_counted = !in.done();
  if (head.log_counted) {
    head.log_rows = TRY(in.varint());
    head.log_bytes = TRY(in.varint());
  }
  return head;
}

std::string encode(const MailboxDef& def) {
  std::string out;
  put_varint(out, def.parent.value);
  put_text(out, def.leaf);
  put_varint(out, def.special_use);
  put_u8(out, def.selectable ? 1 : 0);
  put_svarint(out, def.created_seconds);
  put_svarint(out, def.deleted_seconds);
  put_text(out, def.deleted_name);
  return close(out);
}

Result<MailboxDef> decode_def(MailboxId id, std::string_view value) {
  Reader in = TRY(open(value, "mailbox definition"));
  MailboxDef def;
  def.id = id;
  def.parent = MailboxId(TRY(in.varint()));
  def.leaf = TRY(take_text(in));
  def.special_use = static_cast<uint16_t>(TRY(in.varint()));
  def.selectable = TRY(in.u8()) != 0;
  def.created_seconds = TRY(in.svarint());
  def.deleted_seconds = TRY(in.svarint());
  def.deleted_name = TRY(take_text(in));
  return def;
}

std::string encode(const MailboxCounters& c) {
  std::string out;
  put_varint(out, c.uid_validity);
  put_varint(out, c.uid_next.value);
  put_varint(out, c.first_recent.value);
  put_varint(out, c.exists);
  put_varint(out, c.unseen);
  put_varint(out, c.deleted);
  put_varint(out, c.size);
  put_varint(out, c.highest_modseq.value);
  return close(out);
}

Result<MailboxCounters> decode_counters(std::string_view value) {
  Reader in = TRY(open(value, "mailbox counters"));
  MailboxCounters c;
  c.uid_validity = static_cast<uint32_t>(TRY(in.varint()));
  c.uid_next = Uid(static_cast<uint32_t>(TRY(in.varint())));
  c.first_recent = Uid(static_cast<uint32_t>(TRY(in.varint())));
  c.exists = static_cast<uint32_t>(TRY(in.varint()));
  c.unseen = static_cast<uint32_t>(TRY(in.varint()));
  c.deleted = static_cast<uint32_t>(TRY(in.varint()));
  c.size = TRY(in.varint());
  c.highest_modseq = ModSeq(TRY(in.varint()));
  return c;
}

std::string encode(const KeywordTable& table) {
  std::string out;
  put_varint(out, table.size());
  for (const auto& keyword : table) put_text(out, keyword);
  return close(out);
}

Result<KeywordTable> decode_keywords(std::string_view value) {
  Reader in = TRY(open(value, "keyword table"));
  KeywordTable table;
  const uint64_t count = TRY(in.varint());
  for (uint64_t i = 0; i < count; ++i) table.push_back(TRY(take_text(in)));
  return table;
}

std::string& column_of(Digest& digest, Column column) {
  switch (column) {
    case Column::envelope: return digest.envelope;
    case Column::bodystructure: return digest.bodystructure;
    case Column::parts: return digest.parts;
    case Column::preview: return digest.preview;
    case Column::keys: return digest.keys;
  }
  return digest.keys;
}

const std::string& column_of(const Digest& digest, Column column) {
  return column_of(const_cast<Digest&>(digest), column);
}

std::string encode(const MessageRow& row) {
  std::string out;
  put_cold(out, row.cold);
  for (size_t c = 0; c < column_count; ++c) {
    put_bytes(out, column_of(row.digest, static_cast<Column>(c)));
  }
  return close(out);
}

Result<MessageRowView> view_message(std::string_view value) {
  Reader in = TRY(open(value, "message"));
  MessageRowView row;
  row.cold = TRY(take_cold(in));
  for (std::string_view& octets : row.digest) octets = TRY(in.bytes());
  return row;
}

Result<MessageRow> decode_message(std::string_view value) {
  const MessageRowView view = TRY(view_message(value));
  MessageRow row;
  row.cold = view.cold;
  for (size_t c = 0; c < column_count; ++c) {
    column_of(row.digest, static_cast<Column>(c)) = view.digest[c];
  }
  return row;
}

std::string encode(const SealedPage& page) {
  std::string out;
  put_u64le(out, page.digests.hi);
  put_u64le(out, page.digests.lo);
  for (const uint32_t offset : page.column_offsets) put_u32le(out, offset);
  put_varint(out, page.slots.size());
  for (const ColdSlot& s : page.slots) {
    put_u8(out, s.slot);
    put_cold(out, s.cold);
  }
  return close(out);
}

Result<SealedPage> decode_sealed(std::string_view value) {
  Reader in = TRY(open(value, "sealed page"));
  SealedPage page;
  page.digests.hi = TRY(in.u64le());
  page.digests.lo = TRY(in.u64le());
  for (uint32_t& offset : page.column_offsets) offset = TRY(in.u32le());
  const uint64_t count = TRY(in.varint());
  if (count > 128) return fail(Code::corrupt, "sealed page: too many slots");
  page.slots.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    ColdSlot s;
    s.slot = TRY(in.u8());
    s.cold = TRY(take_cold(in));
    page.slots.push_back(s);
  }
  return page;
}

std::string encode_digests(SealedPage& page, const std::vector<const Digest*>& digests) {
  std::string blob;
  for (size_t c = 0; c < column_count; ++c) {
    page.column_offsets[c] = static_cast<uint32_t>(blob.size());
    const size_t start = blob.size();
    blob.resize(start + 129 * 4);
    std::string offsets;
    size_t next = 0;
    for (uint32_t slot = 0; slot < 128; ++slot) {
      put_u32le(offsets, static_cast<uint32_t>(blob.size() - start));
      if (next < page.slots.size() && page.slots[next].slot == slot) {
        blob += column_of(*digests[next++], static_cast<Column>(c));
      }
    }
    put_u32le(offsets, static_cast<uint32_t>(blob.size() - start));
    blob.replace(start, offsets.size(), offsets);
  }
  page.column_offsets[column_count] = static_cast<uint32_t>(blob.size());
  return blob;
}

Result<std::string_view> column_slot(std::string_view column, uint8_t slot) {
  if (column.size() < 129 * 4 || slot >= 128) return fail(Code::corrupt, "digest column too short");
  const uint32_t from = load_u32le(column.substr(slot * 4U));
  const uint32_t to = load_u32le(column.substr(slot * 4U + 4));
  if (from > to || to > column.size()) return fail(Code::corrupt, "digest column out of order");
  return column.substr(from, to - from);
}

std::string encode(const std::vector<Gone>& page) {
  // Messages mostly go together: whatever equals its predecessor costs one octet.
  std::string out;
  put_varint(out, page.size());
  const Gone* before = nullptr;
  for (const Gone& g : page) {
    put_u8(out, g.slot);
    const bool same = before && before->moved == g.moved && before->flags == g.flags &&
                      before->keywords == g.keywords && before->modseq == g.modseq &&
                      before->seconds == g.seconds;
    put_u8(out, static_cast<uint8_t>((same ? 1 : 0) | (g.moved ? 2 : 0)));
    if (!same) {
      put_u8(out, g.flags);
      put_varint(out, g.keywords.size());
      for (const uint16_t k : g.keywords) put_varint(out, k);
      put_varint(out, g.modseq.value);
      put_svarint(out, g.seconds);
    }
    before = &g;
  }
  return close(out);
}

Result<std::vector<Gone>> decode_gone(std::string_view value) {
  Reader in = TRY(open(value, "recoverable page"));
  std::vector<Gone> page;
  const uint64_t count = TRY(in.varint());
  if (count > 128) return fail(Code::corrupt, "recoverable page: too many slots");
  for (uint64_t i = 0; i < count; ++i) {
    const uint8_t slot = TRY(in.u8());
    const uint8_t bits = TRY(in.u8());
    Gone g;
    if (bits & 1) {
      if (page.empty()) return fail(Code::corrupt, "recoverable page: nothing before");
      g = page.back();
    } else {
      g.flags = TRY(in.u8());
      const uint64_t keywords = TRY(in.varint());
      if (keywords > UINT16_MAX) return fail(Code::corrupt, "recoverable page: too many keywords");
      for (uint64_t k = 0; k < keywords; ++k) {
        g.keywords.push_back(static_cast<uint16_t>(TRY(in.varint())));
      }
      g.modseq = ModSeq(TRY(in.varint()));
      g.seconds = TRY(in.svarint());
    }
    g.slot = slot;
    g.moved = (bits & 2) != 0;
    page.push_back(std::move(g));
  }
  return page;
}

std::string encode(const LogRow& row) {
  std::string out;
  put_text(out, row.commit_id);
  put_svarint(out, row.micros);
  put_varint(out, row.changes.size());
  for (const LogChange& c : row.changes) {
    put_varint(out, c.modseq.value);
    put_u8(out, static_cast<uint8_t>(c.kind));
    put_varint(out, c.mailbox.value);
    put_uids(out, c.uids);
    put_text(out, c.author.session);
    put_text(out, c.author.credential);
  }
  const bool annotations = std::any_of(row.changes.begin(), row.changes.end(),
                                       [](const LogChange& c) { return !c.entries.empty(); });
  if (!row.touched.empty() || row.subscriptions || annotations) {
    put_u8(out, static_cast<uint8_t>((row.subscriptions ? log_subscriptions : 0) |
                                     (annotations ? log_annotations : 0)));
    put_varint(out, row.touched.size());
    for (const MailboxId id : row.touched) put_varint(out, id.value);
  }
  if (!annotations) return close(out);
  for (const LogChange& c : row.changes) {
    if (c.kind != ChangeKind::annotations) continue;
    put_varint(out, c.entries.size());
    for (const std::string& entry : c.entries) put_text(out, entry);
  }
  return close(out);
}

Result<LogRow> decode_log(std::string_view value) {
  Reader in = TRY(open(value, "log row"));
  LogRow row;
  row.commit_id = TRY(take_text(in));
  row.micros = TRY(in.svarint());
  const uint64_t count = TRY(in.varint());
  for (uint64_t i = 0; i < count; ++i) {
    LogChange c;
    c.modseq = ModSeq(TRY(in.varint()));
    c.kind = static_cast<ChangeKind>(TRY(in.u8()));
    c.mailbox = MailboxId(TRY(in.varint()));
    c.uids = TRY(take_uids(in));
    c.author.session = TRY(take_text(in));
    c.author.credential = TRY(take_text(in));
    row.changes.push_back(std::move(c));
  }
  if (in.done()) return row;
  const uint8_t what = TRY(in.u8());
  row.subscriptions = (what & log_subscriptions) != 0;
  const uint64_t touched = TRY(in.varint());
  for (uint64_t i = 0; i < touched; ++i) row.touched.emplace_back(TRY(in.varint()));
  if ((what & log_annotations) == 0) return row;
  for (LogChange& c : row.changes) {
    if (c.kind != ChangeKind::annotations) continue;
    const uint64_t entries = TRY(in.varint());
    for (uint64_t i = 0; i < entries; ++i) c.entries.push_back(TRY(take_text(in)));
  }
  return row;
}

std::string encode(const NameRow& row) {
  std::string out;
  put_text(out, row.name);
  put_varint(out, row.uid_validity);
  return close(out);
}

Result<NameRow> decode_name(std::string_view value) {
  Reader in = TRY(open(value, "name row"));
  NameRow row;
  row.name = TRY(take_text(in));
  row.uid_validity = static_cast<uint32_t>(TRY(in.varint()));
  return row;
}

std::string encode(const AnnotationRow& row) {
  std::string out;
  put_text(out, row.name);
  put_text(out, row.value);
  return close(out);
}

Result<AnnotationRow> decode_annotation(std::string_view value) {
  Reader in = TRY(open(value, "annotation"));
  AnnotationRow row;
  row.name = TRY(take_text(in));
  row.value = TRY(take_text(in));
  return row;
}

std::string encode(const AnnotationUse& use) {
  std::string out;
  put_varint(out, use.entries);
  put_varint(out, use.bytes);
  return close(out);
}

Result<AnnotationUse> decode_annotation_use(std::string_view value) {
  Reader in = TRY(open(value, "use of annotations"));
  AnnotationUse use;
  use.entries = TRY(in.varint());
  use.bytes = TRY(in.varint());
  return use;
}

std::string encode_holders(uint32_t holders) {
  std::string out;
  put_varint(out, holders);
  return close(out);
}

Result<uint32_t> decode_holders(std::string_view value) {
  Reader in = TRY(open(value, "blob holders"));
  return static_cast<uint32_t>(TRY(in.varint()));
}

}  // namespace eilpost::store
