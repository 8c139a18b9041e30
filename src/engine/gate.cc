#include "engine/gate.h"

#include "engine/rules.h"

namespace eilpost::engine {

namespace {

constexpr const char* operation_names[] = {"commit",     "read_rows", "head",        "stage_blob",
                                           "write_blob", "read_blob", "remove_blob", "scan_blobs"};
constexpr const char* ending_names[] = {"done",    "conflict",    "unknown",
                                        "refused", "unavailable", "failed"};

Error closed_error() {
  return {Code::unavailable, "the account is read only while it moves to another store"};
}

size_t octets_of(const ReadResult& read) {
  size_t sum = 0;
  for (const Row& row : read.rows) sum += row.key.size() + row.value.size();
  return sum;
}

}  // namespace

Gate::Gate(std::unique_ptr<Engine> inner, const Clock& clock, Metrics& metrics)
    : inner_(std::move(inner)), clock_(clock) {
  static const std::vector<double> bounds = {.00001, .0001, .0003, .001, .003, .01,
                                             .03,    .1,    .3,    1,    3,    10};
  for (size_t o = 0; o < operation_count; ++o) {
    Meter& meter = meters_[o];
    const std::string name = operation_names[o];
    for (size_t e = 0; e < ending_count; ++e) {
      meter.count[e] =
          &metrics.counter("eilpost_engine_operations_total", "operations of the engine",
                           {{"operation", name}, {"outcome", ending_names[e]}});
    }
    meter.octets = &metrics.counter("eilpost_engine_octets_total",
                                    "octets that operations wrote or read", {{"operation", name}});
    meter.seconds = &metrics.histogram("eilpost_engine_operation_seconds",
                                       "from asking to the answer", bounds, {{"operation", name}});
  }
}

Gate::~Gate() = default;

void Gate::close_partition(PartitionId partition) {
  const std::lock_guard lock(mutex_);
  closed_.insert(partition);
  closed_count_ = closed_.size();
}

void Gate::open_partition(PartitionId partition) {
  const std::lock_guard lock(mutex_);
  closed_.erase(partition);
  closed_count_ = closed_.size();
}

size_t Gate::closed_partitions() const {
  return closed_count_;
}

bool Gate::is_closed(PartitionId partition) const {
  if (closed_count_ == 0) return false;
  const std::lock_guard lock(mutex_);
  return closed_.count(partition) != 0;
}

Gate::Ending Gate::ending_of(const Error& error) {
  switch (error.code) {
    case Code::unavailable: return Ending::unavailable;
    case Code::io:
    case Code::limit:
    case Code::too_big:
    case Code::invalid:
    case Code::not_found: return Ending::refused;
    default: return Ending::failed;
  }
}

Gate::Ending Gate::ending_of(const CommitResult& result) {
  switch (result.outcome) {
    case Outcome::done: return Ending::done;
    case Outcome::conflict: return Ending::conflict;
    case Outcome::unknown:
    case Outcome::stalled: break;
  }
  const Ending ending = ending_of(result.error);
  return ending == Ending::failed ? Ending::unknown : ending;
}

void Gate::note(Operation operation, Ending ending, int64_t begin, size_t octets) {
  const Meter& meter = meters_[static_cast<size_t>(operation)];
  meter.count[static_cast<size_t>(ending)]->add();
  if (octets != 0) meter.octets->add(static_cast<double>(octets));
  meter.seconds->observe(static_cast<double>(clock_.steady_micros() - begin) / 1'000'000);
}

template <class T>
Result<T> Gate::measured(Operation operation, int64_t begin, Result<T> result, size_t octets) {
  note(operation, result ? Ending::done : ending_of(result.error()), begin, octets);
  return result;
}

void Gate::commit(PartitionId partition, Version expected, Batch batch, CommitCallback done) {
  if (is_closed(partition)) return done(refused(closed_error()));
  const int64_t begin = clock_.steady_micros();
  const size_t octets = batch.bytes();
  inner_->commit(partition, expected, std::move(batch),
                 [this, begin, octets, done = std::move(done)](CommitResult result) {
                   // A stalled commit is counted when it is decided.
                   if (result.outcome != Outcome::stalled) {
                     const bool written = result.outcome == Outcome::done;
                     note(Operation::commit, ending_of(result), begin, written ? octets : 0);
                   }
                   done(std::move(result));
                 });
}

Result<ReadResult> Gate::read(PartitionId partition, const std::vector<std::string>& keys) {
  const int64_t begin = clock_.steady_micros();
  auto read = inner_->read(partition, keys);
  const size_t octets = read ? octets_of(*read) : 0;
  return measured(Operation::read_rows, begin, std::move(read), octets);
}

Result<ReadResult> Gate::read(PartitionId partition, const Range& range) {
  const int64_t begin = clock_.steady_micros();
  auto read = inner_->read(partition, range);
  const size_t octets = read ? octets_of(*read) : 0;
  return measured(Operation::read_rows, begin, std::move(read), octets);
}

void Gate::take_turn(PartitionId partition, std::function<void()> go) {
  inner_->take_turn(partition, std::move(go));
}

bool Gate::reachable() const {
  return inner_->reachable();
}

void Gate::head(PartitionId partition, std::function<void(Result<Version>)> done) {
  const int64_t begin = clock_.steady_micros();
  inner_->head(partition, [this, begin, done = std::move(done)](Result<Version> version) {
    done(measured(Operation::head, begin, std::move(version), 0));
  });
}

std::unique_ptr<Watch> Gate::watch(PartitionId partition, Wake wake) {
  return inner_->watch(partition, std::move(wake));
}

Result<std::vector<PartitionId>> Gate::partitions(PartitionId after) {
  const int64_t begin = clock_.steady_micros();
  return measured(Operation::scan, begin, inner_->partitions(after), 0);
}

Result<> Gate::remove_partition(PartitionId partition) {
  if (is_closed(partition)) return tl::unexpected(closed_error());
  return inner_->remove_partition(partition);
}

class Gate::Writer final : public BlobWriter {
 public:
  Writer(Gate& gate, std::unique_ptr<BlobWriter> inner) : gate_(gate), inner_(std::move(inner)) {}

  Result<> append(std::string_view octets) override {
    const int64_t begin = gate_.clock_.steady_micros();
    return gate_.measured(Operation::write_blob, begin, inner_->append(octets), octets.size());
  }
  Result<BlobId> finish() override {
    const int64_t begin = gate_.clock_.steady_micros();
    return gate_.measured(Operation::write_blob, begin, inner_->finish(), 0);
  }

 private:
  Gate& gate_;
  std::unique_ptr<BlobWriter> inner_;
};

Result<std::unique_ptr<BlobWriter>> Gate::stage_blob(PartitionId partition, Timestamp now,
                                                     std::string place) {
  if (is_closed(partition)) return tl::unexpected(closed_error());
  const int64_t begin = clock_.steady_micros();
  auto writer = TRY(
      measured(Operation::stage, begin, inner_->stage_blob(partition, now, std::move(place)), 0));
  return std::make_unique<Writer>(*this, std::move(writer));
}

Result<std::string> Gate::read_blob(BlobId id, uint64_t offset, uint64_t length) {
  const int64_t begin = clock_.steady_micros();
  auto octets = inner_->read_blob(id, offset, length);
  const size_t count = octets ? octets->size() : 0;
  return measured(Operation::read_blob, begin, std::move(octets), count);
}

Result<> Gate::remove_blob(BlobId id) {
  const int64_t begin = clock_.steady_micros();
  return measured(Operation::remove_blob, begin, inner_->remove_blob(id), 0);
}

Result<> Gate::scan_blobs(const std::function<bool(const BlobRecord&)>& each) {
  const int64_t begin = clock_.steady_micros();
  return measured(Operation::scan, begin, inner_->scan_blobs(each), 0);
}

void Gate::close() {
  inner_->close();
}

}  // namespace eilpost::engine
