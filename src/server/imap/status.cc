// STATUS (RFC 9051 6.3.11, RFC 7162, RFC 7889, RFC 8474, RFC 9208): answered from the
// counters in memory, but for DELETED-STORAGE.

#include "server/imap/status.h"

#include <algorithm>

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

// The sizes are no part of what is in memory: one read for each page with a deleted message.
Result<uint64_t> sum_of_deleted(store::Account& account, const store::MailboxSnapshot& snapshot) {
  uint64_t sum = 0;
  Result<> read;
  snapshot.tree.for_pages(Uid(1), [&](Seq, const store::PagePtr& page) {
    std::vector<uint8_t> slots;
    for (const store::HotEntry& entry : page->entries) {
      if ((entry.flags & store::flag_deleted) != 0) slots.push_back(entry.slot);
    }
    if (slots.empty()) return true;
    const auto rows = account.read_slots(snapshot.id, page->page, 0, slots);
    if (!rows) {
      read = tl::unexpected(rows.error());
      return false;
    }
    for (const uint8_t slot : slots) {
      const auto* message = (*rows)->find(slot);
      if (message) sum += message->cold.size;
    }
    return true;
  });
  TRY(read);
  return sum;
}

}  // namespace

void append_status_of(ImapSession& session, const std::string& name, MailboxId mailbox,
                      const std::vector<imap::StatusItem>& items, uint64_t deleted_storage) {
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
    if (item == imap::StatusItem::deleted_storage) value.number = deleted_storage;
    data.values.push_back(std::move(value));
  }
  imap::append_status(session.out(), data, session.style());
}

net::Task<Result<uint64_t>> find_deleted_storage(ImapSession& session, MailboxId mailbox,
                                                 const std::vector<imap::StatusItem>& items) {
  const auto counters = session.account().counters(mailbox);
  const bool asked =
      std::find(items.begin(), items.end(), imap::StatusItem::deleted_storage) != items.end();
  if (!asked || !counters || counters->deleted == 0) co_return uint64_t{0};
  auto opened = co_await session.open(mailbox);
  CO_TRY(opened);
  auto job = [account = session.account_ptr(), snapshot = std::move(*opened)] {
    return sum_of_deleted(*account, *snapshot);
  };
  auto sum = co_await session.read(std::move(job));
  co_return sum;
}

CommandTask run(ImapSession& session, const imap::Status& command, RunOptions) {
  for (const imap::StatusItem item : command.items) {
    if (item == imap::StatusItem::highest_modseq) session.use_condstore();
  }
  auto fresh = co_await session.refresh();
  if (!fresh) co_return reply_for(session, fresh.error());
  const auto id = session.find_mailbox(command.mailbox);
  if (!id) co_return reply_for(session, id.error());
  auto deleted = co_await find_deleted_storage(session, *id, command.items);
  if (!deleted) co_return reply_for(session, deleted.error());
  append_status_of(session, session.folders()->name(*id), *id, command.items, *deleted);
  co_return Reply::ok("this is the status");
}

}  // namespace eilpost::server
