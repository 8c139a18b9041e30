#include "store/transfer/transfer.h"

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

#include "base/bytes.h"
#include "store/keys.h"
#include "store/load.h"
#include "store/transfer/transfer_rows.h"
#include "store/write_rows.h"

namespace eilpost::store {

namespace {

constexpr size_t piece_bytes = 1024 * 1024;
// A transfer that is broken off copies at most so much again.
constexpr uint64_t fresh_octets_max = 32 * 1024 * 1024;
constexpr size_t fresh_blobs_max = 1000;

std::string start_of(char kind) {
  return keys::all(kind).first;
}

engine::Range range_of(char first, char last) {
  return {start_of(first), start_of(last)};
}

// The least key behind `key`.
std::string behind(const std::string& key) {
  return key + '\0';
}

// What makes `have` into `want`; both ascend by key.
engine::Batch difference(const std::vector<engine::Row>& have,
                         const std::vector<engine::Row>& want) {
  engine::Batch batch;
  size_t h = 0;
  for (const engine::Row& row : want) {
    while (h < have.size() && have[h].key < row.key) batch.deletes.push_back(have[h++].key);
    const bool there = h < have.size() && have[h].key == row.key;
    if (!there || have[h].value != row.value) batch.puts.emplace_back(row.key, row.value);
    if (there) ++h;
  }
  while (h < have.size()) batch.deletes.push_back(have[h++].key);
  return batch;
}

}  // namespace

Transfer::Transfer(Between engines, PartitionId partition, const Clock& clock,
                   TransferOptions options)
    : from_(engines.from),
      to_(engines.to),
      partition_(partition),
      clock_(clock),
      options_(std::move(options)) {}

Result<> Transfer::step() {
  if (options_.progress && !options_.progress(counts_)) return fail(Code::cancelled, "stopped");
  return {};
}

Result<> Transfer::load_map() {
  map_.clear();
  fresh_.clear();
  fresh_octets_ = 0;
  next_map_row_ = 0;
  const auto rows = TRY(read_all(to_, partition_, keys::all('X'), 0));
  for (const engine::Row& row : rows.rows) {
    for (const BlobMapping& m : TRY(decode_map(row.value))) {
      map_[m.from] = {m.to, m.size, m.crc};
    }
    next_map_row_ = map_number(row.key) + 1;
  }
  return map_.empty() ? Result<>() : drop_swept();
}

// A blob that a row of kind X names and no message may have been swept since: it is trusted only
// when it can still be read.
Result<> Transfer::drop_swept() {
  std::unordered_set<engine::BlobId> named;
  engine::Range range = keys::all('M');
  for (bool more = true; more;) {
    const auto read = TRY(to_.read(partition_, range));
    more = read.more && !read.rows.empty();
    if (more) range.first = behind(read.rows.back().key);
    for (const engine::Row& row : read.rows) {
      TRY(for_each_blob(row, [&](engine::BlobId blob) { named.insert(blob); }));
    }
  }
  for (auto at = map_.begin(); at != map_.end();) {
    const Copied& copied = at->second;
    bool whole = named.count(copied.blob) != 0;
    if (!whole) {
      const auto there = checksum(to_, copied.blob, copied.size);
      whole = there && *there == copied.crc;
    }
    at = whole ? std::next(at) : map_.erase(at);
  }
  return {};
}

Result<uint32_t> Transfer::checksum(engine::Engine& engine, engine::BlobId blob, uint64_t size) {
  uint32_t crc = 0;
  uint64_t at = 0;
  for (;;) {
    const std::string piece = TRY(engine.read_blob(blob, at, piece_bytes));
    if (piece.empty()) break;
    crc = crc32c(piece, crc);
    at += piece.size();
  }
  if (at != size) return fail(Code::corrupt, "a blob is not as long as its row says");
  return crc;
}

Result<Transfer::Copied> Transfer::copy_blob(engine::BlobId blob, uint64_t size) {
  auto writer = TRY(to_.stage_blob(partition_, clock_.now(), "store copy"));
  Copied out;
  for (;;) {
    const std::string piece = TRY(from_.read_blob(blob, out.size, piece_bytes));
    if (piece.empty()) break;
    out.crc = crc32c(piece, out.crc);
    out.size += piece.size();
    TRY(writer->append(piece));
  }
  if (out.size != size) return fail(Code::corrupt, "a blob is not as long as its row says");
  out.blob = TRY(writer->finish());
  const uint32_t there = TRY(checksum(to_, out.blob, size));
  if (there != out.crc) return fail(Code::corrupt, "a copied blob does not read as it was written");
  counts_.blobs += 1;
  counts_.octets += size;
  return out;
}

Result<engine::BlobId> Transfer::copied(engine::BlobId blob, uint64_t size, Pass& pass) {
  if (!blob) return blob;
  const auto known = map_.find(blob);
  if (known != map_.end()) return known->second.blob;
  auto copy = copy_blob(blob, size);
  if (!copy && copy.error().code == Code::not_found) {
    // Purged since its row was read, unless the account stands still: then the next pass, which
    // sees one version, says so.
    const engine::Version now = TRY(engine::head_wait(from_, partition_));
    if (now == pass.version && !pass.mixed) return fail(Code::corrupt, "a message has no octets");
    pass.mixed = true;
    return blob;
  }
  if (!copy) return tl::unexpected(std::move(copy).error());
  map_[blob] = *copy;
  fresh_.push_back(blob);
  fresh_octets_ += copy->size;
  TRY(step());
  if (fresh_octets_ >= fresh_octets_max || fresh_.size() >= fresh_blobs_max) TRY(flush_map());
  return copy->blob;
}

void Transfer::add_map_rows(engine::Batch& batch) {
  if (fresh_.empty()) return;
  std::vector<BlobMapping> mappings;
  for (const engine::BlobId blob : fresh_) {
    const Copied& copied = map_.at(blob);
    mappings.push_back({blob, copied.blob, copied.size, copied.crc});
    batch.sync_blobs.push_back(copied.blob);
  }
  batch.puts.emplace_back(map_key(next_map_row_++), encode_map(mappings));
  fresh_.clear();
  fresh_octets_ = 0;
}

Result<> Transfer::flush_map() {
  engine::Batch batch;
  add_map_rows(batch);
  return batch.puts.empty() ? Result<>() : write_rows(to_, partition_, batch);
}

Result<std::string> Transfer::wanted_value(const engine::Row& row, Pass& pass) {
  if (TRY(row_kind(row.key)) == RowKind::plain) return row.value;
  return rename_blobs(row,
                      [&](engine::BlobId blob, uint64_t size) { return copied(blob, size, pass); });
}

Result<Transfer::Rows> Transfer::wanted_rows(const Rows& source, Pass& pass) {
  Rows out;
  for (const engine::Row& row : source) {
    const RowKind kind = TRY(row_kind(row.key));
    if (kind == RowKind::map) {
      return fail(Code::corrupt, "the source is itself a copy that was not finished");
    }
    out.push_back({row.key, TRY(wanted_value(row, pass))});
  }
  return out;
}

// The rows of the target's range become `wanted`.
Result<> Transfer::make_equal(const engine::Range& range, Rows wanted, Pass& pass) {
  // Nobody else writes there: several reads are as good as one.
  const auto have = TRY(read_all(to_, partition_, range, 0));
  engine::Batch batch = difference(have.rows, wanted);
  const size_t changes = batch.puts.size() + batch.deletes.size();
  pass.written += changes;
  counts_.rows_written += changes;
  counts_.rows += wanted.size();
  add_map_rows(batch);
  if (!batch.puts.empty() || !batch.deletes.empty()) TRY(write_rows(to_, partition_, batch));
  return step();
}

Result<> Transfer::walk(engine::Range range, Pass& pass) {
  for (bool more = true; more;) {
    auto read = TRY(from_.read(partition_, range));
    if (pass.version == 0) pass.version = read.version;
    if (read.version != pass.version) pass.mixed = true;
    more = read.more && !read.rows.empty();
    engine::Range piece = range;
    if (more) piece.last = behind(read.rows.back().key);
    TRY(make_equal(piece, TRY(wanted_rows(read.rows, pass)), pass));
    range.first = piece.last;
  }
  return {};
}

// Behind all others: by then every blob that a message names has its id in the target. Few: only
// blobs that more than one message holds have such a row.
Result<> Transfer::walk_holders(Pass& pass) {
  std::map<std::string, std::string> wanted;
  engine::Range range = keys::all('B');
  bool lost = false;
  for (bool more = true; more;) {
    auto read = TRY(from_.read(partition_, range));
    if (read.version != pass.version) pass.mixed = true;
    more = read.more && !read.rows.empty();
    if (more) range.first = behind(read.rows.back().key);
    for (engine::Row& row : read.rows) {
      const auto known = map_.find(blob_of_holders(row.key));
      lost = lost || known == map_.end();
      if (known == map_.end()) continue;
      wanted[keys::blob_holders(known->second.blob)] = std::move(row.value);
    }
  }
  if (lost && !pass.mixed) return fail(Code::corrupt, "holders of a blob that no message names");
  engine::Range piece = keys::all('B');
  const std::string last = piece.last;
  Rows rows;
  size_t bytes = 0;
  for (auto& [key, value] : wanted) {
    if (bytes >= options_.holders_bytes) {
      piece.last = key;
      TRY(make_equal(piece, std::exchange(rows, {}), pass));
      piece.first = key;
      bytes = 0;
    }
    bytes += key.size() + value.size();
    rows.push_back({key, std::move(value)});
  }
  piece.last = last;
  return make_equal(piece, std::move(rows), pass);
}

Result<> Transfer::pass(Pass& pass) {
  engine::Range before{"", start_of('B')};
  TRY(walk(before, pass));
  TRY(walk(range_of('C', 'X'), pass));
  TRY(walk_holders(pass));
  // Nothing is known to be there.
  const auto rest = TRY(from_.read(partition_, engine::Range{start_of('X'), ""}));
  if (rest.version != pass.version) pass.mixed = true;
  if (!rest.rows.empty()) {
    return fail(Code::corrupt, "the source has rows of an unknown kind, or is an unfinished copy");
  }
  return flush_map();
}

Result<TransferResult> Transfer::run() {
  TRY(load_map());
  TransferResult out;
  for (int i = 0; i < options_.passes_max; ++i) {
    Pass round;
    const auto passed = pass(round);
    if (!passed) {
      // What was copied need not be copied again; if this fails too it is.
      (void)flush_map();
      return tl::unexpected(passed.error());
    }
    if (round.version == 0) return fail(Code::not_found, "the account has no mail");
    if (round.mixed || round.written > 0) continue;
    out.source = round.version;
    break;
  }
  out.target = TRY(engine::head_wait(to_, partition_));
  out.counts = counts_;
  return out;
}

Result<engine::Version> Transfer::finish() {
  const auto rows = TRY(read_all(to_, partition_, keys::all('X'), 0));
  engine::Batch batch;
  for (const engine::Row& row : rows.rows) batch.deletes.push_back(row.key);
  if (!batch.deletes.empty()) TRY(write_rows(to_, partition_, batch));
  return engine::head_wait(to_, partition_);
}

}  // namespace eilpost::store
