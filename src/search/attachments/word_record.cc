#include "search/attachments/word_record.h"

#include "base/bytes.h"

namespace eilpost::search {

namespace {

using Kind = WordRecord::Kind;

constexpr size_t length_bytes = 4;

bool has_blob(Kind kind) {
  return kind == Kind::words || kind == Kind::held;
}

bool has_uids(Kind kind) {
  return kind != Kind::words && kind != Kind::origin;
}

}  // namespace

std::string encode(const WordRecord& record) {
  std::string payload;
  if (has_blob(record.kind)) {
    put_u64be(payload, record.blob.hi);
    put_u64be(payload, record.blob.lo);
  }
  if (has_uids(record.kind)) {
    put_varint(payload, record.mailbox.value);
    put_varint(payload, record.uids.first);
    put_varint(payload, record.uids.last);
  }
  payload += record.text;
  const std::string sealed = seal_value(static_cast<uint8_t>(record.kind), payload);
  std::string out;
  put_u32le(out, static_cast<uint32_t>(sealed.size()));
  return out + sealed;
}

Result<WordRecord> take_record(std::string_view& octets) {
  Reader frame(octets);
  const uint32_t size = TRY(frame.u32le());
  const Unsealed unsealed = TRY(unseal_value(TRY(frame.take(size))));
  if (unsealed.format < 1 || unsealed.format > 5) return fail(Code::corrupt, "an unknown record");
  WordRecord out;
  out.kind = static_cast<Kind>(unsealed.format);
  Reader reader(unsealed.payload);
  if (has_blob(out.kind)) {
    out.blob.hi = TRY(reader.u64be());
    out.blob.lo = TRY(reader.u64be());
  }
  if (has_uids(out.kind)) {
    out.mailbox = MailboxId(TRY(reader.varint()));
    const uint64_t first = TRY(reader.varint());
    const uint64_t last = TRY(reader.varint());
    if (first == 0 || first > last || last > UINT32_MAX || !reader.done()) {
      return fail(Code::corrupt, "uids out of order");
    }
    out.uids = {static_cast<uint32_t>(first), static_cast<uint32_t>(last)};
  } else {
    out.text = std::string(reader.rest());
  }
  octets.remove_prefix(length_bytes + size);
  return out;
}

}  // namespace eilpost::search
