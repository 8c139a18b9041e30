#include "store/transfer/transfer_rows.h"

#include "base/bytes.h"
#include "store/keys.h"
#include "store/records.h"

namespace eilpost::store {

namespace {
constexpr uint8_t format_1 = 1;
constexpr size_t key_octets = 10;

void put_blob(std::string& out, engine::BlobId id) {
  put_u64le(out, id.hi);
  put_u64le(out, id.lo);
}
Result<engine::BlobId> take_blob(Reader& in) {
  engine::BlobId id;
  id.hi = TRY(in.u64le());
  id.lo = TRY(in.u64le());
  return id;
}
}  // namespace

Result<RowKind> row_kind(std::string_view key) {
  constexpr std::string_view plain = "HDKWPRLSTNQ";
  if (key.size() < 2 || key[0] != static_cast<char>(keys::schema)) {
    return fail(Code::corrupt, "a row of an unknown schema");
  }
  if (plain.find(key[1]) != std::string_view::npos) return RowKind::plain;
  if (key[1] == 'M' && key.size() == 15) return RowKind::message;
  if (key[1] == 'B' && key.size() == 18) return RowKind::holders;
  if (key[1] == 'X' && key.size() == key_octets) return RowKind::map;
  return fail(Code::corrupt, "a row of an unknown kind");
}

Result<std::string> rename_blobs(const engine::Row& row, const RenameBlob& rename) {
  if (keys::slot_in(row.key) != keys::sealed_slot) {
    MessageRow message = TRY(decode_message(row.value));
    message.cold.blob = TRY(rename(message.cold.blob, message.cold.size));
    return encode(message);
  }
  SealedPage page = TRY(decode_sealed(row.value));
  page.digests = TRY(rename(page.digests, page.column_offsets[column_count]));
  for (ColdSlot& slot : page.slots) {
    slot.cold.blob = TRY(rename(slot.cold.blob, slot.cold.size));
  }
  return encode(page);
}

Result<> for_each_blob(const engine::Row& row, const std::function<void(engine::BlobId)>& f) {
  if (TRY(row_kind(row.key)) == RowKind::map) {
    for (const BlobMapping& m : TRY(decode_map(row.value))) f(m.to);
    return {};
  }
  TRY(rename_blobs(row, [&](engine::BlobId blob, uint64_t) -> Result<engine::BlobId> {
    f(blob);
    return blob;
  }));
  return {};
}

engine::BlobId blob_of_holders(std::string_view key) {
  return {load_u64be(key.substr(2)), load_u64be(key.substr(10))};
}

std::string map_key(uint64_t number) {
  std::string key;
  put_u8(key, keys::schema);
  key.push_back('X');
  put_u64be(key, number);
  return key;
}

uint64_t map_number(std::string_view key) {
  return load_u64be(key.substr(2));
}

std::string encode_map(const std::vector<BlobMapping>& mappings) {
  std::string out;
  put_varint(out, mappings.size());
  for (const BlobMapping& m : mappings) {
    put_blob(out, m.from);
    put_blob(out, m.to);
    put_varint(out, m.size);
    put_u32le(out, m.crc);
  }
  return seal_value(format_1, out);
}

Result<std::vector<BlobMapping>> decode_map(std::string_view value) {
  const auto row = TRY(unseal_value(value));
  if (row.format != format_1) return fail(Code::corrupt, "transfer: unknown format");
  Reader in(row.payload);
  std::vector<BlobMapping> out;
  const uint64_t count = TRY(in.varint());
  for (uint64_t i = 0; i < count; ++i) {
    BlobMapping m;
    m.from = TRY(take_blob(in));
    m.to = TRY(take_blob(in));
    m.size = TRY(in.varint());
    m.crc = TRY(in.u32le());
    out.push_back(m);
  }
  return out;
}

}  // namespace eilpost::store
