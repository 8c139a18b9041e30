#include "engine/rocksdb/segment_writer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "engine/rocksdb/segments_state.h"

namespace eilpost::engine {
namespace {

class SegmentWriter final : public BlobWriter {
 public:
  SegmentWriter(std::shared_ptr<SegmentsState> state, RecordHeader header)
      : state_(std::move(state)), header_(std::move(header)) {
    header_.nonce = state_->random.next();
    buffer_.assign(record_header_bytes(header_.place), '\0');
    chunk_at_ = buffer_.size();
  }

  ~SegmentWriter() override {
    if (stream_) abandon();
  }

  Result<> append(std::string_view octets) override {
    if (ended_) return fail(Code::invalid, "append() to a blob that is finished or failed");
    while (!octets.empty()) {
      if (buffer_.size() >= stream_bytes && buffer_.size() == chunk_at_) TRY(ended_if(flush()));
      const size_t filled = buffer_.size() - chunk_at_;
      const auto piece = octets.substr(0, segment_chunk - filled);
      buffer_ += piece;
      header_.size += piece.size();
      octets.remove_prefix(piece.size());
      if (filled + piece.size() == segment_chunk) end_chunk();
    }
    return {};
  }

  Result<BlobId> finish() override {
    if (ended_) return fail(Code::invalid, "finish() of a blob that is finished or failed");
    if (buffer_.size() > chunk_at_) end_chunk();
    ended_ = true;
    return stream_ ? finish_stream() : finish_short();
  }

 private:
  void end_chunk() {
    const auto chunk = std::string_view(buffer_).substr(chunk_at_);
    put_u32le(buffer_, chunk_check(header_.nonce, chunks_++, chunk));
    chunk_at_ = buffer_.size();
  }

  Result<> ended_if(Result<> done) {
    if (!done) ended_ = true;
    return done;
  }

  // The header's place stays zeros until finish(): until then the record does not exist.
  Result<> flush() {
    if (!stream_) {
      stream_ = TRY(state_->take_stream());
      position_ = stream_->offset;
    }
    if (!state_->has_space(buffer_.size(), state_->options.reserve_bytes))
      return fail(Code::io, "the disk is full");
    TRY(stream_->file->write(position_, buffer_));
    position_ += buffer_.size();
    buffer_.clear();
    chunk_at_ = 0;
    return {};
  }

  Result<BlobId> finish_short() {
    const Slot slot = TRY(state_->take_slot(buffer_.size()));
    const auto head = print_record_header(header_, {slot.segment->salt, slot.offset});
    buffer_.replace(0, head.size(), head);
    buffer_.resize(slot.bytes, '\0');
    const auto written = slot.file->write(slot.offset, buffer_);
    if (!written) {
      // Half a record may be there, with its header.
      (void)slot.file->clear(slot.offset, slot.offset + buffer_.size());
      state_->finish_slot(slot, slot.offset);
      return tl::unexpected(written.error());
    }
    slot.segment->finished.fetch_add(1);
    state_->finish_slot(slot, slot.offset + buffer_.size());
    release();
    return blob_id(slot.segment->number, slot.offset, header_.nonce);
  }

  // Durable at once: were it left to the committer, everybody would wait for this one's octets.
  Result<BlobId> finish_stream() {
    TRY(flush());
    const Slot slot = *stream_;
    const RecordPlace at{slot.segment->salt, slot.offset};
    TRY(slot.file->write(slot.offset, print_record_header(header_, at)));
    slot.file->sync();
    stream_.reset();
    state_->finish_slot(slot, position_);
    release();
    return blob_id(slot.segment->number, slot.offset, header_.nonce);
  }

  void abandon() {
    (void)stream_->file->clear(stream_->offset, round_up(position_, segment_page));
    state_->finish_slot(*stream_, stream_->offset);
  }

  void release() { std::string().swap(buffer_); }

  std::shared_ptr<SegmentsState> state_;
  RecordHeader header_;
  std::string buffer_;     // header while not streaming, whole chunks with checks, the open chunk
  size_t chunk_at_ = 0;    // where the open chunk begins in the buffer
  uint64_t chunks_ = 0;    // whole ones so far
  uint64_t position_ = 0;  // streaming: where the buffer goes in the file
  std::optional<Slot> stream_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<BlobWriter> make_segment_writer(std::shared_ptr<SegmentsState> state,
                                                RecordHeader header) {
  return std::make_unique<SegmentWriter>(std::move(state), std::move(header));
}

}  // namespace eilpost::engine
