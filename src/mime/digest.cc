// The digest of a scanned message: what SEARCH, SORT, THREAD and PREVIEW want beside its structure.
#include <algorithm>
#include <array>

#include "base/limits.h"
#include "mime/charset.h"
#include "mime/decode.h"
#include "mime/wire.h"

namespace eilpost::mime {

namespace {

// Ids of References that are kept; threads longer than this are cut at the front.
constexpr size_t references_max = 200;

std::string make_preview(const Message& message) {
  if (message.capture_part < 0) return {};
  const Part& part = message.parts[static_cast<size_t>(message.capture_part)];
  const std::string charset(param(part.params, "charset").value_or(""));
  std::string text = text_of_part(message.capture, parse_encoding(part.encoding), charset);
  // Where the capture was cut, half a character may be left.
  constexpr std::string_view half = "\xef\xbf\xbd";
  if (message.capture.size() < part.body_size && text.size() >= half.size() &&
      text.compare(text.size() - half.size(), half.size(), half) == 0) {
    text.resize(text.size() - half.size());
  }
  if (part.subtype == "html") text = html_to_text(text);
  text = collapse_blanks(text, limits::preview_chars_max * 4);
  return std::string(utf8_prefix(text, limits::preview_chars_max));
}

bool is_attachment(const Message& message, const Part& part) {
  if (part.is_multipart()) return false;
  if (part.disposition && part.disposition->type == "attachment") return true;
  if (part.type == "text" || (part.disposition && part.disposition->type == "inline")) return false;
  // Pictures of a multipart/related belong to its text (RFC 2387).
  const bool related =
      part.parent >= 0 && message.parts[static_cast<size_t>(part.parent)].subtype == "related";
  return !related && (param(part.params, "name") || param(part.params, "name*") ||
                      part.type == "message" || part.disposition);
}

struct AddressKeys {
  std::string mailbox;
  std::string display;
};

AddressKeys address_keys(const std::optional<std::string_view>& value) {
  AddressKeys keys;
  if (!value) return keys;
  for (const Address& address : parse_addresses(*value)) {
    if (!address.mailbox) continue;
    keys.mailbox = to_utf8("", *address.mailbox);
    // RFC 5957 3.1: the display name when there is one, else mailbox@host; a group has its name.
    if (address.name) keys.display = decode_header_value(*address.name);
    if (keys.display.empty()) {
      keys.display = keys.mailbox;
      if (address.host && !address.host->empty()) keys.display += '@' + to_utf8("", *address.host);
    }
    break;
  }
  return keys;
}

// The fields that the digest reads, in one pass. As in ENVELOPE the last of a name counts, and the
// first for addresses, whose lists are put together there.
enum Slot { date, subject, from, to, cc, in_reply_to, references, message_id, slot_count };
using Fields = std::array<std::optional<std::string_view>, slot_count>;

Fields digest_fields(std::string_view header) {
  static constexpr std::array<std::string_view, slot_count> names = {
      "date", "subject", "from", "to", "cc", "in-reply-to", "references", "message-id"};
  Fields fields;
  FieldReader reader(header);
  while (const auto field = reader.next()) {
    for (size_t i = 0; i < slot_count; ++i) {
      if (!equals_ignoring_case(names[i], field->name)) continue;
      const bool addresses = i == from || i == to || i == cc;
      if (addresses && fields[i]) continue;
      fields[i] = field->value.substr(0, limits::mime_header_value_bytes_max);
    }
  }
  return fields;
}

// The message as one part of unknown content, for one whose structure is too long to be told.
Message as_opaque(const Message& message) {
  Message flat;
  flat.size = message.size;
  Part root = message.parts.front();
  root.type = "application";
  root.subtype = "octet-stream";
  root.params.clear();
  root.message = false;
  flat.parts.push_back(std::move(root));
  return flat;
}

}  // namespace

Digest make_digest(const Message& message) {
  Digest digest;
  const std::string_view header = message.parts.front().header;
  digest.envelope = print_envelope(header);
  digest.bodystructure = print_bodystructure(message);
  if (digest.bodystructure.size() > limits::mime_bodystructure_bytes_max) {
    const Message flat = as_opaque(message);
    digest.bodystructure = print_bodystructure(flat);
    digest.part_index = encode(make_part_index(flat));
  } else {
    digest.part_index = encode(make_part_index(message));
  }
  digest.preview = make_preview(message);

  const Fields fields = digest_fields(header);
  const auto ids = [&](Slot slot) { return parse_message_ids(fields[slot].value_or("")); };
  auto message_ids = ids(message_id);
  if (!message_ids.empty()) digest.message_id = std::move(message_ids.front());
  auto replied = ids(in_reply_to);
  if (!replied.empty()) digest.in_reply_to = std::move(replied.front());
  digest.references = ids(references);
  if (digest.references.size() > references_max) {
    digest.references.erase(digest.references.begin(), digest.references.end() - references_max);
  }
  BaseSubject base = base_subject(fields[subject].value_or(""));
  digest.base_subject = std::move(base.text);
  digest.reply_or_forward = base.reply_or_forward;
  if (fields[date]) digest.sent = parse_date(*fields[date]);
  AddressKeys from_keys = address_keys(fields[from]);
  digest.from_mailbox = std::move(from_keys.mailbox);
  digest.from_display = std::move(from_keys.display);
  AddressKeys to_keys = address_keys(fields[to]);
  digest.to_mailbox = std::move(to_keys.mailbox);
  digest.to_display = std::move(to_keys.display);
  digest.cc_mailbox = address_keys(fields[cc]).mailbox;
  digest.has_attachment =
      std::any_of(message.parts.begin(), message.parts.end(),
                  [&](const Part& part) { return is_attachment(message, part); });
  return digest;
}

}  // namespace eilpost::mime
