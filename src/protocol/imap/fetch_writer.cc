// FetchWriter, and the printing of any Response from its value.
#include <string>

#include "protocol/imap/response.h"

namespace eilpost::imap {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

FetchItem item_of(const BodyData& body) {
  FetchItem item;
  switch (body.kind) {
    case BodyData::Kind::body: item.kind = FetchKind::body_section; break;
    case BodyData::Kind::binary: item.kind = FetchKind::binary; break;
    case BodyData::Kind::rfc822: item.kind = FetchKind::rfc822; break;
    case BodyData::Kind::rfc822_header: item.kind = FetchKind::rfc822_header; break;
    case BodyData::Kind::rfc822_text: item.kind = FetchKind::rfc822_text; break;
  }
  item.section = body.section;
  if (body.origin) item.partial = Partial{*body.origin, 1};
  return item;
}

void write_attributes(FetchWriter& writer, const FetchData& data) {
  if (data.flags) writer.flags(*data.flags);
  if (data.internal_date) writer.internal_date(*data.internal_date);
  if (data.rfc822_size) writer.rfc822_size(*data.rfc822_size);
  if (data.modseq) writer.modseq(ModSeq(*data.modseq));
  if (data.email_id) writer.email_id(*data.email_id);
  if (data.thread_id) writer.thread_id(*data.thread_id);
  if (data.save_date || data.save_date_nil) writer.save_date(data.save_date);
  if (data.preview || data.preview_nil) writer.preview(data.preview);
}

void write_bodies(FetchWriter& writer, const FetchData& data) {
  for (const BodyData& body : data.bodies) {
    FetchItem item = item_of(body);
    if (!body.octets) {
      writer.body_nil(item);
    } else if (body.octets->find('\0') != std::string::npos) {
      writer.body_literal8(item, *body.octets);
    } else {
      writer.body(item, *body.octets);
    }
  }
  for (const BinarySize& size : data.binary_sizes) writer.binary_size(size.part, size.size);
}

void append_fetch(std::string& out, const FetchData& data, WriteStyle style) {
  FetchWriter writer =
      data.uid_only ? FetchWriter(out, data.uid, style) : FetchWriter(out, data.seq, style);
  if (data.uid && !data.uid_only) writer.uid(data.uid);
  write_attributes(writer, data);
  std::string value;
  if (data.envelope) {
    append_envelope(value, *data.envelope, style);
    writer.wire("ENVELOPE", value);
  }
  if (data.body) {
    value.clear();
    append_body_structure(value, *data.body, style);
    writer.wire(data.body_extended ? "BODYSTRUCTURE" : "BODY", value);
  }
  write_bodies(writer, data);
  writer.finish();
}

}  // namespace

FetchWriter::FetchWriter(std::string& out, Seq seq, WriteStyle style) : out_(out), style_(style) {
  out_ += "* ";
  append_number(out_, seq.value);
  out_ += " FETCH (";
}

FetchWriter::FetchWriter(std::string& out, Uid uid, WriteStyle style) : out_(out), style_(style) {
  out_ += "* ";
  append_number(out_, uid.value);
  out_ += " UIDFETCH (";
}

void FetchWriter::item(std::string_view name) {
  if (!empty_) out_ += ' ';
  empty_ = false;
  out_ += name;
}

FetchWriter& FetchWriter::uid(Uid uid) {
  item("UID ");
  append_number(out_, uid.value);
  return *this;
}

FetchWriter& FetchWriter::flags(uint8_t system_flags,
                                const std::vector<std::string_view>& keywords) {
  item("FLAGS ");
  append_flag_list(out_, system_flags, keywords);
  return *this;
}

FetchWriter& FetchWriter::flags(const FlagList& flags) {
  item("FLAGS ");
  append_flag_list(out_, flags);
  return *this;
}

// fetch-mod-resp = "MODSEQ" SP "(" permsg-modsequence ")"
FetchWriter& FetchWriter::modseq(ModSeq modseq) {
  item("MODSEQ (");
  append_number(out_, modseq.value);
  out_ += ')';
  return *this;
}

FetchWriter& FetchWriter::internal_date(DateTime at) {
  item("INTERNALDATE ");
  append_date_time(out_, at);
  return *this;
}

FetchWriter& FetchWriter::rfc822_size(uint64_t octets) {
  item("RFC822.SIZE ");
  append_number(out_, octets);
  return *this;
}

// RFC 8474 7: fetch-emailid-resp = "EMAILID" SP "(" objectid ")"
FetchWriter& FetchWriter::email_id(std::string_view id) {
  item("EMAILID (");
  out_ += id;
  out_ += ')';
  return *this;
}

FetchWriter& FetchWriter::thread_id(std::string_view id) {
  if (id.empty()) {
    item("THREADID NIL");
    return *this;
  }
  item("THREADID (");
  out_ += id;
  out_ += ')';
  return *this;
}

FetchWriter& FetchWriter::save_date(std::optional<DateTime> at) {
  item("SAVEDATE ");
  if (at) {
    append_date_time(out_, *at);
  } else {
    out_ += "NIL";
  }
  return *this;
}

FetchWriter& FetchWriter::preview(const std::optional<std::string>& text) {
  item("PREVIEW ");
  append_nstring(out_, text, style_);
  return *this;
}

FetchWriter& FetchWriter::wire(std::string_view name, std::string_view value) {
  item(name);
  out_ += ' ';
  out_ += value;
  return *this;
}

// "BODY[...]<origin>": a response names neither .PEEK nor the length. RFC 9051 7.5.2.
void FetchWriter::body_name(const FetchItem& fetch_item) {
  switch (fetch_item.kind) {
    case FetchKind::rfc822: item("RFC822 "); return;
    case FetchKind::rfc822_header: item("RFC822.HEADER "); return;
    case FetchKind::rfc822_text: item("RFC822.TEXT "); return;
    case FetchKind::binary: item("BINARY["); break;
    default: item("BODY["); break;
  }
  append_section(out_, fetch_item.section);
  out_ += ']';
  if (fetch_item.partial) {
    out_ += '<';
    append_number(out_, fetch_item.partial->offset);
    out_ += '>';
  }
  out_ += ' ';
}

FetchWriter& FetchWriter::body_header(const FetchItem& fetch_item, uint64_t size) {
  body_name(fetch_item);
  append_literal_header(out_, size);
  return *this;
}

FetchWriter& FetchWriter::body_header_literal8(const FetchItem& fetch_item, uint64_t size) {
  body_name(fetch_item);
  append_literal8_header(out_, size);
  return *this;
}

FetchWriter& FetchWriter::body_nil(const FetchItem& fetch_item) {
  body_name(fetch_item);
  out_ += "NIL";
  return *this;
}

FetchWriter& FetchWriter::body(const FetchItem& fetch_item, std::string_view octets) {
  body_header(fetch_item, octets.size());
  out_ += octets;
  return *this;
}

FetchWriter& FetchWriter::body_literal8(const FetchItem& fetch_item, std::string_view octets) {
  body_header_literal8(fetch_item, octets.size());
  out_ += octets;
  return *this;
}

FetchWriter& FetchWriter::binary_size(const std::vector<uint32_t>& part, uint64_t size) {
  item("BINARY.SIZE[");
  Section section;
  section.part = part;
  append_section(out_, section);
  out_ += "] ";
  append_number(out_, size);
  return *this;
}

void FetchWriter::finish() {
  out_ += ")\r\n";
}

void append_response(std::string& out, const Response& response, WriteStyle style) {
  std::visit(Overloaded{
                 [&](const StatusResponse& r) {
                   append_tagged(out, r.tag.empty() ? "*" : r.tag, r.condition, r.code, r.text);
                 },
                 [&](const Continuation& r) { append_continuation(out, r.text); },
                 [&](const CapabilityData& r) { append_capability(out, r); },
                 [&](const EnabledData& r) { append_enabled(out, r); },
                 [&](const FlagsData& r) { append_flags(out, r); },
                 [&](const ListData& r) { append_list(out, r, style); },
                 [&](const StatusData& r) { append_status(out, r, style); },
                 [&](const SearchData& r) { append_search(out, r); },
                 [&](const SortData& r) { append_sort(out, r); },
                 [&](const ComparatorData& r) { append_comparator(out, r, style); },
                 [&](const LanguageData& r) { append_language(out, r, style); },
                 [&](const ThreadData& r) { append_thread(out, r); },
                 [&](const ESearchData& r) { append_esearch(out, r, style); },
                 [&](const ExistsData& r) { append_exists(out, r.count); },
                 [&](const RecentData& r) { append_recent(out, r.count); },
                 [&](const ExpungeData& r) { append_expunge(out, r.seq); },
                 [&](const VanishedData& r) { append_vanished(out, r); },
                 [&](const UidBatchesData& r) { append_uid_batches(out, r); },
                 [&](const FetchData& r) { append_fetch(out, r, style); },
                 [&](const IdData& r) { append_id(out, r, style); },
                 [&](const NamespaceData& r) { append_namespace(out, r, style); },
                 [&](const MetadataData& r) { append_metadata(out, r, style); },
                 [&](const QuotaData& r) { append_quota(out, r, style); },
                 [&](const QuotaRootData& r) { append_quotaroot(out, r, style); },
                 [&](const MyRightsData& r) { append_myrights(out, r, style); },
                 [&](const UnknownData& r) {
                   out += r.text;
                   out += "\r\n";
                 },
             },
             response);
}

}  // namespace eilpost::imap
