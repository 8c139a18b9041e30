// Small files written so that after a crash the old or the new one is there, and checksums of large
// ones. Blocks on the disk; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace eilpost::search {

// In place of what is there; durable.
Result<> replace_file(const std::string& path, std::string_view octets);
// Code::not_found, Code::io.
Result<std::string> read_file(const std::string& path);

struct FileSum {
  uint64_t bytes = 0;
  uint32_t checksum = 0;  // CRC-32C
  friend bool operator==(const FileSum&, const FileSum&) = default;
};
Result<FileSum> sum_file(const std::string& path);

}  // namespace eilpost::search
