#include "directory/failure_delays.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "protocol/sasl/crypto.h"

namespace eilpost::directory {

namespace {

// How many different wrong passwords of an account are remembered.
constexpr size_t wrongs_max = 8;
constexpr size_t tag_octets = 16;

// The network of an address in text; what is no address as it is.
std::string network_key(std::string_view address, size_t octets4, size_t octets6) {
  std::string text(address.substr(0, address.find('%')));
  char out[INET6_ADDRSTRLEN] = {};
  in_addr four;
  in6_addr six;
  if (::inet_pton(AF_INET6, text.c_str(), &six) == 1) {
    if (!IN6_IS_ADDR_V4MAPPED(&six)) {
      std::memset(&six.s6_addr[octets6], 0, 16 - octets6);
      ::inet_ntop(AF_INET6, &six, out, sizeof out);
      return fmt::format("{}/{}", out, octets6 * 8);
    }
    std::memcpy(&four, &six.s6_addr[12], 4);
  } else if (::inet_pton(AF_INET, text.c_str(), &four) != 1) {
    return text;
  }
  auto* octets = reinterpret_cast<unsigned char*>(&four);
  std::memset(octets + octets4, 0, 4 - octets4);
  ::inet_ntop(AF_INET, &four, out, sizeof out);
  return octets4 == 4 ? std::string(out) : fmt::format("{}/{}", out, octets4 * 8);
}

std::string of_device(std::string_view account, std::string_view device) {
  return fmt::format("{} {}", account, device);
}

}  // namespace

// A household or a server has a /64 of its own, and can take any address in it.
std::string source_key(std::string_view address) {
  return network_key(address, 4, 8);
}

// Wider, since an address at home changes over night.
std::string device_key(std::string_view address) {
  return network_key(address, 3, 7);
}

FailureDelays::FailureDelays(Options options, const Clock& clock, Random& random)
    : options_(std::move(options)), clock_(clock), key_(random.octets(sasl::sha256_octets)) {}

void FailureDelays::set_options(Options options) {
  const std::lock_guard lock(mutex_);
  options_ = std::move(options);
}

int64_t FailureDelays::delay(const Entry& entry, int64_t most) const {
  const int beyond = entry.failures + entry.pending - options_.free_failures;
  if (beyond < 0) return 0;
  int64_t out = options_.first_delay_micros;
  for (int i = 0; i < beyond && out < most; ++i) out *= 2;
  return std::min(out, most);
}

// The entry, if it has one that still counts.
FailureDelays::Entry* FailureDelays::touch(Table<Entry>& table, std::string_view key, int64_t at) {
  const auto found = table.by_key.find(key);
  if (found == table.by_key.end()) return nullptr;
  const auto place = found->second;
  if (at - place->second.last > options_.forget_micros) {
    drop(table, key);
    return nullptr;
  }
  return &place->second;
}

template <class T>
T& FailureDelays::make(Table<T>& table, std::string_view key) {
  const auto found = table.by_key.find(key);
  if (found != table.by_key.end()) {
    table.by_age.splice(table.by_age.end(), table.by_age, found->second);
    return found->second->second;
  }
  if (table.by_age.size() >= options_.entries_max) {
    table.by_key.erase(table.by_age.front().first);
    table.by_age.pop_front();
  }
  table.by_age.emplace_back(std::string(key), T{});
  table.by_key.emplace(table.by_age.back().first, std::prev(table.by_age.end()));
  return table.by_age.back().second;
}

template <class T>
bool FailureDelays::drop(Table<T>& table, std::string_view key) {
  const auto found = table.by_key.find(key);
  if (found == table.by_key.end()) return false;
  const auto place = found->second;
  table.by_key.erase(found);
  table.by_age.erase(place);
  return true;
}

// How long an attempt would wait that came at this moment.
int64_t FailureDelays::waiting(const Entry* entry, int64_t most, int64_t at) const {
  if (entry == nullptr || delay(*entry, most) == 0) return 0;
  return std::max<int64_t>(entry->next_free - at, 0);
}

void FailureDelays::queue(Entry* entry, int64_t most, int64_t at) const {
  if (entry == nullptr) return;
  const int64_t spacing = delay(*entry, most);
  if (spacing > 0) entry->next_free = std::max(at, entry->next_free) + spacing;
}

// An attempt on the account begins; failed() or succeeded() settle it, or it is forgotten in time.
void FailureDelays::begin(std::string_view account, int64_t at) {
  Entry& entry = make(accounts_, account);
  entry.pending = std::min(entry.pending + 1, 1000);
  entry.last = at;
  queue(&entry, options_.account_delay_max_micros, at);
}

void FailureDelays::settle(const Who& who) {
  const auto found = accounts_.by_key.find(who.account);
  if (!who.pending || found == accounts_.by_key.end()) return;
  Entry& entry = found->second->second;
  entry.pending = std::max(entry.pending - 1, 0);
  const bool empty = entry.pending == 0 && entry.failures == 0 && entry.wrongs.empty();
  if (empty) drop(accounts_, who.account);
}

bool FailureDelays::is_exempt(std::string_view address) const {
  if (options_.exempt_networks.empty()) return false;
  const auto parsed = net::Address::parse(address, 0);
  return parsed && net::any_contains(options_.exempt_networks, *parsed);
}

bool FailureDelays::is_known(std::string_view account, std::string_view device) const {
  const auto found = known_.by_key.find(account);
  if (found == known_.by_key.end()) return false;
  const auto& keys = found->second->second.keys;
  return std::find(keys.begin(), keys.end(), device) != keys.end();
}

bool FailureDelays::tried(const Entry* entry, std::string_view wrong) {
  if (entry == nullptr || wrong.empty()) return false;
  return std::find(entry->wrongs.begin(), entry->wrongs.end(), wrong) != entry->wrongs.end();
}

Result<FailureDelays::Admission> FailureDelays::admit(const Who& who) {
  const std::lock_guard lock(mutex_);
  const int64_t at = clock_.steady_micros();
  const auto refuse_if_long = [&](int64_t wait, int64_t most, std::string_view whose) -> Result<> {
    if (wait <= std::max(most, options_.queue_max_micros)) return {};
    ++counts_.refused;
    return fail(Code::limit, fmt::format("too many failed logins of {}, others wait", whose));
  };
  Entry* account = touch(accounts_, who.account, at);
  // Is not counted again, and yet must not be a way to keep the server busy with hashing.
  const int64_t for_repeat = tried(account, who.wrong) ? options_.first_delay_micros : 0;
  const std::string device = device_key(who.address);
  if (is_known(who.account, device)) {
    Entry* own = touch(devices_, of_device(who.account, device), at);
    const int64_t wait = waiting(own, options_.device_delay_max_micros, at);
    TRY(refuse_if_long(wait, options_.device_delay_max_micros, device));
    queue(own, options_.device_delay_max_micros, at);
    return Admission{.wait_micros = std::max(wait, for_repeat), .pending = false};
  }
  const int64_t for_account = waiting(account, options_.account_delay_max_micros, at);
  TRY(refuse_if_long(for_account, options_.account_delay_max_micros, who.account));
  const std::string key = source_key(who.address);
  Entry* source = is_exempt(who.address) ? nullptr : touch(sources_, key, at);
  const int64_t for_source = waiting(source, options_.source_delay_max_micros, at);
  TRY(refuse_if_long(for_source, options_.source_delay_max_micros, key));
  begin(who.account, at);
  queue(source, options_.source_delay_max_micros, at);
  return Admission{.wait_micros = std::max({for_account, for_source, for_repeat}), .pending = true};
}

std::string FailureDelays::tag_of(std::string_view account, std::string_view password) const {
  std::string text;
  put_bytes(text, account);
  text += password;
  auto out = sasl::hmac_sha256(key_, text);
  sasl::wipe(text);
  out.resize(tag_octets);
  return out;
}

void FailureDelays::count(Table<Entry>& table, std::string_view key, int64_t most, int64_t at) {
  // What is too old is dropped first, so that it counts from one again.
  (void)touch(table, key, at);
  Entry& entry = make(table, key);
  entry.failures = std::min(entry.failures + 1, 1000);
  entry.last = at;
  entry.next_free = std::max(entry.next_free, at + delay(entry, most));
}

// Whether this very password was refused for the account before; remembers it.
bool FailureDelays::repeats(const Who& who, int64_t at) {
  if (who.wrong.empty()) return false;
  (void)touch(accounts_, who.account, at);
  Entry& entry = make(accounts_, who.account);
  if (tried(&entry, who.wrong)) return true;
  auto& wrongs = entry.wrongs;
  if (wrongs.size() >= wrongs_max) wrongs.pop_front();
  wrongs.emplace_back(who.wrong);
  entry.last = at;
  return false;
}

void FailureDelays::failed(const Who& who) {
  const std::lock_guard lock(mutex_);
  const int64_t at = clock_.steady_micros();
  settle(who);
  if (repeats(who, at)) {
    ++counts_.repeats;
    return;
  }
  ++counts_.failures;
  const std::string device = device_key(who.address);
  if (is_known(who.account, device)) {
    count(devices_, of_device(who.account, device), options_.device_delay_max_micros, at);
  } else {
    count(accounts_, who.account, options_.account_delay_max_micros, at);
  }
  if (is_exempt(who.address)) return;
  count(sources_, source_key(who.address), options_.source_delay_max_micros, at);
}

void FailureDelays::abandoned(const Who& who) {
  const std::lock_guard lock(mutex_);
  settle(who);
}

void FailureDelays::add_device(std::string_view account, std::string device) {
  auto& keys = make(known_, account).keys;
  const auto found = std::find(keys.begin(), keys.end(), device);
  if (found != keys.end()) keys.erase(found);
  while (keys.size() >= options_.devices_per_account_max) keys.erase(keys.begin());
  keys.push_back(std::move(device));
}

void FailureDelays::succeeded(const Who& who) {
  const std::lock_guard lock(mutex_);
  std::string device = device_key(who.address);
  settle(who);
  drop(devices_, of_device(who.account, device));
  add_device(who.account, std::move(device));
}

bool FailureDelays::asks_for_devices(const Who& who) const {
  const std::lock_guard lock(mutex_);
  const auto known = known_.by_key.find(who.account);
  if (known != known_.by_key.end() && known->second->second.learned) return false;
  const auto has = [](const Table<Entry>& table, std::string_view key) {
    return table.by_key.find(key) != table.by_key.end();
  };
  return has(accounts_, who.account) || has(sources_, source_key(who.address));
}

void FailureDelays::learn(std::string_view account, const std::vector<std::string>& devices) {
  const std::lock_guard lock(mutex_);
  make(known_, account).learned = true;
  for (const std::string& device : devices) {
    if (!is_known(account, device)) add_device(account, device);
  }
}

bool FailureDelays::forget(std::string_view key) {
  const std::lock_guard lock(mutex_);
  bool found = drop(accounts_, key);
  found = drop(sources_, source_key(key)) || found;
  std::vector<std::string> of_account;
  for (const auto& [name, entry] : devices_.by_age) {
    if (std::string_view(name).substr(0, name.rfind(' ')) == key) of_account.push_back(name);
  }
  for (const std::string& name : of_account) found = drop(devices_, name) || found;
  return found;
}

FailureDelays::Counts FailureDelays::counts() const {
  const std::lock_guard lock(mutex_);
  Counts out = counts_;
  out.accounts = accounts_.by_age.size();
  out.sources = sources_.by_age.size();
  out.devices = devices_.by_age.size();
  out.known = known_.by_age.size();
  return out;
}

std::vector<FailureDelays::Line> FailureDelays::list(size_t most) const {
  std::vector<Line> out;
  {
    const std::lock_guard lock(mutex_);
    const int64_t at = clock_.steady_micros();
    const auto add = [&](const char* kind, const Table<Entry>& table, int64_t delay_max) {
      for (const auto& [key, entry] : table.by_age) {
        if (entry.failures == 0 || at - entry.last > options_.forget_micros) continue;
        out.push_back({kind, key, entry.failures, waiting(&entry, delay_max, at)});
      }
    };
    add("account", accounts_, options_.account_delay_max_micros);
    add("source", sources_, options_.source_delay_max_micros);
    add("device", devices_, options_.device_delay_max_micros);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Line& a, const Line& b) { return a.failures > b.failures; });
  if (out.size() > most) out.resize(most);
  return out;
}

size_t FailureDelays::size() const {
  const std::lock_guard lock(mutex_);
  return accounts_.by_age.size() + sources_.by_age.size() + devices_.by_age.size();
}

}  // namespace eilpost::directory
