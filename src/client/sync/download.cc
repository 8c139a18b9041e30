// Downloads: batches of messages, each fetched by one command and written into the Maildir's tmp/.
// Some thousand are made durable together, get their places, and only then the state knows of them.
// Several connections work on one mailbox; a thread of its own writes what one of them has fetched
// while all of them fetch the next.

#include <algorithm>
#include <deque>
#include <memory>

#include "client/maildir/delivery.h"
#include "client/session/fetching.h"
#include "client/sync/apply.h"
#include "net/disk_pool.h"
#include "net/signal.h"

namespace eilpost::client {

namespace {

// What one connection holds at most; a larger message goes alone, through a file.
constexpr uint64_t batch_bytes_max = 8 * 1024 * 1024;
constexpr size_t batch_messages_max = 500;
// What is made durable together: the disk's own time for it hardly grows with their number.
constexpr size_t durable_messages_max = 4000;
constexpr uint64_t durable_bytes_max = 64 * 1024 * 1024;
// Below, another connection costs more than it brings.
constexpr size_t messages_per_connection = 1000;

struct Kept {
  Uid uid;
  SyncMessage message;
};

// Shared by the connections of one mailbox. `delivery` and what it holds belong to the thread of
// `disk` until that is stopped, and so do the state and the Maildir.
struct Download {
  Download(SyncWorld world_in, MailboxPair& pair_in, net::Executor executor)
      : world(world_in),
        pair(pair_in),
        ended(executor),
        delivery(*pair_in.maildir, {.durable = world_in.options.durable}) {}

  SyncWorld world;
  MailboxPair& pair;
  std::deque<UidSet> batches;
  uint64_t total = 0;
  uint64_t done = 0;
  Result<> result;    // the first Error
  int running = 0;    // connections besides the first
  net::Signal ended;  // one of these has come to its end

  MaildirDelivery delivery;
  std::vector<Kept> kept;  // what is in it
  uint64_t kept_bytes = 0;
  Result<> written;  // the first Error of the Maildir or the state: nothing is written after it
  net::DiskPool disk{{.name = "maildir", .threads = 1}};
};

std::deque<UidSet> batches_of(std::vector<FreshRemote> wanted) {
  std::sort(wanted.begin(), wanted.end(),
            [](const FreshRemote& a, const FreshRemote& b) { return a.uid < b.uid; });
  std::deque<UidSet> out;
  size_t messages = 0;
  uint64_t bytes = 0;
  for (const FreshRemote& one : wanted) {
    const bool full = messages == batch_messages_max || bytes + one.key.size > batch_bytes_max;
    if (out.empty() || full) {
      out.emplace_back();
      messages = 0;
      bytes = 0;
    }
    out.back().add(one.uid);
    ++messages;
    bytes += one.key.size;
  }
  return out;
}

// Into the Maildir, then into the state.
Result<> place(Download& download) {
  TRY(download.delivery.commit());
  auto all = TRY(download.world.state.begin());
  for (const Kept& one : download.kept) {
    TRY(download.world.state.put(download.pair.state.id, one.uid, one.message));
  }
  TRY(all.commit());
  download.world.report.downloaded += download.kept.size();
  download.kept.clear();
  download.kept_bytes = 0;
  return {};
}

Result<> settle(Download& download) {
  if (download.written) download.written = place(download);
  return download.written;
}

Result<> add(Download& download, const std::vector<FetchedBody>& bodies) {
  const int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  for (const FetchedBody& body : bodies) {
    // Keywords get their letters before names are made of them.
    const MaildirFlags flags = TRY(download.pair.maildir->bits_for(body.row.flags));
    const int64_t date = body.row.internal_date ? body.row.internal_date->seconds : now;
    const ContentKey key = TRY(key_of(*body.octets));
    std::string name = TRY(download.delivery.add(*body.octets, flags, date));
    download.kept.push_back({body.row.uid, {std::move(name), flags, key}});
    download.kept_bytes += body.octets->size();
  }
  const bool enough =
      download.kept.size() >= durable_messages_max || download.kept_bytes >= durable_bytes_max;
  return enough ? place(download) : Result<>();
}

Result<> keep(Download& download, const std::vector<FetchedBody>& bodies) {
  if (download.written) download.written = add(download, bodies);
  return download.written;
}

// Writes what one connection has fetched, one batch at a time, beside it.
class Writer {
 public:
  Writer(Download& download, net::Executor executor) : download_(download), written_(executor) {}

  // Once the batch before is written; the Error is that one's.
  Task<Result<>> write(std::vector<FetchedBody> bodies) {
    auto before = co_await finish();
    CO_TRY(before);
    // Shared by the job and this coroutine.
    job_ = std::make_shared<Job>();
    job_->bodies = std::move(bodies);
    auto run = [job = job_, &download = download_, handle = written_.handle()] {
      job->result = keep(download, job->bodies);
      job->bodies.clear();
      handle.notify();
    };
    auto posted = download_.disk.post(std::move(run));
    if (!posted) job_.reset();
    co_return posted;
  }
  // Everything that was given is written.
  Task<Result<>> finish() {
    if (job_ == nullptr) co_return Result<>();
    co_await written_.wait_until(net::no_deadline);
    written_.take();
    Result<> result = std::move(job_->result);
    job_.reset();
    co_return result;
  }

 private:
  struct Job {
    std::vector<FetchedBody> bodies;
    Result<> result;
  };
  Download& download_;
  net::Signal written_;
  std::shared_ptr<Job> job_;
};

Task<Result<>> fetch_and_write(Download& download, Session& session, Writer& writer) {
  while (!download.batches.empty() && download.result && !download.world.stopping) {
    UidSet uids = std::move(download.batches.front());
    download.batches.pop_front();
    const uint64_t count = uids.count();
    auto batch = co_await fetch_bodies(session, uids);
    if (!batch) {
      // Another connection may take it.
      download.batches.push_front(std::move(uids));
      co_return tl::unexpected(std::move(batch).error());
    }
    SyncReport& report = download.world.report;
    for (const auto& [uid, error] : batch->failed) {
      report.leave(download.pair.state.name + ": uid " + std::to_string(uid.value) +
                   " is not to be had: " + error.detail);
    }
    // What is gone meanwhile is gone; what failed is tried again by the next run.
    if (batch->bodies.size() != count) download.pair.unsure = true;
    auto written = co_await writer.write(std::move(batch->bodies));
    CO_TRY(written);
    download.done += count;
    if (download.world.hooks.progress) {
      download.world.hooks.progress("download " + download.pair.state.name, download.done,
                                    download.total);
    }
  }
  co_return Result<>();
}

Task<Result<>> work(Download& download, Session& session) {
  auto executor = co_await net::this_executor();
  Writer writer(download, executor);
  auto fetched = co_await fetch_and_write(download, session, writer);
  auto written = co_await writer.finish();
  co_return written ? fetched : written;
}

Task<> work_beside(std::shared_ptr<Download> download) {
  auto session = co_await download->world.account.connect();
  // The server may not like more connections: then the first one does it all.
  if (session) {
    auto entered = co_await enter(**session, download->pair, true);
    if (entered) {
      auto worked = co_await work(*download, **session);
      // A lost connection stops only itself: what it had taken is put back.
      if (!worked && (*session)->is_alive() && download->result) download->result = worked;
      if (worked) co_await (*session)->logout();
    }
  }
  --download->running;
  download->ended.notify();
}

}  // namespace

Task<Result<>> download(SyncWorld world, Session& session, MailboxPair& pair,
                        std::vector<FreshRemote> wanted) {
  auto executor = co_await net::this_executor();
  // Shared with the connections beside, the last of which may end after an Error here.
  auto all = std::make_shared<Download>(world, pair, executor);
  all->total = wanted.size();
  all->batches = batches_of(std::move(wanted));
  auto entered = co_await enter(session, pair, true);
  CO_TRY(entered);
  const size_t useful = all->total / messages_per_connection;
  const size_t beside =
      std::min<size_t>(useful, static_cast<size_t>(world.options.connections - 1));
  for (size_t i = 0; i < beside; ++i) {
    ++all->running;
    net::spawn(executor, work_beside(all));
  }
  // Once more for what a connection that was lost has put back.
  do {
    auto worked = co_await work(*all, session);
    if (!worked && all->result) all->result = std::move(worked);
    while (all->running > 0) {
      co_await all->ended.wait_until(net::no_deadline);
      all->ended.take();
    }
  } while (all->result && !all->batches.empty() && !world.stopping);
  all->disk.stop();
  // What came before an Error is not fetched a second time.
  auto settled = settle(*all);
  if (!settled && all->result) all->result = std::move(settled);
  co_return all->result;
}

}  // namespace eilpost::client
