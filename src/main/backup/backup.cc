// eilpost backup: while the server runs, and only what is new since the last one.

#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <fstream>

#include "main/admin/admin.h"
#include "main/backup/backup_files.h"
#include "main/progress.h"

namespace eilpost {

namespace fs = std::filesystem;

namespace {

std::string utc_date(Timestamp now) {
  const time_t seconds = now.seconds();
  std::tm tm{};
  ::gmtime_r(&seconds, &tm);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
  return text;
}

// Tells the backups of this store from those of another; made at the first backup.
Result<std::string> store_id(const std::string& data_dir, Random& random) {
  const std::string path = data_dir + "/store-id";
  std::ifstream in(path);
  std::string id;
  if (in >> id) return id;
  id = fmt::format("{:016x}{:016x}", random.next(), random.next());
  std::ofstream out(path);
  out << id << '\n';
  out.close();
  if (!out) return fail(Code::io, path + " cannot be written");
  return id;
}

class BackupRun {
 public:
  BackupRun(AdminContext& context, std::string directory)
      : context_(context),
        engine_(*context.node.embedded()),
        directory_(std::move(directory)),
        progress_(context.output, context.world().clock) {}

  Result<> run();
  void print_summary() {
    context_.output.print("copied {} octets of messages in {} files, {} files were there already\n",
                          copied_, copied_files_, kept_files_);
  }

 private:
  Result<> prepare();
  Result<> copy_state();
  Result<> copy_segments();
  Result<> copy_segment(const engine::SegmentFile& file);
  void remove_old();
  bool step(uint64_t octets) {
    done_ += octets;
    return progress_.show("backup", done_, total_);
  }

  AdminContext& context_;
  engine::EmbeddedEngine& engine_;
  std::string directory_;
  Progress progress_;
  Manifest before_;
  Manifest manifest_;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
  uint64_t copied_ = 0;
  uint64_t copied_files_ = 0;
  uint64_t kept_files_ = 0;
};

Result<> BackupRun::prepare() {
  std::error_code error;
  fs::create_directories(directory_ + "/segments", error);
  if (error) return fail(Code::io, directory_ + ": " + error.message());
  fs::permissions(directory_, fs::perms::owner_all, error);
  manifest_.store = TRY(store_id(context_.node.data_dir(), context_.world().random));
  manifest_.created = utc_date(context_.world().clock.now());
  auto before = read_manifest(directory_);
  if (!before && before.error().code != Code::not_found) return tl::unexpected(before.error());
  if (before) before_ = std::move(*before);
  if (!before_.store.empty() && before_.store != manifest_.store) {
    return fail(Code::invalid, directory_ + " holds the backup of another store");
  }
  int number = 1;
  if (!before_.state.empty()) number = std::atoi(before_.state.c_str() + 6) + 1;
  manifest_.state = fmt::format("state-{}", number);
  // Left over from a backup that was interrupted.
  fs::remove_all(directory_ + "/" + manifest_.state, error);
  return {};
}

Result<> BackupRun::copy_state() {
  const std::string state = directory_ + "/" + manifest_.state;
  TRY(engine_.checkpoint(state));
  std::error_code error;
  std::vector<std::string> paths;
  for (fs::recursive_directory_iterator at(state, error), end; !error && at != end;
       at.increment(error)) {
    if (at->is_regular_file(error)) paths.push_back(at->path().string());
  }
  if (error) return fail(Code::io, state + ": " + error.message());
  for (const std::string& path : paths) {
    manifest_.files[path.substr(state.size() + 1)] = TRY(sum_file(path));
  }
  return {};
}

Result<> BackupRun::copy_segment(const engine::SegmentFile& file) {
  const std::string to = directory_ + "/segments/" + file.name;
  const auto known = before_.segments.find(file.name);
  std::error_code error;
  const bool kept = known != before_.segments.end() && before_.sealed.count(file.name) != 0 &&
                    fs::file_size(to, error) == known->second.length && !error;
  manifest_.sealed[file.name] = file.sealed;
  if (kept) {
    ++kept_files_;
    manifest_.segments[file.name] = known->second;
    step(file.length);
    return {};
  }
  CopyRequest request;
  request.from = engine_.segment_directory() + "/" + file.name;
  request.to = to;
  request.length = file.length;
  request.step = [this](uint64_t octets) { return step(octets); };
  auto copied = copy_file(request);
  // A sealed segment that became empty has been deleted: nothing names it.
  if (!copied && !fs::exists(request.from, error)) return {};
  manifest_.segments[file.name] = TRY(std::move(copied));
  copied_ += file.length;
  ++copied_files_;
  return {};
}

Result<> BackupRun::copy_segments() {
  const auto files = engine_.segment_files();
  for (const engine::SegmentFile& file : files) total_ += file.length;
  for (const engine::SegmentFile& file : files) TRY(copy_segment(file));
  return sync_directory(directory_ + "/segments");
}

// What the manifest of before named and this one does not.
void BackupRun::remove_old() {
  std::error_code error;
  if (!before_.state.empty()) fs::remove_all(directory_ + "/" + before_.state, error);
  for (const auto& [name, file] : before_.segments) {
    if (manifest_.segments.count(name) == 0) fs::remove(directory_ + "/segments/" + name, error);
  }
}

Result<> BackupRun::run() {
  TRY(prepare());
  {
    // Rows first, then the messages they name; what is removed meanwhile stays until the end.
    const auto pause = engine_.pause_removals();
    TRY(copy_state());
    TRY(copy_segments());
  }
  TRY(write_manifest(directory_, manifest_));
  remove_old();
  progress_.finish();
  return {};
}

int verify(AdminContext& context, const std::string& directory) {
  const auto manifest = read_manifest(directory);
  if (!manifest) return context.failed("backup", manifest.error());
  Progress progress(context.output, context.world().clock);
  uint64_t done = 0;
  const auto verified = verify_backup(directory, *manifest, [&](uint64_t octets) {
    done += octets;
    return progress.show("verify", done, 0);
  });
  progress.finish();
  if (!verified) return context.failed("backup", verified.error());
  context.output.print("the backup of {} is whole\n", manifest->created);
  return 0;
}

}  // namespace

int run_backup(AdminContext& context, const Backup& command) {
  const std::string directory = context.path(command.directory);
  if (command.verify) return verify(context, directory);
  if (context.node.embedded() == nullptr) {
    const bool memory = context.node.config().engine == EngineKind::memory;
    return context.failed("backup",
                          {Code::cannot, memory ? "the memory engine has nothing to back up"
                                                : "this copies a store on disk; `eilpost store "
                                                  "copy` copies a cluster into one"});
  }
  BackupRun run(context, directory);
  const auto done = run.run();
  if (!done) return context.failed("backup", done.error());
  run.print_summary();
  return 0;
}

}  // namespace eilpost
