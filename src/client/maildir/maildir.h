// A tree of Maildirs as mutt, notmuch, Dovecot and Courier have it: listing its mailboxes, scanning
// messages, reading, renaming for flags, moving, removing; delivery is in delivery.h. Other
// programs may work in it at the same time: what they have renamed or removed meanwhile is
// Code::not_found, never another message, and nothing is ever overwritten. Blocks on the disk; one
// thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/maildir/names.h"
#include "client/message/octets.h"

namespace eilpost::client {

struct MaildirEntry {
  std::string unique;  // stays when flags change
  std::string file;    // "cur/UNIQUE:2,FS" or "new/UNIQUE", within the mailbox
  MaildirFlags flags = 0;
};

// When a mailbox's directories were last changed, in nanoseconds. Two that are equal and settled()
// say that no message has come, gone or changed its name between them.
struct MaildirTimes {
  int64_t cur = 0;
  int64_t fresh = 0;  // of new/
  friend bool operator==(const MaildirTimes&, const MaildirTimes&) = default;
};
// Whether a change after `now` would be seen: the clock of file systems goes in steps.
bool settled(const MaildirTimes& times, int64_t now_nanos);

// Called for each message of a mailbox; restart() when the scan begins again because somebody has
// renamed files meanwhile, so that one may have been missed.
struct MaildirVisitor {
  std::function<Result<>(std::string_view unique, std::string_view file, MaildirFlags flags)> entry;
  std::function<void()> restart;
};

class MaildirMailbox {
 public:
  // `path`: a directory with cur, new and tmp. Code::not_found when it is none.
  static Result<MaildirMailbox> open(std::string path);

  const std::string& path() const { return path_; }
  const KeywordTable& keywords() const { return keywords_; }
  // As the file says at this moment.
  Result<> reload_keywords();
  // Bits for all of `flags`, giving letters to keywords that have none. The file is written when it
  // has changed; what finds no letter is left out and put into `lost`.
  Result<MaildirFlags> bits_for(const imap::FlagList& flags, imap::FlagList* lost = nullptr);
  Result<> write_keywords(const KeywordTable& keywords);

  Result<MaildirTimes> times() const;
  // Every message once, in no order. False: others changed it all the while, and a message that was
  // not seen may be there all the same.
  Result<bool> scan(const MaildirVisitor& visitor) const;
  // For those who have room for all of them, in the order of their names.
  Result<std::vector<MaildirEntry>> entries() const;
  // Where a message is whose flags were `expected` when it was last seen.
  Result<MaildirEntry> find(std::string_view unique, MaildirFlags expected) const;

  // Internal date: when it was last written, in seconds.
  Result<int64_t> date(const MaildirEntry& entry) const;
  // As it goes to a server: every line ends with CRLF. A file whose first line does is taken as it
  // is, octet by octet.
  Result<std::shared_ptr<Octets>> read(const MaildirEntry& entry) const;

  // Gives it these flags, in cur/.
  Result<MaildirEntry> set_flags(const MaildirEntry& entry, MaildirFlags flags) const;
  Result<> remove(const MaildirEntry& entry) const;
  // Into another mailbox of the same file system, where keywords may have other letters; durable.
  Result<MaildirEntry> move(const MaildirEntry& entry, MaildirMailbox& to) const;
  // Files in tmp/ that nobody has touched for 36 hours, as the format's author has it.
  void clean_tmp(int64_t now_seconds) const;

 private:
  Result<bool> scan_directory(const char* sub, const MaildirVisitor& visitor) const;

  std::string path_;
  KeywordTable keywords_;
};

class MaildirTree {
 public:
  // Code::not_found: no such directory; Code::invalid: it is laid out the other way.
  static Result<MaildirTree> open(std::string root, MaildirLayout layout);
  // The same, making the directory when it is missing.
  static Result<MaildirTree> make(std::string root, MaildirLayout layout);

  const std::string& root() const { return root_; }
  // UTF-8, levels divided by '/', sorted.
  Result<std::vector<std::string>> mailboxes() const;
  Result<MaildirMailbox> mailbox(std::string_view name) const;
  // Nothing when it is there already.
  Result<MaildirMailbox> create(std::string_view name) const;
  std::string path_of(std::string_view name) const;

  // The file "subscriptions" as Dovecot has it; empty without.
  Result<std::vector<std::string>> subscriptions() const;
  Result<> subscribe(const std::vector<std::string>& names) const;

 private:
  MaildirTree(std::string root, MaildirLayout layout) : root_(std::move(root)), layout_(layout) {}
  Result<> add_nested(std::vector<std::string>& out) const;

  std::string root_;
  MaildirLayout layout_;
};

// Durable: what was renamed or made in this directory is there after a power cut.
Result<> sync_directory(const std::string& path);

}  // namespace eilpost::client
