#include "client/migrate/sides/imap_common.h"

#include <algorithm>
#include <map>
#include <optional>

namespace eilpost::client {

namespace {

// By how it greets: Exchange tells no ID, and no capability that others do not have.
bool is_exchange(const Session& session) {
  return session.greeting().find("Microsoft Exchange") != std::string::npos ||
         session.has("XPROXY3") || session.has("CLIENTACCESSRULES");
}

}  // namespace

Task<Result<NameSide>> imap_names(Session& session) {
  NameSide out;
  auto spaces = co_await session.name_space();
  CO_TRY(spaces);
  auto delimiter = co_await session.delimiter();
  CO_TRY(delimiter);
  out.delimiter = *delimiter;
  if (!spaces->personal.empty()) out.prefix = spaces->personal.front().prefix;
  for (const auto* others : {&spaces->other_users, &spaces->shared}) {
    for (const imap::NamespaceEntry& entry : *others) {
      if (!entry.prefix.empty()) out.foreign_prefixes.push_back(entry.prefix);
    }
  }
  auto listed = co_await session.list("*");
  CO_TRY(listed);
  out.mailboxes = std::move(*listed);
  std::sort(out.mailboxes.begin(), out.mailboxes.end(),
            [](const MailboxInfo& a, const MailboxInfo& b) { return a.name < b.name; });
  out.exchange = is_exchange(session);
  out.gmail = session.has("X-GM-EXT-1");
  co_return out;
}

UidSet uids_of(const std::vector<uint64_t>& numbers) {
  UidSet out;
  for (const uint64_t number : numbers) {
    if (number > 0 && number <= UINT32_MAX) out.add(Uid(static_cast<uint32_t>(number)));
  }
  return out;
}

std::vector<uint64_t> numbers_of(const UidSet& uids) {
  std::vector<uint64_t> out;
  out.reserve(uids.count());
  uids.for_each([&out](Uid uid) { out.push_back(uid.value); });
  return out;
}

Task<Result<>> imap_rows(Session& session, UidSet uids, RowsWanted wanted,
                         std::function<Result<>(MessageRow)> row) {
  UidSet left = uids;
  std::map<Uid, MessageRow> poor;  // perhaps told in passing, perhaps all that there is
  auto take = [&](MessageRow one) -> Result<> {
    if (!left.contains(one.uid)) return {};
    if (!one.size && one.header.empty()) {
      poor.insert_or_assign(one.uid, std::move(one));
      return {};
    }
    // Flags in a response of their own that came before.
    const auto told = poor.find(one.uid);
    if (told != poor.end() && one.flags.empty()) one.flags = std::move(told->second.flags);
    left.remove(one.uid);
    return row(std::move(one));
  };
  const std::optional<UidSet> asked = std::move(uids);
  auto done = co_await fetch_rows(session, asked, std::move(wanted), take);
  CO_TRY(done);
  for (auto& [uid, one] : poor) {
    if (!left.contains(uid)) continue;
    auto taken = row(std::move(one));
    CO_TRY(taken);
  }
  co_return Result<>();
}

Task<Result<SourceBatch>> imap_bodies(Session& session, std::vector<uint64_t> numbers) {
  SourceBatch out;
  UidSet uids = uids_of(numbers);
  auto fetched = co_await fetch_bodies(session, std::move(uids));
  CO_TRY(fetched);
  for (FetchedBody& body : fetched->bodies) {
    SourceMessage message;
    message.id = body.row.uid.value;
    message.flags = std::move(body.row.flags);
    message.date = body.row.internal_date;
    message.size = body.row.size;
    message.octets = std::move(body.octets);
    out.messages.push_back(std::move(message));
  }
  for (auto& [uid, error] : fetched->failed) out.failed.emplace_back(uid.value, std::move(error));
  std::sort(out.messages.begin(), out.messages.end(),
            [](const SourceMessage& a, const SourceMessage& b) { return a.id < b.id; });
  co_return out;
}

}  // namespace eilpost::client
