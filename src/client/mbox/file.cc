#include "client/mbox/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "client/mbox/text.h"
#include "net/socket.h"
#include "protocol/imap/utf7.h"

namespace eilpost::client {

namespace fs = std::filesystem;

namespace {

constexpr int levels_max = 30;
constexpr size_t piece_bytes = 256 * 1024;

Result<std::string> read_at(int fd, const std::string& path, uint64_t offset, size_t octets) {
  std::string out(octets, '\0');
  for (;;) {
    const ssize_t n = ::pread(fd, out.data(), octets, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(path, errno);
    out.resize(static_cast<size_t>(n));
    return out;
  }
}

Result<> write_all(int fd, const std::string& path, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t n = ::write(fd, octets.data(), octets.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(path, errno);
    octets.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

bool is_mbox(const fs::path& path) {
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return false;
  const auto start = read_at(fd.get(), path, 0, 5);
  return start && !start->empty() && begins_as_mbox(*start);
}

std::string level_of_file(const std::string& on_disk) {
  auto decoded = imap::utf7_decode(on_disk);
  std::string name = decoded ? std::move(*decoded) : on_disk;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

std::string file_of_level(const std::string& level) {
  auto encoded = imap::utf7_encode(level);
  std::string name = encoded ? std::move(*encoded) : level;
  std::replace(name.begin(), name.end(), '/', '_');
  if (name.empty() || name.front() == '.') name.insert(0, "_");
  return name;
}

struct Level {
  fs::path path;
  std::string name;
  int depth;
};

std::vector<fs::directory_entry> sorted_entries(const fs::path& path) {
  std::vector<fs::directory_entry> out;
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    out.push_back(*at);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// How long the file was before a batch, kept beside it while that is written.
std::string mark_of(const std::string& path) {
  return path + ".eilpost-append";
}

std::string without_cr(std::string_view piece, bool& held_cr) {
  std::string out;
  for (const char c : piece) {
    if (held_cr && c != '\n') out += '\r';
    held_cr = c == '\r';
    if (!held_cr) out += c;
  }
  return out;
}

std::string head_of(const MboxItem& item) {
  std::string status;
  std::string more;
  std::string keywords;
  for (const std::string& flag : item.flags) {
    switch (imap::system_flag(flag)) {
      case imap::flag_seen: status = "R"; break;
      case imap::flag_answered: more += 'A'; break;
      case imap::flag_flagged: more += 'F'; break;
      case imap::flag_deleted: more += 'D'; break;
      case imap::flag_draft: more += 'T'; break;
      default: keywords += " " + flag; break;
    }
  }
  std::string out = print_from_line("MAILER-DAEMON", item.seconds) + "Status: " + status + "O\n";
  if (!more.empty()) out += "X-Status: " + more + "\n";
  if (!keywords.empty()) out += "X-Keywords:" + keywords + "\n";
  return out;
}

Result<> write_item(int fd, const std::string& path, const MboxItem& item) {
  TRY(write_all(fd, path, head_of(item)));
  MboxQuoter quoter;
  bool held_cr = false;
  char last = '\n';
  const auto put = [&](const std::string& text) -> Result<> {
    if (!text.empty()) last = text.back();
    return write_all(fd, path, text);
  };
  for (uint64_t at = 0; at < item.octets->size();) {
    const std::string piece = TRY(item.octets->read(at, piece_bytes));
    at += piece.size();
    TRY(put(quoter.feed(without_cr(piece, held_cr))));
  }
  if (held_cr) TRY(put(quoter.feed("\r")));
  TRY(put(quoter.finish()));
  return write_all(fd, path, last == '\n' ? "\n" : "\n\n");
}

Result<> write_mark(const std::string& path, uint64_t length) {
  const std::string mark = mark_of(path);
  const net::Fd fd(::open(mark.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(mark, errno);
  TRY(write_all(fd.get(), mark, fmt::format("{}\n", length)));
  if (::fsync(fd.get()) != 0) return fail_errno(mark, errno);
  return {};
}

}  // namespace

Result<std::vector<MboxFile>> mbox_files(const std::string& path) {
  std::vector<MboxFile> out;
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    if (!fs::exists(path, error)) return fail(Code::not_found, path + " is not there");
    if (!is_mbox(path) && fs::file_size(path, error) != 0) {
      return fail(Code::invalid, path + " is no mbox: it does not begin with \"From \"");
    }
    out.push_back({"INBOX", path});
    return out;
  }
  std::vector<Level> left{{path, "", 0}};
  while (!left.empty()) {
    const Level level = left.back();
    left.pop_back();
    for (const fs::directory_entry& entry : sorted_entries(level.path)) {
      std::string leaf = entry.path().filename().string();
      const std::string above = level.name.empty() ? "" : level.name + "/";
      if (entry.is_directory(error) && level.depth < levels_max && !entry.is_symlink(error)) {
        if (entry.path().extension() == ".sbd") leaf.resize(leaf.size() - 4);
        left.push_back({entry.path(), above + level_of_file(leaf), level.depth + 1});
      } else if (entry.is_regular_file(error) && is_mbox(entry.path())) {
        if (entry.path().extension() == ".mbox") leaf.resize(leaf.size() - 5);
        out.push_back({above + level_of_file(leaf), entry.path().string()});
      }
    }
  }
  return out;
}

std::string mbox_path(const std::string& root, const std::string& name) {
  std::string out = root;
  size_t from = 0;
  for (size_t at = name.find('/'); at != std::string::npos; at = name.find('/', from)) {
    out += "/" + file_of_level(name.substr(from, at - from)) + ".sbd";
    from = at + 1;
  }
  return out + "/" + file_of_level(name.substr(from));
}

Result<std::vector<MboxMessage>> index_mbox_file(const std::string& path) {
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno(path, errno);
  return index_mbox(
      [&](uint64_t offset, size_t octets) { return read_at(fd.get(), path, offset, octets); });
}

Result<std::shared_ptr<Octets>> read_mbox_message(const std::string& path,
                                                  const MboxMessage& message) {
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno(path, errno);
  auto out = std::make_shared<Octets>();
  MboxFilter filter;
  LineEnds ends;
  std::string text;
  for (uint64_t done = 0; done < message.length;) {
    const auto want = static_cast<size_t>(std::min<uint64_t>(piece_bytes, message.length - done));
    const std::string piece = TRY(read_at(fd.get(), path, message.offset + done, want));
    if (piece.empty()) return fail(Code::corrupt, path + " has become shorter");
    done += piece.size();
    text.clear();
    ends.feed(filter.feed(piece), text);
    TRY(out->add(text));
  }
  text.clear();
  ends.feed(filter.finish(), text);
  TRY(out->add(text));
  return out;
}

Result<std::vector<MboxMessage>> append_to_mbox(const std::string& path,
                                                const std::vector<MboxItem>& items) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) return fail(Code::io, path + ": " + error.message());
  TRY(repair_mbox(path));
  const net::Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(path, errno);
  const off_t before = ::lseek(fd.get(), 0, SEEK_END);
  if (before < 0) return fail_errno(path, errno);
  const auto base = static_cast<uint64_t>(before);
  TRY(write_mark(path, base));
  for (const MboxItem& item : items) TRY(write_item(fd.get(), path, item));
  if (::fsync(fd.get()) != 0) return fail_errno(path, errno);
  if (::unlink(mark_of(path).c_str()) != 0) return fail_errno(mark_of(path), errno);
  auto added = TRY(index_mbox([&](uint64_t offset, size_t octets) {
    return read_at(fd.get(), path, base + offset, octets);
  }));
  for (MboxMessage& message : added) message.offset += base;
  return added;
}

Result<> repair_mbox(const std::string& path) {
  const std::string mark = mark_of(path);
  std::ifstream in(mark);
  if (!in) return {};
  uint64_t length = 0;
  std::error_code error;
  // A mark that is not whole was not followed by any octet of the batch.
  if (in >> length && in.peek() == '\n' && fs::file_size(path, error) > length && !error) {
    fs::resize_file(path, length, error);
    if (error) return fail(Code::io, path + ": " + error.message());
  }
  if (::unlink(mark.c_str()) != 0) return fail_errno(mark, errno);
  return {};
}

}  // namespace eilpost::client
