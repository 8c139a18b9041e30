#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "client/migrate/sides/imap_common.h"
#include "client/migrate/sides/imap_sides.h"
#include "client/session/changing.h"
#include "protocol/imap/mailbox_name.h"

namespace eilpost::client {

namespace {

class ImapTarget {
 public:
  explicit ImapTarget(std::unique_ptr<Session> session) : session_(std::move(session)) {}

  Session& session() { return *session_; }

  Task<Result<>> create(std::string mailbox, std::string special_use) {
    std::vector<std::string> uses;
    if (!special_use.empty()) uses.push_back(std::move(special_use));
    auto done = co_await session_->create(mailbox, uses);
    // Some let nobody set a use, or have a mailbox for it that is not shown.
    if (!done && !uses.empty() && session_->is_alive()) {
      auto plain = co_await session_->create(std::move(mailbox));
      co_return plain;
    }
    co_return done;
  }

  Task<Result<TargetMailbox>> open(std::string mailbox) {
    mailbox_ = mailbox;
    Session::SelectHow how;
    auto opened = co_await session_->select(std::move(mailbox), std::move(how));
    CO_TRY(opened);
    const SelectedMailbox& selected = *session_->selected();
    if (selected.read_only) {
      co_return fail(Code::permission, mailbox_ + " may only be read");
    }
    TargetMailbox out;
    out.validity = selected.uid_validity == 0 ? 1 : selected.uid_validity;
    out.next = selected.uid_next;
    out.messages = selected.exists;
    out.flags_allowed = selected.permanent_flags;
    out.keywords_allowed = selected.keywords_allowed || selected.permanent_flags.empty();
    next_ = selected.uid_next;
    co_return out;
  }

  Task<Result<std::vector<uint64_t>>> numbers(uint64_t from) {
    from = std::max<uint64_t>(from, 1);
    auto found = co_await session_->search(fmt::format("UID {}:*", from));
    CO_TRY(found);
    // "n:*" names the last message even where its uid is below n.
    if (from > 1) found->raw().remove(1, static_cast<uint32_t>(from - 1));
    co_return numbers_of(*found);
  }

  Task<Result<>> rows(std::vector<uint64_t> numbers, MailTarget::RowsWanted wanted,
                      MailTarget::Row row) {
    RowsWanted items;
    items.date = false;
    if (wanted.header) items.header_fields = {"Message-ID", "Date", "From", "Subject"};
    UidSet uids = uids_of(numbers);
    auto take = [&row](MessageRow one) {
      TargetRow out;
      out.number = one.uid.value;
      out.flags = std::move(one.flags);
      out.size = one.size;
      out.header = std::move(one.header);
      return row(std::move(out));
    };
    auto done = co_await imap_rows(*session_, std::move(uids), std::move(items), take);
    co_return done;
  }

  Task<Result<std::vector<Result<uint64_t>>>> append(std::vector<AppendItem> items) {
    auto outcomes =
        co_await append_messages(*session_, mailbox_, std::move(items), WhenRefused::tell);
    CO_TRY(outcomes);
    std::vector<Result<uint64_t>> out;
    uint64_t untold = 0;
    for (Result<Appended>& one : *outcomes) {
      if (!one) {
        out.emplace_back(tl::unexpected(std::move(one).error()));
        continue;
      }
      out.emplace_back(one->uid ? one->uid->value : 0);
      if (one->uid) next_ = std::max<uint64_t>(next_, one->uid->value + uint64_t{1});
      untold += one->uid ? 0 : 1;
    }
    if (untold > 0) {
      auto found = co_await find_numbers(untold, out);
      CO_TRY(found);
    }
    co_return out;
  }

  Task<Result<>> store(std::vector<uint64_t> numbers, MailTarget::Change change) {
    UidSet uids = uids_of(numbers);
    const FlagChange how = change.add ? FlagChange::add : FlagChange::remove;
    auto done = co_await store_flags(*session_, std::move(uids), how, std::move(change.flags));
    CO_TRY(done);
    co_return Result<>();
  }

  Task<Result<MailTarget::Numbers>> copy(MailTarget::From from, std::vector<uint64_t> numbers) {
    MailTarget::Numbers out;
    const std::string here = mailbox_;
    Session::SelectHow how;
    how.read_only = true;
    auto there = co_await session_->select(from.mailbox, std::move(how));
    CO_TRY(there);
    if (session_->selected()->uid_validity == from.validity) {
      UidSet uids = uids_of(numbers);
      auto copied = co_await copy_messages(*session_, std::move(uids), here);
      if (!copied && !session_->is_alive()) co_return tl::unexpected(std::move(copied).error());
      if (copied) {
        for (const auto& [old_uid, new_uid] : copied->uids) {
          out.emplace_back(old_uid.value, new_uid.value);
        }
      }
    }
    auto back = co_await open(here);
    CO_TRY(back);
    co_return out;
  }

  Task<Result<>> remove(std::vector<uint64_t> numbers) {
    UidSet uids = uids_of(numbers);
    imap::FlagList deleted = {"\\Deleted"};
    auto marked = co_await store_flags(*session_, uids, FlagChange::add, std::move(deleted));
    CO_TRY(marked);
    auto done = co_await expunge_messages(*session_, std::move(uids));
    co_return done;
  }

  Task<Result<>> subscribe(std::string mailbox) {
    imap::Subscribe subscribe;
    subscribe.mailbox = std::move(mailbox);
    imap::CommandBody body = std::move(subscribe);
    auto answer = co_await session_->command(std::move(body));
    CO_TRY(answer);
    co_return Result<>();
  }

  Task<Result<>> set_acl(std::string mailbox, AclEntry entry) {
    if (!session_->has("ACL")) co_return fail(Code::cannot, "the target has no ACL");
    imap::CommandWriter writer(session_->connection().write_options());
    writer.raw("SETACL ").mailbox(mailbox).raw(" ").astring(entry.first);
    writer.raw(" ").astring(entry.second);
    imap::WireCommand wire = writer.finish();
    if (wire.pieces.size() != 1) co_return fail(Code::cannot, "its name does not fit a line");
    std::string line = wire.pieces.front();
    Expect nothing;
    auto answer = co_await session_->text_command(std::move(line), std::move(nothing));
    CO_TRY(answer);
    co_return Result<>();
  }

  Task<Result<>> set_metadata(std::string mailbox, std::vector<imap::MetadataEntry> entries) {
    if (!session_->has("METADATA")) co_return fail(Code::cannot, "the target has no METADATA");
    imap::SetMetadata set;
    set.mailbox = std::move(mailbox);
    set.entries = std::move(entries);
    imap::CommandBody body = std::move(set);
    auto answer = co_await session_->command(std::move(body));
    CO_TRY(answer);
    co_return Result<>();
  }

 private:
  // Without UIDPLUS the mailbox tells: exactly as many have come as were sent, so they are these.
  Task<Result<>> find_numbers(uint64_t untold, std::vector<Result<uint64_t>>& out) {
    const std::string here = mailbox_;
    const uint64_t before = next_;
    imap::CommandBody look = imap::Noop();
    auto seen = co_await session_->command(std::move(look));
    CO_TRY(seen);
    if (before == 0) co_return Result<>();
    auto found = co_await numbers(before);
    CO_TRY(found);
    if (!found->empty()) next_ = found->back() + 1;
    if (found->size() != untold) co_return Result<>();
    size_t at = 0;
    for (Result<uint64_t>& one : out) {
      if (one && *one == 0) one = (*found)[at++];
    }
    co_return Result<>();
  }

  std::unique_ptr<Session> session_;
  std::string mailbox_;
  uint64_t next_ = 0;
};

}  // namespace

MailTarget imap_target(std::unique_ptr<Session> session, std::string own_name) {
  // Shared by the functions of the table.
  auto side = std::make_shared<ImapTarget>(std::move(session));
  MailTarget out;
  out.own_name = std::move(own_name);
  out.names = [side] { return imap_names(side->session()); };
  out.create = [side](std::string mailbox, std::string special_use) {
    return side->create(std::move(mailbox), std::move(special_use));
  };
  out.open = [side](std::string mailbox) { return side->open(std::move(mailbox)); };
  out.numbers = [side](uint64_t from) { return side->numbers(from); };
  out.rows = [side](std::vector<uint64_t> numbers, MailTarget::RowsWanted wanted,
                    MailTarget::Row row) {
    return side->rows(std::move(numbers), wanted, std::move(row));
  };
  out.bodies = [side](std::vector<uint64_t> numbers) {
    return imap_bodies(side->session(), std::move(numbers));
  };
  out.append = [side](std::vector<AppendItem> items) { return side->append(std::move(items)); };
  out.store = [side](std::vector<uint64_t> numbers, MailTarget::Change change) {
    return side->store(std::move(numbers), std::move(change));
  };
  out.copy = [side](MailTarget::From from, std::vector<uint64_t> numbers) {
    return side->copy(std::move(from), std::move(numbers));
  };
  out.remove = [side](std::vector<uint64_t> numbers) { return side->remove(std::move(numbers)); };
  out.subscribe = [side](std::string mailbox) { return side->subscribe(std::move(mailbox)); };
  out.set_acl = [side](std::string mailbox, AclEntry entry) {
    return side->set_acl(std::move(mailbox), std::move(entry));
  };
  out.set_metadata = [side](std::string mailbox, std::vector<imap::MetadataEntry> entries) {
    return side->set_metadata(std::move(mailbox), std::move(entries));
  };
  out.is_alive = [side] { return side->session().is_alive(); };
  out.close = [side] { return side->session().logout(); };
  return out;
}

}  // namespace eilpost::client
