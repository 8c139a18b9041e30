#include "protocol/imap/response_parser.h"

#include <algorithm>
#include <array>
#include <limits>

#include "protocol/imap/esearch.h"
#include "protocol/imap/fetch_data.h"
#include "protocol/imap/id.h"
#include "protocol/imap/metadata.h"
#include "protocol/imap/quota.h"
#include "protocol/imap/rights.h"

namespace eilpost::imap {
namespace {

struct ConditionName {
  std::string_view name;
  Condition condition;
};
constexpr std::array<ConditionName, 5> conditions{{
    {"OK", Condition::ok},
    {"NO", Condition::no},
    {"BAD", Condition::bad},
    {"BYE", Condition::bye},
    {"PREAUTH", Condition::preauth},
}};

// resp-text = ["[" resp-text-code "]" SP] [text]. The space and the text are missing at times.
StatusResponse parse_status_text(Cursor& cursor, Condition condition) {
  StatusResponse response;
  response.condition = condition;
  cursor.skip_spaces();
  if (cursor.peek() == '[') {
    Cursor start = cursor;
    Result<ResponseCode> code = parse_response_code(cursor);
    if (code) {
      response.code = std::move(*code);
      cursor.skip_spaces();
    } else {
      cursor = start;
    }
  }
  response.text = std::string(cursor.rest());
  return response;
}

std::optional<Condition> accept_condition(Cursor& cursor) {
  for (const ConditionName& known : conditions) {
    std::string_view behind =
        cursor.rest().substr(std::min(known.name.size(), cursor.rest().size()));
    if (!behind.empty() && behind.front() != ' ') continue;
    if (cursor.accept_word(known.name)) return known.condition;
  }
  return std::nullopt;
}

// *(SP capability). Two spaces in a row are seen.
Result<std::vector<std::string>> parse_names(Cursor& cursor) {
  std::vector<std::string> names;
  cursor.skip_spaces();
  while (!cursor.at_end()) {
    names.emplace_back(TRY(cursor.atom("a capability")));
    if (!cursor.at_end()) TRY(cursor.space());
  }
  return names;
}

// (DQUOTE QUOTED-CHAR DQUOTE / nil). 0 for NIL.
Result<char> parse_delimiter(Cursor& cursor) {
  std::optional<std::string> delimiter = TRY(cursor.nstring("a delimiter"));
  return delimiter && !delimiter->empty() ? delimiter->front() : '\0';
}

Result<> parse_list_extended(Cursor& cursor, ListData& data) {
  TRY(cursor.enter());
  cursor.skip_spaces();
  while (cursor.peek() != ')') {
    std::string name = TRY(cursor.astring());
    TRY(cursor.space());
    if (equal_nocase(name, "CHILDINFO")) {
      TRY(cursor.enter());
      cursor.skip_spaces();
      while (cursor.peek() != ')') {
        data.child_info.push_back(TRY(cursor.astring()));
        cursor.skip_spaces();
      }
      TRY(cursor.leave());
    } else if (equal_nocase(name, "OLDNAME")) {
      TRY(cursor.enter());
      data.old_name = TRY(cursor.mailbox());
      TRY(cursor.leave());
    } else {
      TRY(cursor.skip_value());
    }
    cursor.skip_spaces();
  }
  return cursor.leave();
}

// mailbox-list; XLIST answers have the same form.
Result<Response> parse_list_data(Cursor& cursor, ListData data) {
  TRY(cursor.space());
  data.attributes = TRY(cursor.flag_list());
  TRY(cursor.space());
  data.delimiter = TRY(parse_delimiter(cursor));
  TRY(cursor.space());
  data.mailbox = TRY(cursor.mailbox());
  cursor.skip_spaces();
  if (cursor.peek() == '(') TRY(parse_list_extended(cursor, data));
  return Response(std::move(data));
}

Result<StatusValue> parse_status_value(Cursor& cursor, StatusItem item) {
  StatusValue value;
  value.item = item;
  if (item == StatusItem::mailbox_id) {
    TRY(cursor.expect('('));
    value.text = std::string(TRY(cursor.atom("a mailbox id")));
    TRY(cursor.expect(')'));
  } else if (cursor.accept_word("NIL")) {
    value.nil = true;
  } else {
    value.number = TRY(cursor.number64());
  }
  return value;
}

// mailbox-data = "STATUS" SP mailbox SP "(" [status-att-list] ")"
Result<Response> parse_status_data(Cursor& cursor) {
  StatusData data;
  TRY(cursor.space());
  data.mailbox = TRY(cursor.mailbox());
  TRY(cursor.space());
  TRY(cursor.enter());
  cursor.skip_spaces();
  while (cursor.peek() != ')') {
    std::optional<StatusItem> item = status_item(TRY(cursor.atom()));
    TRY(cursor.space());
    if (item) {
      data.values.push_back(TRY(parse_status_value(cursor, *item)));
    } else {
      TRY(cursor.skip_value());
    }
    cursor.skip_spaces();
  }
  TRY(cursor.leave());
  return Response(std::move(data));
}

// SEARCH and SORT.
template <class Data>
Result<Response> parse_numbers(Cursor& cursor) {
  Data data;
  cursor.skip_spaces();
  while (!cursor.at_end() && cursor.peek() != '(') {
    data.numbers.push_back(TRY(cursor.nz_number()));
    cursor.skip_spaces();
  }
  if (cursor.accept_text("(MODSEQ ")) {
    data.modseq = TRY(cursor.number64());
    TRY(cursor.expect(')'));
  }
  return Response(std::move(data));
}

Result<Response> parse_vanished(Cursor& cursor) {
  VanishedData data;
  TRY(cursor.space());
  if (cursor.accept_text("(EARLIER)")) {
    data.earlier = true;
    TRY(cursor.space());
  }
  SequenceSet set = TRY(cursor.sequence_set());
  if (set.saved || set.has_star()) return cursor.expected("a set of uids");
  data.uids = set.resolve(std::numeric_limits<uint32_t>::max());
  return Response(std::move(data));
}

// "UIDBATCHES" SP "(" "TAG" SP tag-string ")" [SP uid-range *("," uid-range)]
Result<Response> parse_uid_batches_data(Cursor& cursor) {
  UidBatchesData data;
  TRY(cursor.space());
  if (!cursor.accept_text("(TAG ")) return cursor.expected("(TAG");
  data.tag = TRY(cursor.astring());
  TRY(cursor.expect(')'));
  cursor.skip_spaces();
  while (!cursor.at_end()) {
    UidBatchesData::Batch batch;
    batch.high = TRY(cursor.nz_number("a uid"));
    TRY(cursor.expect(':'));
    batch.low = TRY(cursor.nz_number("a uid"));
    data.batches.push_back(batch);
    if (!cursor.accept(',')) break;
  }
  return Response(std::move(data));
}

// namespace = nil / "(" 1*namespace-descr ")"
Result<std::vector<NamespaceEntry>> parse_namespaces(Cursor& cursor) {
  std::vector<NamespaceEntry> entries;
  TRY(cursor.space());
  if (cursor.accept_word("NIL")) return entries;
  TRY(cursor.enter());
  cursor.skip_spaces();
  while (cursor.peek() != ')') {
    TRY(cursor.enter());
    NamespaceEntry entry;
    size_t start = cursor.position();
    entry.prefix = TRY(cursor.decode_mailbox(TRY(cursor.astring()), start));
    TRY(cursor.space());
    entry.delimiter = TRY(parse_delimiter(cursor));
    cursor.skip_spaces();
    while (cursor.peek() != ')') {
      TRY(cursor.skip_value());
      cursor.skip_spaces();
    }
    TRY(cursor.leave());
    entries.push_back(std::move(entry));
    cursor.skip_spaces();
  }
  TRY(cursor.leave());
  return entries;
}

Result<Response> parse_namespace_data(Cursor& cursor) {
  NamespaceData data;
  data.personal = TRY(parse_namespaces(cursor));
  data.other_users = TRY(parse_namespaces(cursor));
  data.shared = TRY(parse_namespaces(cursor));
  return Response(std::move(data));
}

Result<Response> parse_flags_data(Cursor& cursor) {
  TRY(cursor.space());
  return Response(FlagsData{TRY(cursor.flag_list())});
}

Result<Response> parse_id_data(Cursor& cursor) {
  TRY(cursor.space());
  return Response(IdData{TRY(parse_id_parameters(cursor))});
}

Result<Response> parse_list_line(Cursor& cursor) {
  return parse_list_data(cursor, ListData{});
}
Result<Response> parse_lsub_line(Cursor& cursor) {
  ListData data;
  data.lsub = true;
  return parse_list_data(cursor, std::move(data));
}
Result<Response> parse_xlist_line(Cursor& cursor) {
  ListData data;
  data.xlist = true;
  return parse_list_data(cursor, std::move(data));
}
template <auto Function>
Result<Response> parse_with(Cursor& cursor) {
  auto data = Function(cursor);
  if (!data) return tl::unexpected(std::move(data).error());
  return Response(std::move(*data));
}
Result<Response> parse_capability_data(Cursor& cursor) {
  return Response(CapabilityData{TRY(parse_names(cursor))});
}
Result<Response> parse_enabled_data(Cursor& cursor) {
  return Response(EnabledData{TRY(parse_names(cursor))});
}

struct DataName {
  std::string_view name;
  Result<Response> (*parse)(Cursor&);
};
// An untagged response that begins with a word.
constexpr auto data_names = std::to_array<DataName>({
    {"LIST", parse_list_line},
    {"XLIST", parse_xlist_line},
    {"LSUB", parse_lsub_line},
    {"STATUS", parse_status_data},
    {"SEARCH", parse_numbers<SearchData>},
    {"SORT", parse_numbers<SortData>},
    {"THREAD", parse_with<parse_thread_data>},
    {"ESEARCH", parse_with<parse_esearch_data>},
    {"VANISHED", parse_vanished},
    {"UIDBATCHES", parse_uid_batches_data},
    {"NAMESPACE", parse_namespace_data},
    {"FLAGS", parse_flags_data},
    {"ID", parse_id_data},
    {"CAPABILITY", parse_capability_data},
    {"ENABLED", parse_enabled_data},
    {"METADATA", parse_with<parse_metadata_data>},
    {"QUOTA", parse_with<parse_quota_data>},
    {"QUOTAROOT", parse_with<parse_quotaroot_data>},
    {"COMPARATOR", parse_with<parse_comparator_data>},
    {"LANGUAGE", parse_with<parse_language_data>},
    {"MYRIGHTS", parse_with<parse_myrights_data>},
});

// message-data = nz-number SP ("EXPUNGE" / (("FETCH" / "UIDFETCH") SP msg-att)); number SP
// ("EXISTS" / "RECENT")
Result<Response> parse_numbered(Cursor& cursor) {
  uint32_t number = TRY(cursor.number());
  TRY(cursor.space());
  if (cursor.accept_word("EXISTS")) return Response(ExistsData{number});
  if (cursor.accept_word("RECENT")) return Response(RecentData{number});
  if (cursor.accept_word("EXPUNGE")) return Response(ExpungeData{Seq(number)});
  if (cursor.accept_word("UIDFETCH")) {
    TRY(cursor.space());
    FetchData data = TRY(parse_fetch_data(cursor, Seq()));
    data.uid = Uid(number);
    data.uid_only = true;
    return Response(std::move(data));
  }
  if (!cursor.accept_word("FETCH")) return cursor.expected("EXISTS, RECENT, EXPUNGE or FETCH");
  TRY(cursor.space());
  return Response(TRY(parse_fetch_data(cursor, Seq(number))));
}

Result<Response> parse_untagged(Cursor& cursor) {
  cursor.skip_spaces();
  if (std::optional<Condition> condition = accept_condition(cursor)) {
    return Response(parse_status_text(cursor, *condition));
  }
  if (cursor.peek() >= '0' && cursor.peek() <= '9') return parse_numbered(cursor);
  for (const DataName& known : data_names) {
    if (cursor.accept_word(known.name)) return known.parse(cursor);
  }
  return cursor.expected("a response");
}

Result<Response> parse_tagged(Cursor& cursor) {
  std::string tag(TRY(cursor.tag()));
  TRY(cursor.space());
  std::optional<Condition> condition = accept_condition(cursor);
  if (!condition) return cursor.expected("OK, NO or BAD");
  StatusResponse response = parse_status_text(cursor, *condition);
  response.tag = std::move(tag);
  return Response(std::move(response));
}

}  // namespace

// response = *(continue-req / response-data) response-done
Result<Response> parse_response(const Frame& frame, ParseOptions options) {
  if (frame.text.empty()) return fail(Code::invalid, "expected a response at column 1");
  options.tolerant = true;
  Cursor cursor(frame, options);
  if (cursor.accept('+')) {
    // "+" alone and "+text" are both seen.
    cursor.accept(' ');
    return Response(Continuation{std::string(cursor.rest())});
  }
  Result<Response> response =
      cursor.accept_text("* ") ? parse_untagged(cursor) : parse_tagged(cursor);
  if (response) return response;
  return Response(UnknownData{frame.text});
}

}  // namespace eilpost::imap
