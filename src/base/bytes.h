// Bytes in and out of integers: big-endian for keys (so that they sort), little-endian and varints
// for values, CRC32C over both. A Reader never runs past its end: it answers an Error instead.
// Values only; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace eilpost {

void put_u8(std::string& out, uint8_t value);
void put_u16be(std::string& out, uint16_t value);
void put_u32be(std::string& out, uint32_t value);
void put_u64be(std::string& out, uint64_t value);
void put_u32le(std::string& out, uint32_t value);
void put_u64le(std::string& out, uint64_t value);
// LEB128, 1 to 10 octets.
void put_varint(std::string& out, uint64_t value);
// Zig-zag varint of a signed value.
void put_svarint(std::string& out, int64_t value);
// A varint length and the octets.
void put_bytes(std::string& out, std::string_view value);

uint32_t load_u32be(std::string_view at);  // needs at.size() >= 4
uint64_t load_u64be(std::string_view at);  // needs at.size() >= 8
uint32_t load_u32le(std::string_view at);
uint64_t load_u64le(std::string_view at);

// Takes values off the front of a string_view that must outlive it. Every error is Code::corrupt.
class Reader {
 public:
  explicit Reader(std::string_view data) : data_(data) {}
  Result<uint8_t> u8();
  Result<uint16_t> u16be();
  Result<uint32_t> u32be();
  Result<uint64_t> u64be();
  Result<uint32_t> u32le();
  Result<uint64_t> u64le();
  Result<uint64_t> varint();
  Result<int64_t> svarint();
  Result<std::string_view> bytes();              // varint length and octets
  Result<std::string_view> take(size_t length);  // exactly so many octets
  bool done() const { return data_.empty(); }
  std::string_view rest() const { return data_; }

 private:
  std::string_view data_;
};

// CRC-32C (Castagnoli, RFC 3720 B.4) of `data`, continued from `seed` (0 for a new sum).
uint32_t crc32c(std::string_view data, uint32_t seed = 0);

// A stored value's frame: format byte, payload, CRC32C of both (little-endian). unseal() checks it.
std::string seal_value(uint8_t format, std::string_view payload);
struct Unsealed {
  uint8_t format = 0;
  std::string_view payload;  // points into the argument of unseal_value
};
Result<Unsealed> unseal_value(std::string_view value);

}  // namespace eilpost
