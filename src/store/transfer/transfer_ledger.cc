#include "store/transfer/transfer_ledger.h"

#include "base/bytes.h"
#include "store/write_rows.h"

namespace eilpost::store {

namespace {

constexpr uint8_t schema = 1;
constexpr uint8_t format_1 = 1;

std::string key_of(PartitionId account) {
  std::string key;
  put_u8(key, schema);
  key.push_back('A');
  put_u64be(key, account.value);
  return key;
}

std::string encode(const TransferEntry& entry) {
  std::string out;
  put_bytes(out, entry.source_store);
  put_varint(out, entry.source);
  put_varint(out, entry.target);
  put_u8(out, entry.finished ? 1 : 0);
  return seal_value(format_1, out);
}

Result<TransferEntry> decode(std::string_view value) {
  const auto row = TRY(unseal_value(value));
  if (row.format != format_1) return fail(Code::corrupt, "copy: unknown format");
  Reader in(row.payload);
  TransferEntry entry;
  entry.source_store = TRY(in.bytes());
  entry.source = TRY(in.varint());
  entry.target = TRY(in.varint());
  entry.finished = TRY(in.u8()) != 0;
  return entry;
}

}  // namespace

Result<std::optional<TransferEntry>> read_transfer(engine::Engine& to, PartitionId account) {
  const auto read = TRY(to.read(transfer_partition, std::vector<std::string>{key_of(account)}));
  if (read.rows.empty()) return std::nullopt;
  return TRY(decode(read.rows.front().value));
}

Result<> write_transfer(engine::Engine& to, PartitionId account, const TransferEntry& entry) {
  engine::Batch batch;
  batch.puts.emplace_back(key_of(account), encode(entry));
  return write_rows(to, transfer_partition, batch);
}

}  // namespace eilpost::store
