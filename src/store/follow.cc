// The follower of an account: hears of what other nodes commit and tells the subscribers. A wake
// may be late, doubled or lost, so versions are also compared as time passes; patching the state
// (account.cc) is what wakes those whom the news concerns.

#include <algorithm>

#include "store/account.h"

namespace eilpost::store {

namespace {

constexpr int64_t second = 1'000'000;
// What was committed while the watch was on its way is found by the first comparison.
constexpr int64_t first_check = 1 * second;
constexpr int64_t check_every = 30 * second;
// A watch outlives its last subscriber: clients go from mailbox to mailbox.
constexpr int64_t linger = 60 * second;

}  // namespace

std::unique_ptr<Subscription> Account::subscribe(std::optional<MailboxId> mailbox,
                                                 std::function<void()> wake) {
  bool armed = false;
  uint64_t id = 0;
  {
    std::lock_guard lock(listeners_mutex_);
    id = next_listener_++;
    listeners_.push_back({id, mailbox, std::move(wake)});
    if (!services_.single_node && !watch_) {
      watch();
      armed = true;
    }
  }
  if (armed) services_.post([self = shared_from_this()] { self->follow(); });
  return std::make_unique<Subscription>(weak_from_this(), id);
}

// The engine's thread only posts: the last owner of the account, which ends the watch, must not be
// the watch's own callback.
void Account::watch() {
  check_at_micros_ = services_.clock.steady_micros() + first_check;
  // What this account commits itself it need not be told of: the commit before it is in memory, or
  // it would have failed.
  watch_ = services_.engine.watch(partition_, [post = services_.post, weak = weak_from_this(),
                                               own = own_version_](engine::Version version) {
    if (version != 0 && version <= *own) return;
    post([weak, version] {
      if (const AccountPtr self = weak.lock()) self->follow(version);
    });
  });
}

bool Account::knows(engine::Version version) const {
  std::lock_guard lock(state_mutex_);
  return version != 0 && state_ && !stale_ && state_->version >= version;
}

// Wakes that come while versions are being compared make one more comparison together. Who says
// which version there is spares looking for it.
void Account::follow(engine::Version heard) {
  if (knows(heard)) return;
  {
    std::lock_guard lock(listeners_mutex_);
    if (following_) {
      const bool any = heard == 0 || (follow_again_ && follow_to_ == 0);
      follow_to_ = any ? 0 : std::max(follow_to_, heard);
      follow_again_ = true;
      return;
    }
    following_ = true;
  }
  auto done = [this](const Result<>& refreshed) { followed(refreshed); };
  if (heard != 0) return catch_up(heard, std::move(done));
  refresh(std::move(done));
}

void Account::followed(const Result<>& refreshed) {
  bool again = false;
  engine::Version heard = 0;
  {
    std::lock_guard lock(listeners_mutex_);
    following_ = false;
    again = std::exchange(follow_again_, false);
    heard = std::exchange(follow_to_, 0);
    // What could not be compared is compared with the next tick.
    if (!refreshed) check_at_micros_ = 0;
  }
  if (!refreshed) log_.debug("follower: {}", refreshed.error().detail);
  if (again && refreshed) {
    services_.post([self = shared_from_this(), heard] { self->follow(heard); });
  }
}

void Account::tick() {
  const int64_t now = services_.clock.steady_micros();
  tick_unsettled(now);
  tick_stalled(now);
  const bool reachable = services_.engine.reachable();
  bool due = false;
  {
    // A commit of this node's own that nobody could tell about: also where nobody else writes.
    std::lock_guard lock(state_mutex_);
    due = stale_;
  }
  std::unique_ptr<engine::Watch> unused;  // ended without the lock
  {
    std::lock_guard lock(listeners_mutex_);
    if (listeners_.empty()) {
      due = false;
      if (watch_ && now - lonely_since_micros_ >= linger) unused = std::move(watch_);
    } else if (watch_ && !reachable) {
      check_at_micros_ = 0;
    } else if (watch_ && now >= check_at_micros_) {
      due = true;
      check_at_micros_ = now + check_every;
    }
  }
  if (due && reachable) follow();
}

void Account::unsubscribe(uint64_t id) {
  std::lock_guard lock(listeners_mutex_);
  std::erase_if(listeners_, [id](const Listener& l) { return l.id == id; });
  if (listeners_.empty()) lonely_since_micros_ = services_.clock.steady_micros();
}

void Account::wake(const std::vector<MailboxId>& changed) {
  std::lock_guard lock(listeners_mutex_);
  for (const Listener& l : listeners_) {
    if (!l.mailbox || std::find(changed.begin(), changed.end(), *l.mailbox) != changed.end()) {
      l.wake();
    }
  }
}

Subscription::~Subscription() {
  if (const AccountPtr account = account_.lock()) account->unsubscribe(id_);
}

}  // namespace eilpost::store
