#include "protocol/imap/command.h"

#include <array>

#include "base/check.h"

namespace eilpost::imap {
namespace {

using Parse = Result<CommandBody> (*)(Cursor&);
using Print = void (*)(CommandWriter&, const CommandBody&);
using Matches = bool (*)(const CommandBody&);

// A row is a command: how it is called, read and written. `parse` or `parse_uid` is null where the
// command has no such form.
struct Row {
  std::string_view uid_name;  // "UID FETCH"; the plain name is behind "UID "
  Parse parse;
  Parse parse_uid;
  Print print;
  Matches matches;

  std::string_view name() const { return uid_name.substr(4); }
};

template <auto Function>
Result<CommandBody> parse_with(Cursor& cursor) {
  auto parsed = Function(cursor);
  if (!parsed) return tl::unexpected(std::move(parsed).error());
  return CommandBody(std::move(*parsed));
}

template <class Body>
bool holds(const CommandBody& body) {
  return std::holds_alternative<Body>(body);
}

template <class Body>
Result<CommandBody> parse_nothing(Cursor&) {
  return CommandBody(Body{});
}

template <class Body, auto Function>
void print_with(CommandWriter& out, const CommandBody& body) {
  Function(out, std::get<Body>(body));
}

template <class Body>
constexpr Row simple(std::string_view uid_name) {
  return Row{uid_name, parse_nothing<Body>, nullptr, nullptr, holds<Body>};
}

template <class Body, auto ParseFunction, auto PrintFunction>
constexpr Row plain(std::string_view uid_name) {
  return Row{uid_name, parse_with<ParseFunction>, nullptr, print_with<Body, PrintFunction>,
             holds<Body>};
}

template <class Body, auto ParseFunction, auto PrintFunction, auto ParseUid = ParseFunction>
constexpr Row with_uid(std::string_view uid_name) {
  return Row{uid_name, parse_with<ParseFunction>, parse_with<ParseUid>,
             print_with<Body, PrintFunction>, holds<Body>};
}

bool is_examine(const CommandBody& body) {
  return holds<Select>(body) && std::get<Select>(body).read_only;
}

constexpr Row examine{"UID EXAMINE", parse_with<parse_examine>, nullptr,
                      print_with<Select, print_select>, is_examine};
constexpr Row expunge{"UID EXPUNGE", parse_nothing<Expunge>, parse_with<parse_uid_expunge>,
                      print_with<Expunge, print_expunge>, holds<Expunge>};

// The most frequent first; EXAMINE before SELECT, whose struct it shares.
constexpr std::array table{
    with_uid<Fetch, parse_fetch, print_fetch, parse_uid_fetch>("UID FETCH"),
    with_uid<Store, parse_store, print_store>("UID STORE"),
    with_uid<Search, parse_search, print_search>("UID SEARCH"),
    with_uid<Sort, parse_sort, print_sort>("UID SORT"),
    with_uid<Thread, parse_thread, print_thread>("UID THREAD"),
    simple<Noop>("UID NOOP"),
    simple<Idle>("UID IDLE"),
    plain<Status, parse_status, print_status>("UID STATUS"),
    examine,
    plain<Select, parse_select, print_select>("UID SELECT"),
    plain<List, parse_list, print_list>("UID LIST"),
    plain<Append, parse_append, print_append>("UID APPEND"),
    with_uid<Copy, parse_copy, print_copy>("UID COPY"),
    with_uid<Move, parse_move, print_move>("UID MOVE"),
    expunge,
    simple<Check>("UID CHECK"),
    simple<Close>("UID CLOSE"),
    simple<Unselect>("UID UNSELECT"),
    simple<Capability>("UID CAPABILITY"),
    simple<Namespace>("UID NAMESPACE"),
    plain<Id, parse_id, print_id>("UID ID"),
    plain<Enable, parse_enable, print_enable>("UID ENABLE"),
    plain<Login, parse_login, print_login>("UID LOGIN"),
    plain<Authenticate, parse_authenticate, print_authenticate>("UID AUTHENTICATE"),
    simple<StartTls>("UID STARTTLS"),
    simple<Logout>("UID LOGOUT"),
    with_uid<Replace, parse_replace, print_replace>("UID REPLACE"),
    plain<UidBatches, parse_uid_batches, print_uid_batches>("UID UIDBATCHES"),
    plain<Create, parse_create, print_create>("UID CREATE"),
    plain<Delete, parse_delete, print_delete>("UID DELETE"),
    plain<Rename, parse_rename, print_rename>("UID RENAME"),
    plain<Subscribe, parse_subscribe, print_subscribe>("UID SUBSCRIBE"),
    plain<Unsubscribe, parse_unsubscribe, print_unsubscribe>("UID UNSUBSCRIBE"),
    plain<Lsub, parse_lsub, print_lsub>("UID LSUB"),
    plain<Xlist, parse_xlist, print_xlist>("UID XLIST"),
    plain<GetMetadata, parse_getmetadata, print_getmetadata>("UID GETMETADATA"),
    plain<SetMetadata, parse_setmetadata, print_setmetadata>("UID SETMETADATA"),
    plain<GetQuota, parse_getquota, print_getquota>("UID GETQUOTA"),
    plain<GetQuotaRoot, parse_getquotaroot, print_getquotaroot>("UID GETQUOTAROOT"),
    plain<SetQuota, parse_setquota, print_setquota>("UID SETQUOTA"),
    plain<Comparator, parse_comparator, print_comparator>("UID COMPARATOR"),
    plain<Language, parse_language, print_language>("UID LANGUAGE"),
    simple<Unauthenticate>("UID UNAUTHENTICATE"),
    plain<CancelUpdate, parse_cancel_update, print_cancel_update>("UID CANCELUPDATE"),
    plain<MultiSearch, parse_multisearch, print_multisearch>("UID ESEARCH"),
    plain<Compress, parse_compress, print_compress>("UID COMPRESS"),
    plain<Notify, parse_notify, print_notify>("UID NOTIFY"),
};

const Row& row_of(const CommandBody& body) {
  for (const Row& row : table) {
    if (row.matches(body)) return row;
  }
  CHECK(!"a command without a row in the table");
  return table.front();
}

Result<CommandBody> parse_body(Cursor& cursor, bool& uid) {
  size_t start = cursor.position();
  std::string_view name = TRY(cursor.atom("a command"));
  uid = equal_nocase(name, "UID");
  if (uid) {
    TRY(cursor.space());
    start = cursor.position();
    name = TRY(cursor.atom("FETCH, STORE, SEARCH, SORT, THREAD, COPY, MOVE, REPLACE or EXPUNGE"));
  }
  for (const Row& row : table) {
    if (!equal_nocase(row.name(), name)) continue;
    Parse parse = uid ? row.parse_uid : row.parse;
    if (parse == nullptr) break;
    CommandBody body = TRY(parse(cursor));
    TRY(cursor.end());
    return body;
  }
  std::string_view what =
      uid ? "expected FETCH, STORE, SEARCH, SORT, THREAD, COPY, MOVE, REPLACE or EXPUNGE"
          : "expected a known command";
  return cursor.error_at(Code::invalid, what, start);
}

}  // namespace

// command = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF
Result<Command> parse_command(const Frame& frame, ParseOptions options) {
  Cursor cursor(frame, options);
  Command command;
  command.tag = std::string(TRY(cursor.tag()));
  TRY(cursor.space());
  command.body = TRY(parse_body(cursor, command.uid));
  return command;
}

std::string_view command_name(const Command& command) {
  const Row& row = row_of(command.body);
  return command.uid ? row.uid_name : row.name();
}

WireCommand print_command(const Command& command, const WriteOptions& options) {
  CommandWriter out(options);
  out.raw(command.tag).raw(command.uid ? " UID " : " ");
  const Row& row = row_of(command.body);
  if (row.print == nullptr) {
    out.raw(row.name());
  } else {
    row.print(out, command.body);
  }
  return out.finish();
}

bool forbids_expunge(const Command& command) {
  const CommandBody& body = command.body;
  return !command.uid && (holds<Fetch>(body) || holds<Store>(body) || holds<Search>(body) ||
                          holds<Sort>(body) || holds<Thread>(body));
}

bool uses_sequence_numbers(const Command& command) {
  const CommandBody& body = command.body;
  if (const auto* search = std::get_if<Search>(&body)) {
    return !command.uid || uses_sequence_numbers(search->key);
  }
  // Its answers are in uids.
  if (const auto* multi = std::get_if<MultiSearch>(&body)) {
    return uses_sequence_numbers(multi->search.key);
  }
  if (const auto* sort = std::get_if<Sort>(&body)) {
    return !command.uid || uses_sequence_numbers(sort->search.key);
  }
  if (const auto* thread = std::get_if<Thread>(&body)) {
    return !command.uid || uses_sequence_numbers(thread->search.key);
  }
  if (const auto* select = std::get_if<Select>(&body)) {
    return select->qresync && select->qresync->match_seqs;
  }
  if (command.uid) return false;
  return holds<Fetch>(body) || holds<Store>(body) || holds<Copy>(body) || holds<Move>(body) ||
         holds<Replace>(body);
}

bool line_forbids_expunge(std::string_view line) {
  Frame frame;
  frame.text = std::string(line.substr(0, line.find(' ', line.find(' ') + 1)));
  std::string_view name = frame.name();
  // RFC 9051 5.5 lets a client pipeline the first three; some pipeline the others as well.
  for (std::string_view numbered :
       {"FETCH", "STORE", "SEARCH", "SORT", "THREAD", "COPY", "MOVE", "REPLACE"}) {
    if (equal_nocase(name, numbered)) return true;
  }
  return false;
}

}  // namespace eilpost::imap
