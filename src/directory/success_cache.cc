#include "directory/success_cache.h"

#include "base/bytes.h"
#include "protocol/sasl/crypto.h"

namespace eilpost::directory {

SuccessCache::SuccessCache(Options options, const Clock& clock, Random& random)
    : options_(options), clock_(clock), key_(random.octets(sasl::sha256_octets)) {}

std::string SuccessCache::tag(const Claim& claim) const {
  std::string text;
  put_u64be(text, claim.account.value);
  put_bytes(text, claim.stored_hash);
  text += claim.password;
  auto out = sasl::hmac_sha256(key_, text);
  sasl::wipe(text);
  return out;
}

void SuccessCache::drop_expired(int64_t steady_now) {
  while (!by_age_.empty() &&
         (by_age_.front().expires <= steady_now || by_age_.size() > options_.entries_max)) {
    by_tag_.erase(by_age_.front().tag);
    by_age_.pop_front();
  }
}

bool SuccessCache::contains(const Claim& claim) {
  if (options_.lifetime_seconds == 0) return false;
  const auto wanted = tag(claim);
  const std::lock_guard lock(mutex_);
  drop_expired(clock_.steady_micros());
  return by_tag_.count(wanted) != 0;
}

void SuccessCache::insert(const Claim& claim) {
  if (options_.lifetime_seconds == 0) return;
  auto made = tag(claim);
  const std::lock_guard lock(mutex_);
  const int64_t steady_now = clock_.steady_micros();
  // A password that was right again does not live longer for it: at the end of its time it is
  // checked against the stored hash.
  if (by_tag_.count(made) == 0) {
    const int64_t expires = steady_now + options_.lifetime_seconds * 1'000'000;
    by_age_.push_back(Entry{.tag = std::move(made), .expires = expires});
    by_tag_.emplace(by_age_.back().tag, std::prev(by_age_.end()));
  }
  drop_expired(steady_now);
}

size_t SuccessCache::size() const {
  const std::lock_guard lock(mutex_);
  return by_age_.size();
}

}  // namespace eilpost::directory
