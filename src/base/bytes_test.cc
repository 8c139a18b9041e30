#include "base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/random.h"

namespace eilpost {
namespace {

TEST(Bytes, FixedWidthsHaveTheirOrder) {
  std::string out;
  put_u8(out, 0x01);
  put_u16be(out, 0x0203);
  put_u32be(out, 0x04050607);
  put_u64be(out, 0x08090a0b0c0d0e0fULL);
  put_u32le(out, 0x13121110);
  put_u64le(out, 0x1b1a191817161514ULL);
  EXPECT_EQ(out, (std::string("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 15) +
                  "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b"));
  Reader reader(out);
  EXPECT_EQ(reader.u8().value(), 0x01);
  EXPECT_EQ(reader.u16be().value(), 0x0203);
  EXPECT_EQ(reader.u32be().value(), 0x04050607U);
  EXPECT_EQ(reader.u64be().value(), 0x08090a0b0c0d0e0fULL);
  EXPECT_EQ(reader.u32le().value(), 0x13121110U);
  EXPECT_EQ(reader.u64le().value(), 0x1b1a191817161514ULL);
  EXPECT_TRUE(reader.done());
}

TEST(Bytes, BigEndianSortsLikeTheNumbers) {
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t a = random.next() >> random.below(64);
    const uint64_t b = random.next() >> random.below(64);
    std::string ka, kb;
    put_u64be(ka, a);
    put_u64be(kb, b);
    EXPECT_EQ(ka < kb, a < b);
    EXPECT_EQ(load_u64be(ka), a);
  }
}

TEST(Bytes, VarintsComeBack) {
  Random random(2);
  std::string out;
  std::vector<uint64_t> numbers = {0, 1, 127, 128, 16383, 16384, UINT64_MAX};
  for (int i = 0; i < 1000; ++i) numbers.push_back(random.next() >> random.below(64));
  for (const uint64_t n : numbers) put_varint(out, n);
  Reader reader(out);
  for (const uint64_t n : numbers) EXPECT_EQ(reader.varint().value(), n);
  EXPECT_TRUE(reader.done());
}

TEST(Bytes, SignedVarintsAreShortAroundZero) {
  const int64_t low = std::numeric_limits<int64_t>::min();
  for (const int64_t n : {int64_t{0}, int64_t{-1}, int64_t{63}, int64_t{-64}, INT64_MAX, low}) {
    std::string out;
    put_svarint(out, n);
    EXPECT_EQ(out.size() == 1, n >= -64 && n < 64);
    EXPECT_EQ(Reader(out).svarint().value(), n);
  }
}

TEST(Bytes, AReaderNeverRunsPastItsEnd) {
  std::string whole;
  put_bytes(whole, "hello");
  put_u64be(whole, 7);
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    Reader reader(std::string_view(whole).substr(0, cut));
    const auto bytes = reader.bytes();
    if (!bytes) {
      EXPECT_EQ(bytes.error().code, Code::corrupt);
      continue;
    }
    EXPECT_EQ(*bytes, "hello");
    EXPECT_EQ(reader.u64be().error().code, Code::corrupt);
  }
  EXPECT_EQ(Reader("\x80").varint().error().code, Code::corrupt);
  EXPECT_EQ(Reader(std::string(11, '\x80')).varint().error().code, Code::corrupt);
  // A length that is longer than memory.
  std::string huge;
  put_varint(huge, UINT64_MAX);
  EXPECT_EQ(Reader(huge).bytes().error().code, Code::corrupt);
}

// RFC 3720 B.4.
TEST(Bytes, Crc32cOfTheRfc) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising.push_back(static_cast<char>(i));
  EXPECT_EQ(crc32c(rising), 0x46dd794eU);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
}

TEST(Bytes, Crc32cGoesOn) {
  const std::string data = Random(3).octets(1000);
  const std::string_view view = data;
  for (const size_t cut : {0U, 1U, 7U, 8U, 9U, 500U, 1000U}) {
    EXPECT_EQ(crc32c(view.substr(cut), crc32c(view.substr(0, cut))), crc32c(data));
  }
}

// Long data takes lanes side by side: one octet after the other says the same.
TEST(Bytes, Crc32cOfLongData) {
  const std::string data = Random(5).octets(70'000);
  for (const size_t size : {1535U, 1536U, 1537U, 3072U, 16'384U, 65'536U, 70'000U}) {
    const auto whole = std::string_view(data).substr(data.size() - size);
    uint32_t step = 0;
    for (const char c : whole) step = crc32c(std::string_view(&c, 1), step);
    EXPECT_EQ(crc32c(whole), step) << size;
  }
}

TEST(Bytes, ASealedValueShowsEveryFlippedBit) {
  const std::string sealed = seal_value(3, "payload");
  const auto good = unseal_value(sealed);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->format, 3);
  EXPECT_EQ(good->payload, "payload");
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string bad = sealed;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(unseal_value(bad)) << bit;
  }
  EXPECT_FALSE(unseal_value(""));
  EXPECT_FALSE(unseal_value("1234"));
  EXPECT_EQ(unseal_value(seal_value(0, ""))->payload, "");
}

}  // namespace
}  // namespace eilpost
