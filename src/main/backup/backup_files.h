// A backup on the disk: MANIFEST, state-N/ (the engine's rows) and segments/ (the messages, shared
// by one backup and the next). The manifest names every file with its length and CRC32C and is
// replaced in one step, so that a backup that was interrupted leaves the one before. Blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/result.h"

namespace eilpost {

struct BackupFile {
  uint64_t length = 0;
  uint32_t crc = 0;
  friend bool operator==(const BackupFile&, const BackupFile&) = default;
};

struct Manifest {
  std::string store;                           // which store it is of
  std::string created;                         // RFC 3339, UTC
  std::string state;                           // directory of the rows
  std::map<std::string, BackupFile> files;     // in `state`, by path
  std::map<std::string, BackupFile> segments;  // by name; `sealed` ones are not copied again
  std::map<std::string, bool> sealed;
};

std::string print_manifest(const Manifest& manifest);
Result<Manifest> parse_manifest(std::string_view text);
// Code::not_found when there is none.
Result<Manifest> read_manifest(const std::string& backup);
// Durable, and the old one until the last moment.
Result<> write_manifest(const std::string& backup, const Manifest& manifest);

// Copies the first `length` octets, keeps holes, makes the copy durable under its name in one step.
// `step` is called after each MiB; false stops with Code::cancelled.
struct CopyRequest {
  std::string from;
  std::string to;
  uint64_t length = 0;
  std::function<bool(uint64_t)> step;
};
Result<BackupFile> copy_file(const CopyRequest& request);
// Length and checksum of a file as it is.
Result<BackupFile> sum_file(const std::string& path);
Result<> sync_directory(const std::string& path);

// Reads every file and compares; names the first that differs.
Result<> verify_backup(const std::string& backup, const Manifest& manifest,
                       const std::function<bool(uint64_t)>& step);

}  // namespace eilpost
