// STATUS (RFC 9051 6.3.11, RFC 7162, RFC 7889, RFC 8474): answered from the counters in memory.

#include "server/imap/status.h"

#include "server/imap/commands.h"

namespace eilpost::server {

namespace {

imap::StatusValue value_of(const ImapSession& session, imap::StatusItem item, MailboxId mailbox,
                           const store::MailboxCounters& c) {
  imap::StatusValue value;
  value.item = item;
  switch (item) {
    case imap::StatusItem::messages: value.number = c.exists; break;
    case imap::StatusItem::recent:
      // Uids that are gone may be counted; what matters to clients is whether it is 0.
      value.number = std::min(c.exists, c.uid_next.value - c.first_recent.value);
      break;
    case imap::StatusItem::uid_next: value.number = c.uid_next.value; break;
    case imap::StatusItem::uid_validity: value.number = c.uid_validity; break;
    case imap::StatusItem::unseen: value.number = c.unseen; break;
    case imap::StatusItem::deleted: value.number = c.deleted; break;
    case imap::StatusItem::size: value.number = c.size; break;
    case imap::StatusItem::highest_modseq: value.number = c.highest_modseq.value; break;
    case imap::StatusItem::mailbox_id: value.text = mailbox_object_id(mailbox); break;
    case imap::StatusItem::append_limit: value.number = session.settings().message_bytes_max; break;
    case imap::StatusItem::deleted_storage: break;
  }
  return value;
}

}  // namespace

void append_status_of(ImapSession& session, const std::string& name, MailboxId mailbox,
                      const std::vector<imap::StatusItem>& items) {
  const auto counters = session.account().counters(mailbox);
  if (!counters) return;
  imap::StatusData data;
  data.mailbox = name;
  for (const imap::StatusItem item : items) {
    imap::StatusValue value = value_of(session, item, mailbox, *counters);
    const Selected* selected = session.selected();
    if (item == imap::StatusItem::highest_modseq && selected && selected->mailbox == mailbox) {
      // Never above a change that this session has not been told of (RFC 7162).
      value.number = std::min(value.number, selected->view.announced_modseq().value);
    }
    data.values.push_back(std::move(value));
  }
  imap::append_status(session.out(), data, session.style());
}

CommandTask run(ImapSession& session, const imap::Status& command, RunOptions) {
  for (const imap::StatusItem item : command.items) {
    if (item == imap::StatusItem::deleted_storage) co_return Reply::bad("QUOTA is not offered");
    if (item == imap::StatusItem::highest_modseq) session.use_condstore();
  }
  auto fresh = co_await session.refresh();
  if (!fresh) co_return reply_for(session, fresh.error());
  const auto id = session.find_mailbox(command.mailbox);
  if (!id) co_return reply_for(session, id.error());
  append_status_of(session, session.folders()->name(*id), *id, command.items);
  co_return Reply::ok("this is the status");
}

}  // namespace eilpost::server
