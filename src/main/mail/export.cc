// eilpost export: an account as Maildir++ or as mbox files.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "client/mbox/text.h"
#include "main/admin/admin.h"
#include "main/progress.h"
#include "net/socket.h"
#include "protocol/imap/utf7.h"
#include "store/store.h"

namespace eilpost {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t piece_bytes = 256 * 1024;

// CRLF becomes LF; a CR without LF stays.
class UnixLines {
 public:
  std::string feed(std::string_view octets) {
    std::string out;
    for (const char c : octets) {
      if (cr_ && c != '\n') out += '\r';
      cr_ = c == '\r';
      if (!cr_) out += c;
    }
    return out;
  }
  std::string finish() { return std::exchange(cr_, false) ? "\r" : ""; }

 private:
  bool cr_ = false;
};

Result<> write_all(int fd, std::string_view octets, const std::string& file) {
  while (!octets.empty()) {
    const ssize_t n = ::write(fd, octets.data(), octets.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(file, errno);
    octets.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

// One message about to be written.
struct Item {
  Uid uid;
  uint8_t flags = 0;
  std::vector<std::string> keywords;
  store::Cold cold;
};

Result<> for_each_octets(store::Account& account, const store::Cold& cold,
                         const std::function<Result<>(std::string_view)>& sink) {
  for (uint64_t at = 0; at < cold.size;) {
    const std::string piece = TRY(account.read_blob(cold, at, piece_bytes));
    if (piece.empty()) return fail(Code::corrupt, "octets are missing");
    TRY(sink(piece));
    at += piece.size();
  }
  return {};
}

// --- Maildir ---

std::string letters_of(const Item& item, const store::KeywordTable& table) {
  std::string out;
  if ((item.flags & store::flag_draft) != 0) out += 'D';
  if ((item.flags & store::flag_flagged) != 0) out += 'F';
  if ((item.flags & store::flag_answered) != 0) out += 'R';
  if ((item.flags & store::flag_seen) != 0) out += 'S';
  if ((item.flags & store::flag_deleted) != 0) out += 'T';
  for (const std::string& keyword : item.keywords) {
    const auto at = std::find(table.begin(), table.end(), keyword);
    // Dovecot's letters end at z: what lies beyond is lost in this format.
    if (at - table.begin() < 26) out += static_cast<char>('a' + (at - table.begin()));
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string encode_level(std::string_view name) {
  auto encoded = imap::utf7_encode(name);
  std::string out = encoded ? std::move(*encoded) : std::string(name);
  std::replace(out.begin(), out.end(), '/', '_');
  return out;
}

class MaildirWriter {
 public:
  MaildirWriter(std::string root, std::string host)
      : root_(std::move(root)), host_(std::move(host)) {}

  Result<> begin(const std::string& name, uint32_t uid_validity,
                 const store::KeywordTable& keywords) {
    folder_ = root_;
    if (name != "INBOX") {
      std::string dotted = ".";
      for (const char c : name) {
        // Maildir++ has no way to write a dot within a level.
        dotted += c == '/' ? '.' : (c == '.' ? '_' : c);
      }
      folder_ += "/" + encode_dotted(dotted);
    }
    uid_validity_ = uid_validity;
    keywords_ = keywords;
    std::error_code error;
    for (const char* sub : {"cur", "new", "tmp"}) {
      fs::create_directories(folder_ + "/" + sub, error);
      if (error) return fail(Code::io, folder_ + ": " + error.message());
    }
    // Maildir++ marks all folders but the top one.
    if (folder_ != root_) std::ofstream marks(folder_ + "/maildirfolder");
    std::ofstream words(folder_ + "/dovecot-keywords");
    for (size_t i = 0; i < keywords.size() && i < 26; ++i) words << i << ' ' << keywords[i] << '\n';
    words.close();
    if (!words) return fail(Code::io, folder_ + "/dovecot-keywords cannot be written");
    return {};
  }

  // False: it is there already.
  Result<bool> write(store::Account& account, const Item& item) {
    const std::string base = fmt::format("{}.V{}U{}.{}", item.cold.internal_date.seconds,
                                         uid_validity_, item.uid.value, host_);
    const std::string file =
        fmt::format("{}/cur/{}:2,{}", folder_, base, letters_of(item, keywords_));
    if (::access(file.c_str(), F_OK) == 0) return false;
    const std::string temporary = folder_ + "/tmp/" + base;
    {
      const net::Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
      if (!fd) return fail_errno(temporary, errno);
      UnixLines lines;
      TRY(for_each_octets(account, item.cold, [&](std::string_view piece) {
        return write_all(fd.get(), lines.feed(piece), temporary);
      }));
      TRY(write_all(fd.get(), lines.finish(), temporary));
    }
    const utimbuf times{item.cold.internal_date.seconds, item.cold.internal_date.seconds};
    ::utime(temporary.c_str(), &times);
    if (::rename(temporary.c_str(), file.c_str()) != 0) return fail_errno(file, errno);
    return true;
  }

 private:
  static std::string encode_dotted(const std::string& dotted) {
    std::string out;
    size_t from = 1;
    while (from <= dotted.size()) {
      const size_t dot = std::min(dotted.find('.', from), dotted.size());
      out += "." + encode_level(std::string_view(dotted).substr(from, dot - from));
      from = dot + 1;
    }
    return out;
  }

  std::string root_;
  std::string host_;
  std::string folder_;
  uint32_t uid_validity_ = 0;
  store::KeywordTable keywords_;
};

// --- mbox ---

class MboxWriter {
 public:
  explicit MboxWriter(std::string root) : root_(std::move(root)) {}

  Result<> begin(const std::string& name) {
    std::error_code error;
    std::string path = root_;
    size_t from = 0;
    for (size_t at = name.find('/'); at != std::string::npos; at = name.find('/', from)) {
      path += "/" + encode_level(name.substr(from, at - from)) + ".sbd";
      from = at + 1;
    }
    fs::create_directories(path, error);
    if (error) return fail(Code::io, path + ": " + error.message());
    file_ = path + "/" + encode_level(name.substr(from));
    fd_ = net::Fd(::open(file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd_) return fail_errno(file_, errno);
    return {};
  }

  Result<> write(store::Account& account, const Item& item) {
    std::string start = client::print_from_line("MAILER-DAEMON", item.cold.internal_date.seconds);
    start += state_fields(item);
    TRY(write_all(fd_.get(), start, file_));
    UnixLines lines;
    client::MboxQuoter quoter;
    char last = '\n';
    const auto put = [&](const std::string& text) -> Result<> {
      if (!text.empty()) last = text.back();
      return write_all(fd_.get(), text, file_);
    };
    TRY(for_each_octets(account, item.cold, [&](std::string_view piece) {
      return put(quoter.feed(lines.feed(piece)));
    }));
    TRY(put(quoter.feed(lines.finish())));
    TRY(put(quoter.finish()));
    return write_all(fd_.get(), last == '\n' ? "\n" : "\n\n", file_);
  }

 private:
  static std::string state_fields(const Item& item) {
    std::string out = fmt::format("Status: {}O\n", (item.flags & store::flag_seen) != 0 ? "R" : "");
    std::string more;
    if ((item.flags & store::flag_answered) != 0) more += 'A';
    if ((item.flags & store::flag_flagged) != 0) more += 'F';
    if ((item.flags & store::flag_deleted) != 0) more += 'D';
    if ((item.flags & store::flag_draft) != 0) more += 'T';
    if (!more.empty()) out += "X-Status: " + more + "\n";
    if (item.keywords.empty()) return out;
    out += "X-Keywords:";
    for (const std::string& keyword : item.keywords) out += " " + keyword;
    return out + "\n";
  }

  std::string root_;
  std::string file_;
  net::Fd fd_;
};

// --- both ---

class Exporter {
 public:
  Exporter(AdminContext& context, const Export& command, store::Account& account)
      : context_(context),
        command_(command),
        account_(account),
        progress_(context.output, context.world().clock),
        maildir_(context.path(command.path), context.world().settings.get()->hostname),
        mbox_(context.path(command.path)) {}

  Result<> run() {
    const store::FoldersPtr folders = account_.folders();
    bool found = false;
    for (const auto& entry : folders->entries()) {
      const bool wanted =
          command_.mailbox.empty() || entry.name == store::canonical_name(command_.mailbox);
      if (!wanted || !entry.def->selectable) continue;
      found = true;
      TRY(export_mailbox(entry.name, entry.def->id));
    }
    if (!found) return fail(Code::not_found, "no such mailbox");
    return {};
  }

  void print_summary() {
    progress_.finish();
    context_.output.print("exported {} messages, {} octets\n", written_, octets_);
    if (there_ > 0) context_.output.print("skipped {}: exported before\n", there_);
    if (lost_ > 0) context_.output.print("skipped {}: cannot be read, see the log\n", lost_);
  }

 private:
  Result<> export_mailbox(const std::string& name, MailboxId id) {
    const store::SnapshotPtr snapshot = TRY(store::open_wait(account_, id));
    if (command_.format == MailFormat::mbox) {
      TRY(mbox_.begin(name));
    } else {
      TRY(maildir_.begin(name, snapshot->counters.uid_validity, *snapshot->keywords));
    }
    std::vector<store::PagePtr> pages;
    snapshot->tree.for_pages(Uid(0), [&](Seq, const store::PagePtr& page) {
      pages.push_back(page);
      return true;
    });
    uint64_t seen = 0;
    for (const store::PagePtr& page : pages) {
      const auto data = TRY(account_.read_page(id, page->page, 0));
      for (const store::HotEntry& entry : page->entries) {
        if (!progress_.show(name, seen++, snapshot->tree.exists())) {
          return fail(Code::cancelled, "stopped");
        }
        const auto* message = data->find(entry.slot);
        // Purged since the snapshot was taken.
        if (message == nullptr) continue;
        Item item{page->uid(entry), entry.flags, {}, message->cold};
        for (const uint16_t k : page->keywords(entry)) {
          item.keywords.push_back(snapshot->keywords->at(k));
        }
        TRY(write(name, item));
      }
    }
    return {};
  }

  Result<> write(const std::string& name, const Item& item) {
    Result<bool> written = true;
    if (command_.format == MailFormat::mbox) {
      const auto appended = mbox_.write(account_, item);
      if (!appended) written = tl::unexpected(appended.error());
    } else {
      written = maildir_.write(account_, item);
    }
    if (!written && written.error().code == Code::corrupt) {
      ++lost_;
      context_.output.error("{} uid {}: {}\n", name, item.uid.value, written.error().detail);
      return {};
    }
    if (!written) return tl::unexpected(written.error());
    if (*written) {
      ++written_;
      octets_ += item.cold.size;
    } else {
      ++there_;
    }
    return {};
  }

  AdminContext& context_;
  const Export& command_;
  store::Account& account_;
  Progress progress_;
  MaildirWriter maildir_;
  MboxWriter mbox_;
  uint64_t written_ = 0;
  uint64_t octets_ = 0;
  uint64_t there_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace

int run_export(AdminContext& context, const Export& command) {
  const auto who = context.resolve(command.account);
  if (!who) return context.failed(command.account, who.error());
  const auto account = context.open(*who);
  if (!account) return context.failed(command.account, account.error());
  Exporter exporter(context, command, **account);
  const auto done = exporter.run();
  exporter.print_summary();
  return done ? 0 : context.failed("export", done.error());
}

}  // namespace eilpost
