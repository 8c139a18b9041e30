#include "base/bytes.h"

#include <array>
#include <bit>
#include <cstring>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace eilpost {

static_assert(std::endian::native == std::endian::little, "values are little-endian on disk");

namespace {

template <class T>
void append_raw(std::string& out, T value) {
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  out.append(raw, sizeof value);
}

template <class T>
T load_raw(std::string_view at) {
  T value;
  std::memcpy(&value, at.data(), sizeof value);
  return value;
}

tl::unexpected<Error> too_short() {
  return fail(Code::corrupt, "value ends too early");
}

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78U : 0);
    table[i] = crc;
  }
  return table;
}
constexpr auto crc_table = make_crc_table();

uint32_t crc32c_portable(std::string_view data, uint32_t crc) {
  for (const char c : data) crc = crc_table[(crc ^ static_cast<uint8_t>(c)) & 0xff] ^ (crc >> 8);
  return crc;
}

#if defined(__x86_64__)
// The instruction gives a result in each cycle, but takes three for one: three lanes side by side
// keep it busy. What a lane's checksum becomes when a lane of zeros follows is linear in its bits,
// so that four look-ups move one behind the next.
constexpr size_t lane_bytes = 512;

constexpr uint32_t behind_zeros(uint32_t crc) {
  for (size_t i = 0; i < lane_bytes; ++i) crc = crc_table[crc & 0xff] ^ (crc >> 8);
  return crc;
}
using LaneTable = std::array<std::array<uint32_t, 256>, 4>;
constexpr LaneTable make_lane_table() {
  LaneTable table{};
  for (unsigned octet = 0; octet < 4; ++octet) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      table[octet][1U << bit] = behind_zeros(1U << (8 * octet + bit));
    }
    for (unsigned v = 1; v < 256; ++v) {
      table[octet][v] = table[octet][v & (v - 1)] ^ table[octet][v & (~v + 1)];
    }
  }
  return table;
}
constexpr LaneTable lane_table = make_lane_table();

uint32_t behind_lane(uint32_t crc) {
  return lane_table[0][crc & 0xff] ^ lane_table[1][(crc >> 8) & 0xff] ^
         lane_table[2][(crc >> 16) & 0xff] ^ lane_table[3][crc >> 24];
}

__attribute__((target("sse4.2"))) uint32_t crc32c_sse42(std::string_view data, uint32_t seed) {
  uint64_t crc = seed;
  while (data.size() >= 3 * lane_bytes) {
    uint64_t second = 0;
    uint64_t third = 0;
    for (size_t at = 0; at < lane_bytes; at += 8) {
      crc = _mm_crc32_u64(crc, load_raw<uint64_t>(data.substr(at)));
      second = _mm_crc32_u64(second, load_raw<uint64_t>(data.substr(lane_bytes + at)));
      third = _mm_crc32_u64(third, load_raw<uint64_t>(data.substr(2 * lane_bytes + at)));
    }
    const uint32_t two = behind_lane(static_cast<uint32_t>(crc)) ^ static_cast<uint32_t>(second);
    crc = behind_lane(two) ^ static_cast<uint32_t>(third);
    data.remove_prefix(3 * lane_bytes);
  }
  while (data.size() >= 8) {
    crc = _mm_crc32_u64(crc, load_raw<uint64_t>(data));
    data.remove_prefix(8);
  }
  for (const char c : data) crc = _mm_crc32_u8(static_cast<uint32_t>(crc), static_cast<uint8_t>(c));
  return static_cast<uint32_t>(crc);
}
#endif

}  // namespace

void put_u8(std::string& out, uint8_t value) {
  out.push_back(static_cast<char>(value));
}
void put_u16be(std::string& out, uint16_t value) {
  append_raw(out, __builtin_bswap16(value));
}
void put_u32be(std::string& out, uint32_t value) {
  append_raw(out, __builtin_bswap32(value));
}
void put_u64be(std::string& out, uint64_t value) {
  append_raw(out, __builtin_bswap64(value));
}
void put_u32le(std::string& out, uint32_t value) {
  append_raw(out, value);
}
void put_u64le(std::string& out, uint64_t value) {
  append_raw(out, value);
}

void put_varint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void put_svarint(std::string& out, int64_t value) {
  put_varint(out, (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

void put_bytes(std::string& out, std::string_view value) {
  put_varint(out, value.size());
  out += value;
}

uint32_t load_u32be(std::string_view at) {
  return __builtin_bswap32(load_raw<uint32_t>(at));
}
uint64_t load_u64be(std::string_view at) {
  return __builtin_bswap64(load_raw<uint64_t>(at));
}
uint32_t load_u32le(std::string_view at) {
  return load_raw<uint32_t>(at);
}
uint64_t load_u64le(std::string_view at) {
  return load_raw<uint64_t>(at);
}

Result<std::string_view> Reader::take(size_t length) {
  if (length > data_.size()) return too_short();
  const auto out = data_.substr(0, length);
  data_.remove_prefix(length);
  return out;
}

Result<uint8_t> Reader::u8() {
  return static_cast<uint8_t>(TRY(take(1))[0]);
}
Result<uint16_t> Reader::u16be() {
  return __builtin_bswap16(load_raw<uint16_t>(TRY(take(2))));
}
Result<uint32_t> Reader::u32be() {
  return load_u32be(TRY(take(4)));
}
Result<uint64_t> Reader::u64be() {
  return load_u64be(TRY(take(8)));
}
Result<uint32_t> Reader::u32le() {
  return load_u32le(TRY(take(4)));
}
Result<uint64_t> Reader::u64le() {
  return load_u64le(TRY(take(8)));
}

Result<uint64_t> Reader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (data_.empty()) return too_short();
    const auto octet = static_cast<uint8_t>(data_.front());
    data_.remove_prefix(1);
    value |= static_cast<uint64_t>(octet & 0x7f) << shift;
    if (octet < 0x80) return value;
  }
  return fail(Code::corrupt, "varint is longer than 10 octets");
}

Result<int64_t> Reader::svarint() {
  const uint64_t raw = TRY(varint());
  return static_cast<int64_t>(raw >> 1) ^ -static_cast<int64_t>(raw & 1);
}

Result<std::string_view> Reader::bytes() {
  const uint64_t length = TRY(varint());
  return take(length);
}

uint32_t crc32c(std::string_view data, uint32_t seed) {
#if defined(__x86_64__)
  static const bool fast = __builtin_cpu_supports("sse4.2");
  if (fast) return ~crc32c_sse42(data, ~seed);
#endif
  return ~crc32c_portable(data, ~seed);
}

std::string seal_value(uint8_t format, std::string_view payload) {
  std::string out;
  out.reserve(payload.size() + 5);
  put_u8(out, format);
  out += payload;
  put_u32le(out, crc32c(out));
  return out;
}

Result<Unsealed> unseal_value(std::string_view value) {
  if (value.size() < 5) return fail(Code::corrupt, "stored value is shorter than its frame");
  const auto body = value.substr(0, value.size() - 4);
  if (load_u32le(value.substr(body.size())) != crc32c(body)) {
    return fail(Code::corrupt, "checksum of a stored value is wrong");
  }
  return Unsealed{static_cast<uint8_t>(body[0]), body.substr(1)};
}

}  // namespace eilpost
