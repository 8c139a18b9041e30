#include "client/migrate/copy/seen.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>

#include "client/migrate/copy/prepare.h"

namespace eilpost::client {

namespace {

// So many are read as a whole, without asking for their headers first.
constexpr size_t few = 500;
constexpr size_t headers_at_once = 2000;
constexpr size_t bodies_at_once = 50;

std::vector<std::vector<uint64_t>> in_groups(const std::vector<uint64_t>& all, size_t size) {
  std::vector<std::vector<uint64_t>> out;
  for (size_t at = 0; at < all.size(); at += size) {
    const size_t end = std::min(all.size(), at + size);
    out.emplace_back(all.begin() + static_cast<ptrdiff_t>(at),
                     all.begin() + static_cast<ptrdiff_t>(end));
  }
  return out;
}

}  // namespace

uint64_t Seen::bucket_of(const std::string& header_key) const {
  return few_ ? 0 : std::hash<std::string>()(header_key);
}

Task<Result<>> Seen::load(MigrateContext& context, MailTarget& target, uint64_t from,
                          const std::vector<uint64_t>& taken) {
  left_.clear();
  fingerprints_.clear();
  auto numbers = co_await target.numbers(from);
  CO_TRY(numbers);
  std::vector<uint64_t> unknown;
  std::set_difference(numbers->begin(), numbers->end(), taken.begin(), taken.end(),
                      std::back_inserter(unknown));
  few_ = unknown.size() <= few;
  if (few_) {
    for (const uint64_t number : unknown) left_.emplace(0, number);
    auto read = co_await read_fingerprints(context, target, std::move(unknown));
    co_return read;
  }
  auto read = co_await read_headers(target, std::move(unknown));
  co_return read;
}

Task<Result<>> Seen::read_headers(MailTarget& target, std::vector<uint64_t> numbers) {
  MailTarget::RowsWanted wanted;
  wanted.header = true;
  auto row = [this](TargetRow one) -> Result<> {
    left_.emplace(bucket_of(header_key(one.header)), one.number);
    return {};
  };
  for (std::vector<uint64_t>& group : in_groups(numbers, headers_at_once)) {
    auto done = co_await target.rows(std::move(group), wanted, row);
    CO_TRY(done);
  }
  co_return Result<>();
}

Task<Result<>> Seen::read_fingerprints(MigrateContext& context, MailTarget& target,
                                       std::vector<uint64_t> numbers) {
  for (std::vector<uint64_t>& group : in_groups(numbers, bodies_at_once)) {
    auto batch = co_await target.bodies(std::move(group));
    CO_TRY(batch);
    auto job = [messages =
                    std::move(batch->messages)]() -> Result<std::map<uint64_t, std::string>> {
      std::map<uint64_t, std::string> out;
      for (const SourceMessage& message : messages) {
        out[message.id] = TRY(fingerprint_of(*message.octets)).text();
      }
      return out;
    };
    auto prints = co_await net::run_on(context.pool, std::move(job));
    CO_TRY(prints);
    fingerprints_.merge(*prints);
  }
  co_return Result<>();
}

Task<Result<std::vector<uint64_t>>> Seen::find(MigrateContext& context, MailTarget& target,
                                               std::vector<Wanted> wanted) {
  std::vector<uint64_t> out(wanted.size(), 0);
  if (left_.empty()) co_return out;
  // First all bodies that are needed, then the pairs.
  std::set<uint64_t> unread;
  for (const Wanted& one : wanted) {
    const auto [begin, end] = left_.equal_range(bucket_of(one.header_key));
    for (auto at = begin; at != end; ++at) {
      if (fingerprints_.count(at->second) == 0) unread.insert(at->second);
    }
  }
  std::vector<uint64_t> numbers(unread.begin(), unread.end());
  auto read = co_await read_fingerprints(context, target, std::move(numbers));
  CO_TRY(read);
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto [begin, end] = left_.equal_range(bucket_of(wanted[i].header_key));
    for (auto at = begin; at != end; ++at) {
      const auto print = fingerprints_.find(at->second);
      if (print == fingerprints_.end() || print->second != wanted[i].fingerprint) continue;
      out[i] = at->second;
      fingerprints_.erase(print);
      left_.erase(at);
      break;
    }
  }
  co_return out;
}

}  // namespace eilpost::client
