// CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 6.3.4 to 6.3.8, RFC 6154, RFC 8474).

#include "protocol/imap/mailbox_name.h"
#include "server/imap/commands.h"
#include "server/imap/notify.h"
#include "server/imap/special_use.h"
#include "store/annotations.h"

namespace eilpost::server {

namespace {

// Messages that one step of RENAME INBOX moves.
constexpr uint32_t rename_step = 5000;

net::Task<Result<MailboxId>> change(ImapSession& session,
                                    std::function<Result<MailboxId>(store::Tx&)> f) {
  auto result = co_await session.mutate<MailboxId>(std::move(f));
  co_return result;
}

// Why no mailbox of that name can be made. The trailing delimiter of CREATE and RENAME only says
// that names below will follow (RFC 9051 6.3.4).
std::optional<Reply> refused_name(std::string_view name) {
  if (name.size() > 1 && name.back() == imap::mailbox_delimiter) name.remove_suffix(1);
  const auto checked = imap::check_mailbox_name(name);
  if (checked) return std::nullopt;
  return Reply::no(imap::CodeName::cannot, checked.error().detail);
}

// RFC 9051 6.3.6: INBOX itself stays; all its messages go to the new mailbox, in steps that each
// are one commit. Names below INBOX stay where they are.
net::Task<Result<>> move_inbox(ImapSession& session, const std::string& to) {
  const store::CreateRequest wanted{to, 0, session.quota()};
  std::function<Result<MailboxId>(store::Tx&)> create =
      [wanted](store::Tx& tx) -> Result<MailboxId> {
    const MailboxId made = TRY(store::create_mailbox(tx, wanted));
    // RFC 5464 4.1: INBOX keeps its annotations, and what it is renamed to gets them.
    TRY(store::copy_annotations(tx, store::inbox_id, made));
    return made;
  };
  auto target = co_await change(session, std::move(create));
  CO_TRY(target);
  while (true) {
    auto inbox = co_await session.open(store::inbox_id);
    CO_TRY(inbox);
    const store::MessageTree& tree = (*inbox)->tree;
    if (tree.exists() == 0) co_return Result<>();
    store::CopyRequest request;
    request.from = store::inbox_id;
    request.to = *target;
    request.move = true;
    request.uids.add(Uid(1), tree.uid_of(Seq(std::min(rename_step, tree.exists()))));
    engine::Engine* engine = &session.world().engine;
    std::function<Result<store::CopyResult>(store::Tx&)> step =
        [engine, request = std::move(request)](store::Tx& tx) {
          return store::copy(tx, *engine, request);
        };
    auto moved = co_await session.mutate<store::CopyResult>(std::move(step));
    CO_TRY(moved);
  }
}

}  // namespace

CommandTask run(ImapSession& session, const imap::Create& command, RunOptions) {
  if (auto refused = refused_name(command.mailbox)) co_return std::move(*refused);
  co_await session.renew_quota();
  store::CreateRequest request{command.mailbox, 0, session.quota()};
  for (const std::string& name : command.special_use) {
    const uint16_t bit = special_use_bit(name);
    // RFC 6154 3: \All and \Flagged would be virtual here, and are not made.
    if (bit == 0 || bit == store::use_all || bit == store::use_flagged) {
      co_return Reply::no(imap::CodeName::use_attr, "this special use cannot be given");
    }
    request.special_use |= bit;
  }
  std::function<Result<MailboxId>(store::Tx&)> create = [request](store::Tx& tx) {
    return store::create_mailbox(tx, request);
  };
  auto made = co_await change(session, std::move(create));
  if (!made) co_return reply_for(session, made.error());
  co_return Reply::ok(imap::ResponseCode::mailbox_id(mailbox_object_id(*made)), "created");
}

CommandTask run(ImapSession& session, const imap::Delete& command, RunOptions) {
  std::function<Result<MailboxId>(store::Tx&)> remove = [name = command.mailbox](store::Tx& tx) {
    return store::delete_mailbox(tx, name);
  };
  auto gone = co_await change(session, std::move(remove));
  if (!gone) co_return reply_for(session, gone.error());
  if (session.selected() && session.selected()->mailbox == *gone) {
    // Deleting what one has selected closes it (the session would have nothing to look at).
    imap::append_untagged(session.out(), imap::Condition::ok,
                          imap::ResponseCode(imap::CodeName::closed), "the mailbox is gone");
    co_await session.deselect();
  }
  co_return Reply::ok("deleted");
}

CommandTask run(ImapSession& session, const imap::Rename& command, RunOptions) {
  if (auto refused = refused_name(command.to)) co_return std::move(*refused);
  co_await session.renew_quota();
  if (imap::equal_nocase(command.from, "INBOX")) {
    auto moved = co_await move_inbox(session, command.to);
    if (!moved) co_return reply_for(session, moved.error());
    co_return Reply::ok("the messages of INBOX were moved");
  }
  std::function<Result<MailboxId>(store::Tx&)> rename = [from = command.from, to = command.to,
                                                         quota = session.quota()](store::Tx& tx) {
    return store::rename_mailbox(tx, from, to, quota);
  };
  auto renamed = co_await change(session, std::move(rename));
  if (!renamed) co_return reply_for(session, renamed.error());
  if (session.rev2) {
    // RFC 9051 6.3.6.
    imap::ListData list;
    list.mailbox = session.folders()->name(*renamed);
    list.old_name = store::canonical_name(command.from);
    imap::append_list(session.out(), list, session.style());
  }
  co_return Reply::ok("renamed");
}

namespace {

net::Task<Reply> subscribe(ImapSession& session, std::string name, bool subscribed) {
  std::function<Result<bool>(store::Tx&)> f = [name, subscribed](store::Tx& tx) {
    return store::subscribe(tx, name, subscribed);
  };
  auto done = co_await session.mutate<bool>(std::move(f));
  if (!done) co_return reply_for(session, done.error());
  note_subscription(session, name, subscribed);
  co_return Reply::ok(subscribed ? "subscribed" : "unsubscribed");
}

}  // namespace

CommandTask run(ImapSession& session, const imap::Subscribe& command, RunOptions) {
  std::string name = command.mailbox;
  Reply reply = co_await subscribe(session, std::move(name), true);
  co_return reply;
}

CommandTask run(ImapSession& session, const imap::Unsubscribe& command, RunOptions) {
  std::string name = command.mailbox;
  Reply reply = co_await subscribe(session, std::move(name), false);
  co_return reply;
}

}  // namespace eilpost::server
