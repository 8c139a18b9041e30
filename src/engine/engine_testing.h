// What the engine tests share: a directory that goes away, and helpers that commit and write blobs
// whatever an engine answers on the way. For tests only; one thread.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "base/random.h"
#include "engine/engine.h"

namespace eilpost::engine {

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "eilpost-engine-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Commits until it has happened exactly once, as a store does: after Conflict again, after Unknown
// it looks for its own mark. `who` names the mark's row; one for each thread.
inline Version commit_surely(Engine& engine, PartitionId partition, const Batch& batch,
                             const std::string& who = "~mark") {
  static Random random(4711);
  while (true) {
    const auto version = head_wait(engine, partition);
    if (!version) continue;
    Batch marked = batch;
    const std::string mark = random.octets(16);
    marked.puts.emplace_back(who, mark);
    const auto result = commit_wait(engine, partition, *version, std::move(marked));
    if (result.outcome == Outcome::done) return result.version;
    if (result.outcome == Outcome::conflict) continue;
    while (true) {
      const auto read = engine.read(partition, std::vector<std::string>{who});
      if (!read) continue;
      if (!read->rows.empty() && read->rows[0].value == mark) return *version + 1;
      break;
    }
  }
}

inline Result<BlobId> write_blob(Engine& engine, PartitionId partition, const std::string& octets,
                                 const std::string& place = "INBOX", size_t piece = 100'000) {
  auto writer = TRY(engine.stage_blob(partition, Timestamp{1'700'000'000'000'000}, place));
  for (size_t at = 0; at < octets.size(); at += piece) {
    TRY(writer->append(std::string_view(octets).substr(at, piece)));
  }
  return writer->finish();
}

// Octets that depend on the seed alone.
inline std::string content(uint64_t seed, size_t size) {
  Random random(seed);
  return random.octets(size);
}

inline Batch put(const std::string& key, const std::string& value) {
  Batch batch;
  batch.puts.emplace_back(key, value);
  return batch;
}

}  // namespace eilpost::engine
