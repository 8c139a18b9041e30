#include "search/index/xapian.h"

#include <fcntl.h>
#include <unistd.h>
#include <xapian.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <mutex>
#include <system_error>

namespace eilpost::search {

namespace {

// Of the terms of a question so many are asked for, the rarest: further ones hardly ever exclude
// what these have left.
constexpr size_t terms_asked_max = 12;

Error error_of(const Xapian::Error& e) {
  const bool damaged = e.get_type() == std::string("DatabaseCorruptError") ||
                       e.get_type() == std::string("DatabaseVersionError");
  return {damaged ? Code::corrupt : Code::io,
          std::string(e.get_type()) + ": " + e.get_description()};
}

// Runs what calls Xapian, whose exceptions end here.
template <class T>
Result<T> guarded(const std::function<Result<T>()>& call) {
  try {
    return call();
  } catch (const Xapian::Error& e) {
    return tl::unexpected(error_of(e));
  } catch (const std::exception& e) {
    return fail(Code::io, std::string("xapian: ") + e.what());
  }
}

Result<> sync_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return fail_errno(path, errno);
  const int synced = ::fdatasync(fd);
  const int saved = errno;
  ::close(fd);
  if (synced != 0) return fail_errno(path, saved);
  return {};
}

// Xapian keeps what was added in memory until then: some 16 MB of blocks of grams.
constexpr uint32_t documents_in_memory = 32;

constexpr int compact_flags = Xapian::DBCOMPACT_SINGLE_FILE | Xapian::Compactor::FULLER;

// Every table of a file takes a page at least: a small file has small ones.
int page_bytes(uint32_t documents) {
  return documents < 64 ? 2048 : 8192;
}

}  // namespace

bool xapian_available() {
  return true;
}

struct SegmentWriter::State {
  explicit State(const std::string& directory) : database(directory, flags) {}
  // Nobody reads what is being made, and what a crash leaves of it is thrown away.
  static constexpr int flags = Xapian::DB_CREATE_OR_OVERWRITE | Xapian::DB_BACKEND_GLASS |
                               Xapian::DB_NO_SYNC | Xapian::DB_DANGEROUS | Xapian::DB_NO_TERMLIST;
  Xapian::WritableDatabase database;
};

SegmentWriter::SegmentWriter(std::string directory, std::unique_ptr<State> state)
    : directory_(std::move(directory)), state_(std::move(state)) {}

SegmentWriter::~SegmentWriter() {
  // Destroying the database commits: without files to write to that is an exception, which Xapian
  // keeps to itself.
  state_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(std::string directory) {
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  return guarded<std::unique_ptr<SegmentWriter>>([&]() -> Result<std::unique_ptr<SegmentWriter>> {
    auto state = std::make_unique<State>(directory);
    return std::unique_ptr<SegmentWriter>(new SegmentWriter(directory, std::move(state)));
  });
}

Result<uint32_t> SegmentWriter::add(const std::vector<std::string>& terms) {
  return guarded<uint32_t>([&]() -> Result<uint32_t> {
    Xapian::Document document;
    for (const std::string& term : terms) document.add_boolean_term(term);
    documents_ = state_->database.add_document(document);
    if (documents_ % documents_in_memory == 0) state_->database.commit();
    return documents_;
  });
}

Result<> SegmentWriter::finish(const std::string& path) {
  TRY(guarded<void>([&]() -> Result<> {
    state_->database.commit();
    state_->database.compact(path, compact_flags, page_bytes(documents_));
    return {};
  }));
  return sync_file(path);
}

struct Segment::State {
  explicit State(const std::string& path) : database(path) {}
  std::mutex mutex;
  Xapian::Database database;
};

Segment::Segment(std::unique_ptr<State> state) : state_(std::move(state)) {}
Segment::~Segment() = default;

Result<std::unique_ptr<Segment>> Segment::open(const std::string& path) {
  return guarded<std::unique_ptr<Segment>>([&]() -> Result<std::unique_ptr<Segment>> {
    return std::unique_ptr<Segment>(new Segment(std::make_unique<State>(path)));
  });
}

Result<uint32_t> Segment::documents() {
  std::lock_guard lock(state_->mutex);
  return guarded<uint32_t>([&]() -> Result<uint32_t> { return state_->database.get_lastdocid(); });
}

namespace {

// Documents of `found` that the term has too.
std::vector<uint32_t> narrowed(const Xapian::Database& database, const std::string& term,
                               const std::vector<uint32_t>& found) {
  std::vector<uint32_t> out;
  Xapian::PostingIterator at = database.postlist_begin(term);
  const Xapian::PostingIterator end = database.postlist_end(term);
  for (const uint32_t document : found) {
    if (at == end) break;
    at.skip_to(document);
    if (at != end && *at == document) out.push_back(document);
  }
  return out;
}

std::vector<uint32_t> all_of_term(const Xapian::Database& database, const std::string& term) {
  std::vector<uint32_t> out;
  const Xapian::PostingIterator end = database.postlist_end(term);
  for (auto at = database.postlist_begin(term); at != end; ++at) out.push_back(*at);
  return out;
}

}  // namespace

Result<std::vector<uint32_t>> Segment::matching(const std::vector<std::string>& terms) {
  std::lock_guard lock(state_->mutex);
  return guarded<std::vector<uint32_t>>([&]() -> Result<std::vector<uint32_t>> {
    const Xapian::Database& database = state_->database;
    std::vector<std::pair<uint32_t, const std::string*>> by_frequency;
    for (const std::string& term : terms) {
      const uint32_t frequency = database.get_termfreq(term);
      if (frequency == 0) return std::vector<uint32_t>();
      by_frequency.emplace_back(frequency, &term);
    }
    std::sort(by_frequency.begin(), by_frequency.end());
    if (by_frequency.size() > terms_asked_max) by_frequency.resize(terms_asked_max);
    if (by_frequency.empty()) return std::vector<uint32_t>();
    std::vector<uint32_t> found = all_of_term(database, *by_frequency.front().second);
    for (size_t i = 1; i < by_frequency.size() && !found.empty(); ++i) {
      found = narrowed(database, *by_frequency[i].second, found);
    }
    return found;
  });
}

Result<> merge_segments(const std::vector<std::string>& paths, const std::string& to) {
  TRY(guarded<void>([&]() -> Result<> {
    Xapian::Database all;
    for (const std::string& path : paths) all.add_database(Xapian::Database(path));
    all.compact(to, compact_flags, page_bytes(all.get_lastdocid()));
    return {};
  }));
  return sync_file(to);
}

struct Stemmer::State {
  explicit State(const std::string& language) : stem(language) {}
  Xapian::Stem stem;
};

Stemmer::Stemmer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Stemmer::~Stemmer() = default;

Result<std::unique_ptr<Stemmer>> Stemmer::create(const std::string& language) {
  try {
    return std::unique_ptr<Stemmer>(new Stemmer(std::make_unique<State>(language)));
  } catch (const Xapian::Error&) {
    return fail(Code::not_found, "no stems are known for the language " + language);
  }
}

std::string Stemmer::stem(const std::string& word) const {
  try {
    return state_->stem(word);
  } catch (const Xapian::Error&) {
    return word;
  }
}

}  // namespace eilpost::search
