// DEFLATE (RFC 1951) in both directions of one connection, as IMAP's COMPRESS has it (RFC 4978):
// raw streams without header, and every answer flushed. The inside of Stream; knows no Asio, and is
// the only file with zlib. What is inflated comes in pieces that the caller bounds, a block at a
// time, so that a small input never becomes a large buffer. At rest() neither direction keeps
// zlib's state: the compressor begins again without a history, the decompressor is parked as the at
// most 32 KiB that the peer may refer to. Not thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace eilpost::net {

class DeflateLayer {
 public:
  DeflateLayer();
  ~DeflateLayer();
  DeflateLayer(const DeflateLayer&) = delete;
  DeflateLayer& operator=(const DeflateLayer&) = delete;

  // Appends `octets` compressed to `out`, which lags behind until flush().
  void deflate(std::string_view octets, std::string& out);
  // Whatever was given so far can be read by the peer once it has `out` (an empty stored block).
  void flush(std::string& out);

  // What came from the peer; kept until it has been inflated.
  void feed(std::string_view wire);
  // Inflates into `into`, to the end of a block at most, and answers how many octets that gave.
  // 0: feed() more. Code::invalid: not DEFLATE, or octets behind its end. After an error it stays
  // so.
  Result<size_t> inflate(std::span<char> into);
  // These come out of the next inflate() again.
  void unread(std::string_view octets);
  // The peer stops compressing with the block that it is in (RFC 8437 4.1): what comes behind that
  // one and the end of its flush, inflate() gives as it is.
  void end();
  // Takes what was fed and not inflated.
  std::string take_input();

  // Gives back what is not needed while nothing passes. The next call of any kind takes it again.
  void rest();
  bool resting() const { return resting_; }
  bool failed() const { return failed_; }
  // Octets that this holds, zlib's included, roughly.
  size_t memory_bytes() const;

 private:
  struct Writer;
  struct Reader;
  Writer& writer();
  Reader& reader();
  bool has_input() const { return position_ < input_.size(); }
  void use_input(size_t octets);
  Result<size_t> inflate_some(std::span<char> into);
  Result<size_t> pass(std::span<char> into);
  void park();

  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Reader> reader_;
  // A parked reader: the end of what it gave, and the bits of the last octet that it has not read.
  std::string history_;
  int bits_ = 0;
  int bit_values_ = 0;
  uint8_t last_octet_ = 0;
  std::string input_;  // from position_ on
  size_t position_ = 0;
  std::string unread_;
  bool waiting_ = false;  // octets that did not fit into the caller's buffer
  bool between_ = true;   // two blocks
  bool last_ = false;     // the block that says so was the last one
  bool ending_ = false;   // end() was called
  bool passing_ = false;  // and what comes is no longer a part of what was compressed
  bool failed_ = false;
  bool resting_ = true;
};

}  // namespace eilpost::net
