#include "protocol/imap/list.h"

#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/status.h"

namespace eilpost::imap {
namespace {

// An option that is not known here, with the value that RFC 5258's option-extension may carry.
Result<std::string> parse_unknown_option(Cursor& cursor) {
  std::string name = upper_ascii(TRY(cursor.atom("a LIST option")));
  if (cursor.peek() == ' ' && cursor.rest().substr(1, 1) == "(") {
    cursor.skip_spaces();
    TRY(cursor.skip_value());
  }
  return name;
}

// list-select-opts of RFC 9051 9 and RFC 6154
Result<> parse_selection(Cursor& cursor, List& command) {
  size_t start = cursor.position();
  TRY(cursor.list([&]() -> Result<> {
    if (cursor.accept_word("SUBSCRIBED")) {
      command.select_subscribed = true;
    } else if (cursor.accept_word("REMOTE")) {
      command.select_remote = true;
    } else if (cursor.accept_word("RECURSIVEMATCH")) {
      command.select_recursive_match = true;
    } else if (cursor.accept_word("SPECIAL-USE")) {
      command.select_special_use = true;
    } else {
      command.unknown_selection.push_back(TRY(parse_unknown_option(cursor)));
    }
    return {};
  }));
  // RFC 9051 6.3.9.1: RECURSIVEMATCH alone, or with REMOTE alone, MUST be refused.
  if (command.select_recursive_match && !command.select_subscribed && !command.select_special_use &&
      command.unknown_selection.empty()) {
    return cursor.error_at(Code::invalid, "expected SUBSCRIBED beside RECURSIVEMATCH", start);
  }
  return {};
}

// list-return-opts of RFC 9051 9, RFC 5819, RFC 6154, RFC 8440, RFC 9590
Result<> parse_returns(Cursor& cursor, List& command) {
  return cursor.list([&]() -> Result<> {
    if (cursor.accept_word("SUBSCRIBED")) {
      command.return_subscribed = true;
    } else if (cursor.accept_word("CHILDREN")) {
      command.return_children = true;
    } else if (cursor.accept_word("SPECIAL-USE")) {
      command.return_special_use = true;
    } else if (cursor.accept_word("STATUS")) {
      TRY(cursor.space());
      command.return_status = TRY(parse_status_items(cursor));
    } else if (cursor.accept_word("MYRIGHTS")) {
      command.return_myrights = true;
    } else if (cursor.accept_word("METADATA")) {
      TRY(cursor.space());
      command.return_metadata = TRY(parse_metadata_request(cursor));
    } else {
      command.unknown_return.push_back(TRY(parse_unknown_option(cursor)));
    }
    return {};
  });
}

// mbox-or-pat = list-mailbox / "(" list-mailbox *(SP list-mailbox) ")"
Result<> parse_patterns(Cursor& cursor, List& command) {
  if (cursor.peek() != '(') {
    command.patterns.push_back(TRY(cursor.list_mailbox()));
    return {};
  }
  command.extended = true;
  TRY(cursor.list([&]() -> Result<> {
    command.patterns.push_back(TRY(cursor.list_mailbox()));
    return {};
  }));
  if (command.patterns.empty()) return cursor.expected("a mailbox pattern");
  return {};
}

// A part of the pattern, and passed over like one (RFC 9051 6.3.9).
Result<std::string> parse_reference(Cursor& cursor) {
  size_t start = cursor.position();
  std::string octets = TRY(cursor.astring("a reference name"));
  return cursor.decode_mailbox(std::move(octets), start).value_or(std::string(matches_nothing));
}

class OptionPrinter {
 public:
  explicit OptionPrinter(std::string& out) : out_(out) { out_ += '('; }
  void add_if(bool wanted, std::string_view name) {
    if (!wanted) return;
    if (!first_) out_ += ' ';
    first_ = false;
    out_ += name;
  }
  void add_all(const std::vector<std::string>& names) {
    for (const std::string& name : names) add_if(true, name);
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void print_selection(std::string& out, const List& command) {
  OptionPrinter options(out);
  options.add_if(command.select_subscribed, "SUBSCRIBED");
  options.add_if(command.select_remote, "REMOTE");
  options.add_if(command.select_recursive_match, "RECURSIVEMATCH");
  options.add_if(command.select_special_use, "SPECIAL-USE");
  options.add_all(command.unknown_selection);
  out += ") ";
}

void print_returns(std::string& out, const List& command) {
  out += " RETURN ";
  OptionPrinter options(out);
  options.add_if(command.return_subscribed, "SUBSCRIBED");
  options.add_if(command.return_children, "CHILDREN");
  options.add_if(command.return_special_use, "SPECIAL-USE");
  options.add_if(command.return_myrights, "MYRIGHTS");
  if (command.return_status) {
    std::string status = "STATUS ";
    append_status_items(status, *command.return_status);
    options.add_if(true, status);
  }
  if (command.return_metadata) {
    std::string metadata = "METADATA ";
    append_metadata_request(metadata, *command.return_metadata);
    options.add_if(true, metadata);
  }
  options.add_all(command.unknown_return);
  out += ')';
}

}  // namespace

// list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
Result<List> parse_list(Cursor& cursor) {
  TRY(cursor.space());
  List command;
  if (cursor.peek() == '(') {
    command.extended = true;
    TRY(parse_selection(cursor, command));
    TRY(cursor.space());
  }
  command.reference = TRY(parse_reference(cursor));
  TRY(cursor.space());
  TRY(parse_patterns(cursor, command));
  if (cursor.at_end()) return command;
  TRY(cursor.space());
  if (cursor.at_end()) return command;
  if (!cursor.accept_word("RETURN")) return cursor.expected("RETURN");
  command.extended = true;
  TRY(cursor.space());
  TRY(parse_returns(cursor, command));
  return command;
}

void print_list(CommandWriter& out, const List& command) {
  out.raw("LIST ");
  bool selects = command.select_subscribed || command.select_remote ||
                 command.select_recursive_match || command.select_special_use ||
                 !command.unknown_selection.empty();
  if (selects) print_selection(out.line(), command);
  out.list_mailbox(command.reference).raw(" ");
  if (command.patterns.size() == 1) {
    out.list_mailbox(command.patterns.front());
  } else {
    out.raw("(");
    for (size_t i = 0; i < command.patterns.size(); ++i) {
      if (i > 0) out.raw(" ");
      out.list_mailbox(command.patterns[i]);
    }
    out.raw(")");
  }
  // RETURN () too: it says that the command is extended.
  if (command.extended) print_returns(out.line(), command);
}

namespace {

// SP reference SP list-mailbox
template <class Body>
Result<Body> parse_plain(Cursor& cursor) {
  Body command;
  TRY(cursor.space());
  command.reference = TRY(parse_reference(cursor));
  TRY(cursor.space());
  command.pattern = TRY(cursor.list_mailbox());
  return command;
}

}  // namespace

// lsub = "LSUB" SP mailbox SP list-mailbox
Result<Lsub> parse_lsub(Cursor& cursor) {
  return parse_plain<Lsub>(cursor);
}

void print_lsub(CommandWriter& out, const Lsub& command) {
  out.raw("LSUB ").list_mailbox(command.reference).raw(" ").list_mailbox(command.pattern);
}

// xlist = "XLIST" SP mailbox SP list-mailbox
Result<Xlist> parse_xlist(Cursor& cursor) {
  return parse_plain<Xlist>(cursor);
}

void print_xlist(CommandWriter& out, const Xlist& command) {
  out.raw("XLIST ").list_mailbox(command.reference).raw(" ").list_mailbox(command.pattern);
}

}  // namespace eilpost::imap
