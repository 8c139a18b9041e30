#include "protocol/imap/select.h"

namespace eilpost::imap {
namespace {

// A set that must name its numbers: neither "*" nor "$" (RFC 7162 7, known-uids).
Result<SequenceSet> plain_set(Cursor& cursor) {
  size_t start = cursor.position();
  SequenceSet set = TRY(cursor.sequence_set());
  if (set.saved || set.has_star()) {
    return cursor.error_at(Code::invalid, "expected a set without \"*\" and \"$\"", start);
  }
  return set;
}

// "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"
Result<QResync> parse_qresync(Cursor& cursor) {
  QResync resync;
  TRY(cursor.enter());
  cursor.skip_spaces();
  resync.uid_validity = TRY(cursor.nz_number("a UIDVALIDITY"));
  TRY(cursor.space());
  resync.modseq = TRY(cursor.nz_number64("a mod-sequence above 0"));
  cursor.skip_spaces();
  if (cursor.peek() != ')' && cursor.peek() != '(') {
    resync.known_uids = TRY(plain_set(cursor));
    cursor.skip_spaces();
  }
  if (cursor.peek() == '(') {
    TRY(cursor.enter());
    resync.match_seqs = TRY(plain_set(cursor));
    TRY(cursor.space());
    resync.match_uids = TRY(plain_set(cursor));
    TRY(cursor.leave());
    cursor.skip_spaces();
  }
  TRY(cursor.leave());
  return resync;
}

// select-params = SP "(" select-param *(SP select-param) ")"
Result<> parse_select_parameters(Cursor& cursor, Select& command) {
  return cursor.list_of_some([&]() -> Result<> {
    if (cursor.accept_word("CONDSTORE")) {
      command.condstore = true;
    } else if (!command.qresync && cursor.accept_word("QRESYNC")) {
      TRY(cursor.space());
      command.qresync = TRY(parse_qresync(cursor));
    } else {
      return cursor.expected("CONDSTORE or QRESYNC");
    }
    return {};
  });
}

void print_qresync(CommandWriter& out, const QResync& resync) {
  out.raw("QRESYNC (").number(resync.uid_validity).raw(" ").number(resync.modseq);
  if (resync.known_uids) out.raw(" ").set(*resync.known_uids);
  if (resync.match_seqs && resync.match_uids) {
    out.raw(" (").set(*resync.match_seqs).raw(" ").set(*resync.match_uids).raw(")");
  }
  out.raw(")");
}

}  // namespace

// select = "SELECT" SP mailbox [select-params]
Result<Select> parse_select(Cursor& cursor) {
  TRY(cursor.space());
  Select command;
  command.mailbox = TRY(cursor.mailbox());
  if (cursor.at_end()) return command;
  TRY(cursor.space());
  if (!cursor.at_end()) TRY(parse_select_parameters(cursor, command));
  return command;
}

Result<Select> parse_examine(Cursor& cursor) {
  Select command = TRY(parse_select(cursor));
  command.read_only = true;
  return command;
}

void print_select(CommandWriter& out, const Select& command) {
  out.raw(command.read_only ? "EXAMINE " : "SELECT ").mailbox(command.mailbox);
  if (!command.condstore && !command.qresync) return;
  out.raw(" (");
  if (command.condstore) out.raw("CONDSTORE");
  if (command.condstore && command.qresync) out.raw(" ");
  if (command.qresync) print_qresync(out, *command.qresync);
  out.raw(")");
}

}  // namespace eilpost::imap
