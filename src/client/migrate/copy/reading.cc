// The two halves of copying: one coroutine reads batch after batch from the source, the other
// writes them to the target, a few batches behind at most.

#include <algorithm>
#include <deque>

#include "client/migrate/copy/mailbox_copy.h"

namespace eilpost::client {

namespace {

// Of what is asked about before it is read, to know how large it is.
constexpr size_t chunk_messages = 2000;
// Of what is read with one command and sent with one.
constexpr size_t batch_messages_max = 200;
constexpr uint64_t batch_octets_max = 4 * 1024 * 1024;
constexpr uint64_t unknown_octets = 64 * 1024;
// Batches between the two.
constexpr size_t waiting_max = 2;

}  // namespace

// Shared by the two halves: the reading one may end later.
struct MailboxCopy::Channel {
  explicit Channel(const net::Executor& executor) : filled(executor), emptied(executor) {}

  std::deque<Batch> batches;
  size_t in_hand = 0;      // of the writer
  bool ended = false;      // the reader has read all it will
  bool abandoned = false;  // the writer takes no more
  Result<> trouble;        // why the reader has ended early
  net::Signal filled;
  net::Signal emptied;
};

Task<Result<>> MailboxCopy::copy_fresh(std::vector<uint64_t> fresh) {
  if (fresh.empty()) co_return Result<>();
  auto executor = co_await net::this_executor();
  auto channel = std::make_shared<Channel>(executor);
  net::spawn(executor, read_all(this, channel, std::move(fresh)));
  Result<> written;
  for (;;) {
    if (channel->batches.empty()) {
      if (channel->ended) break;
      co_await channel->filled.wait_until(net::no_deadline);
      channel->filled.take();
      continue;
    }
    Batch batch = std::move(channel->batches.front());
    channel->batches.pop_front();
    channel->in_hand = 1;
    if (written) written = co_await write_batch(std::move(batch));
    channel->in_hand = 0;
    channel->abandoned = !written;
    channel->emptied.notify();
  }
  if (!outcomes_.empty()) {
    Ledger::Change rest;
    auto kept = co_await commit(std::move(rest));
    CO_TRY(kept);
  }
  if (!written) co_return written;
  co_return channel->trouble;
}

Task<> MailboxCopy::read_all(MailboxCopy* copy, std::shared_ptr<Channel> channel,
                             std::vector<uint64_t> fresh) {
  for (size_t at = 0; at < fresh.size() && channel->trouble; at += chunk_messages) {
    if (channel->abandoned || copy->context_.ending()) break;
    const size_t end = std::min(fresh.size(), at + chunk_messages);
    std::vector<uint64_t> ids(fresh.begin() + static_cast<ptrdiff_t>(at),
                              fresh.begin() + static_cast<ptrdiff_t>(end));
    channel->trouble = co_await copy->read_chunk(*channel, std::move(ids));
  }
  channel->ended = true;
  channel->filled.notify();
}

Task<Result<>> MailboxCopy::read_chunk(Channel& channel, std::vector<uint64_t> ids) {
  Batch hopeless;
  std::vector<uint64_t> wanted;
  for (const uint64_t id : ids) {
    const auto given_up = tries_.given_up.find(id);
    if (given_up == tries_.given_up.end()) {
      wanted.push_back(id);
    } else {
      hopeless.failed.emplace_back(id, Error{Code::corrupt, given_up->second});
    }
  }
  if (!hopeless.failed.empty()) channel.batches.push_back(std::move(hopeless));
  std::vector<SourceMessage> rows;
  auto take = [&rows](SourceMessage message) -> Result<> {
    rows.push_back(std::move(message));
    return {};
  };
  auto asked = co_await source_.rows(std::move(wanted), take);
  CO_TRY(asked);
  std::sort(rows.begin(), rows.end(),
            [](const SourceMessage& a, const SourceMessage& b) { return a.id < b.id; });
  auto placed = co_await take_placed(rows);
  CO_TRY(placed);
  if (!placed->empty()) {
    Batch elsewhere;
    elsewhere.elsewhere = std::move(*placed);
    channel.batches.push_back(std::move(elsewhere));
    channel.filled.notify();
  }
  const size_t messages_max = tries_.careful ? 1 : batch_messages_max;
  std::vector<SourceMessage> batch;
  uint64_t octets = 0;
  for (SourceMessage& row : rows) {
    const uint64_t size = row.size.value_or(unknown_octets);
    const bool full = batch.size() >= messages_max || octets + size > batch_octets_max;
    if (full && !batch.empty()) {
      auto read = co_await read_batch(channel, std::exchange(batch, {}));
      CO_TRY(read);
      octets = 0;
      if (channel.abandoned || context_.ending()) co_return Result<>();
    }
    octets += size;
    batch.push_back(std::move(row));
  }
  if (batch.empty()) co_return Result<>();
  auto read = co_await read_batch(channel, std::move(batch));
  co_return read;
}

Task<Result<>> MailboxCopy::read_batch(Channel& channel, std::vector<SourceMessage> rows) {
  const size_t room = tries_.careful ? 1 : waiting_max;
  while (channel.batches.size() + (tries_.careful ? channel.in_hand : 0) >= room) {
    if (channel.abandoned) co_return Result<>();
    co_await channel.emptied.wait_until(net::no_deadline);
    channel.emptied.take();
  }
  std::vector<uint64_t> ids;
  std::map<uint64_t, std::string> email_ids;
  for (SourceMessage& row : rows) {
    ids.push_back(row.id);
    if (!row.email_id.empty()) email_ids.emplace(row.id, std::move(row.email_id));
  }
  if (tries_.careful) tries_.in_hand = ids.front();
  auto read = co_await source_.bodies(std::move(ids));
  CO_TRY(read);
  Batch batch;
  for (auto& [id, error] : read->failed) {
    if (throttle_of(error)) co_return tl::unexpected(std::move(error));
    batch.failed.emplace_back(id, std::move(error));
  }
  for (SourceMessage& message : read->messages) {
    batch.octets += message.octets->size();
    const auto email_id = email_ids.find(message.id);
    if (email_id != email_ids.end()) message.email_id = std::move(email_id->second);
  }
  context_.day_octets += batch.octets;
  const uint64_t limit = context_.options.octets_per_day;
  if (limit > 0 && context_.day_octets >= limit) context_.budget_used_up = true;
  auto job = [messages = std::move(read->messages)]() mutable {
    return prepare_messages(std::move(messages));
  };
  auto prepared = co_await net::run_on(context_.pool, std::move(job));
  CO_TRY(prepared);
  batch.messages = std::move(*prepared);
  channel.batches.push_back(std::move(batch));
  channel.filled.notify();
  co_return Result<>();
}

}  // namespace eilpost::client
