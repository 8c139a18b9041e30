// LANGUAGE (RFC 5255 3): from here on the session's texts are in another language.

#include "server/imap/commands.h"

namespace eilpost::server {

CommandTask run(ImapSession& session, const imap::Language& command, RunOptions) {
  imap::LanguageData data;
  if (command.ranges.empty()) {
    for (const Language known : languages()) data.tags.emplace_back(language_tag(known));
    imap::append_language(session.out(), data, session.style());
    co_return Reply::ok("these are the languages");
  }
  std::optional<Language> found;
  for (const std::string& range : command.ranges) {
    // RFC 4647 3.4: "*" says nothing where others follow.
    if (range == "*" && &range != &command.ranges.back()) continue;
    if (!found) found = find_language(range);
  }
  if (!found) {
    co_return Reply::no(imap::CodeName::none, "none of these languages is spoken here");
  }
  session.language = *found;
  data.tags.emplace_back(language_tag(*found));
  imap::append_language(session.out(), data, session.style());
  // RFC 5255 3.3: namespaces may be called otherwise. Those of here have no names to translate.
  if (session.state() != SessionState::not_authenticated) append_namespaces(session);
  co_return Reply::ok("this is spoken from here on");
}

}  // namespace eilpost::server
