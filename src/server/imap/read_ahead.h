// Reads a blob in pieces, one piece ahead: while a client takes one, the disk pool reads the next.
// Holds two pieces at most. Used by one session's coroutine; the pool's jobs own what they touch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "mime/part_index.h"
#include "net/disk_pool.h"
#include "store/account.h"

namespace eilpost::server {

class ReadAhead {
 public:
  // Pieces of `range` of the message's octets, in order. `pool` outlives it.
  ReadAhead(net::DiskPool& pool, store::AccountPtr account, const store::Cold& cold,
            mime::OctetRange range);
  // The next piece, which stays until the next call; empty at the end. Code::corrupt when the blob
  // is shorter than the range.
  net::Task<Result<std::string_view>> next();

 private:
  struct Piece;
  void start();

  net::DiskPool& pool_;
  store::AccountPtr account_;
  store::Cold cold_;
  uint64_t at_;
  uint64_t end_;
  std::shared_ptr<Piece> coming_;  // shared with the job that reads it
  std::string given_;              // the piece that next() gave; its memory takes the next but one
};

}  // namespace eilpost::server
