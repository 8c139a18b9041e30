// The ESEARCH response (RFC 9051 7.3.4), with what extensions put into it: PARTIAL (RFC 9394).

#include "protocol/imap/esearch.h"

#include "protocol/imap/writer.h"

namespace eilpost::imap {
namespace {

void append_item(std::string& out, std::string_view name, std::optional<uint64_t> value) {
  if (!value) return;
  out += name;
  append_number(out, *value);
}

// ret-data-partial = "PARTIAL" SP "(" partial-range SP (sequence-set / "NIL") ")"
void append_partial(std::string& out, const PartialResult& partial) {
  out += " PARTIAL (";
  append_partial_range(out, partial.range);
  out += ' ';
  if (partial.set) {
    append_sequence_set(out, *partial.set);
  } else {
    out += "NIL";
  }
  out += ')';
}

Result<PartialResult> parse_partial(Cursor& cursor) {
  PartialResult partial;
  TRY(cursor.enter());
  partial.range = TRY(parse_partial_range(cursor));
  TRY(cursor.space());
  if (!cursor.accept_word("NIL")) partial.set = TRY(cursor.sequence_set());
  TRY(cursor.leave());
  return partial;
}

Result<> parse_item(Cursor& cursor, ESearchData& data) {
  const std::string name = upper_ascii(TRY(cursor.atom()));
  TRY(cursor.space());
  if (name == "MIN") {
    data.min = TRY(cursor.nz_number());
  } else if (name == "MAX") {
    data.max = TRY(cursor.nz_number());
  } else if (name == "COUNT") {
    data.count = TRY(cursor.number64());
  } else if (name == "ALL") {
    data.all = TRY(cursor.sequence_set());
  } else if (name == "MODSEQ") {
    data.modseq = TRY(cursor.number64());
  } else if (name == "PARTIAL") {
    data.partial = TRY(parse_partial(cursor));
  } else {
    TRY(cursor.skip_value());
  }
  return {};
}

}  // namespace

// esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)
void append_esearch(std::string& out, const ESearchData& data) {
  out += "* ESEARCH";
  if (!data.tag.empty()) {
    out += " (TAG \"";
    out += data.tag;
    out += "\")";
  }
  if (data.uid) out += " UID";
  append_item(out, " MIN ", data.min);
  append_item(out, " MAX ", data.max);
  append_item(out, " COUNT ", data.count);
  if (data.all) {
    out += " ALL ";
    append_sequence_set(out, *data.all);
  }
  if (data.partial) append_partial(out, *data.partial);
  append_item(out, " MODSEQ ", data.modseq);
  out += "\r\n";
}

Result<ESearchData> parse_esearch_data(Cursor& cursor) {
  ESearchData data;
  cursor.skip_spaces();
  if (cursor.accept_text("(TAG ")) {
    data.tag = TRY(cursor.astring());
    TRY(cursor.expect(')'));
    cursor.skip_spaces();
  }
  data.uid = cursor.accept_word("UID");
  cursor.skip_spaces();
  while (!cursor.at_end()) {
    TRY(parse_item(cursor, data));
    cursor.skip_spaces();
  }
  return data;
}

}  // namespace eilpost::imap
