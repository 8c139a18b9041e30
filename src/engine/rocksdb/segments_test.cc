#include "engine/rocksdb/segments.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "engine/engine_testing.h"
#include "engine/rocksdb/segment_file.h"
#include "engine/rocksdb/segment_format.h"

namespace eilpost::engine {
namespace {

constexpr PartitionId one(1);
constexpr uint64_t mebibyte = 1024 * 1024;

class SegmentsTest : public testing::Test {
 protected:
  std::unique_ptr<Segments> open(uint64_t segment_bytes = 256 * mebibyte) {
    return open_at(directory_.path(), segment_bytes);
  }
  static std::unique_ptr<Segments> open_at(const std::string& path,
                                           uint64_t segment_bytes = 256 * mebibyte) {
    auto segments = Segments::open({.directory = path, .segment_bytes = segment_bytes});
    EXPECT_TRUE(segments) << segments.error().detail;
    return segments ? std::move(*segments) : nullptr;
  }
  static BlobId write(Segments& segments, const std::string& octets,
                      const std::string& place = "p") {
    auto writer = segments.stage(one, Timestamp{7}, place);
    EXPECT_TRUE(writer);
    EXPECT_TRUE((*writer)->append(octets));
    const auto id = (*writer)->finish();
    EXPECT_TRUE(id) << id.error().detail;
    return id ? *id : BlobId{};
  }
  static std::set<BlobId> scan(Segments& segments) {
    std::set<BlobId> ids;
    EXPECT_TRUE(segments.scan([&](const BlobRecord& record) {
      EXPECT_TRUE(ids.insert(record.id).second);
      return true;
    }));
    return ids;
  }
  // The directory as a crash at this moment would leave it.
  std::string crashed() {
    const std::string to = copies_.path() + "/" + std::to_string(++copied_);
    std::filesystem::copy(directory_.path(), to);
    return to;
  }
  static uint64_t disk_bytes(const std::string& directory) {
    uint64_t sum = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      struct stat about {};
      EXPECT_EQ(::stat(entry.path().c_str(), &about), 0);
      sum += static_cast<uint64_t>(about.st_blocks) * 512;
    }
    return sum;
  }
  static std::string file_of(const std::string& directory, BlobId id) {
    char name[32];
    std::snprintf(name, sizeof name, "/%08u.seg", blob_segment(id));
    return directory + name;
  }
  static void overwrite(const std::string& directory, BlobId id, uint64_t offset,
                        const std::string& octets) {
    auto file = SegmentIo::open(file_of(directory, id), {});
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->write(blob_offset(id) + offset, octets));
  }

  ScratchDirectory directory_;
  ScratchDirectory copies_;
  int copied_ = 0;
};

TEST_F(SegmentsTest, BlobsSurviveACleanCloseAndACrash) {
  auto segments = open();
  const std::string small = content(1, 5000);
  const std::string large = content(2, 2'000'000);
  const BlobId a = write(*segments, small);
  const BlobId b = write(*segments, large);
  const std::string crash = crashed();
  segments->close();
  for (const auto& path : {crash, directory_.path()}) {
    auto again = open_at(path);
    EXPECT_EQ(*again->read(a, 0, UINT64_MAX), small);
    EXPECT_EQ(*again->read(b, 0, UINT64_MAX), large);
    EXPECT_EQ(scan(*again), (std::set<BlobId>{a, b}));
  }
}

TEST_F(SegmentsTest, ATornBlobIsDroppedAndItsNeighboursAreNot) {
  auto segments = open();
  const BlobId before = write(*segments, content(1, 20'000));
  const BlobId torn = write(*segments, content(2, 20'000));
  const BlobId after = write(*segments, content(3, 20'000));
  const BlobId torn_stream = write(*segments, content(4, 700'000));
  const std::string crash = crashed();
  // Pages that never reached the disk.
  overwrite(crash, torn, 8192, std::string(4096, '\0'));
  std::filesystem::resize_file(file_of(crash, torn_stream), blob_offset(torn_stream) + 500'000);
  auto again = open_at(crash);
  EXPECT_EQ(scan(*again), (std::set<BlobId>{before, after}));
  EXPECT_FALSE(again->read(torn, 0, 100));
  EXPECT_FALSE(again->read(torn_stream, 0, 100));
  EXPECT_EQ(*again->read(before, 0, UINT64_MAX), content(1, 20'000));
  EXPECT_EQ(*again->read(after, 0, UINT64_MAX), content(3, 20'000));
}

TEST_F(SegmentsTest, AFlippedOctetIsCorruptAndNeverWrongData) {
  auto segments = open();
  const std::string octets = content(1, 200'000);
  const BlobId id = write(*segments, octets, "INBOX");
  const BlobId other = write(*segments, octets);
  segments->close();
  segments.reset();
  const uint64_t header = record_header_bytes("INBOX");
  const auto flip = [&](uint64_t offset) {
    auto file = SegmentIo::open(file_of(directory_.path(), id), {});
    auto octet = (*file)->read(blob_offset(id) + offset, 1);
    (*octet)[0] = static_cast<char>((*octet)[0] ^ 0x10);
    ASSERT_TRUE((*file)->write(blob_offset(id) + offset, *octet));
  };
  for (const uint64_t at : {uint64_t{0}, uint64_t{6}, uint64_t{9}, uint64_t{25}, uint64_t{44},
                            uint64_t{49}, header, header + 65'535, header + 65'536}) {
    flip(at);
    auto again = open();
    const auto read = again->read(id, 0, 1000);
    ASSERT_FALSE(read) << at;
    EXPECT_EQ(read.error().code, Code::corrupt) << at;
    EXPECT_EQ(*again->read(other, 0, UINT64_MAX), octets);
    flip(at);
  }
  // Damage elsewhere in the blob does not keep the rest from being read.
  flip(header + 150'000);
  auto again = open();
  EXPECT_EQ(*again->read(id, 0, 65'536), octets.substr(0, 65'536));
  EXPECT_EQ(again->read(id, 140'000, 10).error().code, Code::corrupt);
}

TEST_F(SegmentsTest, RemovingGivesTheDiskItsSpaceBack) {
  auto segments = open();
  std::vector<BlobId> ids;
  for (uint64_t i = 0; i < 400; ++i) ids.push_back(write(*segments, content(i, 700 + 150 * i)));
  segments->close();
  segments = open();
  const uint64_t before = disk_bytes(directory_.path());
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i % 10 == 0) continue;
    ASSERT_TRUE(segments->remove(ids[i]));
  }
  const uint64_t after = disk_bytes(directory_.path());
  EXPECT_LT(after, before / 5);
  for (size_t i = 0; i < ids.size(); i += 10) {
    EXPECT_EQ(*segments->read(ids[i], 0, UINT64_MAX), content(i, 700 + 150 * i));
  }
  EXPECT_EQ(scan(*segments).size(), 40u);
}

TEST_F(SegmentsTest, SmallBlobsShareAPageAndFreeItTogether) {
  auto segments = open();
  std::vector<BlobId> ids;
  for (int i = 0; i < 64; ++i) ids.push_back(write(*segments, content(1, 400)));
  EXPECT_LE(blob_offset(ids.back()), 10 * segment_page);
  for (const auto id : ids) ASSERT_TRUE(segments->remove(id));
  segments->close();
  EXPECT_LE(disk_bytes(directory_.path()), 3 * segment_page);
}

TEST_F(SegmentsTest, ASealedSegmentThatIsDeadIsDeleted) {
  auto segments = open(mebibyte);
  std::vector<BlobId> ids;
  for (uint64_t i = 0; i < 40; ++i) ids.push_back(write(*segments, content(i, 100'000)));
  const size_t files = segments->files().size();
  ASSERT_GE(files, 4u);
  for (const auto id : ids) {
    ASSERT_TRUE(segments->remove(id));
    EXPECT_EQ(segments->read(id, 0, 1).error().code, Code::not_found);
  }
  EXPECT_EQ(segments->files().size(), 1u);
  // Its number is not given to another one.
  segments->close();
  segments = open(mebibyte);
  EXPECT_GT(blob_segment(write(*segments, "x")), blob_segment(ids.back()));
}

TEST_F(SegmentsTest, WhatAnAbandonedWriterWroteTakesNoSpace) {
  auto segments = open();
  {
    auto writer = segments->stage(one, Timestamp{7}, "p");
    ASSERT_TRUE((*writer)->append(content(1, 20 * mebibyte)));
    EXPECT_GT(disk_bytes(directory_.path()), 19 * mebibyte);
  }
  EXPECT_LT(disk_bytes(directory_.path()), mebibyte);
  EXPECT_TRUE(scan(*segments).empty());
  const BlobId id = write(*segments, content(2, 400'000));
  EXPECT_EQ(blob_offset(id), segment_page);
}

TEST_F(SegmentsTest, WhatACrashLeftUnfinishedTakesNoSpace) {
  auto segments = open();
  const BlobId kept = write(*segments, content(1, 500'000));
  auto writer = segments->stage(one, Timestamp{7}, "p");
  ASSERT_TRUE((*writer)->append(content(1, 20 * mebibyte)));
  const std::string crash = crashed();
  auto again = open_at(crash);
  EXPECT_LT(disk_bytes(crash), mebibyte);
  EXPECT_EQ(scan(*again), std::set<BlobId>{kept});
}

// A message that holds the octets of a segment must not turn into blobs of its own.
TEST_F(SegmentsTest, ContentCannotPassForARecord) {
  auto segments = open();
  write(*segments, content(1, 3000));
  auto file = SegmentIo::open(directory_.path() + "/00000001.seg", {});
  const std::string record = *(*file)->read(segment_page, segment_page);
  std::string forged;
  // At every place in a page that its octets could take behind another header.
  for (int i = 0; i < 64; ++i) forged += std::string(segment_page - 56, 'x') + record;
  auto writer = segments->stage(one, Timestamp{7}, "p");
  ASSERT_TRUE((*writer)->append(record + forged));
  ASSERT_TRUE((*writer)->append(std::string(300'000, 'y')));
  EXPECT_EQ(scan(*segments).size(), 1u);
}

TEST_F(SegmentsTest, PausedRemovalsReadAsRemovedAndComeAfterwards) {
  auto segments = open();
  const BlobId id = write(*segments, content(1, 300'000));
  segments->pause_removals();
  ASSERT_TRUE(segments->remove(id));
  EXPECT_EQ(segments->read(id, 0, 1).error().code, Code::not_found);
  EXPECT_TRUE(scan(*segments).empty());
  auto copy = open_at(crashed());
  EXPECT_EQ(*copy->read(id, 0, UINT64_MAX), content(1, 300'000));
  segments->resume_removals();
  EXPECT_EQ(segments->read(id, 0, 1).error().code, Code::not_found);
  EXPECT_LT(disk_bytes(directory_.path()), 100'000u);
}

TEST_F(SegmentsTest, ADamagedHeaderIsReadFromItsCopyAndALostOneIsCorrupt) {
  auto segments = open();
  const BlobId id = write(*segments, "octets");
  segments->close();
  segments.reset();
  const auto damage = [&](uint64_t at) {
    auto file = SegmentIo::open(file_of(directory_.path(), id), {});
    ASSERT_TRUE((*file)->write(at, "damaged"));
  };
  damage(0);
  segments = open();
  EXPECT_EQ(*segments->read(id, 0, 10), "octets");
  segments.reset();
  damage(segment_copy_at);
  segments = open();
  EXPECT_EQ(segments->read(id, 0, 10).error().code, Code::corrupt);
  EXPECT_TRUE(scan(*segments).empty());
}

TEST_F(SegmentsTest, ManyStreamsAtOnceUseOneSegmentEachAndGiveItBack) {
  auto segments = open();
  std::vector<std::unique_ptr<BlobWriter>> writers;
  for (uint64_t i = 0; i < 8; ++i) {
    writers.push_back(std::move(*segments->stage(one, Timestamp{7}, "p")));
    ASSERT_TRUE(writers.back()->append(content(i, 300'000)));
  }
  std::vector<BlobId> ids;
  for (uint64_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(writers[i]->append(content(i + 100, 300'000)));
    ids.push_back(*writers[i]->finish());
  }
  EXPECT_EQ(segments->files().size(), 8u);
  for (uint64_t i = 0; i < 8; ++i) {
    EXPECT_EQ(*segments->read(ids[i], 0, UINT64_MAX),
              content(i, 300'000) + content(i + 100, 300'000));
  }
  for (uint64_t i = 0; i < 8; ++i) write(*segments, content(i, 300'000));
  EXPECT_EQ(segments->files().size(), 8u);
}

TEST_F(SegmentsTest, ASegmentOfANewerSchemaIsRefused) {
  auto segments = open();
  const BlobId id = write(*segments, "octets");
  segments->close();
  segments.reset();
  {
    std::string header = print_segment_header({1, 1}).substr(0, 24);
    header[8] = 2;
    std::string check;
    put_u32le(check, crc32c(header));
    auto file = SegmentIo::open(file_of(directory_.path(), id), {});
    ASSERT_TRUE((*file)->write(0, header + check));
  }
  const auto opened = Segments::open({.directory = directory_.path()});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::invalid);
}

}  // namespace
}  // namespace eilpost::engine
