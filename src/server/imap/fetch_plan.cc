#include "server/imap/fetch_plan.h"

#include <algorithm>

#include "mime/decode.h"
#include "mime/header.h"
#include "store/keys.h"

namespace eilpost::server {

using imap::FetchItem;
using imap::FetchKind;
using imap::SectionText;

namespace {

// Selected header fields of one message that one FETCH may hold in memory.
constexpr uint64_t header_octets_max = 16 * 1024 * 1024;

mime::SectionText section_text(const FetchItem& item) {
  if (item.kind == FetchKind::rfc822_header) return mime::SectionText::header;
  if (item.kind == FetchKind::rfc822_text) return mime::SectionText::text;
  if (item.kind != FetchKind::body_section) return mime::SectionText::whole;
  switch (item.section.text) {
    case SectionText::all: return mime::SectionText::whole;
    case SectionText::header:
    case SectionText::header_fields:
    case SectionText::header_fields_not: return mime::SectionText::header;
    case SectionText::text: return mime::SectionText::text;
    case SectionText::mime: return mime::SectionText::mime;
  }
  return mime::SectionText::whole;
}

bool selects_fields(const FetchItem& item) {
  return item.kind == FetchKind::body_section &&
         (item.section.text == SectionText::header_fields ||
          item.section.text == SectionText::header_fields_not);
}

// RFC 9051 6.4.5: "<o.n>" beyond the end gives an empty string.
void cut(std::string& octets, const std::optional<imap::Partial>& partial) {
  if (!partial) return;
  octets = partial->offset >= octets.size() ? std::string()
                                            : octets.substr(partial->offset, partial->length);
}

mime::OctetRange cut(mime::OctetRange range, const std::optional<imap::Partial>& partial) {
  if (!partial) return range;
  const uint64_t offset = std::min(partial->offset, range.size);
  return {range.offset + offset, std::min(partial->length, range.size - offset)};
}

// Loads one message's body items.
class BodyLoader {
 public:
  BodyLoader(store::Account& account, const store::PageData::Message& row)
      : account_(account), row_(row) {}

  Result<FetchedBody> load(const FetchItem& item) {
    if (!index_) {
      const auto octets = row_.digest[static_cast<size_t>(store::Column::parts)];
      index_ = TRY(mime::decode_part_index(octets));
    }
    if (item.kind == FetchKind::binary || item.kind == FetchKind::binary_size) {
      return load_binary(item);
    }
    const auto range = mime::locate(*index_, item.section.part, section_text(item));
    FetchedBody out;
    if (!range) return out;
    if (selects_fields(item)) {
      const auto select = item.section.text == SectionText::header_fields
                              ? mime::Select::listed
                              : mime::Select::not_listed;
      out.octets = mime::select_fields(TRY(header(*range)), item.section.fields, select);
      cut(out.octets, item.partial);
      kept_ += out.octets.size();
      if (kept_ > header_octets_max)
        return fail(Code::limit, "too many header octets in one FETCH");
      out.kind = FetchedBody::Kind::octets;
      out.size = out.octets.size();
      return out;
    }
    return load_range(cut(*range, item.partial));
  }

 private:
  Result<FetchedBody> load_range(mime::OctetRange range) {
    FetchedBody out;
    out.range = range;
    out.size = range.size;
    out.kind = FetchedBody::Kind::range;
    if (range.size > kept_bytes_left()) return out;
    out.octets = TRY(account_.read_blob(row_.cold, range.offset, range.size));
    if (out.octets.size() != range.size)
      return fail(Code::corrupt, "blob is shorter than its index");
    out.kind = FetchedBody::Kind::octets;
    kept_ += range.size;
    return out;
  }

  // Several items of one command name the same header: it is read once.
  Result<std::string> header(mime::OctetRange range) {
    if (header_range_ != range) {
      header_ = TRY(account_.read_blob(row_.cold, range.offset, range.size));
      header_range_ = range;
    }
    return header_;
  }

  // RFC 3516 4.3, RFC 9051 6.4.5: multiparts are not decoded, BINARY[] is the message as it is.
  Result<FetchedBody> load_binary(const FetchItem& item) {
    FetchedBody out;
    const mime::IndexedPart* part = mime::find_part(*index_, item.section.part);
    if (!part) return out;
    const bool whole = item.section.part.empty();
    if (whole || part->kind != mime::PartKind::leaf) {
      const auto range = mime::locate(*index_, item.section.part, mime::SectionText::whole);
      if (!range) return out;
      if (item.kind == FetchKind::binary_size) {
        out.kind = FetchedBody::Kind::octets;
        out.size = range->size;
        return out;
      }
      return load_range(cut(*range, item.partial));
    }
    if (part->encoding == mime::Encoding::unknown) {
      out.kind = FetchedBody::Kind::unknown_cte;
      return out;
    }
    out.range = {part->body_offset(), part->body_size};
    out.encoding = part->encoding;
    return decode(item, std::move(out));
  }

  // The decoded size has to be known before the first octet goes out, so a large part is decoded
  // twice, and nothing of it is kept.
  Result<FetchedBody> decode(const FetchItem& item, FetchedBody out) {
    const bool wants_size = item.kind == FetchKind::binary_size;
    const uint64_t wanted = item.partial ? item.partial->length : out.range.size;
    const bool keep = !wants_size && std::min(wanted, out.range.size) <= kept_bytes_left();
    out.skip = item.partial ? item.partial->offset : 0;
    DecodedWindow window(out.skip, item.partial ? item.partial->length : UINT64_MAX);
    mime::Decoder decoder(out.encoding);
    std::string piece;
    const auto take = [&] {
      piece.clear();
      window.take(piece);
      out.size += piece.size();
      if (keep) out.octets += piece;
    };
    for (uint64_t at = 0; at < out.range.size; at += stream_piece_bytes) {
      const uint64_t length = std::min(stream_piece_bytes, out.range.size - at);
      decoder.feed(TRY(account_.read_blob(row_.cold, out.range.offset + at, length)),
                   window.decoded());
      take();
    }
    decoder.finish(window.decoded());
    take();
    kept_ += out.octets.size();
    out.kind = keep || wants_size ? FetchedBody::Kind::octets : FetchedBody::Kind::decode;
    return out;
  }

  // What of one message may still be held in memory; beyond, sections are streamed.
  uint64_t kept_bytes_left() const { return stream_bytes_min - std::min(stream_bytes_min, kept_); }

  store::Account& account_;
  const store::PageData::Message& row_;
  std::optional<mime::PartIndex> index_;
  mime::OctetRange header_range_;
  std::string header_;
  uint64_t kept_ = 0;  // octets of this message's sections in memory
};

}  // namespace

bool is_body(FetchKind kind) {
  switch (kind) {
    case FetchKind::rfc822:
    case FetchKind::rfc822_header:
    case FetchKind::rfc822_text:
    case FetchKind::body_section:
    case FetchKind::binary:
    case FetchKind::binary_size: return true;
    default: return false;
  }
}

FetchPlan plan_fetch(std::vector<FetchItem> items) {
  FetchPlan plan;
  for (const FetchItem& item : items) {
    plan.marks_seen = plan.marks_seen || imap::sets_seen(item);
    switch (item.kind) {
      case FetchKind::envelope: plan.columns |= store::read_envelope; break;
      case FetchKind::body:
      case FetchKind::body_structure: plan.columns |= store::read_bodystructure; break;
      case FetchKind::preview: plan.columns |= store::read_preview; break;
      case FetchKind::internal_date:
      case FetchKind::rfc822_size:
      case FetchKind::email_id:
      case FetchKind::save_date: plan.rows = true; break;
      case FetchKind::modseq: plan.modseq = true; break;
      default: break;
    }
    if (is_body(item.kind)) {
      plan.columns |= store::read_parts;
      plan.bodies = true;
    }
  }
  plan.rows = plan.rows || plan.columns != 0;
  plan.items = std::move(items);
  return plan;
}

size_t body_items(const std::vector<FetchItem>& items) {
  return static_cast<size_t>(std::count_if(
      items.begin(), items.end(), [](const FetchItem& item) { return is_body(item.kind); }));
}

void DecodedWindow::take(std::string& out) {
  const uint64_t dropped = std::min<uint64_t>(skip_, decoded_.size());
  skip_ -= dropped;
  const uint64_t kept = std::min<uint64_t>(left_, decoded_.size() - dropped);
  left_ -= kept;
  out.append(decoded_, dropped, kept);
  decoded_.clear();
}

namespace {

// What a damaged or vanished blob says; the messages beside it are served all the same.
bool concerns_one_message(const Error& error) {
  return error.code == Code::corrupt || error.code == Code::not_found;
}

// The slots of uids[at] and of those behind it in the same page.
std::vector<uint8_t> slots_from(const std::vector<Uid>& uids, size_t at) {
  std::vector<uint8_t> out;
  const uint32_t page = store::keys::page_of(uids[at]);
  for (; at < uids.size() && store::keys::page_of(uids[at]) == page; ++at) {
    out.push_back(store::keys::slot_of(uids[at]));
  }
  return out;
}

Result<> load_bodies(store::Account& account, const FetchPlan& plan, FetchedMessage& message) {
  BodyLoader loader(account, *message.row);
  for (const FetchItem& item : plan.items) {
    if (is_body(item.kind)) message.bodies.push_back(TRY(loader.load(item)));
  }
  return {};
}

}  // namespace

std::optional<FetchedRun> cached_run(const store::Account& account, MailboxId mailbox,
                                     const FetchPlan& plan, const std::vector<Uid>& uids) {
  if (plan.bodies) return std::nullopt;
  FetchedRun out;
  out.messages.reserve(uids.size());
  for (size_t at = 0; at < uids.size();) {
    const std::vector<uint8_t> slots = slots_from(uids, at);
    auto page = account.cached_slots(mailbox, store::keys::page_of(uids[at]), plan.columns, slots);
    if (!page) return std::nullopt;
    for (const uint8_t slot : slots) out.messages.push_back({uids[at++], page->find(slot), {}});
    out.pages.push_back(std::move(page));
  }
  return out;
}

Result<FetchedRun> load_run(store::Account& account, MailboxId mailbox, const FetchPlan& plan,
                            const std::vector<Uid>& uids) {
  constexpr size_t run_bytes_max = 1024 * 1024;
  FetchedRun out;
  out.messages.reserve(uids.size());
  store::PageDataPtr page;
  uint32_t page_read = UINT32_MAX;
  for (size_t at = 0; at < uids.size(); ++at) {
    const Uid uid = uids[at];
    const uint32_t number = store::keys::page_of(uid);
    if (page_read != number) {
      auto read = account.read_slots(mailbox, number, plan.columns, slots_from(uids, at));
      if (!read && !concerns_one_message(read.error())) return tl::unexpected(read.error());
      page = read ? *read : nullptr;
      page_read = number;
      out.damaged = out.damaged || !read;
      if (page) out.pages.push_back(page);
    }
    FetchedMessage message{uid, page ? page->find(store::keys::slot_of(uid)) : nullptr, {}};
    if (message.row && plan.bodies) {
      const auto loaded = load_bodies(account, plan, message);
      if (!loaded && !concerns_one_message(loaded.error())) return tl::unexpected(loaded.error());
      if (!loaded) {
        message.row = nullptr;
        message.bodies.clear();
        out.damaged = out.damaged || loaded.error().code == Code::corrupt;
      }
      for (const FetchedBody& body : message.bodies) out.bytes += body.octets.size();
    }
    out.messages.push_back(std::move(message));
    if (out.bytes > run_bytes_max) break;
  }
  return out;
}

}  // namespace eilpost::server
