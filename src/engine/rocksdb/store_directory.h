// The directory of an embedded engine: LOCK, which keeps a second process out as long as this
// lives, FORMAT with the schema number, rows/ and segments/. One owner.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace eilpost::engine {

// A release reads this schema and the one before; it refuses what a newer one wrote.
inline constexpr uint32_t store_schema = 1;
inline constexpr uint32_t store_schema_oldest = 1;

class StoreDirectory {
 public:
  // Makes what is missing. Code::in_use: another process has it. Code::invalid: a schema that this
  // release does not read. Code::corrupt: rows without a FORMAT.
  static Result<std::unique_ptr<StoreDirectory>> open(const std::string& path);
  ~StoreDirectory();
  StoreDirectory(const StoreDirectory&) = delete;
  StoreDirectory& operator=(const StoreDirectory&) = delete;

  uint32_t schema() const { return schema_; }
  std::string rows() const { return path_ + "/rows"; }
  std::string segments() const { return path_ + "/segments"; }

 private:
  StoreDirectory(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  std::string path_;
  int lock_fd_;
  uint32_t schema_ = store_schema;
};

// Writes FORMAT for `schema` into a directory, durably: for a fresh store or a copy of one.
Result<> write_store_format(const std::string& path, uint32_t schema);

}  // namespace eilpost::engine
