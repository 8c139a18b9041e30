#include "protocol/imap/multisearch.h"

#include "base/limits.h"

namespace eilpost::imap {
namespace {

// esearch-source-opts = "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")". No scope option has
// been defined.
Result<> parse_sources(Cursor& cursor, MultiSearch& command) {
  return cursor.list_of_some([&]() -> Result<> {
    const size_t start = cursor.position();
    command.sources.push_back(TRY(parse_mailbox_filter(cursor, limits::filter_mailboxes_max)));
    // RFC 7377 2.2: it says when NOTIFY tells, and means nothing here.
    if (command.sources.back().scope == MailboxScope::selected_delayed) {
      return cursor.error_at(Code::invalid, "expected selected in place of selected-delayed",
                             start);
    }
    return {};
  });
}

}  // namespace

// esearch = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program
Result<MultiSearch> parse_multisearch(Cursor& cursor) {
  TRY(cursor.space());
  MultiSearch command;
  if (cursor.accept_word("IN")) {
    TRY(cursor.space());
    TRY(parse_sources(cursor, command));
    TRY(cursor.space());
  }
  command.search = TRY(parse_search_words(cursor));
  return command;
}

void print_multisearch(CommandWriter& out, const MultiSearch& command) {
  out.raw("ESEARCH");
  std::string_view before = " IN (";
  for (const MailboxFilter& filter : command.sources) {
    out.raw(before);
    print_mailbox_filter(out, filter);
    before = " ";
  }
  if (!command.sources.empty()) out.raw(")");
  print_search_words(out, command.search);
}

}  // namespace eilpost::imap
