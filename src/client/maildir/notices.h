// Hears what happens in a tree of Maildirs, by inotify: which mailboxes had messages come, go or
// change their names. A thread of its own waits for the system; names are taken by any one thread.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/result.h"
#include "client/maildir/maildir.h"

namespace eilpost::client {

class MaildirNotices {
 public:
  // `wake` is called on the thread whenever take() would give something. Code::limit: the system
  // has no room for more (fs.inotify.max_user_watches).
  static Result<std::unique_ptr<MaildirNotices>> start(const MaildirTree& tree,
                                                       std::function<void()> wake);
  ~MaildirNotices();
  MaildirNotices(const MaildirNotices&) = delete;
  MaildirNotices& operator=(const MaildirNotices&) = delete;

  struct News {
    std::set<std::string> mailboxes;
    // More has happened than could be heard, or mailboxes have come and gone: everything.
    bool everything = false;
    bool empty() const { return mailboxes.empty() && !everything; }
  };
  // What was heard since the last time.
  News take();

 private:
  struct Impl;
  explicit MaildirNotices(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace eilpost::client
