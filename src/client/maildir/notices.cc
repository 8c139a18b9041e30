#include "client/maildir/notices.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "net/socket.h"

namespace eilpost::client {

namespace {

constexpr uint32_t in_mailbox = IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ONLYDIR;
// Of the directories that mailboxes are made in.
constexpr uint32_t in_tree = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;

}  // namespace

struct MaildirNotices::Impl {
  net::Fd inotify;
  net::Fd end;
  std::map<int, std::string> mailboxes;  // by watch; "" is a directory that holds mailboxes
  std::function<void()> wake;
  std::mutex mutex;
  News news;  // under the mutex
  std::thread thread;

  Result<> watch(const std::string& path, uint32_t events, const std::string& mailbox) {
    const int watch = ::inotify_add_watch(inotify.get(), path.c_str(), events);
    if (watch < 0 && errno == ENOSPC) {
      return fail(Code::limit, "no more directories can be watched (fs.inotify.max_user_watches)");
    }
    if (watch < 0) return fail_errno(path, errno);
    mailboxes[watch] = mailbox;
    return {};
  }

  // One piece of what the system says.
  void hear(const inotify_event& event) {
    const std::lock_guard lock(mutex);
    const auto found = mailboxes.find(event.wd);
    if ((event.mask & (IN_Q_OVERFLOW | IN_IGNORED)) != 0) {
      news.everything = true;
    } else if (found != mailboxes.end() && !found->second.empty()) {
      news.mailboxes.insert(found->second);
    } else if ((event.mask & IN_ISDIR) != 0) {
      // Files beside the mailboxes are the state's own.
      news.everything = true;
    }
  }

  void run() {
    alignas(inotify_event) std::array<char, 16 * 1024> buffer;
    for (;;) {
      pollfd fds[] = {{inotify.get(), POLLIN, 0}, {end.get(), POLLIN, 0}};
      if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
      if (fds[1].revents != 0) return;
      const ssize_t got = ::read(inotify.get(), buffer.data(), buffer.size());
      if (got <= 0) continue;
      for (ssize_t at = 0; at < got;) {
        inotify_event event;
        std::memcpy(&event, buffer.data() + at, sizeof event);
        hear(event);
        at += static_cast<ssize_t>(sizeof event + event.len);
      }
      wake();
    }
  }
};

MaildirNotices::MaildirNotices(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MaildirNotices::~MaildirNotices() {
  const uint64_t one = 1;
  // An eventfd takes it always.
  if (::write(impl_->end.get(), &one, sizeof one) == sizeof one) impl_->thread.join();
}

Result<std::unique_ptr<MaildirNotices>> MaildirNotices::start(const MaildirTree& tree,
                                                              std::function<void()> wake) {
  auto impl = std::make_unique<Impl>();
  impl->inotify = net::Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!impl->inotify) return fail_errno("inotify", errno);
  impl->end = net::Fd(::eventfd(0, EFD_CLOEXEC));
  if (!impl->end) return fail_errno("eventfd", errno);
  impl->wake = std::move(wake);
  TRY(impl->watch(tree.root(), in_tree, ""));
  for (const std::string& name : TRY(tree.mailboxes())) {
    const std::string path = tree.path_of(name);
    // A mailbox that goes at this moment is looked at in any case.
    for (const char* sub : {"/cur", "/new"}) {
      const auto watched = impl->watch(path + sub, in_mailbox, name);
      if (!watched && watched.error().code == Code::limit) return tl::unexpected(watched.error());
    }
    if (path != tree.root()) std::ignore = impl->watch(path, in_tree, "");
  }
  Impl* running = impl.get();
  impl->thread = std::thread([running] { running->run(); });
  return std::unique_ptr<MaildirNotices>(new MaildirNotices(std::move(impl)));
}

MaildirNotices::News MaildirNotices::take() {
  const std::lock_guard lock(impl_->mutex);
  return std::exchange(impl_->news, News());
}

}  // namespace eilpost::client
