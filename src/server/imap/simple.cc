// CAPABILITY, NOOP, CHECK, LOGOUT, ENABLE, ID, NAMESPACE.

#include "protocol/imap/capability.h"
#include "server/imap/alerts.h"
#include "server/imap/commands.h"

namespace eilpost::server {

CommandTask run(ImapSession& session, const imap::Capability&, RunOptions) {
  imap::append_capability(session.out(), imap::CapabilityData{session.capabilities()});
  co_return Reply::ok("these are the capabilities");
}

namespace {

// What has happened is announced after every command; these ask for what other nodes did as well.
// They know no NO (RFC 9051 6.1.2): when the storage cannot be asked, nothing is announced.
net::Task<> look(ImapSession& session) {
  if (!session.selected()) co_return;
  auto fresh = co_await session.refresh();
  if (!fresh) session.log().info("refresh: {}", fresh.error().detail);
}

}  // namespace

CommandTask run(ImapSession& session, const imap::Noop&, RunOptions) {
  co_await look(session);
  co_return Reply::ok("done");
}
CommandTask run(ImapSession& session, const imap::Check&, RunOptions) {
  co_await look(session);
  co_return Reply::ok("checked");
}

CommandTask run(ImapSession& session, const imap::Logout&, RunOptions) {
  co_await session.deselect();
  imap::append_untagged(session.out(), imap::Condition::bye, imap::ResponseCode(),
                        session.text("logging out"));
  session.set_state(SessionState::logout);
  co_return Reply::ok("bye");
}

CommandTask run(ImapSession& session, const imap::Enable& command, RunOptions) {
  imap::EnabledData enabled;
  for (const std::string& name : command.capabilities) {
    const auto what = imap::enableable(name);
    // RFC 5161 3.1: unknown names are passed over, and here what is not shown is not known.
    if (!what || session.hides(name)) continue;
    switch (*what) {
      case imap::Enableable::imap4rev2:
        // Message numbers and flags look different from here on; a selected mailbox would mix both.
        if (session.rev2) continue;
        session.rev2 = true;
        break;
      case imap::Enableable::condstore:
        if (session.condstore) continue;
        session.use_condstore();
        break;
      case imap::Enableable::qresync:
        if (session.qresync) continue;
        session.use_condstore();  // RFC 7162 3.2.3: QRESYNC implies CONDSTORE
        session.qresync = true;
        break;
      case imap::Enableable::utf8_accept:
        if (session.utf8) continue;
        session.utf8 = true;
        break;
      case imap::Enableable::uid_only:
        if (session.uid_only || !session.opted_in("UIDONLY")) continue;
        session.uid_only = true;
        end_numbered(session);
        break;
      case imap::Enableable::metadata:
        if (session.metadata_news.mailboxes) continue;
        session.follow_metadata({.mailboxes = true});
        break;
      case imap::Enableable::metadata_server:
        if (session.metadata_news.subscription) continue;
        session.follow_metadata({.mailboxes = false});
        break;
    }
    enabled.names.emplace_back(imap::enableable_name(*what));
  }
  imap::append_enabled(session.out(), enabled);
  co_return Reply::ok("enabled");
}

CommandTask run(ImapSession& session, const imap::Id& command, RunOptions) {
  // In one order, whichever the client has: it is known again by this.
  std::string client;
  for (const std::string_view wanted : {"name", "version"}) {
    for (const auto& [field, value] : command.parameters) {
      if (!value || !imap::equal_nocase(field, wanted)) continue;
      if (!client.empty()) client += ' ';
      client += *value;
    }
  }
  constexpr size_t client_bytes_max = 256;
  client.resize(std::min(client.size(), client_bytes_max));
  session.set_client(std::move(client));
  // RFC 2971 3.3 asks servers not to act on this; a rule that names clients does, for an
  // administrator who wants it.
  session.recheck_policy();
  if (session.state() == SessionState::authenticated || session.state() == SessionState::selected) {
    co_await tell_alerts(session);
  }
  imap::IdData answer;
  answer.parameters = {{"name", "Eilpost"}, {"vendor", "Eilpost"}};
  imap::append_id(session.out(), answer, session.style());
  co_return Reply::ok("nice to meet you");
}

void append_namespaces(ImapSession& session) {
  imap::NamespaceData data;
  data.personal.push_back({"", '/'});
  imap::append_namespace(session.out(), data, session.style());
}

CommandTask run(ImapSession& session, const imap::Namespace&, RunOptions) {
  append_namespaces(session);
  co_return Reply::ok("these are the namespaces");
}

}  // namespace eilpost::server
