#include "protocol/imap/mailbox_filter.h"

#include <algorithm>
#include <array>

namespace eilpost::imap {
namespace {

struct ScopeName {
  std::string_view name;
  MailboxScope scope;
  bool has_names;
};
constexpr auto scope_names = std::to_array<ScopeName>({
    {"selected-delayed", MailboxScope::selected_delayed, false},
    {"selected", MailboxScope::selected, false},
    {"inboxes", MailboxScope::inboxes, false},
    {"personal", MailboxScope::personal, false},
    {"subscribed", MailboxScope::subscribed, false},
    {"subtree-one", MailboxScope::subtree_one, true},
    {"subtree", MailboxScope::subtree, true},
    {"mailboxes", MailboxScope::mailboxes, true},
});

}  // namespace

// filter-mailboxes = "selected" / "selected-delayed" / "inboxes" / "personal" / "subscribed" /
//   ("subtree" / "subtree-one" / "mailboxes") SP (mailbox / "(" mailbox *(SP mailbox) ")")
Result<MailboxFilter> parse_mailbox_filter(Cursor& cursor, size_t names_max) {
  const auto known = std::find_if(scope_names.begin(), scope_names.end(),
                                  [&](const ScopeName& s) { return cursor.accept_word(s.name); });
  if (known == scope_names.end()) return cursor.expected("which mailboxes are meant");
  MailboxFilter filter{known->scope, {}};
  if (!known->has_names) return filter;
  TRY(cursor.space());
  const auto one = [&]() -> Result<> {
    if (filter.names.size() == names_max) {
      return cursor.error(Code::limit, "too many mailboxes");
    }
    filter.names.push_back(TRY(cursor.mailbox()));
    return {};
  };
  if (cursor.peek() == '(') {
    TRY(cursor.list_of_some(one));
  } else {
    TRY(one());
  }
  return filter;
}

void print_mailbox_filter(CommandWriter& out, const MailboxFilter& filter) {
  for (const ScopeName& known : scope_names) {
    if (known.scope == filter.scope) out.raw(known.name);
  }
  if (filter.names.empty()) return;
  const bool one = filter.names.size() == 1;
  std::string_view before = one ? " " : " (";
  for (const std::string& name : filter.names) {
    out.raw(before).mailbox(name);
    before = " ";
  }
  if (!one) out.raw(")");
}

}  // namespace eilpost::imap
