#include "directory/client_masks.h"

#include <algorithm>
#include <optional>

#include "base/bytes.h"
#include "base/limits.h"

namespace eilpost::directory {

namespace {

constexpr uint8_t format = 1;

// Capabilities compare without case and hold no line end, which parts the two.
std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

// A client's name may be longer than a row's id: its sum tells it from others that begin alike.
std::string row_id(const ClientMask& mask) {
  constexpr size_t client_bytes_max = 100;
  std::string out = upper(mask.capability) + "\n" + mask.client.substr(0, client_bytes_max);
  put_u32be(out, crc32c(mask.client));
  return out;
}

std::string print_mask(const ClientMask& mask) {
  std::string out;
  put_bytes(out, mask.capability);
  put_bytes(out, mask.client);
  put_bytes(out, mask.why);
  put_svarint(out, mask.since.micros);
  return out;
}

Result<ClientMask> parse_mask(const AccountRow& row) {
  if (row.format != format) return fail(Code::corrupt, "a client mask of another format");
  Reader in(row.payload);
  ClientMask out;
  out.capability = std::string(TRY(in.bytes()));
  out.client = std::string(TRY(in.bytes()));
  out.why = std::string(TRY(in.bytes()));
  out.since.micros = TRY(in.svarint());
  if (!in.done()) return fail(Code::corrupt, "a client mask with more than it should have");
  return out;
}

void drop_oldest(RowMap& rows) {
  std::optional<int64_t> oldest;
  RowMap::iterator at = rows.end();
  for (auto row = rows.begin(); row != rows.end(); ++row) {
    const auto mask = parse_mask(row->second);
    const int64_t since = mask ? mask->since.micros : 0;
    if (oldest && since >= *oldest) continue;
    oldest = since;
    at = row;
  }
  if (at != rows.end()) rows.erase(at);
}

}  // namespace

std::vector<ClientMask> client_masks_of(const RowMap& rows) {
  std::vector<ClientMask> out;
  for (const auto& [row_key, row] : rows) {
    auto mask = parse_mask(row);
    if (mask) out.push_back(std::move(*mask));
  }
  return out;
}

Result<std::vector<ClientMask>> read_client_masks(AccountRows& rows, AccountId id) {
  return client_masks_of(TRY(rows.read(id, RowKind::client_mask)));
}

Result<bool> learn_client_mask(AccountRows& rows, AccountId id, const ClientMask& mask) {
  bool fresh = false;
  TRY(rows.edit(id, RowKind::client_mask, [&](RowMap& known) -> Result<> {
    fresh = known.count(row_id(mask)) == 0;
    if (!fresh) return {};
    while (known.size() >= limits::client_masks_max) drop_oldest(known);
    known[row_id(mask)] = {format, print_mask(mask)};
    return {};
  }));
  return fresh;
}

Result<size_t> forget_client_masks(AccountRows& rows, AccountId id, std::string_view capability) {
  size_t gone = 0;
  const std::string prefix = upper(capability) + "\n";
  TRY(rows.edit(id, RowKind::client_mask, [&](RowMap& known) -> Result<> {
    gone = std::erase_if(known, [&](const auto& row) {
      return capability.empty() || row.first.substr(0, prefix.size()) == prefix;
    });
    return {};
  }));
  return gone;
}

}  // namespace eilpost::directory
