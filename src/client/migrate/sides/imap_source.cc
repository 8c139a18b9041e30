#include <fmt/format.h>
#include <algorithm>

#include <utility>

#include "client/migrate/sides/imap_common.h"
#include "client/migrate/sides/imap_sides.h"
#include "protocol/imap/cursor.h"

namespace eilpost::client {

namespace {

// "* ACL mailbox *(identifier rights)" (RFC 4314 3.6).
Result<Acl> parse_acl(const std::string& text) {
  imap::Frame frame;
  frame.text = text;
  imap::ParseOptions options;
  options.tolerant = true;
  imap::Cursor cursor(frame, options);
  TRY(cursor.expect('*'));
  TRY(cursor.space());
  TRY(cursor.atom());
  TRY(cursor.space());
  TRY(cursor.astring());
  Acl out;
  cursor.skip_spaces();
  while (!cursor.at_end()) {
    std::string identifier = TRY(cursor.astring());
    TRY(cursor.space());
    std::string rights = TRY(cursor.astring());
    out.emplace_back(std::move(identifier), std::move(rights));
    cursor.skip_spaces();
  }
  return out;
}

SourceMessage message_of(MessageRow row) {
  SourceMessage out;
  out.id = row.uid.value;
  out.flags = std::move(row.flags);
  out.date = row.internal_date;
  out.size = row.size;
  out.email_id = std::move(row.email_id);
  return out;
}

class ImapSource {
 public:
  explicit ImapSource(std::unique_ptr<Session> session) : session_(std::move(session)) {}

  Session& session() { return *session_; }

  Task<Result<SourceMailbox>> peek(std::string mailbox) {
    SourceMailbox out;
    std::vector<imap::StatusItem> items = {imap::StatusItem::messages, imap::StatusItem::uid_next,
                                           imap::StatusItem::uid_validity};
    if (has_modseq()) items.push_back(imap::StatusItem::highest_modseq);
    auto told = co_await session_->status(std::move(mailbox), std::move(items));
    CO_TRY(told);
    for (const imap::StatusValue& value : told->values) {
      const auto number = static_cast<uint32_t>(value.number);
      switch (value.item) {
        case imap::StatusItem::messages: out.messages = number; break;
        case imap::StatusItem::uid_next: out.next = number; break;
        case imap::StatusItem::uid_validity: out.validity = number; break;
        case imap::StatusItem::highest_modseq: out.modseq = value.number; break;
        default: break;
      }
    }
    co_return out;
  }

  Task<Result<SourceMailbox>> open(std::string mailbox) {
    Session::SelectHow how;
    how.read_only = true;
    how.condstore = true;
    auto opened = co_await session_->select(std::move(mailbox), std::move(how));
    CO_TRY(opened);
    const SelectedMailbox& selected = *session_->selected();
    SourceMailbox out;
    out.validity = selected.uid_validity == 0 ? 1 : selected.uid_validity;
    out.next = selected.uid_next;
    out.messages = selected.exists;
    out.modseq = selected.highest_modseq;
    co_return out;
  }

  Task<Result<std::vector<uint64_t>>> ids() {
    if (session_->selected()->exists == 0) co_return std::vector<uint64_t>();
    auto found = co_await session_->search("ALL");
    CO_TRY(found);
    std::vector<uint64_t> out = numbers_of(*found);
    if (out.size() >= session_->selected()->exists) co_return out;
    // SEARCH has left some out: FETCH has another look.
    RowsWanted wanted;
    wanted.date = false;
    wanted.size = false;
    std::vector<uint64_t> fetched;
    auto take = [&fetched](MessageRow one) -> Result<> {
      fetched.push_back(one.uid.value);
      return {};
    };
    auto asked = co_await fetch_rows(*session_, std::nullopt, std::move(wanted), take);
    CO_TRY(asked);
    out.insert(out.end(), fetched.begin(), fetched.end());
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    co_return out;
  }

  Task<Result<>> rows(std::vector<uint64_t> ids, MailSource::Row row) {
    RowsWanted wanted;
    wanted.email_id = true;
    UidSet uids = uids_of(ids);
    auto take = [&row](MessageRow one) { return row(message_of(std::move(one))); };
    auto done = co_await imap_rows(*session_, std::move(uids), std::move(wanted), take);
    co_return done;
  }

  Task<Result<>> flags(MailSource::FlagsOf which, MailSource::Row row) {
    if (session_->selected()->exists == 0) co_return Result<>();
    RowsWanted wanted;
    wanted.date = false;
    wanted.size = false;
    std::optional<UidSet> uids;
    if (which.modseq > 0) {
      wanted.changed_since = which.modseq;
    } else {
      uids = uids_of(which.ids);
    }
    auto take = [&row](MessageRow one) { return row(message_of(std::move(one))); };
    auto done = co_await fetch_rows(*session_, uids, std::move(wanted), take);
    co_return done;
  }

  Task<Result<Acl>> acl(std::string mailbox) {
    if (!session_->has("ACL")) co_return Acl();
    imap::CommandWriter writer(session_->connection().write_options());
    writer.raw("GETACL ").mailbox(mailbox);
    imap::WireCommand wire = writer.finish();
    if (wire.pieces.size() != 1) co_return fail(Code::cannot, "its name does not fit a line");
    Acl out;
    Expect expect;
    expect.untagged = [&out](imap::Response response) -> Result<> {
      const auto* text = std::get_if<imap::UnknownData>(&response);
      if (text == nullptr || !imap::equal_nocase(text->text.substr(0, 6), "* ACL ")) return {};
      auto parsed = parse_acl(text->text);
      if (parsed) out = std::move(*parsed);
      return {};
    };
    std::string line = wire.pieces.front();
    auto answer = co_await session_->text_command(std::move(line), std::move(expect));
    CO_TRY(answer);
    co_return out;
  }

  Task<Result<std::vector<imap::MetadataEntry>>> metadata(std::string mailbox) {
    std::vector<imap::MetadataEntry> out;
    if (!session_->has("METADATA")) co_return out;
    imap::GetMetadata get;
    get.mailbox = std::move(mailbox);
    get.options.depth = imap::MetadataDepth::infinity;
    get.entries = {"/private", "/shared"};
    Expect expect;
    expect.untagged = [&out](imap::Response response) -> Result<> {
      auto* data = std::get_if<imap::MetadataData>(&response);
      if (data == nullptr || !data->values) return {};
      for (imap::MetadataEntry& entry : data->entries) {
        if (entry.value) out.push_back(std::move(entry));
      }
      return {};
    };
    imap::CommandBody body = std::move(get);
    auto answer = co_await session_->command(std::move(body), std::move(expect));
    CO_TRY(answer);
    co_return out;
  }

 private:
  bool has_modseq() const { return session_->has("CONDSTORE") || session_->has("QRESYNC"); }

  std::unique_ptr<Session> session_;
};

}  // namespace

MailSource imap_source(std::unique_ptr<Session> session, std::string own_name) {
  // Shared by the functions of the table.
  auto side = std::make_shared<ImapSource>(std::move(session));
  MailSource out;
  out.own_name = std::move(own_name);
  out.names = [side] { return imap_names(side->session()); };
  out.peek = [side](std::string mailbox) { return side->peek(std::move(mailbox)); };
  out.open = [side](std::string mailbox) { return side->open(std::move(mailbox)); };
  out.ids = [side] { return side->ids(); };
  out.rows = [side](std::vector<uint64_t> ids, MailSource::Row row) {
    return side->rows(std::move(ids), std::move(row));
  };
  out.flags = [side](MailSource::FlagsOf which, MailSource::Row row) {
    return side->flags(std::move(which), std::move(row));
  };
  out.bodies = [side](std::vector<uint64_t> ids) {
    return imap_bodies(side->session(), std::move(ids));
  };
  out.acl = [side](std::string mailbox) { return side->acl(std::move(mailbox)); };
  out.metadata = [side](std::string mailbox) { return side->metadata(std::move(mailbox)); };
  out.is_alive = [side] { return side->session().is_alive(); };
  out.close = [side] { return side->session().logout(); };
  return out;
}

}  // namespace eilpost::client
