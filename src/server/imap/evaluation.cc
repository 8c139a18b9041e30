#include "server/imap/evaluation.h"

#include <algorithm>

namespace eilpost::server {

namespace {

// Some hundred microseconds of flags for a program of one key.
constexpr size_t memory_pages = 256;
// The same of headers and digests that memory holds.
constexpr size_t cached_pages = 16;

// A slice costs the same however many keys the program has.
search::Slice slice_of(size_t pages, size_t keys) {
  return {.pages_max = std::max<size_t>(1, pages / std::max<size_t>(1, keys / 4))};
}

}  // namespace

store::SnapshotPtr shown_snapshot(const View& view) {
  if (view.gone().empty()) return view.snapshot_ptr();
  auto shown = std::make_shared<store::MailboxSnapshot>(view.snapshot());
  shown->tree = view.shown();
  return shown;
}

net::Task<Result<search::Answer>> evaluate(ImapSession& session, Evaluation evaluation,
                                           Progress& progress, std::optional<uint64_t> done) {
  const search::Slice memory_slice = slice_of(memory_pages, evaluation.keys);
  const search::Slice cached_slice = slice_of(cached_pages, evaluation.keys);
  const search::Slice disk_slice = slice_of(search::Slice().pages_max, evaluation.keys);
  const search::Context context{.now_seconds = session.world().clock.now().seconds(),
                                .indexes = session.world().indexes};
  // Shared with the job on the pool.
  auto evaluator = std::make_shared<search::Evaluator>(
      session.account_ptr(), std::move(evaluation.snapshot), evaluation.program, context);
  bool whole = false;
  while (!whole) {
    if (session.ending()) co_return fail(Code::unavailable, "the session ends");
    if (evaluator->reads() && !evaluator->in_memory(cached_slice)) {
      auto job = [evaluator, disk_slice] { return evaluator->step(disk_slice); };
      auto stepped = co_await session.read(std::move(job));
      CO_TRY(stepped);
      whole = *stepped;
    } else {
      auto stepped = evaluator->step(evaluator->reads() ? cached_slice : memory_slice);
      CO_TRY(stepped);
      whole = *stepped;
      if (!whole) co_await net::yield_now();
    }
    if (whole) break;
    auto told = co_await progress.at(done);
    CO_TRY(told);
  }
  co_return evaluator->answer();
}

}  // namespace eilpost::server
