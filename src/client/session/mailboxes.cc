// Session's commands about mailboxes: SELECT and its data, LIST, STATUS, NAMESPACE, CREATE, SEARCH.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "client/session/session.h"
#include "protocol/imap/mailbox_name.h"

namespace eilpost::client {

namespace {

// More of them are no list but a flood.
constexpr size_t mailboxes_max = 1'000'000;

constexpr std::string_view special_uses[] = {"\\All",  "\\Archive", "\\Drafts",    "\\Flagged",
                                             "\\Junk", "\\Sent",    "\\Important", "\\Trash"};

bool has_attribute(const imap::ListData& data, std::string_view attribute) {
  return std::any_of(data.attributes.begin(), data.attributes.end(),
                     [&](const std::string& name) { return imap::equal_nocase(name, attribute); });
}

MailboxInfo info_of(const imap::ListData& data) {
  MailboxInfo info;
  info.name = data.mailbox;
  info.delimiter = data.delimiter;
  info.attributes = data.attributes;
  info.selectable = !has_attribute(data, "\\Noselect") && !has_attribute(data, "\\NonExistent");
  info.subscribed = has_attribute(data, "\\Subscribed");
  for (const std::string_view use : special_uses) {
    if (has_attribute(data, use)) info.special_use = std::string(use);
  }
  // XLIST's names for the same.
  if (has_attribute(data, "\\AllMail")) info.special_use = "\\All";
  if (has_attribute(data, "\\Spam")) info.special_use = "\\Junk";
  if (has_attribute(data, "\\Starred")) info.special_use = "\\Flagged";
  return info;
}

// Adds what `more` says to `out`; true when the two contradict each other.
bool merge(const imap::StatusData& more, imap::StatusData& out) {
  bool contradiction = false;
  for (const imap::StatusValue& value : more.values) {
    const auto known = std::find_if(out.values.begin(), out.values.end(),
                                    [&](const auto& one) { return one.item == value.item; });
    if (known == out.values.end()) {
      out.values.push_back(value);
    } else if (*known != value) {
      contradiction = true;
      *known = value;
    }
  }
  return contradiction;
}

}  // namespace

// --- ENABLE, SELECT ---

bool Session::enabled(std::string_view name) const {
  return std::any_of(enabled_.begin(), enabled_.end(),
                     [&](const std::string& on) { return imap::equal_nocase(on, name); });
}

Task<Result<std::vector<std::string>>> Session::enable(std::vector<std::string> names) {
  std::vector<std::string> out;
  if (!has("ENABLE") && !has("IMAP4rev2")) co_return out;
  imap::Enable wanted;
  for (const std::string& name : names) {
    if (has(name)) wanted.capabilities.push_back(name);
  }
  if (wanted.capabilities.empty()) co_return out;
  imap::CommandBody body = std::move(wanted);
  auto answer = co_await command(std::move(body));
  CO_TRY(answer);
  for (const std::string& name : names) {
    if (enabled(name)) out.push_back(name);
    if (has(name) && !enabled(name)) note(Quirk::enabled_empty);
  }
  if (enabled("UTF8=ACCEPT") || enabled("IMAP4rev2")) connection_.set_utf8(true);
  co_return out;
}

void Session::observe_mailbox(const imap::Response& response) {
  SelectedMailbox& mailbox = *selected_;
  if (const auto* exists = std::get_if<imap::ExistsData>(&response)) {
    mailbox.exists = exists->count;
  } else if (std::holds_alternative<imap::ExpungeData>(response)) {
    if (mailbox.exists > 0) --mailbox.exists;
  } else if (const auto* vanished = std::get_if<imap::VanishedData>(&response)) {
    if (!vanished->earlier) {
      mailbox.exists -=
          static_cast<uint32_t>(std::min<uint64_t>(mailbox.exists, vanished->uids.count()));
    }
  } else if (const auto* flags = std::get_if<imap::FlagsData>(&response)) {
    mailbox.flags = flags->flags;
  } else if (const auto* status = std::get_if<imap::StatusResponse>(&response)) {
    const imap::ResponseCode& code = status->code;
    switch (code.name) {
      case imap::CodeName::uid_validity:
        mailbox.uid_validity = static_cast<uint32_t>(code.number);
        break;
      case imap::CodeName::uid_next: mailbox.uid_next = static_cast<uint32_t>(code.number); break;
      case imap::CodeName::highest_modseq: mailbox.highest_modseq = code.number; break;
      case imap::CodeName::permanent_flags:
        mailbox.permanent_flags = code.words;
        mailbox.keywords_allowed =
            std::find(code.words.begin(), code.words.end(), "\\*") != code.words.end();
        break;
      case imap::CodeName::mailbox_id: mailbox.mailbox_id = code.text; break;
      default: break;
    }
  }
}

Task<Result<>> Session::select(std::string name, SelectHow how) {
  imap::Select select;
  select.mailbox = name;
  select.read_only = how.read_only;
  const bool can_condstore = has("CONDSTORE") || has("QRESYNC");
  select.condstore = how.condstore && can_condstore && !how.qresync;
  select.qresync = how.qresync;
  selected_.emplace();
  selected_->name = name;
  selected_->read_only = how.read_only;
  Expect expect;
  expect.untagged = [this](imap::Response response) -> Result<> {
    if (const auto* vanished = std::get_if<imap::VanishedData>(&response)) {
      if (selected_) selected_->vanished.add(vanished->uids);
    } else if (auto* changed = std::get_if<imap::FetchData>(&response)) {
      if (selected_) selected_->changed.push_back(std::move(*changed));
    }
    return {};
  };
  imap::CommandBody body = std::move(select);
  auto answer = co_await command(std::move(body), std::move(expect));
  if (!answer) {
    selected_.reset();
    co_return tl::unexpected(std::move(answer).error());
  }
  if (answer->code.name == imap::CodeName::read_only) selected_->read_only = true;
  auto completed = co_await complete_mailbox(std::move(name));
  co_return completed;
}

// What SELECT should have said and did not.
Task<Result<>> Session::complete_mailbox(std::string name) {
  if (selected_->uid_validity == 0) note(Quirk::no_uid_validity);
  if (selected_->uid_next == 0) note(Quirk::no_uid_next);
  if (selected_->uid_validity != 0 && selected_->uid_next != 0) co_return Result<>();
  // RFC 9051 6.3.11 advises against STATUS of the selected mailbox; here nothing else helps.
  std::vector<imap::StatusItem> items = {imap::StatusItem::uid_validity,
                                         imap::StatusItem::uid_next};
  auto told = co_await status(std::move(name), std::move(items));
  if (!told) co_return Result<>();
  for (const imap::StatusValue& value : told->values) {
    const auto number = static_cast<uint32_t>(value.number);
    if (value.item == imap::StatusItem::uid_validity && selected_->uid_validity == 0) {
      selected_->uid_validity = number;
    }
    if (value.item == imap::StatusItem::uid_next && selected_->uid_next == 0) {
      selected_->uid_next = number;
    }
  }
  co_return Result<>();
}

// Leaves without expunging: where UNSELECT is missing, EXAMINE of the same mailbox and CLOSE does
// that too (RFC 3691 1).
Task<Result<>> Session::unselect() {
  if (!selected_) co_return Result<>();
  imap::CommandBody body = imap::Unselect();
  if (!has("UNSELECT") && !has("IMAP4rev2")) {
    imap::Select examine;
    examine.mailbox = selected_->name;
    examine.read_only = true;
    imap::CommandBody again = std::move(examine);
    auto examined = co_await command(std::move(again));
    CO_TRY(examined);
    body = imap::Close();
  }
  auto answer = co_await command(std::move(body));
  selected_.reset();
  CO_TRY(answer);
  co_return Result<>();
}

// --- LIST, STATUS, NAMESPACE, CREATE, SEARCH ---

Task<Result<std::vector<MailboxInfo>>> Session::list(std::string pattern) {
  std::vector<MailboxInfo> out;
  imap::List list;
  list.patterns = {pattern};
  const bool extended = has("LIST-EXTENDED") || has("IMAP4rev2");
  if (extended) {
    list.extended = true;
    list.return_subscribed = true;
    list.return_special_use = has("SPECIAL-USE") || has("IMAP4rev2");
  }
  Expect expect;
  expect.untagged = [this, &out](imap::Response response) -> Result<> {
    const auto* data = std::get_if<imap::ListData>(&response);
    if (data == nullptr) return connection_.hear_unasked(std::move(response));
    if (!data->lsub) out.push_back(info_of(*data));
    if (out.size() <= mailboxes_max) return {};
    return fail(Code::too_big,
                fmt::format("the server lists more than {} mailboxes", mailboxes_max));
  };
  imap::CommandBody body = std::move(list);
  if (!extended && has("XLIST") && !has("SPECIAL-USE")) {
    imap::Xlist xlist;
    xlist.pattern = pattern;
    body = std::move(xlist);
  }
  auto answer = co_await command(std::move(body), std::move(expect));
  CO_TRY(answer);
  // Proxies tell a mailbox twice.
  std::set<std::string> known;
  std::erase_if(out, [&known](const MailboxInfo& info) { return !known.insert(info.name).second; });
  if (extended) co_return out;
  imap::Lsub lsub;
  lsub.pattern = std::move(pattern);
  std::vector<std::string> subscribed;
  Expect names;
  names.untagged = [&subscribed](imap::Response response) -> Result<> {
    const auto* data = std::get_if<imap::ListData>(&response);
    if (data != nullptr && !has_attribute(*data, "\\Noselect")) {
      subscribed.push_back(data->mailbox);
    }
    return {};
  };
  imap::CommandBody ask = std::move(lsub);
  auto told = co_await command(std::move(ask), std::move(names));
  CO_TRY(told);
  std::sort(subscribed.begin(), subscribed.end());
  for (MailboxInfo& info : out) {
    info.subscribed = std::binary_search(subscribed.begin(), subscribed.end(), info.name);
  }
  co_return out;
}

Task<Result<imap::StatusData>> Session::status(std::string mailbox,
                                               std::vector<imap::StatusItem> items) {
  imap::Status status;
  status.mailbox = imap::fold_inbox(std::move(mailbox));
  status.items = std::move(items);
  imap::StatusData out;
  Expect expect;
  // NOTIFY may tell of this mailbox and of others meanwhile. Which of two is the answer cannot be
  // told, and the answer may be the older: where they differ, that is news.
  expect.untagged = [this, &out, wanted = status.mailbox](imap::Response response) -> Result<> {
    const auto* data = std::get_if<imap::StatusData>(&response);
    if (data == nullptr || imap::fold_inbox(data->mailbox) != wanted) {
      return connection_.hear_unasked(std::move(response));
    }
    return merge(*data, out) ? connection_.hear_unasked(std::move(response)) : Result<>();
  };
  imap::CommandBody body = std::move(status);
  auto answer = co_await command(std::move(body), std::move(expect));
  CO_TRY(answer);
  co_return out;
}

Task<Result<imap::NamespaceData>> Session::name_space() {
  imap::NamespaceData out;
  if (!has("NAMESPACE") && !has("IMAP4rev2")) co_return out;
  Expect expect;
  expect.untagged = [&out](imap::Response response) -> Result<> {
    if (auto* data = std::get_if<imap::NamespaceData>(&response)) out = std::move(*data);
    return {};
  };
  imap::CommandBody body = imap::Namespace();
  auto answer = co_await command(std::move(body), std::move(expect));
  CO_TRY(answer);
  co_return out;
}

Task<Result<char>> Session::delimiter() {
  auto spaces = co_await name_space();
  CO_TRY(spaces);
  if (!spaces->personal.empty()) co_return spaces->personal.front().delimiter;
  // RFC 9051 6.3.9: an empty pattern asks for the delimiter.
  char found = '\0';
  Expect expect;
  expect.untagged = [&found](imap::Response response) -> Result<> {
    if (const auto* data = std::get_if<imap::ListData>(&response)) found = data->delimiter;
    return {};
  };
  imap::List list;
  list.patterns = {""};
  imap::CommandBody body = std::move(list);
  auto answer = co_await command(std::move(body), std::move(expect));
  CO_TRY(answer);
  co_return found;
}

Task<Result<>> Session::create(std::string mailbox, std::vector<std::string> special_use) {
  imap::Create create;
  create.mailbox = mailbox;
  if (has("CREATE-SPECIAL-USE")) create.special_use = std::move(special_use);
  imap::CommandBody body = std::move(create);
  auto answer = co_await command(std::move(body));
  if (answer || answer.error().code == Code::already_exists) co_return Result<>();
  // Without RFC 5530's codes only a look tells whether it was there.
  auto told = co_await list(std::move(mailbox));
  if (told && !told->empty() && told->front().selectable) co_return Result<>();
  co_return tl::unexpected(std::move(answer).error());
}

Task<Result<UidSet>> Session::search(std::string criteria) {
  UidSet out;
  Expect expect;
  expect.untagged = [&out](imap::Response response) -> Result<> {
    if (const auto* data = std::get_if<imap::SearchData>(&response)) {
      for (const uint32_t uid : data->numbers) out.add(Uid(uid));
    } else if (const auto* found = std::get_if<imap::ESearchData>(&response)) {
      if (found->all) out.add(UidSet(found->all->resolve(UINT32_MAX)));
    }
    return {};
  };
  const bool extended = has("ESEARCH") || has("IMAP4rev2");
  std::string text = fmt::format("UID SEARCH {}{}", extended ? "RETURN (ALL) " : "", criteria);
  auto answer = co_await text_command(std::move(text), std::move(expect));
  CO_TRY(answer);
  co_return out;
}

}  // namespace eilpost::client
