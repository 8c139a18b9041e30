#include "server/imap/read_ahead.h"

#include <algorithm>
#include <functional>
#include <mutex>
#include <optional>

#include "server/imap/fetch_plan.h"

namespace eilpost::server {

// Filled by a job of the pool, taken by the session, whichever comes first.
struct ReadAhead::Piece {
  using Octets = Result<std::string>;
  std::mutex mutex;
  std::optional<Octets> octets;
  std::function<void(Octets)> waiting;

  void fill(Octets read) {
    std::unique_lock lock(mutex);
    if (!waiting) {
      octets.emplace(std::move(read));
      return;
    }
    lock.unlock();
    waiting(std::move(read));
  }
  void take(std::function<void(Octets)> done) {
    std::unique_lock lock(mutex);
    if (!octets) {
      waiting = std::move(done);
      return;
    }
    lock.unlock();
    done(std::move(*octets));
  }
};

ReadAhead::ReadAhead(net::DiskPool& pool, store::AccountPtr account, const store::Cold& cold,
                     mime::OctetRange range)
    : pool_(pool),
      account_(std::move(account)),
      cold_(cold),
      at_(range.offset),
      end_(range.offset + range.size) {
  start();
}

void ReadAhead::start() {
  coming_.reset();
  if (at_ == end_) return;
  coming_ = std::make_shared<Piece>();
  const uint64_t length = std::min(stream_piece_bytes, end_ - at_);
  auto job = [account = account_, cold = cold_, offset = at_, length, piece = coming_,
              octets = std::move(given_)]() mutable {
    auto read = account->read_blob_into(cold, offset, length, octets);
    if (read && octets.size() != length)
      read = fail(Code::corrupt, "blob is shorter than its index");
    if (!read) return piece->fill(tl::unexpected(std::move(read).error()));
    piece->fill(std::move(octets));
  };
  given_.clear();
  at_ += length;
  if (const auto posted = pool_.post(std::move(job)); !posted) {
    coming_->fill(tl::unexpected(posted.error()));
  }
}

net::Task<Result<std::string_view>> ReadAhead::next() {
  if (!coming_) co_return std::string_view();
  const std::shared_ptr<Piece> piece = coming_;
  auto wait = [piece](std::function<void(Result<std::string>)> done) {
    piece->take(std::move(done));
  };
  auto octets = co_await net::await_callback<Result<std::string>>(wait);
  CO_TRY(octets);
  start();
  given_ = std::move(*octets);
  co_return std::string_view(given_);
}

}  // namespace eilpost::server
