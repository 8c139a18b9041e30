#include "main/backup/restore.h"

#include <fmt/format.h>

#include <filesystem>

#include "engine/rocksdb/rocksdb.h"
#include "main/backup/backup_files.h"
#include "main/progress.h"
#include "net/disk_pool.h"
#include "store/epoch.h"
#include "store/store.h"

namespace eilpost {

namespace fs = std::filesystem;

namespace {

Result<> copy_part(const std::map<std::string, BackupFile>& files, const std::string& from,
                   const std::string& to, const std::function<bool(uint64_t)>& step) {
  std::error_code error;
  for (const auto& [name, file] : files) {
    CopyRequest request;
    request.from = fmt::format("{}/{}", from, name);
    request.to = fmt::format("{}/{}", to, name);
    request.length = file.length;
    request.step = step;
    fs::create_directories(fs::path(request.to).parent_path(), error);
    const BackupFile copied = TRY(copy_file(request));
    if (!(copied == file)) {
      return fail(Code::corrupt, request.from + " is not as the backup wrote it");
    }
  }
  return {};
}

uint64_t octets_of(const Manifest& manifest) {
  uint64_t out = 0;
  for (const auto& [name, file] : manifest.files) out += file.length;
  for (const auto& [name, file] : manifest.segments) out += file.length;
  return out;
}

// Every partition that is an account; others (the directory) have no head of that kind.
Result<uint64_t> begin_epochs(const std::string& engine_path) {
  SystemClock clock;
  Random random = Random::from_os();
  engine::RocksdbOptions options;
  options.path = engine_path;
  auto engine = TRY(engine::open_rocksdb(std::move(options)));
  net::DiskPool pool({.name = "restore", .threads = 2});
  store::Services services{*engine, clock, random, [&pool](std::function<void()> job) {
                             (void)pool.post_reserved(std::move(job));
                           }};
  store::Store store(services, {});
  uint64_t accounts = 0;
  Result<> outcome;
  PartitionId after;
  for (;;) {
    const auto page = TRY(engine->partitions(after));
    if (page.empty()) break;
    for (const PartitionId id : page) {
      after = id;
      const store::AccountPtr account = store.account(id);
      auto begun =
          store::mutate_wait<uint64_t>(*account, {"restore", "admin"}, store::begin_new_epoch);
      if (begun) ++accounts;
      if (begun || begun.error().code == Code::not_found) continue;
      outcome = wrap(std::move(begun).error(), "account " + std::to_string(id.value));
    }
    store.shed();
  }
  pool.stop();
  engine->close();
  TRY(std::move(outcome));
  return accounts;
}

}  // namespace

Result<> restore(const RestoreOptions& options, Output& output) {
  const Manifest manifest = TRY(read_manifest(options.backup));
  std::error_code error;
  const std::string target = options.data_dir + "/engine";
  const std::string growing = options.data_dir + "/engine.restoring";
  if (fs::exists(target, error)) {
    return fail(Code::already_exists, target + " exists; restore into an empty directory");
  }
  fs::remove_all(growing, error);
  fs::create_directories(growing + "/segments", error);
  if (error) return fail(Code::io, growing + ": " + error.message());
  fs::permissions(options.data_dir, fs::perms::owner_all, error);
  SystemClock clock;
  Progress progress(output, clock);
  uint64_t done = 0;
  const uint64_t total = octets_of(manifest);
  const auto step = [&](uint64_t octets) {
    done += octets;
    return progress.show("restore", done, total);
  };
  TRY(copy_part(manifest.files, options.backup + "/" + manifest.state, growing, step));
  TRY(copy_part(manifest.segments, options.backup + "/segments", growing + "/segments", step));
  progress.finish();
  const uint64_t accounts = TRY(begin_epochs(growing));
  fs::rename(growing, target, error);
  if (error) return fail(Code::io, target + ": " + error.message());
  TRY(sync_directory(options.data_dir));
  output.print("restored {} accounts from the backup of {}\n", accounts, manifest.created);
  return {};
}

}  // namespace eilpost
