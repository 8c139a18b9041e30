// COMPARATOR (RFC 5255 4.7): which collation SEARCH, SORT and THREAD compare strings by.

#include <algorithm>

#include "directory/policy/rules.h"
#include "server/imap/commands.h"

namespace eilpost::server {

namespace {

// Every collation that is meant, the preferred first.
std::vector<mime::Collation> meant(const std::vector<std::string>& wanted) {
  std::vector<mime::Collation> out;
  const auto add = [&](mime::Collation collation) {
    if (std::find(out.begin(), out.end(), collation) == out.end()) out.push_back(collation);
  };
  for (const std::string& pattern : wanted) {
    if (imap::equal_nocase(pattern, "default")) add(mime::Collation());
    for (const mime::Collation collation : mime::collations()) {
      // RFC 4790 3.2: "*" stands for any characters. Both in any case.
      if (directory::pattern_fits(pattern, mime::collation_name(collation))) add(collation);
    }
  }
  return out;
}

}  // namespace

CommandTask run(ImapSession& session, const imap::Comparator& command, RunOptions) {
  imap::ComparatorData data;
  if (!command.wanted.empty()) {
    const std::vector<mime::Collation> found = meant(command.wanted);
    if (found.empty()) {
      co_return Reply::no(imap::CodeName::bad_comparator, "none of these comparators is here");
    }
    session.collation = found.front();
    // RFC 5255 4.8: they are listed only where there are several.
    for (const mime::Collation collation : found) {
      if (found.size() > 1) data.matching.emplace_back(mime::collation_name(collation));
    }
  }
  data.active = mime::collation_name(session.collation);
  imap::append_comparator(session.out(), data, session.style());
  co_return Reply::ok("messages are compared by this");
}

}  // namespace eilpost::server
