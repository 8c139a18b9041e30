#include "store/digest.h"

#include "base/bytes.h"

namespace eilpost::store {

namespace {
constexpr uint8_t format_1 = 1;
}

Digest make_digest(const mime::Message& message) {
  mime::Digest made = mime::make_digest(message);
  Digest out;
  out.envelope = std::move(made.envelope);
  out.bodystructure = std::move(made.bodystructure);
  out.parts = std::move(made.part_index);
  out.preview = std::move(made.preview);
  DigestKeys keys;
  keys.message_id = std::move(made.message_id);
  keys.in_reply_to = std::move(made.in_reply_to);
  keys.references = std::move(made.references);
  keys.base_subject = std::move(made.base_subject);
  keys.reply_or_forward = made.reply_or_forward;
  if (made.sent) {
    keys.sent = ZonedTime{made.sent->seconds, static_cast<int16_t>(made.sent->zone_minutes)};
  }
  keys.from_mailbox = std::move(made.from_mailbox);
  keys.to_mailbox = std::move(made.to_mailbox);
  keys.cc_mailbox = std::move(made.cc_mailbox);
  keys.from_display = std::move(made.from_display);
  keys.to_display = std::move(made.to_display);
  keys.has_attachment = made.has_attachment;
  out.keys = encode(keys);
  return out;
}

std::string encode(const DigestKeys& keys) {
  std::string out;
  put_u8(out, format_1);
  put_bytes(out, keys.message_id);
  put_bytes(out, keys.in_reply_to);
  put_varint(out, keys.references.size());
  for (const auto& reference : keys.references) put_bytes(out, reference);
  put_bytes(out, keys.base_subject);
  put_u8(out, static_cast<uint8_t>((keys.reply_or_forward ? 1 : 0) | (keys.sent ? 2 : 0) |
                                   (keys.has_attachment ? 4 : 0)));
  if (keys.sent) {
    put_svarint(out, keys.sent->seconds);
    put_svarint(out, keys.sent->zone_minutes);
  }
  for (const auto* text : {&keys.from_mailbox, &keys.to_mailbox, &keys.cc_mailbox,
                           &keys.from_display, &keys.to_display}) {
    put_bytes(out, *text);
  }
  return out;
}

Result<DigestKeysView> view_digest_keys(std::string_view octets) {
  Reader in(octets);
  if (TRY(in.u8()) != format_1) return fail(Code::corrupt, "digest keys: unknown format");
  DigestKeysView keys;
  keys.message_id = TRY(in.bytes());
  keys.in_reply_to = TRY(in.bytes());
  keys.reference_count = TRY(in.varint());
  const std::string_view from_here = in.rest();
  for (uint64_t i = 0; i < keys.reference_count; ++i) TRY(in.bytes());
  keys.references = from_here.substr(0, from_here.size() - in.rest().size());
  keys.base_subject = TRY(in.bytes());
  const uint8_t bits = TRY(in.u8());
  keys.reply_or_forward = (bits & 1) != 0;
  keys.has_attachment = (bits & 4) != 0;
  if (bits & 2) {
    ZonedTime sent;
    sent.seconds = TRY(in.svarint());
    sent.zone_minutes = static_cast<int16_t>(TRY(in.svarint()));
    keys.sent = sent;
  }
  for (auto* text : {&keys.from_mailbox, &keys.to_mailbox, &keys.cc_mailbox, &keys.from_display,
                     &keys.to_display}) {
    *text = TRY(in.bytes());
  }
  return keys;
}

Result<DigestKeys> decode_digest_keys(std::string_view octets) {
  const DigestKeysView view = TRY(view_digest_keys(octets));
  DigestKeys keys;
  keys.message_id = view.message_id;
  keys.in_reply_to = view.in_reply_to;
  Reader references(view.references);
  while (!references.done()) keys.references.emplace_back(TRY(references.bytes()));
  keys.base_subject = view.base_subject;
  keys.reply_or_forward = view.reply_or_forward;
  keys.sent = view.sent;
  keys.from_mailbox = view.from_mailbox;
  keys.to_mailbox = view.to_mailbox;
  keys.cc_mailbox = view.cc_mailbox;
  keys.from_display = view.from_display;
  keys.to_display = view.to_display;
  keys.has_attachment = view.has_attachment;
  return keys;
}

}  // namespace eilpost::store
