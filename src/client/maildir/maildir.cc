#include "client/maildir/maildir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "net/socket.h"

namespace eilpost::client {

namespace {

constexpr int scan_tries_max = 5;
constexpr int64_t nanos = 1'000'000'000;
constexpr int64_t forgotten_seconds = 36 * 3600;

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;
Directory open_directory(const std::string& path) {
  return {::opendir(path.c_str()), &::closedir};
}

bool is_directory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool is_maildir(const std::string& path) {
  return is_directory(path + "/cur") && is_directory(path + "/new");
}

Error error_of_file(const std::string& path, int number) {
  Error error = fail_errno(path, number).value();
  if (number == ENOENT) error.code = Code::not_found;
  if (number == EEXIST) error.code = Code::already_exists;
  return error;
}

tl::unexpected<Error> fail_file(const std::string& path, int number) {
  return tl::unexpected<Error>(error_of_file(path, number));
}

// Code::already_exists instead of taking another's place; Code::not_found: it is not there.
Result<> rename_alone(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno != EINVAL && errno != ENOSYS) return fail_file(errno == EEXIST ? to : from, errno);
  // A file system without that: a second name, and the first one away.
  if (::link(from.c_str(), to.c_str()) != 0) return fail_file(errno == EEXIST ? to : from, errno);
  if (::unlink(from.c_str()) != 0 && errno != ENOENT) return fail_file(from, errno);
  return {};
}

Result<int64_t> changed_nanos(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail_file(path, errno);
  return info.st_mtim.tv_sec * nanos + info.st_mtim.tv_nsec;
}

Result<std::string> read_small_file(const std::string& path) {
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_file(path, errno);
  std::string out;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0) return fail_file(path, errno);
    if (got == 0) return out;
    out.append(buffer, static_cast<size_t>(got));
    if (out.size() > 1024 * 1024) return fail(Code::too_big, path + " is longer than 1 MiB");
  }
}

// Into a file beside it, which then takes its place: a crash leaves one or the other.
Result<> write_small_file(const std::string& path, const std::string& text) {
  const std::string beside = path + ".eilpost";
  const net::Fd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return fail_file(beside, errno);
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(fd.get()) != 0) {
    return fail_file(beside, errno);
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return fail_file(path, errno);
  return {};
}

}  // namespace

Result<> sync_directory(const std::string& path) {
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fail_file(path, errno);
  return {};
}

bool settled(const MaildirTimes& times, int64_t now_nanos) {
  const auto one = [now_nanos](int64_t time) {
    // A tick of Linux is at most 10 ms; file systems without parts of a second have two seconds.
    const int64_t step = time % nanos == 0 ? 2 * nanos : 20'000'000;
    return time + step < now_nanos;
  };
  return one(times.cur) && one(times.fresh);
}

// --- a mailbox ---

Result<MaildirMailbox> MaildirMailbox::open(std::string path) {
  if (!is_maildir(path)) return fail(Code::not_found, path + " is no Maildir");
  MaildirMailbox out;
  out.path_ = std::move(path);
  TRY(out.reload_keywords());
  return out;
}

Result<> MaildirMailbox::reload_keywords() {
  auto file = read_small_file(path_ + "/dovecot-keywords");
  if (!file && file.error().code != Code::not_found) return tl::unexpected(file.error());
  keywords_ = file ? KeywordTable::parse(*file) : KeywordTable();
  return {};
}

Result<> MaildirMailbox::write_keywords(const KeywordTable& keywords) {
  TRY(write_small_file(path_ + "/dovecot-keywords", keywords.print()));
  keywords_ = keywords;
  return {};
}

Result<MaildirFlags> MaildirMailbox::bits_for(const imap::FlagList& flags, imap::FlagList* lost) {
  imap::FlagList unknown;
  const MaildirFlags known = keywords_.bits_of(flags, &unknown);
  if (unknown.empty()) return known;
  // Another program may have given letters meanwhile.
  TRY(reload_keywords());
  KeywordTable wanted = keywords_;
  for (const std::string& keyword : unknown) {
    if (!wanted.add(keyword) && lost != nullptr) lost->push_back(keyword);
  }
  if (!(wanted == keywords_)) TRY(write_keywords(wanted));
  return keywords_.bits_of(flags);
}

Result<MaildirTimes> MaildirMailbox::times() const {
  MaildirTimes out;
  out.cur = TRY(changed_nanos(path_ + "/cur"));
  out.fresh = TRY(changed_nanos(path_ + "/new"));
  return out;
}

Result<bool> MaildirMailbox::scan_directory(const char* sub, const MaildirVisitor& visitor) const {
  const std::string path = path_ + "/" + sub;
  const Directory directory = open_directory(path);
  if (!directory) return fail_file(path, errno);
  std::string file;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    if (entry->d_name[0] == '.' || entry->d_type == DT_DIR) continue;
    file.assign(sub).append("/").append(entry->d_name);
    const MessageName name = parse_message_name(entry->d_name, keywords_);
    if (name.unique.empty()) continue;
    TRY(visitor.entry(name.unique, file, name.flags));
  }
  if (errno != 0) return fail_file(path, errno);
  return true;
}

Result<bool> MaildirMailbox::scan(const MaildirVisitor& visitor) const {
  for (int tries = 1; tries <= scan_tries_max; ++tries) {
    const MaildirTimes before = TRY(times());
    // Mail programs move from new/ to cur/: in this order such a message is seen at least once.
    TRY(scan_directory("new", visitor));
    TRY(scan_directory("cur", visitor));
    const MaildirTimes after = TRY(times());
    if (before == after) return true;
    if (tries == scan_tries_max) break;
    visitor.restart();
    std::this_thread::sleep_for(std::chrono::milliseconds(20 * tries));
  }
  return false;
}

Result<std::vector<MaildirEntry>> MaildirMailbox::entries() const {
  std::vector<MaildirEntry> out;
  MaildirVisitor visitor;
  visitor.restart = [&out] { out.clear(); };
  visitor.entry = [&out](std::string_view unique, std::string_view file,
                         MaildirFlags flags) -> Result<> {
    out.push_back({std::string(unique), std::string(file), flags});
    return {};
  };
  TRY(scan(visitor));
  std::sort(out.begin(), out.end(), [](const MaildirEntry& a, const MaildirEntry& b) {
    return a.unique != b.unique ? a.unique < b.unique : a.file < b.file;
  });
  // One that was renamed between the two directories was seen twice; that in cur/ comes first.
  const auto same = [](const MaildirEntry& a, const MaildirEntry& b) {
    return a.unique == b.unique;
  };
  out.erase(std::unique(out.begin(), out.end(), same), out.end());
  return out;
}

Result<MaildirEntry> MaildirMailbox::find(std::string_view unique, MaildirFlags expected) const {
  const std::string name(unique);
  const std::string usual[] = {"cur/" + name + ":2," + message_letters(expected, keywords_),
                               "new/" + name, "cur/" + name};
  for (const std::string& file : usual) {
    if (::access((path_ + "/" + file).c_str(), F_OK) == 0) {
      return MaildirEntry{name, file, parse_message_name(file, keywords_).flags};
    }
  }
  std::optional<MaildirEntry> found;
  MaildirVisitor visitor;
  visitor.restart = [] {};
  visitor.entry = [&](std::string_view other, std::string_view file, MaildirFlags flags) {
    if (other == unique) found = MaildirEntry{name, std::string(file), flags};
    return Result<>();
  };
  TRY(scan(visitor));
  if (!found) return fail(Code::not_found, path_ + "/cur/" + name + " is gone");
  return std::move(*found);
}

Result<int64_t> MaildirMailbox::date(const MaildirEntry& entry) const {
  return TRY(changed_nanos(path_ + "/" + entry.file)) / nanos;
}

Result<std::shared_ptr<Octets>> MaildirMailbox::read(const MaildirEntry& entry) const {
  const std::string path = path_ + "/" + entry.file;
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_file(path, errno);
  auto out = std::make_shared<Octets>();
  std::string buffer(64 * 1024, '\0');
  std::string lines;
  std::optional<bool> as_it_is;  // decided by the end of the first line
  char last = '\0';
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0) return fail_file(path, errno);
    if (got == 0) return out;
    const std::string_view piece(buffer.data(), static_cast<size_t>(got));
    if (!as_it_is) {
      const size_t end = piece.find('\n');
      if (end != std::string_view::npos) as_it_is = (end > 0 ? piece[end - 1] : last) == '\r';
    }
    if (as_it_is.value_or(true)) {
      TRY(out->add(piece));
    } else {
      lines.clear();
      for (const char c : piece) {
        if (c == '\n' && last != '\r') lines += '\r';
        lines += c;
        last = c;
      }
      TRY(out->add(lines));
    }
    last = piece.back();
  }
}

Result<MaildirEntry> MaildirMailbox::set_flags(const MaildirEntry& entry,
                                               MaildirFlags flags) const {
  MaildirEntry out{entry.unique, "", flags};
  out.file = "cur/" + entry.unique + ":2," + message_letters(flags, keywords_);
  if (out.file != entry.file) TRY(rename_alone(path_ + "/" + entry.file, path_ + "/" + out.file));
  return out;
}

Result<> MaildirMailbox::remove(const MaildirEntry& entry) const {
  const std::string path = path_ + "/" + entry.file;
  if (::unlink(path.c_str()) != 0) return fail_file(path, errno);
  return {};
}

Result<MaildirEntry> MaildirMailbox::move(const MaildirEntry& entry, MaildirMailbox& to) const {
  const imap::FlagList flags = keywords_.flags_of(entry.flags);
  MaildirEntry out{entry.unique, "", TRY(to.bits_for(flags))};
  out.file = out.flags == 0 && entry.file.rfind("new/", 0) == 0
                 ? "new/" + entry.unique
                 : "cur/" + entry.unique + ":2," + message_letters(out.flags, to.keywords_);
  TRY(rename_alone(path_ + "/" + entry.file, to.path_ + "/" + out.file));
  TRY(sync_directory(to.path_ + "/" + out.file.substr(0, 3)));
  return out;
}

void MaildirMailbox::clean_tmp(int64_t now_seconds) const {
  const std::string path = path_ + "/tmp";
  const Directory directory = open_directory(path);
  if (!directory) return;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] == '.') continue;
    struct stat info {};
    const std::string file = path + "/" + entry->d_name;
    if (::stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    // One that cannot be removed is in nobody's way.
    if (info.st_mtime + forgotten_seconds < now_seconds) ::unlink(file.c_str());
  }
}

// --- the tree ---

namespace {

std::vector<std::string> directories_in(const std::string& path) {
  std::vector<std::string> out;
  const Directory directory = open_directory(path);
  if (!directory) return out;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || name == "cur" || name == "new" || name == "tmp") continue;
    if (is_directory(path + "/" + name)) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The layout that a tree without any doubt does not have: told, instead of making a second one
// beside what is there.
Result<> check_layout(const std::string& root, MaildirLayout layout) {
  bool dotted = false;
  bool nested = false;
  for (const std::string& name : directories_in(root)) {
    if (!is_maildir(root + "/" + name)) continue;
    (name.front() == '.' ? dotted : nested) = true;
  }
  if (layout == MaildirLayout::plus && nested && !dotted) {
    return fail(Code::invalid, root + " holds mailboxes as nested directories, not as Maildir++");
  }
  if (layout == MaildirLayout::nested && dotted && !nested) {
    return fail(Code::invalid, root + " is a Maildir++, not one of nested directories");
  }
  return {};
}

Result<> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  const int number = errno;
  if (number == EEXIST && is_directory(path)) return {};
  const size_t slash = path.rfind('/');
  if (number != ENOENT || slash == std::string::npos || slash == 0) return fail_file(path, number);
  TRY(make_directory(path.substr(0, slash)));
  if (::mkdir(path.c_str(), 0700) != 0) return fail_file(path, errno);
  return sync_directory(path.substr(0, slash));
}

}  // namespace

Result<MaildirTree> MaildirTree::open(std::string root, MaildirLayout layout) {
  while (root.size() > 1 && root.back() == '/') root.pop_back();
  if (!is_directory(root)) return fail(Code::not_found, root + " is no directory");
  TRY(check_layout(root, layout));
  return MaildirTree(std::move(root), layout);
}

Result<MaildirTree> MaildirTree::make(std::string root, MaildirLayout layout) {
  while (root.size() > 1 && root.back() == '/') root.pop_back();
  TRY(make_directory(root));
  return open(std::move(root), layout);
}

std::string MaildirTree::path_of(std::string_view name) const {
  if (name == "INBOX" && (layout_ == MaildirLayout::plus || is_maildir(root_))) return root_;
  return root_ + "/" + mailbox_directory(name, layout_);
}

Result<> MaildirTree::add_nested(std::vector<std::string>& out) const {
  constexpr int levels_max = 30;
  struct Level {
    std::string directory;  // below the root
    int depth = 0;
  };
  std::vector<Level> left{{"", 0}};
  while (!left.empty()) {
    const Level level = left.back();
    left.pop_back();
    if (level.depth == levels_max) continue;
    for (const std::string& entry : directories_in(root_ + "/" + level.directory)) {
      if (entry.front() == '.') continue;
      const std::string below = level.directory.empty() ? entry : level.directory + "/" + entry;
      const auto name = mailbox_of_directory(below, layout_);
      if (name && is_maildir(root_ + "/" + below)) out.push_back(*name);
      // A link may lead back to where we are.
      struct stat info {};
      const bool link = ::lstat((root_ + "/" + below).c_str(), &info) == 0 && S_ISLNK(info.st_mode);
      if (!link) left.push_back({below, level.depth + 1});
    }
  }
  return {};
}

Result<std::vector<std::string>> MaildirTree::mailboxes() const {
  std::vector<std::string> out;
  if (!is_directory(root_)) return fail(Code::not_found, root_ + " is no directory");
  if (layout_ == MaildirLayout::nested) {
    TRY(add_nested(out));
  } else {
    for (const std::string& entry : directories_in(root_)) {
      const auto name = mailbox_of_directory(entry, layout_);
      // A directory ".INBOX" would be a second one of that name.
      if (name && *name != "INBOX" && is_maildir(root_ + "/" + entry)) out.push_back(*name);
    }
  }
  if (is_maildir(root_)) out.emplace_back("INBOX");
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<MaildirMailbox> MaildirTree::mailbox(std::string_view name) const {
  return MaildirMailbox::open(path_of(name));
}

Result<MaildirMailbox> MaildirTree::create(std::string_view name) const {
  const std::string path = path_of(name);
  for (const char* sub : {"/tmp", "/new", "/cur"}) TRY(make_directory(path + sub));
  // Maildir++ marks all directories but the top one.
  if (layout_ == MaildirLayout::plus && path != root_) {
    TRY(write_small_file(path + "/maildirfolder", ""));
  }
  TRY(sync_directory(path));
  TRY(sync_directory(root_));
  return MaildirMailbox::open(path);
}

// --- subscriptions ---

Result<std::vector<std::string>> MaildirTree::subscriptions() const {
  const auto file = read_small_file(root_ + "/subscriptions");
  if (!file && file.error().code == Code::not_found) return std::vector<std::string>();
  if (!file) return tl::unexpected(file.error());
  // Version 2 begins with a line "V<tab>2" and an empty one, and has tabs between levels.
  std::string_view text = *file;
  const bool tabs = text.substr(0, 4) == "V\t2\n";
  if (tabs) text.remove_prefix(4);
  const char divider = tabs ? '\t' : layout_ == MaildirLayout::plus ? '.' : '/';
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    std::string directory;
    if (layout_ == MaildirLayout::plus) directory = ".";
    for (const char c : line) {
      const bool divides = c == divider;
      directory += !divides ? c : layout_ == MaildirLayout::plus ? '.' : '/';
    }
    if (line == "INBOX") {
      out.push_back(line);
    } else if (auto name = mailbox_of_directory(directory, layout_); name && !line.empty()) {
      out.push_back(std::move(*name));
    }
  }
  return out;
}

Result<> MaildirTree::subscribe(const std::vector<std::string>& names) const {
  std::string text = "V\t2\n\n";
  for (const std::string& name : names) {
    std::string directory = mailbox_directory(name, layout_);
    if (layout_ == MaildirLayout::plus) directory.erase(0, 1);
    for (char& c : directory) {
      if (c == (layout_ == MaildirLayout::plus ? '.' : '/')) c = '\t';
    }
    text += directory + "\n";
  }
  return write_small_file(root_ + "/subscriptions", text);
}

}  // namespace eilpost::client
