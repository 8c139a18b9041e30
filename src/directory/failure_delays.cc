#include "directory/failure_delays.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace eilpost::directory {

std::string source_key(std::string_view address) {
  std::string text(address.substr(0, address.find('%')));
  in6_addr six;
  if (::inet_pton(AF_INET6, text.c_str(), &six) != 1) return text;
  char out[INET6_ADDRSTRLEN] = {};
  if (IN6_IS_ADDR_V4MAPPED(&six)) {
    ::inet_ntop(AF_INET, &six.s6_addr[12], out, sizeof out);
    return out;
  }
  // A household or a server has a /64 of its own, and can take any address in it.
  std::memset(&six.s6_addr[8], 0, 8);
  ::inet_ntop(AF_INET6, &six, out, sizeof out);
  return std::string(out) + "/64";
}

FailureDelays::FailureDelays(Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

int64_t FailureDelays::delay(const Entry& entry, int64_t most) const {
  const int beyond = entry.failures - options_.free_failures;
  if (beyond < 0) return 0;
  int64_t out = options_.first_delay_micros;
  for (int i = 0; i < beyond && out < most; ++i) out *= 2;
  return std::min(out, most);
}

// The entry, if it has one that still counts.
FailureDelays::Entry* FailureDelays::touch(Table& table, std::string_view key, int64_t at) {
  const auto found = table.by_key.find(key);
  if (found == table.by_key.end()) return nullptr;
  const auto place = found->second;
  if (at - place->second.last > options_.forget_micros) {
    table.by_key.erase(found);
    table.by_age.erase(place);
    return nullptr;
  }
  return &place->second;
}

FailureDelays::Entry& FailureDelays::make(Table& table, std::string_view key) {
  const auto found = table.by_key.find(key);
  if (found != table.by_key.end()) {
    table.by_age.splice(table.by_age.end(), table.by_age, found->second);
    return found->second->second;
  }
  if (table.by_age.size() >= options_.entries_max) {
    table.by_key.erase(table.by_age.front().first);
    table.by_age.pop_front();
  }
  table.by_age.emplace_back(std::string(key), Entry{});
  table.by_key.emplace(table.by_age.back().first, std::prev(table.by_age.end()));
  return table.by_age.back().second;
}

Result<int64_t> FailureDelays::admit(const Who& who) {
  const std::lock_guard lock(mutex_);
  const int64_t at = clock_.steady_micros();
  int64_t wait = 0;
  if (const Entry* account = touch(accounts_, who.account, at)) {
    wait = account->last + delay(*account, options_.account_delay_max_micros) - at;
  }
  Entry* source = touch(sources_, who.source, at);
  const int64_t spacing = source == nullptr ? 0 : delay(*source, options_.source_delay_max_micros);
  if (spacing > 0) {
    const int64_t begin = std::max(at, source->next_free);
    if (begin - at > options_.source_delay_max_micros) {
      return fail(Code::limit, fmt::format("{} failed logins from {}, others are waiting",
                                           source->failures, who.source));
    }
    source->next_free = begin + spacing;
    wait = std::max(wait, begin - at);
  }
  return std::max<int64_t>(wait, 0);
}

void FailureDelays::failed(const Who& who) {
  const std::lock_guard lock(mutex_);
  const int64_t at = clock_.steady_micros();
  // What is too old is dropped first, so that it counts from one again.
  (void)touch(accounts_, who.account, at);
  Entry& account = make(accounts_, who.account);
  account.failures = std::min(account.failures + 1, 1000);
  account.last = at;
  if (options_.exempt_sources.count(who.source) != 0) return;
  (void)touch(sources_, who.source, at);
  Entry& source = make(sources_, who.source);
  source.failures = std::min(source.failures + 1, 1000);
  source.last = at;
  source.next_free =
      std::max(source.next_free, at + delay(source, options_.source_delay_max_micros));
}

void FailureDelays::succeeded(const Who& who) {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.by_key.find(who.account);
  if (found == accounts_.by_key.end()) return;
  const auto place = found->second;
  accounts_.by_key.erase(found);
  accounts_.by_age.erase(place);
}

size_t FailureDelays::size() const {
  const std::lock_guard lock(mutex_);
  return accounts_.by_age.size() + sources_.by_age.size();
}

}  // namespace eilpost::directory
