// Maildir as Dovecot, Courier and qmail write it.

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "main/mail/mail_source.h"
#include "store/types.h"

namespace eilpost {

namespace fs = std::filesystem;

namespace {

constexpr int levels_max = 30;

bool is_maildir(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path / "cur", error) || fs::is_directory(path / "new", error);
}

std::vector<std::string> entries_of(const fs::path& path) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    out.push_back(at->path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

// ".Lists.C++" is Lists/C++ (Maildir++).
std::string dotted_name(std::string_view on_disk) {
  std::string out;
  while (!on_disk.empty()) {
    const size_t dot = std::min(on_disk.find('.'), on_disk.size());
    if (dot > 0) {
      if (!out.empty()) out += '/';
      out += decode_folder_name(on_disk.substr(0, dot));
    }
    on_disk.remove_prefix(std::min(dot + 1, on_disk.size()));
  }
  return out;
}

struct Level {
  fs::path path;
  std::string name;
  int depth;
};

// Directories within directories (Dovecot's LAYOUT=fs), a level at a time.
void add_nested(const fs::path& root, std::vector<SourceFolder>& out) {
  std::vector<Level> left{{root, "", 0}};
  while (!left.empty()) {
    const Level level = left.back();
    left.pop_back();
    if (level.depth >= levels_max) continue;
    for (const std::string& entry : entries_of(level.path)) {
      std::error_code error;
      const fs::path path = level.path / entry;
      const bool own = entry == "cur" || entry == "new" || entry == "tmp" || entry.front() == '.';
      if (own || !fs::is_directory(path, error) || fs::is_symlink(path, error)) continue;
      const std::string name =
          (level.name.empty() ? "" : level.name + "/") + decode_folder_name(entry);
      if (is_maildir(path)) out.push_back({name, path.string(), false});
      left.push_back({path, name, level.depth + 1});
    }
  }
}

// dovecot-keywords: "0 $Forwarded", one a line; letters a to z in file names count them.
std::map<char, std::string> read_keywords(const fs::path& folder) {
  std::map<char, std::string> out;
  std::ifstream in(folder / "dovecot-keywords");
  int index = 0;
  std::string word;
  while (in >> index >> word) {
    if (index >= 0 && index < 26) out[static_cast<char>('a' + index)] = word;
  }
  return out;
}

void read_flags(std::string_view letters, const std::map<char, std::string>& keywords,
                SourceMessage& message) {
  for (const char letter : letters) {
    switch (letter) {
      case 'F': message.flags |= store::flag_flagged; break;
      case 'R': message.flags |= store::flag_answered; break;
      case 'S': message.flags |= store::flag_seen; break;
      case 'T': message.flags |= store::flag_deleted; break;
      case 'D': message.flags |= store::flag_draft; break;
      case 'P': message.keywords.emplace_back("$Forwarded"); break;
      default:
        if (const auto at = keywords.find(letter); at != keywords.end()) {
          message.keywords.push_back(at->second);
        }
    }
  }
}

// "1700000000.M1P2.host,S=1234:2,FS"
SourceMessage from_entry(const SourceFolder& folder, const std::string& sub,
                         const std::string& entry, const std::map<char, std::string>& keywords) {
  SourceMessage out;
  out.file = folder.path + "/" + sub + "/" + entry;
  const size_t colon = entry.rfind(":2,");
  const std::string base = entry.substr(0, colon);
  // Without sizes, which other programs add and remove.
  out.key = one_line(folder.name + "/" + base.substr(0, base.find(',')));
  if (colon != std::string::npos) {
    read_flags(std::string_view(entry).substr(colon + 3), keywords, out);
  }
  struct stat info {};
  if (::stat(out.file.c_str(), &info) == 0) out.seconds = info.st_mtime;
  return out;
}

}  // namespace

Result<std::vector<SourceFolder>> maildir_folders(const std::string& path) {
  std::vector<SourceFolder> out;
  const fs::path root(path);
  if (is_maildir(root)) out.push_back({"INBOX", path, false});
  for (const std::string& entry : entries_of(root)) {
    if (entry.size() < 2 || entry.front() != '.' || !is_maildir(root / entry)) continue;
    out.push_back({dotted_name(entry.substr(1)), (root / entry).string(), false});
  }
  add_nested(root, out);
  std::sort(out.begin(), out.end(),
            [](const SourceFolder& a, const SourceFolder& b) { return a.name < b.name; });
  return out;
}

Result<std::vector<SourceMessage>> maildir_messages(const SourceFolder& folder) {
  std::vector<SourceMessage> out;
  const auto keywords = read_keywords(folder.path);
  for (const char* sub : {"cur", "new"}) {
    for (const std::string& entry : entries_of(fs::path(folder.path) / sub)) {
      if (entry.front() == '.') continue;
      out.push_back(from_entry(folder, sub, entry, keywords));
    }
  }
  // In the order in which they came, as far as one can tell.
  std::stable_sort(out.begin(), out.end(), [](const SourceMessage& a, const SourceMessage& b) {
    return a.seconds.value_or(0) < b.seconds.value_or(0);
  });
  return out;
}

}  // namespace eilpost
