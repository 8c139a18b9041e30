#include "net/connections.h"

#include <boost/asio/post.hpp>
#include <vector>

#include "net/connections_state.h"
#include "net/stream_core.h"

namespace eilpost::net {

bool Connections::State::count_address(const std::string& key) {
  if (key.empty()) return true;
  size_t& count = by_address[key];
  if (count >= limits.per_address) {
    if (count == 0) by_address.erase(key);
    return false;
  }
  ++count;
  return true;
}

void Connections::State::uncount_address(const std::string& key) {
  auto found = by_address.find(key);
  if (found != by_address.end() && --found->second == 0) by_address.erase(found);
}

std::shared_ptr<Connections::Ticket> Connections::Ticket::admit(const std::shared_ptr<State>& state,
                                                                const Address& peer,
                                                                bool counts_address) {
  std::string key = counts_address ? peer.limit_key() : std::string();
  std::lock_guard lock(state->mutex);
  if (state->draining || state->tickets.size() >= state->limits.total) return nullptr;
  if (!state->count_address(key)) return nullptr;
  auto ticket = std::make_shared<Ticket>(state, std::move(key));
  state->tickets.insert(ticket.get());
  return ticket;
}

Connections::Ticket::Ticket(std::shared_ptr<State> state, std::string key)
    : state_(std::move(state)), key_(std::move(key)) {}

Connections::Ticket::~Ticket() {
  std::lock_guard lock(state_->mutex);
  state_->tickets.erase(this);
  state_->uncount_address(key_);
  state_->ended.notify_all();
}

bool Connections::Ticket::count_for(const Address& peer) {
  std::string key = peer.limit_key();
  std::lock_guard lock(state_->mutex);
  if (!state_->count_address(key)) return false;
  state_->uncount_address(key_);
  key_ = std::move(key);
  return true;
}

void Connections::Ticket::set_core(const std::shared_ptr<Stream::Core>& core, Executor executor) {
  std::lock_guard lock(state_->mutex);
  core_ = core;
  executor_ = std::move(executor);
}

void Connections::Ticket::set_stop(Signal::Handle handle, uint32_t reasons) {
  bool draining = false;
  {
    std::lock_guard lock(state_->mutex);
    stop_ = handle;
    stop_reasons_ = reasons;
    draining = state_->draining;
  }
  if (draining) handle.notify(reasons);
}

Connections::Connections(ConnectionLimits limits) : state_(std::make_shared<State>()) {
  state_->limits = limits;
}

Connections::~Connections() = default;

void Connections::set_limits(ConnectionLimits limits) {
  std::lock_guard lock(state_->mutex);
  state_->limits = limits;
}

size_t Connections::count() const {
  std::lock_guard lock(state_->mutex);
  return state_->tickets.size();
}

size_t Connections::count(const Address& peer) const {
  std::lock_guard lock(state_->mutex);
  auto found = state_->by_address.find(peer.limit_key());
  return found == state_->by_address.end() ? 0 : found->second;
}

size_t Connections::drain(std::chrono::milliseconds grace, std::chrono::milliseconds force) {
  std::unique_lock lock(state_->mutex);
  state_->draining = true;
  std::vector<std::pair<Signal::Handle, uint32_t>> stops;
  for (Ticket* ticket : state_->tickets) {
    if (ticket->stop_reasons_ != 0) stops.emplace_back(ticket->stop_, ticket->stop_reasons_);
  }
  lock.unlock();
  for (const auto& [handle, reasons] : stops) handle.notify(reasons);
  lock.lock();
  auto none = [this] { return state_->tickets.empty(); };
  if (state_->ended.wait_for(lock, grace, none)) return 0;
  for (Ticket* ticket : state_->tickets) {
    if (!ticket->executor_) continue;
    // Only the weak pointer travels: the Stream may be gone when the executor gets to it.
    boost::asio::post(ticket->executor_, [weak = ticket->core_] {
      if (auto core = weak.lock()) core->break_off();
    });
  }
  state_->ended.wait_for(lock, force, none);
  return state_->tickets.size();
}

}  // namespace eilpost::net
