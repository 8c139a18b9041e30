#include "protocol/imap/metadata.h"

#include <algorithm>

namespace eilpost::imap {
namespace {

// entry = astring
Result<std::string> parse_entry(Cursor& cursor) {
  size_t start = cursor.position();
  std::string name = TRY(cursor.astring("an entry name"));
  if (!is_metadata_entry(name)) {
    return cursor.error_at(Code::invalid, "expected an entry name like /private/comment", start);
  }
  return name;
}

// entries = entry / "(" entry *(SP entry) ")"
Result<std::vector<std::string>> parse_entries(Cursor& cursor) {
  std::vector<std::string> entries;
  const auto one = [&]() -> Result<> {
    entries.push_back(TRY(parse_entry(cursor)));
    return {};
  };
  if (cursor.peek() == '(') {
    TRY(cursor.list_of_some(one));
  } else {
    TRY(one());
  }
  return entries;
}

// An option begins with a letter, an entry never does.
bool at_options(const Cursor& cursor) {
  std::string_view rest = cursor.rest();
  if (rest.empty() || rest.front() != '(') return false;
  size_t first = rest.find_first_not_of(' ', 1);
  if (first == std::string_view::npos) return false;
  char c = rest[first];
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// maxsize-opt = "MAXSIZE" SP number; scope-opt = "DEPTH" SP ("0" / "1" / "infinity")
Result<> parse_option(Cursor& cursor, MetadataOptions& options) {
  if (cursor.accept_word("MAXSIZE")) {
    TRY(cursor.space());
    options.max_size = TRY(cursor.number64());
    return {};
  }
  if (!cursor.accept_word("DEPTH")) return cursor.expected("MAXSIZE or DEPTH");
  TRY(cursor.space());
  if (cursor.accept_word("0")) {
    options.depth = MetadataDepth::zero;
  } else if (cursor.accept_word("1")) {
    options.depth = MetadataDepth::one;
  } else if (cursor.accept_word("infinity")) {
    options.depth = MetadataDepth::infinity;
  } else {
    return cursor.expected("0, 1 or infinity");
  }
  return {};
}

// [getmetadata-options SP]
Result<> accept_options(Cursor& cursor, MetadataOptions& options) {
  if (!at_options(cursor)) return {};
  TRY(cursor.list_of_some([&] { return parse_option(cursor, options); }));
  return cursor.space();
}

// Those that say something; "" for none.
std::string options_text(const MetadataOptions& options) {
  std::string out;
  if (options.max_size) {
    out += "MAXSIZE ";
    append_number(out, *options.max_size);
  }
  if (options.depth != MetadataDepth::zero) {
    if (!out.empty()) out += ' ';
    out += options.depth == MetadataDepth::one ? "DEPTH 1" : "DEPTH infinity";
  }
  return out.empty() ? out : '(' + out + ") ";
}

// Entry names are ASCII without line ends: never a literal.
void append_entries(std::string& out, const std::vector<std::string>& entries) {
  out += '(';
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i > 0) out += ' ';
    append_astring(out, entries[i], WriteStyle{});
  }
  out += ')';
}

// value = nstring / literal8
Result<std::optional<std::string>> parse_value(Cursor& cursor) {
  if (!cursor.at_literal() || cursor.peek() != '~') return cursor.nstring("a value");
  size_t start = cursor.position();
  const Literal* literal = TRY(cursor.literal("a value"));
  if (literal->streamed) return cursor.error_at(Code::too_big, "the value is too long", start);
  return std::optional<std::string>(literal->octets);
}

void print_value(CommandWriter& out, const std::optional<std::string>& value) {
  const bool binary = value && value->find('\0') != std::string::npos;
  if (binary) {
    out.literal(*value, {.literal8 = true});
  } else {
    out.nstring(value);
  }
}

}  // namespace

bool is_metadata_entry(std::string_view name) {
  if (name.empty() || name.front() != '/' || name.back() == '/') return false;
  if (name.find("//") != std::string_view::npos) return false;
  const bool allowed = std::all_of(name.begin(), name.end(), [](char c) {
    return c >= ' ' && c < 0x7f && c != '*' && c != '%';
  });
  std::string_view top = name.substr(0, std::min(name.find('/', 1), name.size()));
  return allowed && (equal_nocase(top, "/private") || equal_nocase(top, "/shared"));
}

// getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries
Result<GetMetadata> parse_getmetadata(Cursor& cursor) {
  GetMetadata command;
  TRY(cursor.space());
  TRY(accept_options(cursor, command.options));
  command.mailbox = TRY(cursor.mailbox());
  TRY(cursor.space());
  TRY(accept_options(cursor, command.options));
  const bool listed = cursor.peek() == '(';
  command.entries = TRY(parse_entries(cursor));
  // Several without parentheses, as the RFC's examples had them before erratum 3868.
  cursor.skip_spaces();
  while (!listed && !cursor.at_end()) {
    command.entries.push_back(TRY(parse_entry(cursor)));
    cursor.skip_spaces();
  }
  return command;
}

void print_getmetadata(CommandWriter& out, const GetMetadata& command) {
  out.raw("GETMETADATA ").raw(options_text(command.options)).mailbox(command.mailbox).raw(" ");
  append_entries(out.line(), command.entries);
}

// setmetadata = "SETMETADATA" SP mailbox SP entry-values
Result<SetMetadata> parse_setmetadata(Cursor& cursor) {
  SetMetadata command;
  TRY(cursor.space());
  command.mailbox = TRY(cursor.mailbox());
  TRY(cursor.space());
  TRY(cursor.list_of_some([&]() -> Result<> {
    MetadataEntry entry;
    entry.name = TRY(parse_entry(cursor));
    TRY(cursor.space());
    entry.value = TRY(parse_value(cursor));
    command.entries.push_back(std::move(entry));
    return {};
  }));
  return command;
}

void print_setmetadata(CommandWriter& out, const SetMetadata& command) {
  out.raw("SETMETADATA ").mailbox(command.mailbox).raw(" (");
  for (size_t i = 0; i < command.entries.size(); ++i) {
    if (i > 0) out.raw(" ");
    out.astring(command.entries[i].name).raw(" ");
    print_value(out, command.entries[i].value);
  }
  out.raw(")");
}

Result<MetadataRequest> parse_metadata_request(Cursor& cursor) {
  MetadataRequest request;
  TRY(accept_options(cursor, request.options));
  request.entries = TRY(parse_entries(cursor));
  return request;
}

void append_metadata_request(std::string& out, const MetadataRequest& request) {
  out += options_text(request.options);
  append_entries(out, request.entries);
}

// metadata-resp = "METADATA" SP mailbox SP (entry-values / entry-list)
Result<MetadataData> parse_metadata_data(Cursor& cursor) {
  MetadataData data;
  TRY(cursor.space());
  data.mailbox = TRY(cursor.mailbox());
  TRY(cursor.space());
  data.values = cursor.accept('(');
  cursor.skip_spaces();
  while (data.values ? cursor.peek() != ')' : !cursor.at_end()) {
    MetadataEntry entry;
    entry.name = TRY(cursor.astring("an entry name"));
    if (data.values) {
      TRY(cursor.space());
      entry.value = TRY(cursor.nstring("a value"));
    }
    data.entries.push_back(std::move(entry));
    cursor.skip_spaces();
  }
  if (data.values) {
    TRY(cursor.expect(')'));
  } else if (data.entries.empty()) {
    return cursor.expected("an entry name");
  }
  return data;
}

void append_metadata(std::string& out, const MetadataData& data, WriteStyle style) {
  out += "* METADATA ";
  append_mailbox(out, data.mailbox, style);
  out += data.values ? " (" : " ";
  bool first = true;
  for (const MetadataEntry& entry : data.entries) {
    if (!first) out += ' ';
    first = false;
    append_astring(out, entry.name, style);
    if (!data.values) continue;
    out += ' ';
    append_nstring(out, entry.value, style);
  }
  out += data.values ? ")\r\n" : "\r\n";
}

}  // namespace eilpost::imap
