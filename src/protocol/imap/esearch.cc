// The ESEARCH response (RFC 9051 7.3.4), with what extensions put into it: PARTIAL (RFC 9394),
// mailboxes (RFC 7377), relevancy (RFC 6203), updates (RFC 5267).

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

// search-correlator = SP "(" one-correlator *(SP one-correlator) ")" (RFC 7377 3)
// one-correlator = ("TAG" SP tag-string) / ("MAILBOX" SP astring) / ("UIDVALIDITY" SP nz-number)
void append_correlators(std::string& out, const ESearchData& data, WriteStyle style) {
  if (data.tag.empty() && !data.mailbox && data.uid_validity == 0) return;
  std::string_view before = " (";
  if (!data.tag.empty()) {
    out += before;
    out += "TAG ";
    append_string(out, data.tag, style);
    before = " ";
  }
  if (data.mailbox) {
    out += before;
    out += "MAILBOX ";
    append_mailbox(out, *data.mailbox, style);
    before = " ";
  }
  if (data.uid_validity != 0) {
    out += before;
    out += "UIDVALIDITY ";
    append_number(out, data.uid_validity);
  }
  out += ')';
}

Result<> parse_correlators(Cursor& cursor, ESearchData& data) {
  return cursor.list_of_some([&]() -> Result<> {
    const std::string name = upper_ascii(TRY(cursor.atom()));
    TRY(cursor.space());
    if (name == "TAG") {
      data.tag = TRY(cursor.astring());
    } else if (name == "MAILBOX") {
      data.mailbox = TRY(cursor.mailbox());
    } else if (name == "UIDVALIDITY") {
      data.uid_validity = TRY(cursor.nz_number());
    } else {
      TRY(cursor.skip_value());
    }
    return {};
  });
}

// "RELEVANCY" SP "(" [score *(SP score)] ")" (RFC 6203 6)
void append_relevancy(std::string& out, const std::vector<uint8_t>& scores) {
  if (scores.empty()) return;
  std::string_view before = " RELEVANCY (";
  for (const uint8_t score : scores) {
    out += before;
    append_number(out, score);
    before = " ";
  }
  out += ')';
}

Result<> parse_relevancy(Cursor& cursor, std::vector<uint8_t>& scores) {
  return cursor.list([&]() -> Result<> {
    const uint32_t score = TRY(cursor.nz_number("a score"));
    if (score > 100) return cursor.expected("a score up to 100");
    scores.push_back(static_cast<uint8_t>(score));
    return {};
  });
}

// ("ADDTO" / "REMOVEFROM") SP "(" context-position SP sequence-set *(SP context-position SP
// sequence-set) ")" (RFC 5267 5), one for each run of the same kind.
void append_updates(std::string& out, const std::vector<ContextUpdate>& updates) {
  for (size_t i = 0; i < updates.size(); ++i) {
    const bool first = i == 0 || updates[i - 1].removed != updates[i].removed;
    const bool last = i + 1 == updates.size() || updates[i + 1].removed != updates[i].removed;
    if (first) out += updates[i].removed ? " REMOVEFROM (" : " ADDTO (";
    append_number(out, updates[i].position);
    out += ' ';
    append_sequence_set(out, updates[i].set);
    out += last ? ')' : ' ';
  }
}

Result<> parse_updates(Cursor& cursor, ContextUpdate kind, std::vector<ContextUpdate>& updates) {
  return cursor.list_of_some([&]() -> Result<> {
    ContextUpdate update = kind;
    update.position = TRY(cursor.number("a position"));
    TRY(cursor.space());
    update.set = TRY(cursor.sequence_set());
    updates.push_back(std::move(update));
    return {};
  });
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
  } else if (name == "ADDTO" || name == "REMOVEFROM") {
    TRY(parse_updates(cursor, ContextUpdate{.removed = name == "REMOVEFROM"}, data.updates));
  } else if (name == "RELEVANCY") {
    TRY(parse_relevancy(cursor, data.relevancy));
  } else if (name == "PARTIAL") {
    data.partial = TRY(parse_partial(cursor));
  } else {
    TRY(cursor.skip_value());
  }
  return {};
}

}  // namespace

// esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)
void append_esearch(std::string& out, const ESearchData& data, WriteStyle style) {
  out += "* ESEARCH";
  append_correlators(out, data, style);
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
  append_updates(out, data.updates);
  append_relevancy(out, data.relevancy);
  out += "\r\n";
}

Result<ESearchData> parse_esearch_data(Cursor& cursor) {
  ESearchData data;
  cursor.skip_spaces();
  if (cursor.peek() == '(') TRY(parse_correlators(cursor, data));
  cursor.skip_spaces();
  data.uid = cursor.accept_word("UID");
  cursor.skip_spaces();
  while (!cursor.at_end()) {
    TRY(parse_item(cursor, data));
    cursor.skip_spaces();
  }
  return data;
}

}  // namespace eilpost::imap
