#include "net/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace eilpost::net {

namespace {

// A window of 8 KiB and 2^13 hash chains: 70 KB while it works instead of 268 KB, for 3% to 5% more
// octets of mail and FETCH responses (docs/design/010-compress.md). The peer's window is its own
// choice: RFC 4978 has no word about it, so the decompressor takes the largest.
constexpr int write_window_bits = -13;
constexpr int write_memory_level = 6;
constexpr int write_level = 4;
constexpr int read_window_bits = -15;
constexpr size_t history_bytes_max = 32768;

constexpr size_t piece_bytes = 16384;

// zlib only reads what next_in points to.
Bytef* input_of(std::string_view octets) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(octets.data()));
}

// Assigning an empty string would keep the memory.
void let_go(std::string& octets) {
  std::string().swap(octets);
}

}  // namespace

struct DeflateLayer::Writer {
  Writer() {
    const int made = deflateInit2(&stream, write_level, Z_DEFLATED, write_window_bits,
                                  write_memory_level, Z_DEFAULT_STRATEGY);
    CHECK(made == Z_OK);  // else the memory is used up
  }
  ~Writer() { deflateEnd(&stream); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  z_stream stream{};
};

struct DeflateLayer::Reader {
  Reader() { CHECK(inflateInit2(&stream, read_window_bits) == Z_OK); }
  ~Reader() { inflateEnd(&stream); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  z_stream stream{};
};

DeflateLayer::DeflateLayer() = default;
DeflateLayer::~DeflateLayer() = default;

DeflateLayer::Writer& DeflateLayer::writer() {
  if (!writer_) writer_ = std::make_unique<Writer>();
  resting_ = false;
  return *writer_;
}

DeflateLayer::Reader& DeflateLayer::reader() {
  resting_ = false;
  if (reader_) return *reader_;
  reader_ = std::make_unique<Reader>();
  z_stream& stream = reader_->stream;
  if (!history_.empty()) {
    const auto size = static_cast<uInt>(history_.size());
    CHECK(inflateSetDictionary(&stream, input_of(history_), size) == Z_OK);
  }
  if (bits_ > 0) CHECK(inflatePrime(&stream, bits_, bit_values_) == Z_OK);
  let_go(history_);
  return *reader_;
}

namespace {

// Everything that `mode` gives of what the stream was given.
void drain(z_stream& stream, int mode, std::string& out) {
  std::array<char, piece_bytes> piece;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    const int done = deflate(&stream, mode);
    // Z_BUF_ERROR: there was nothing to do.
    CHECK(done == Z_OK || done == Z_BUF_ERROR);
    out.append(piece.data(), piece.size() - stream.avail_out);
  } while (stream.avail_out == 0);
}

}  // namespace

void DeflateLayer::deflate(std::string_view octets, std::string& out) {
  z_stream& stream = writer().stream;
  while (!octets.empty()) {
    constexpr size_t at_once_max = 1U << 30;
    const std::string_view some = octets.substr(0, at_once_max);
    stream.next_in = input_of(some);
    stream.avail_in = static_cast<uInt>(some.size());
    drain(stream, Z_NO_FLUSH, out);
    octets.remove_prefix(some.size());
  }
}

void DeflateLayer::flush(std::string& out) {
  if (writer_) drain(writer_->stream, Z_SYNC_FLUSH, out);
}

void DeflateLayer::feed(std::string_view wire) {
  if (position_ > 0) input_.erase(0, position_);
  position_ = 0;
  input_.append(wire);
}

void DeflateLayer::use_input(size_t octets) {
  position_ += octets;
  if (has_input()) return;
  let_go(input_);
  position_ = 0;
}

void DeflateLayer::unread(std::string_view octets) {
  unread_.insert(0, octets);
}

Result<size_t> DeflateLayer::inflate(std::span<char> into) {
  CHECK(!into.empty());
  if (!unread_.empty()) {
    const size_t count = std::min(into.size(), unread_.size());
    std::copy_n(unread_.begin(), count, into.begin());
    unread_.erase(0, count);
    if (unread_.empty()) let_go(unread_);
    return count;
  }
  if (failed_) return fail(Code::invalid, "DEFLATE: broken before");
  if (ending_) return pass(into);
  // Within a block octets may wait in zlib although all input is used up; and a block that holds
  // nothing is the end of a flush.
  while (has_input() || waiting_) {
    const size_t count = TRY(inflate_some(into));
    if (count > 0) return count;
  }
  return size_t{0};
}

Result<size_t> DeflateLayer::inflate_some(std::span<char> into) {
  // Of data_type, as inflate() leaves it.
  constexpr int behind_last = 64;
  constexpr int between_blocks = 128;
  const std::string_view rest = std::string_view(input_).substr(position_);
  if (last_) {
    failed_ = true;
    return fail(Code::invalid, "DEFLATE: octets behind the end");
  }
  z_stream& stream = reader().stream;
  stream.next_in = input_of(rest);
  stream.avail_in = static_cast<uInt>(rest.size());
  stream.next_out = reinterpret_cast<Bytef*>(into.data());
  stream.avail_out = static_cast<uInt>(into.size());
  const int done = ::inflate(&stream, Z_BLOCK);
  const size_t used = rest.size() - stream.avail_in;
  if (used > 0) last_octet_ = static_cast<uint8_t>(rest[used - 1]);
  use_input(used);
  const size_t count = into.size() - stream.avail_out;
  if (done != Z_OK && done != Z_STREAM_END && done != Z_BUF_ERROR) {
    // What was good before it is given out first.
    failed_ = true;
    if (count > 0) return count;
    return fail(Code::invalid, stream.msg ? stream.msg : "DEFLATE: broken");
  }
  between_ = done == Z_STREAM_END || (stream.data_type & between_blocks) != 0;
  last_ = between_ && (done == Z_STREAM_END || (stream.data_type & behind_last) != 0);
  waiting_ = !between_ && stream.avail_out == 0;
  return count;
}

void DeflateLayer::end() {
  ending_ = true;
  writer_.reset();
}

Result<size_t> DeflateLayer::pass(std::span<char> into) {
  while (!between_) {
    if (!has_input() && !waiting_) return size_t{0};
    const size_t count = TRY(inflate_some(into));
    if (count > 0) return count;
  }
  reader_.reset();
  let_go(history_);
  // Behind the last block come 00 00 FF FF in octets of their own, or a block that says it is the
  // last: nothing that a line of text begins with.
  const auto is_text = [](char c) { return c >= ' ' && c < 0x7f; };
  while (!passing_ && has_input()) {
    passing_ = is_text(input_[position_]);
    if (!passing_) use_input(1);
  }
  const size_t count = std::min(into.size(), input_.size() - position_);
  std::copy_n(input_.begin() + static_cast<ptrdiff_t>(position_), count, into.begin());
  use_input(count);
  return count;
}

std::string DeflateLayer::take_input() {
  std::string out = input_.substr(position_);
  use_input(out.size());
  return out;
}

// Only between two blocks can a decompressor be taken apart: its window and up to 7 bits are all
// that it is then. A peer that waits has flushed, so that is where it stands.
void DeflateLayer::park() {
  constexpr int bits_mask = 63;
  z_stream& stream = reader_->stream;
  std::array<char, history_bytes_max> history;
  auto size = static_cast<uInt>(history.size());
  const auto got = inflateGetDictionary(&stream, reinterpret_cast<Bytef*>(history.data()), &size);
  if (got != Z_OK) return;
  history_.assign(history.data(), size);
  bits_ = stream.data_type & bits_mask;
  bit_values_ = bits_ > 0 ? last_octet_ >> (8 - bits_) : 0;
  reader_.reset();
}

void DeflateLayer::rest() {
  // Every answer ends with flush(): nothing is lost.
  writer_.reset();
  if (reader_ && between_ && !has_input() && unread_.empty()) park();
  resting_ = true;
}

size_t DeflateLayer::memory_bytes() const {
  // zlib.h: deflate takes (1 << (windowBits + 2)) + (1 << (memLevel + 9)) and some 6 KB, inflate
  // (1 << windowBits) and 7 KB.
  constexpr size_t writer_bytes = (1U << 15) + (1U << 15) + 6144;
  constexpr size_t reader_bytes = (1U << 15) + 7168;
  return sizeof(*this) + (writer_ ? writer_bytes : 0) + (reader_ ? reader_bytes : 0) +
         history_.capacity() + input_.capacity() + unread_.capacity();
}

}  // namespace eilpost::net
