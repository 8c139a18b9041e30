#include "server/jobs/orphans.h"

#include <map>
#include <optional>
#include <unordered_set>
#include <vector>

#include "store/keys.h"
#include "store/transfer/transfer_rows.h"

namespace eilpost::server {

namespace {

using Blobs = std::unordered_set<engine::BlobId>;

// How often an account is read again because it changed meanwhile.
constexpr int attempts_max = 5;

uint64_t mix(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

// A Bloom filter: contains() is right whenever it says no.
class Filter {
 public:
  Filter(size_t bytes, uint64_t seed) : words_(std::max<size_t>(bytes / 8, 1)), seed_(seed) {}

  void add(engine::BlobId id) {
    for (int i = 0; i < hashes; ++i) {
      const uint64_t bit = bit_of(id, i);
      words_[bit / 64] |= uint64_t{1} << (bit % 64);
    }
  }
  bool contains(engine::BlobId id) const {
    for (int i = 0; i < hashes; ++i) {
      const uint64_t bit = bit_of(id, i);
      if ((words_[bit / 64] >> (bit % 64) & 1) == 0) return false;
    }
    return true;
  }

 private:
  static constexpr int hashes = 4;
  uint64_t bit_of(engine::BlobId id, int i) const {
    const uint64_t a = mix(id.hi ^ seed_);
    const uint64_t b = mix(id.lo + seed_) | 1;
    return (a + static_cast<uint64_t>(i) * b) % (words_.size() * 64);
  }

  std::vector<uint64_t> words_;
  uint64_t seed_;
};

// Every row of the partition that names blobs. A damaged row is an error: what it named is not
// known.
template <class F>
Result<engine::Version> read_names(engine::Engine& engine, PartitionId partition, F&& f) {
  std::optional<engine::Version> version;
  for (const char kind : store::naming_kinds) {
    engine::Range range = store::keys::all(kind);
    for (bool more = true; more;) {
      const auto read = TRY(engine.read(partition, range));
      if (version.value_or(read.version) != read.version) {
        return fail(Code::conflict, "the account has changed");
      }
      version = read.version;
      more = read.more && !read.rows.empty();
      if (more) range.first = read.rows.back().key + '\0';
      for (const auto& row : read.rows) TRY(store::for_each_blob(row, f));
    }
  }
  return *version;
}

class Sweep {
 public:
  Sweep(engine::Engine& engine, const SweepOptions& options)
      : engine_(engine), options_(options), filter_(options.filter_bytes, options.seed) {}

  Result<SweepResult> run() {
    TRY(fill_filter());
    TRY(find_candidates());
    for (auto& [partition, blobs] : candidates_) {
      if (stopped()) break;
      TRY(remove_unnamed(partition, blobs));
    }
    return result_;
  }

 private:
  bool stopped() const { return options_.stop && options_.stop(); }

  // Here an account may change under the reading: a blob that is named before and after may be
  // missed then, and is found when its account is read at one version.
  Result<> fill_filter() {
    PartitionId after;
    for (;;) {
      const auto page = TRY(engine_.partitions(after));
      if (page.empty()) return {};
      for (const PartitionId partition : page) {
        after = partition;
        if (stopped()) return fail(Code::cancelled, "the sweep was stopped");
        for (const char kind : store::naming_kinds) TRY(add_names(partition, kind));
      }
    }
  }

  Result<> add_names(PartitionId partition, char kind) {
    engine::Range range = store::keys::all(kind);
    for (bool more = true; more;) {
      const auto read = TRY(engine_.read(partition, range));
      more = read.more && !read.rows.empty();
      if (more) range.first = read.rows.back().key + '\0';
      for (const auto& row : read.rows) {
        const auto added = store::for_each_blob(row, [this](engine::BlobId id) {
          filter_.add(id);
          ++result_.named;
        });
        // Nothing of this account is touched until it can be read.
        if (!added) damaged_.insert(partition);
      }
    }
    return {};
  }

  Result<> find_candidates() {
    const int64_t before = options_.now.micros - options_.age_seconds * 1'000'000;
    size_t count = 0;
    return engine_.scan_blobs([&](const engine::BlobRecord& record) {
      ++result_.blobs;
      const bool old = record.staged.micros < before;
      if (!old || filter_.contains(record.id) || damaged_.count(record.partition) != 0) {
        return true;
      }
      candidates_[record.partition].insert(record.id);
      return ++count < options_.candidates_max && !stopped();
    });
  }

  // A blob that is named at no version is never named again: only a fresh one can be, and these are
  // old.
  Result<> remove_unnamed(PartitionId partition, const Blobs& blobs) {
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
      Blobs left = blobs;
      const auto read = read_names(engine_, partition, [&](engine::BlobId id) { left.erase(id); });
      if (!read && read.error().code == Code::conflict) continue;
      if (!read) break;
      for (const engine::BlobId blob : left) {
        TRY(engine_.remove_blob(blob));
        ++result_.removed;
      }
      return {};
    }
    result_.doubtful += blobs.size();
    return {};
  }

  engine::Engine& engine_;
  const SweepOptions& options_;
  Filter filter_;
  std::map<PartitionId, Blobs> candidates_;
  std::unordered_set<PartitionId> damaged_;
  SweepResult result_;
};

}  // namespace

Result<SweepResult> sweep_orphans(engine::Engine& engine, const SweepOptions& options) {
  return Sweep(engine, options).run();
}

}  // namespace eilpost::server
