// mbox files: where messages begin, and what the lines around them say.

#include "main/mail/mbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <map>
#include <sstream>

#include "base/bytes.h"
#include "main/mail/mbox_filter.h"
#include "mime/header.h"
#include "net/socket.h"
#include "store/types.h"

namespace eilpost {

namespace fs = std::filesystem;

namespace {

constexpr size_t piece_bytes = 1024 * 1024;
constexpr size_t line_kept = 1024;  // of a line, for what it says
constexpr int levels_max = 30;

int month_of(std::string_view word) {
  constexpr std::string_view names = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (word.size() != 3) return -1;
  const size_t at = names.find(word);
  return at == std::string_view::npos || at % 3 != 0 ? -1 : static_cast<int>(at / 3);
}

// Finds the messages of one file, fed in pieces.
class Indexer {
 public:
  explicit Indexer(const SourceFolder& folder) : folder_(folder) {}

  void feed(std::string_view octets) {
    while (!octets.empty()) {
      const size_t end = octets.find('\n');
      const bool whole = end != std::string_view::npos;
      const std::string_view part = octets.substr(0, whole ? end + 1 : octets.size());
      if (line_.size() < line_kept) line_.append(part.substr(0, line_kept - line_.size()));
      line_bytes_ += part.size();
      octets.remove_prefix(part.size());
      if (whole) end_line();
    }
  }
  std::vector<SourceMessage> finish() {
    if (line_bytes_ > 0) end_line();
    end_message();
    return std::move(out_);
  }

 private:
  void end_line() {
    const bool blank = line_ == "\n" || line_ == "\r\n";
    if (after_blank_ && line_.compare(0, 5, "From ") == 0 && (at_ == 0 || parse_from_line(line_))) {
      begin_message();
    } else if (in_message_) {
      add_line(blank);
    }
    at_ += line_bytes_;
    after_blank_ = blank;
    line_.clear();
    line_bytes_ = 0;
  }

  void begin_message() {
    end_message();
    message_ = {};
    message_.file = folder_.path;
    message_.mbox = true;
    message_.offset = at_ + line_bytes_;
    message_.seconds = parse_from_line(line_);
    in_message_ = true;
    in_header_ = true;
    internal_ = false;
    crc_a_ = 0;
    crc_b_ = 0x9e3779b9;
    end_ = message_.offset;
    blank_.clear();
  }

  void add_line(bool blank) {
    if (!blank_.empty()) {
      add_octets(std::exchange(blank_, {}));
      end_ = at_;
    }
    // A message's last blank line belongs to the file, if it does not end the header.
    if (blank && !in_header_) {
      blank_ = line_;
      return;
    }
    add_octets(line_);
    end_ = at_ + line_bytes_;
    if (!in_header_) return;
    if (blank) {
      in_header_ = false;
    } else {
      read_field();
    }
  }

  // A line's first octets are enough to tell messages apart, together with the size.
  void add_octets(std::string_view octets) {
    crc_a_ = crc32c(octets, crc_a_);
    crc_b_ = crc32c(octets, crc_b_);
  }

  void read_field() {
    const size_t colon = line_.find(':');
    if (colon == std::string::npos) return;
    const std::string_view name = std::string_view(line_).substr(0, colon);
    if (!is_mbox_state_field(name)) return;
    const std::string value = mime::unfold(std::string_view(line_).substr(colon + 1));
    if (mime::equals_ignoring_case(name, "x-imap")) internal_ = true;
    if (mime::equals_ignoring_case(name, "x-keywords")) {
      std::istringstream words(value);
      for (std::string word; words >> word;) message_.keywords.push_back(word);
    } else if (mime::equals_ignoring_case(name, "status") ||
               mime::equals_ignoring_case(name, "x-status")) {
      for (const char c : value) message_.flags |= flag_of(c);
    }
  }

  static uint8_t flag_of(char letter) {
    switch (letter) {
      case 'R': return store::flag_seen;
      case 'A': return store::flag_answered;
      case 'F': return store::flag_flagged;
      case 'D': return store::flag_deleted;
      case 'T': return store::flag_draft;
      default: return 0;
    }
  }

  void end_message() {
    const bool was_message = std::exchange(in_message_, false);
    // The message in which IMAP servers keep the folder's own data is none.
    if (!was_message || internal_ || end_ <= message_.offset) return;
    message_.length = end_ - message_.offset;
    const std::string content = fmt::format("{}-{:08x}{:08x}", message_.length, crc_a_, crc_b_);
    message_.key = fmt::format("{}/{}-{}", one_line(folder_.name), content, seen_[content]++);
    out_.push_back(std::move(message_));
  }

  const SourceFolder& folder_;
  std::vector<SourceMessage> out_;
  std::map<std::string, int> seen_;  // equal messages of one file are counted apart
  SourceMessage message_;
  std::string line_;
  size_t line_bytes_ = 0;
  uint64_t at_ = 0;    // where the line begins
  uint64_t end_ = 0;   // of the message so far, without a blank line at its end
  std::string blank_;  // that blank line
  uint32_t crc_a_ = 0;
  uint32_t crc_b_ = 0;
  bool after_blank_ = true;
  bool in_message_ = false;
  bool in_header_ = false;
  bool internal_ = false;
};

bool begins_as_mbox(const fs::path& path) {
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char start[5] = {};
  return fd && ::read(fd.get(), start, sizeof(start)) == 5 && std::string_view(start, 5) == "From ";
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

}  // namespace

std::optional<int64_t> parse_from_line(std::string_view line) {
  std::vector<std::string> words;
  std::istringstream in{std::string(line)};
  for (std::string word; in >> word;) words.push_back(word);
  for (size_t i = 1; i + 3 < words.size(); ++i) {
    std::tm tm{};
    tm.tm_mon = month_of(words[i]);
    if (tm.tm_mon < 0) continue;
    tm.tm_mday = std::atoi(words[i + 1].c_str());
    const int read =
        std::sscanf(words[i + 2].c_str(), "%d:%d:%d", &tm.tm_hour, &tm.tm_min, &tm.tm_sec);
    // A zone's name may stand before the year.
    const int year = std::max(std::atoi(words[i + 3].c_str()),
                              i + 4 < words.size() ? std::atoi(words[i + 4].c_str()) : 0);
    if (read < 2 || year < 1970 || year > 9999 || tm.tm_mday < 1 || tm.tm_mday > 31) continue;
    tm.tm_year = year - 1900;
    return ::timegm(&tm);
  }
  return std::nullopt;
}

std::string print_from_line(std::string_view sender, int64_t seconds) {
  const time_t time = seconds;
  std::tm tm{};
  ::gmtime_r(&time, &tm);
  char date[64];
  std::strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &tm);
  return fmt::format("From {} {}\n", sender.empty() ? "MAILER-DAEMON" : sender, date);
}

Result<std::vector<SourceFolder>> mbox_folders(const std::string& path) {
  std::vector<SourceFolder> out;
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    if (!fs::exists(path, error)) return fail(Code::not_found, path + " is not there");
    if (!begins_as_mbox(path) && fs::file_size(path, error) != 0) {
      return fail(Code::invalid, path + " is no mbox: it does not begin with \"From \"");
    }
    out.push_back({"INBOX", path, true});
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
        left.push_back({entry.path(), above + decode_folder_name(leaf), level.depth + 1});
      } else if (entry.is_regular_file(error) && begins_as_mbox(entry.path())) {
        if (entry.path().extension() == ".mbox") leaf.resize(leaf.size() - 5);
        out.push_back({above + decode_folder_name(leaf), entry.path().string(), true});
      }
    }
  }
  return out;
}

Result<std::vector<SourceMessage>> mbox_messages(const SourceFolder& folder) {
  const net::Fd fd(::open(folder.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno(folder.path, errno);
  Indexer indexer(folder);
  std::string buffer(piece_bytes, '\0');
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(folder.path, errno);
    if (n == 0) return indexer.finish();
    indexer.feed(std::string_view(buffer.data(), static_cast<size_t>(n)));
  }
}

std::string MboxQuoter::feed(std::string_view octets) {
  constexpr std::string_view from = "From ";
  std::string out;
  for (const char c : octets) {
    if (!start_) {
      out += c;
      start_ = c == '\n';
      continue;
    }
    // Where in a run of ">" the one more stands makes no difference.
    if (c == '>' && held_.empty()) {
      out += c;
      continue;
    }
    held_ += c;
    if (held_.size() < from.size() && from.substr(0, held_.size()) == held_) continue;
    if (held_ == from) out += '>';
    out += held_;
    held_.clear();
    start_ = c == '\n';
  }
  return out;
}

std::string MboxQuoter::finish() {
  return std::exchange(held_, {});
}

}  // namespace eilpost
