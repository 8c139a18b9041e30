#include "client/watch/liveness.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <ctime>

namespace eilpost::client {

namespace {

int64_t micros_of(clockid_t clock) {
  timespec at{};
  ::clock_gettime(clock, &at);
  return int64_t{at.tv_sec} * 1'000'000 + at.tv_nsec / 1000;
}

}  // namespace

int64_t SleepWatch::asleep() {
  // One goes on while the machine sleeps, the other does not.
  return micros_of(CLOCK_BOOTTIME) - micros_of(CLOCK_MONOTONIC);
}

bool SleepWatch::slept() {
  constexpr int64_t noticed_micros = 2'000'000;
  const int64_t asleep_micros = asleep();
  const bool slept = asleep_micros - asleep_micros_ > noticed_micros;
  asleep_micros_ = asleep_micros;
  return slept;
}

bool address_is_ours(const net::Address& local) {
  if (!local.is_ip()) return true;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return true;
  bool found = false;
  for (const ifaddrs* at = all; at != nullptr && !found; at = at->ifa_next) {
    if (at->ifa_addr == nullptr) continue;
    const int family = at->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const size_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    found = net::Address::from_sockaddr(at->ifa_addr, size).host() == local.host();
  }
  ::freeifaddrs(all);
  return found;
}

}  // namespace eilpost::client
