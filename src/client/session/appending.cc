#include "client/session/appending.h"

#include <fmt/format.h>

#include <charconv>

#include "client/session/uid_sets.h"

namespace eilpost::client {

namespace {

using Outcomes = std::vector<Result<Appended>>;

uint64_t append_limit(const Session& session) {
  const auto told = session.capability_value("APPENDLIMIT");
  uint64_t limit = UINT64_MAX;
  if (told) std::from_chars(told->data(), told->data() + told->size(), limit);
  return limit;
}

// Why this message need not be sent to this server at all.
std::optional<Error> hindrance(const Session& session, const AppendItem& item) {
  const uint64_t limit = append_limit(session);
  if (item.octets->size() > limit) {
    return Error{Code::too_big,
                 fmt::format("{} octets; the server takes at most {}", item.octets->size(), limit)};
  }
  if (item.octets->has_nul() && !session.has("BINARY") && !session.has("IMAP4rev2")) {
    return Error{Code::cannot, "it holds NUL, which this server does not take (no BINARY)"};
  }
  return std::nullopt;
}

OutgoingMessage message_of(const AppendItem& item) {
  OutgoingMessage out = outgoing_message(item.octets);
  out.flags = item.flags;
  out.date = item.date;
  return out;
}

// The uids of so many messages; none when the server does not say or makes no sense.
std::vector<Appended> appended_of(Session& session, const imap::StatusResponse& answer,
                                  size_t count) {
  std::vector<Appended> out(count);
  if (answer.code.name != imap::CodeName::append_uid) {
    if (session.has("UIDPLUS")) session.note(Quirk::append_uid_missing);
    return out;
  }
  const std::vector<Uid> uids = in_written_order(answer.code.set, count);
  if (uids.size() != count) {
    session.note(Quirk::append_uid_missing);
    return out;
  }
  for (size_t i = 0; i < count; ++i) {
    out[i].uid = uids[i];
    out[i].uid_validity = static_cast<uint32_t>(answer.code.number);
  }
  return out;
}

// Each with a command of its own, all under way at once.
Task<Result<>> append_singly(Session& session, std::string mailbox,
                             const std::vector<AppendItem>& items, std::vector<size_t> which,
                             Outcomes& outcomes) {
  std::vector<Connection::Ticket> tickets;
  for (const size_t index : which) {
    std::vector<OutgoingMessage> one;
    one.push_back(message_of(items[index]));
    Expect nothing;
    auto sent =
        co_await session.connection().send_append(mailbox, std::move(one), std::move(nothing));
    CO_TRY(sent);
    tickets.push_back(std::move(*sent));
  }
  for (size_t i = 0; i < which.size(); ++i) {
    auto answer = co_await session.finish(std::move(tickets[i]));
    if (answer) {
      outcomes[which[i]] = appended_of(session, *answer, 1).front();
    } else if (session.is_alive()) {
      outcomes[which[i]] = tl::unexpected(std::move(answer).error());
    } else {
      co_return tl::unexpected(std::move(answer).error());
    }
  }
  co_return Result<>();
}

}  // namespace

Task<Result<Outcomes>> append_messages(Session& session, std::string mailbox,
                                       std::vector<AppendItem> items, WhenRefused when_refused) {
  Outcomes outcomes(items.size(), Result<Appended>(Appended()));
  std::vector<size_t> which;
  for (size_t i = 0; i < items.size(); ++i) {
    if (auto why = hindrance(session, items[i])) {
      outcomes[i] = tl::unexpected(std::move(*why));
    } else {
      which.push_back(i);
    }
  }
  if (which.size() > 1 && !items.front().alone && session.has("MULTIAPPEND")) {
    std::vector<OutgoingMessage> all;
    for (const size_t index : which) all.push_back(message_of(items[index]));
    Expect nothing;
    auto sent =
        co_await session.connection().send_append(mailbox, std::move(all), std::move(nothing));
    CO_TRY(sent);
    auto answer = co_await session.finish(std::move(*sent));
    if (answer) {
      const std::vector<Appended> done = appended_of(session, *answer, which.size());
      for (size_t i = 0; i < which.size(); ++i) outcomes[which[i]] = done[i];
      co_return outcomes;
    }
    // It is all or nothing (RFC 3502 6.3.11): the one that it was about is found one by one.
    if (!session.is_alive()) co_return tl::unexpected(std::move(answer).error());
    if (when_refused == WhenRefused::tell) {
      for (const size_t index : which) outcomes[index] = tl::unexpected(answer.error());
      co_return outcomes;
    }
  }
  auto done = co_await append_singly(session, std::move(mailbox), items, which, outcomes);
  CO_TRY(done);
  co_return outcomes;
}

}  // namespace eilpost::client
