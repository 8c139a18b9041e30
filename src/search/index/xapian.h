// Xapian, and the only file of the search layer that knows it: files of terms by document, written
// once and never changed; and word stems. A segment's documents are numbered from 1 without gaps in
// the order of adding, also in a merged one, whose parts follow each other. Files say nothing of
// their own damage: the caller keeps their checksums. Built without Xapian (EILPOST_XAPIAN=OFF)
// every function answers Code::cannot. All block on the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace eilpost::search {

bool xapian_available();

// A segment being made, in a directory of its own until finish(). One thread at a time.
class SegmentWriter {
 public:
  // `directory` is emptied first, and removed in the end.
  static Result<std::unique_ptr<SegmentWriter>> create(std::string directory);
  ~SegmentWriter();
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;

  // The next document; answers its number. Terms: 1 to 200 octets, in any order, each once.
  Result<uint32_t> add(const std::vector<std::string>& terms);
  uint32_t documents() const { return documents_; }
  // Packs everything into one file and syncs it.
  Result<> finish(const std::string& path);

 private:
  struct State;
  SegmentWriter(std::string directory, std::unique_ptr<State> state);
  std::string directory_;
  std::unique_ptr<State> state_;
  uint32_t documents_ = 0;
};

// An open segment. Thread safe, one question at a time.
class Segment {
 public:
  static Result<std::unique_ptr<Segment>> open(const std::string& path);
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  Result<uint32_t> documents();
  // The documents that have all of the terms, ascending. Of many terms some that say little may be
  // left out, so that more documents are answered.
  Result<std::vector<uint32_t>> matching(const std::vector<std::string>& terms);

 private:
  struct State;
  explicit Segment(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// One file of several, whose documents follow each other; synced.
Result<> merge_segments(const std::vector<std::string>& paths, const std::string& to);

// Stems of one language, such as "german" (Snowball's names). One thread at a time.
class Stemmer {
 public:
  // Code::not_found for a language that is not known.
  static Result<std::unique_ptr<Stemmer>> create(const std::string& language);
  ~Stemmer();
  Stemmer(const Stemmer&) = delete;
  Stemmer& operator=(const Stemmer&) = delete;
  std::string stem(const std::string& word) const;

 private:
  struct State;
  explicit Stemmer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace eilpost::search
