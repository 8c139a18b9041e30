// The files under RocksDB: those of its file system, with our promises on top. A failed fsync ends
// the process, a file-size limit counts as a full disk, and the log is extended ahead of its
// writes. Thread safe as RocksDB's own.
#pragma once

#include <memory>

namespace rocksdb {
class FileSystem;
}

namespace eilpost::engine {

std::shared_ptr<rocksdb::FileSystem> guarded_files();

}  // namespace eilpost::engine
