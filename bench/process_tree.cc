#include "bench/process_tree.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

namespace eilpost::bench {
namespace {

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

struct Stat {
  pid_t parent = 0;
  uint64_t ticks = 0;
};

// proc(5): the command in parentheses may hold anything, so the fields are counted from its end.
Stat read_stat(const std::string& text) {
  Stat out;
  const size_t end = text.rfind(')');
  if (end == std::string::npos) return out;
  std::istringstream fields(text.substr(end + 1));
  std::string state;
  fields >> state >> out.parent;
  uint64_t skipped = 0;
  for (int field = 5; field <= 13; ++field) fields >> skipped;
  for (int field = 14; field <= 17; ++field) {
    uint64_t ticks = 0;
    fields >> ticks;
    out.ticks += ticks;
  }
  return out;
}

// A line "name:   123 ..." of a /proc file.
uint64_t value_of(const std::string& text, std::string_view name) {
  size_t at = text.find(name);
  if (at == std::string::npos) return 0;
  at += name.size();
  while (at < text.size() && text[at] == ' ') ++at;
  uint64_t value = 0;
  std::from_chars(text.data() + at, text.data() + text.size(), value);
  return value;
}

std::unordered_map<pid_t, Stat> all_processes() {
  std::unordered_map<pid_t, Stat> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
    out.emplace(pid, read_stat(read_text(fmt::format("/proc/{}/stat", pid))));
  }
  return out;
}

std::vector<std::pair<pid_t, Stat>> tree_of(pid_t root) {
  std::vector<std::pair<pid_t, Stat>> out;
  if (root <= 0) return out;
  const auto all = all_processes();
  for (const auto& [pid, stat] : all) {
    pid_t at = pid;
    for (int depth = 0; depth < 16 && at > 1 && at != root; ++depth) {
      const auto found = all.find(at);
      at = found == all.end() ? 0 : found->second.parent;
    }
    if (at == root) out.emplace_back(pid, stat);
  }
  return out;
}

}  // namespace

ProcessUsage usage_of_tree(pid_t root) {
  ProcessUsage out;
  const double ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  for (const auto& [pid, stat] : tree_of(root)) {
    out.cpu_seconds += static_cast<double>(stat.ticks) / ticks_per_second;
    const std::string io = read_text(fmt::format("/proc/{}/io", pid));
    // "cancelled_write_bytes" comes later in the file.
    out.written_bytes += value_of(io, "\nwrite_bytes:");
    ++out.processes;
  }
  return out;
}

std::optional<uint64_t> written_by_disk(const std::string& path) {
  struct stat about {};
  if (path.empty() || ::stat(path.c_str(), &about) != 0) return std::nullopt;
  // Documentation/block/stat.rst of the kernel: the seventh field counts sectors of 512 octets.
  std::istringstream fields(read_text(
      fmt::format("/sys/dev/block/{}:{}/stat", major(about.st_dev), minor(about.st_dev))));
  uint64_t sectors = 0;
  for (int field = 1; field <= 7; ++field) fields >> sectors;
  if (!fields) return std::nullopt;
  return sectors * 512;
}

uint64_t memory_of_tree(pid_t root) {
  uint64_t kib = 0;
  for (const auto& [pid, stat] : tree_of(root)) {
    kib += value_of(read_text(fmt::format("/proc/{}/smaps_rollup", pid)), "\nPss:");
  }
  return kib * 1024;
}

}  // namespace eilpost::bench
