// What stands in for xapian.cc in a build without Xapian: nothing is indexed, and words have no
// stems.
#include "search/index/xapian.h"

namespace eilpost::search {

namespace {
tl::unexpected<Error> absent() {
  return fail(Code::cannot, "this program was built without Xapian");
}
}  // namespace

bool xapian_available() {
  return false;
}

struct SegmentWriter::State {};
SegmentWriter::SegmentWriter(std::string directory, std::unique_ptr<State> state)
    : directory_(std::move(directory)), state_(std::move(state)) {}
SegmentWriter::~SegmentWriter() = default;
Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(std::string) {
  return absent();
}
Result<uint32_t> SegmentWriter::add(const std::vector<std::string>&) {
  return absent();
}
Result<> SegmentWriter::finish(const std::string&) {
  return absent();
}

struct Segment::State {};
Segment::Segment(std::unique_ptr<State> state) : state_(std::move(state)) {}
Segment::~Segment() = default;
Result<std::unique_ptr<Segment>> Segment::open(const std::string&) {
  return absent();
}
Result<uint32_t> Segment::documents() {
  return absent();
}
Result<std::vector<uint32_t>> Segment::matching(const std::vector<std::string>&) {
  return absent();
}
Result<> merge_segments(const std::vector<std::string>&, const std::string&) {
  return absent();
}

struct Stemmer::State {};
Stemmer::Stemmer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Stemmer::~Stemmer() = default;
Result<std::unique_ptr<Stemmer>> Stemmer::create(const std::string&) {
  return absent();
}
std::string Stemmer::stem(const std::string& word) const {
  return word;
}

}  // namespace eilpost::search
