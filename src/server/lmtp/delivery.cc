#include "server/lmtp/delivery.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "store/digest.h"
#include "store/mutations.h"
#include "store/outcome.h"

namespace eilpost::server {

namespace {

// What is held in memory before it goes to the disk, and the pieces in which it goes.
constexpr size_t buffer_bytes = 256 * 1024;
// So many copies of a message that is held in memory are one job's work.
constexpr size_t copies_together_max = 8;

}  // namespace

// What the disk pool's jobs work on; one job at a time.
struct Delivery::Work {
  engine::Engine* engine = nullptr;
  std::vector<DeliveryTarget> targets;
  std::vector<engine::BlobId> blobs;           // by target
  std::unique_ptr<engine::BlobWriter> writer;  // of the first target, once the message is large
  mime::Scanner scanner;
  store::Digest digest;
  uint64_t size = 0;
  bool nul = false;
  Result<> state;  // the first thing that went wrong

  Result<> start_writer() {
    writer = TRY(targets[0].account->stage(place(0)));
    return {};
  }
  std::string place(size_t target) const {
    return fmt::format("lmtp mailbox {}", targets[target].mailbox.value);
  }
  // A piece of a large message.
  Result<> take(std::string_view octets) {
    if (!writer) TRY(start_writer());
    scan(octets);
    return writer->append(octets);
  }
  void scan(std::string_view octets) {
    nul = nul || std::memchr(octets.data(), '\0', octets.size()) != nullptr;
    scanner.feed(octets);
    size += octets.size();
  }
  Result<> finish(const std::string& rest);
  Result<> stage_copy(size_t target, const std::string& whole);
  Result<> copy_blob(engine::BlobWriter& out);
};

// The end of the message is `rest`; when it is not yet on the disk, that is all of it.
Result<> Delivery::Work::finish(const std::string& rest) {
  if (state && writer) {
    state = take(rest);
  } else if (state) {
    scan(rest);
  }
  if (!state) return state;
  if (nul) return fail(Code::invalid, "the message has NUL octets");
  const mime::Message message = scanner.finish();
  digest = store::make_digest(message);
  if (writer) {
    blobs[0] = TRY(writer->finish());
    writer.reset();
    return {};
  }
  return stage_copy(0, rest);
}

Result<> Delivery::Work::stage_copy(size_t target, const std::string& whole) {
  auto out = TRY(targets[target].account->stage(place(target)));
  if (whole.size() == size) {
    TRY(out->append(whole));
  } else {
    TRY(copy_blob(*out));
  }
  blobs[target] = TRY(out->finish());
  return {};
}

Result<> Delivery::Work::copy_blob(engine::BlobWriter& out) {
  for (uint64_t at = 0; at < size;) {
    const std::string piece = TRY(engine->read_blob(blobs[0], at, buffer_bytes));
    if (piece.empty()) return fail(Code::corrupt, "a staged blob is shorter than it was written");
    TRY(out.append(piece));
    at += piece.size();
  }
  return {};
}

Delivery::Delivery(ServerWorld& world, std::string session, std::vector<DeliveryTarget> targets,
                   std::string_view return_path)
    : world_(world),
      settings_(world.settings.get()),
      author_{std::move(session), "lmtp"},
      work_(std::make_shared<Work>()) {
  work_->engine = &world.engine;
  work_->blobs.resize(targets.size());
  work_->targets = std::move(targets);
  // RFC 5321 4.4: the final delivery records the reverse path in front of everything.
  buffer_ = fmt::format("Return-Path: <{}>\r\n", return_path);
}

Delivery::~Delivery() = default;

bool Delivery::too_big() const {
  return received_ > settings_->message_bytes_max;
}

net::Task<> Delivery::add(std::string_view octets) {
  received_ += octets.size();
  if (too_big()) {
    buffer_.clear();
    buffer_.shrink_to_fit();
    work_->writer.reset();
    co_return;
  }
  buffer_.append(octets);
  if (buffer_.size() >= buffer_bytes) co_await flush();
}

net::Task<> Delivery::flush() {
  // Shared by the job and this coroutine.
  auto piece = std::make_shared<std::string>(std::exchange(buffer_, {}));
  auto job = [work = work_, piece] {
    if (work->state) work->state = work->take(*piece);
  };
  auto done = co_await net::run_on(world_.disk, std::move(job));
  if (!done && work_->state) work_->state = done;
}

std::vector<Result<>> Delivery::all(const Error& error) const {
  return std::vector<Result<>>(work_->targets.size(), tl::unexpected(error));
}

net::Task<std::vector<Result<>>> Delivery::finish() {
  if (too_big()) co_return all({Code::too_big, "the message is larger than the limit"});
  if (!work_->writer && work_->targets.size() <= copies_together_max) {
    auto delivered = co_await deliver_small();
    co_await drop_refused(delivered);
    co_return delivered;
  }
  auto staged = co_await stage_all();
  if (!staged) {
    std::vector<Result<>> failed = all(staged.error());
    co_await drop_refused(failed);
    co_return failed;
  }
  auto results = co_await commit_all();
  co_await drop_refused(results);
  co_return results;
}

// A blob per target: one hop for the scan and the first, then one per copy.
net::Task<Result<>> Delivery::stage_all() {
  auto rest = std::make_shared<std::string>(std::exchange(buffer_, {}));  // shared with the jobs
  auto first = [work = work_, rest] { return work->finish(*rest); };
  auto finished = co_await net::run_on(world_.disk, std::move(first));
  CO_TRY(finished);
  for (size_t i = 1; i < work_->targets.size(); ++i) {
    auto copy = [work = work_, rest, i] { return work->stage_copy(i, *rest); };
    auto copied = co_await net::run_on(world_.disk, std::move(copy));
    CO_TRY(copied);
  }
  co_return Result<>();
}

namespace {

// Into the mailbox, or into INBOX when it is gone since RCPT.
Result<bool> append_copy(store::Tx& tx, store::AppendRequest& request) {
  auto appended = store::append(tx, request);
  if (!appended && appended.error().code == Code::not_found) {
    request.mailbox = store::inbox_id;
    appended = store::append(tx, request);
  }
  if (!appended) return tl::unexpected(appended.error());
  return true;
}

// Waits for several callbacks: the last one calls `done`.
struct Gather {
  std::vector<Result<>> results;
  std::atomic<size_t> waiting;
  std::function<void(std::vector<Result<>>)> done;

  void set(size_t at, Result<> result) {
    results[at] = std::move(result);
    if (waiting.fetch_sub(1) == 1) done(std::move(results));
  }
};

}  // namespace

struct Delivery::Commit {
  store::Author author;
  int64_t now_seconds = 0;
  store::Account::Where where = store::Account::Where::pool;
};

Delivery::Commit Delivery::commit_from(store::Account::Where where) const {
  return {author_, world_.clock.now().seconds(), where};
}

// The staged copies into their accounts. Any thread; with Where::here the end of a pool's job.
void Delivery::commit_copies(const std::shared_ptr<Work>& work, const Commit& how, Done done) {
  const size_t count = work->targets.size();
  auto gather = std::make_shared<Gather>();  // shared by the callbacks
  gather->results.resize(count);
  gather->waiting = count;
  gather->done = std::move(done);
  for (size_t i = 0; i < count; ++i) {
    const DeliveryTarget& target = work->targets[i];
    auto request = std::make_shared<store::AppendRequest>();  // kept while the mutation may run
    request->mailbox = target.mailbox;
    request->quota = target.quota;
    store::NewMessage message;
    message.cold.internal_date = {how.now_seconds, 0};
    message.cold.size = work->size;
    message.cold.blob = work->blobs[i];
    message.digest = work->digest;
    request->messages.push_back(std::move(message));
    target.account->mutate<bool>(
        how.author, [request](store::Tx& tx) { return append_copy(tx, *request); },
        [gather, i](Result<bool> r) {
          gather->set(i, r ? Result<>() : Result<>(tl::unexpected(r.error())));
        },
        how.where);
  }
}

net::Task<std::vector<Result<>>> Delivery::commit_all() {
  auto start = [this](Done done) {
    commit_copies(work_, commit_from(store::Account::Where::pool), std::move(done));
  };
  auto results = co_await net::await_callback<std::vector<Result<>>>(start);
  co_return results;
}

// One job scans and stages what is in memory and lends its thread to the commits.
net::Task<std::vector<Result<>>> Delivery::deliver_small() {
  auto start = [this](Done done) {
    auto rest = std::make_shared<std::string>(std::exchange(buffer_, {}));
    auto job = [work = work_, rest, how = commit_from(store::Account::Where::here), done] {
      Result<> staged = work->finish(*rest);
      for (size_t i = 1; staged && i < work->targets.size(); ++i) {
        staged = work->stage_copy(i, *rest);
      }
      if (staged) return commit_copies(work, how, done);
      done(std::vector<Result<>>(work->targets.size(), tl::unexpected(staged.error())));
    };
    const auto posted = world_.disk.post(std::move(job));
    if (!posted) done(all(posted.error()));
  };
  auto results = co_await net::await_callback<std::vector<Result<>>>(start);
  co_return results;
}

// Gives back the space of copies that were refused for good.
net::Task<> Delivery::drop_refused(const std::vector<Result<>>& results) {
  std::vector<engine::BlobId> dropped;
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i] || !work_->blobs[i] || !store::surely_refused(results[i].error().code)) continue;
    dropped.push_back(work_->blobs[i]);
  }
  if (dropped.empty()) co_return;
  auto job = [engine = work_->engine, dropped] {
    // What cannot be removed here is left to the sweep of orphans.
    for (const engine::BlobId blob : dropped) (void)engine->remove_blob(blob);
  };
  (void)co_await net::run_on(world_.disk, std::move(job));
}

}  // namespace eilpost::server
