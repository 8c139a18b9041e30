#include "search/index/manifest.h"

#include "base/bytes.h"

namespace eilpost::search {

namespace {

constexpr uint8_t format = 1;

void put_segment(std::string& out, const SegmentInfo& s) {
  put_varint(out, s.number);
  put_varint(out, s.base);
  put_varint(out, s.blocks);
  put_varint(out, s.messages);
  put_varint(out, s.live);
  put_varint(out, s.bytes);
  put_varint(out, s.text_bytes);
  put_u32le(out, s.checksum);
}

Result<SegmentInfo> take_segment(Reader& reader) {
  SegmentInfo s;
  s.number = TRY(reader.varint());
  s.base = static_cast<BlockId>(TRY(reader.varint()));
  s.blocks = static_cast<uint32_t>(TRY(reader.varint()));
  s.messages = TRY(reader.varint());
  s.live = TRY(reader.varint());
  s.bytes = TRY(reader.varint());
  s.text_bytes = TRY(reader.varint());
  s.checksum = TRY(reader.u32le());
  return s;
}

void put_uids(std::string& out, const UidSet& uids) {
  put_varint(out, uids.raw().intervals().size());
  for (const Interval& i : uids.raw().intervals()) {
    put_varint(out, i.first);
    put_varint(out, i.last);
  }
}

Result<UidSet> take_uids(Reader& reader) {
  UidSet out;
  const uint64_t count = TRY(reader.varint());
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t first = TRY(reader.varint());
    const uint64_t last = TRY(reader.varint());
    if (first > last || last > UINT32_MAX) return fail(Code::corrupt, "uids out of order");
    out.add(Uid(static_cast<uint32_t>(first)), Uid(static_cast<uint32_t>(last)));
  }
  return out;
}

}  // namespace

std::string encode(const Manifest& manifest) {
  std::string out;
  put_varint(out, manifest.origin.epoch);
  put_varint(out, manifest.origin.inbox_uid_validity);
  put_svarint(out, manifest.origin.inbox_created_seconds);
  put_bytes(out, manifest.origin.rules);
  put_varint(out, manifest.cursor.value);
  put_varint(out, manifest.next_number);
  put_varint(out, manifest.next_block);
  put_varint(out, manifest.segments.size());
  for (const SegmentInfo& segment : manifest.segments) put_segment(out, segment);
  put_varint(out, manifest.placements.size());
  for (const auto& [mailbox, placement] : manifest.placements) {
    put_varint(out, mailbox.value);
    placement.encode(out);
  }
  put_varint(out, manifest.pending.size());
  for (const auto& [mailbox, uids] : manifest.pending) {
    put_varint(out, mailbox.value);
    put_uids(out, uids);
  }
  return seal_value(format, out);
}

Result<Manifest> decode_manifest(std::string_view octets) {
  const Unsealed unsealed = TRY(unseal_value(octets));
  if (unsealed.format != format) return fail(Code::corrupt, "an index of another format");
  Reader reader(unsealed.payload);
  Manifest out;
  out.origin.epoch = TRY(reader.varint());
  out.origin.inbox_uid_validity = static_cast<uint32_t>(TRY(reader.varint()));
  out.origin.inbox_created_seconds = TRY(reader.svarint());
  out.origin.rules = std::string(TRY(reader.bytes()));
  out.cursor = ModSeq(TRY(reader.varint()));
  out.next_number = TRY(reader.varint());
  out.next_block = static_cast<BlockId>(TRY(reader.varint()));
  const uint64_t segments = TRY(reader.varint());
  for (uint64_t i = 0; i < segments; ++i) out.segments.push_back(TRY(take_segment(reader)));
  const uint64_t placements = TRY(reader.varint());
  for (uint64_t i = 0; i < placements; ++i) {
    const MailboxId mailbox(TRY(reader.varint()));
    out.placements[mailbox] = TRY(Placement::decode(reader));
  }
  const uint64_t pending = TRY(reader.varint());
  for (uint64_t i = 0; i < pending; ++i) {
    const MailboxId mailbox(TRY(reader.varint()));
    out.pending[mailbox] = TRY(take_uids(reader));
  }
  if (!reader.done()) return fail(Code::corrupt, "octets behind the manifest");
  return out;
}

}  // namespace eilpost::search
