// Opening an account's mail, and making it at the first use.

#include "server/world.h"
#include "store/mutations.h"

namespace eilpost::server {

namespace {

// Names that one mutation may make: it does not see the names that it makes itself, so those with
// superiors come one by one.
using Step = std::vector<DefaultMailbox>;

std::vector<Step> default_steps(const Settings& settings) {
  std::vector<Step> steps(1);
  for (const DefaultMailbox& mailbox : settings.default_mailboxes) {
    if (mailbox.name.find('/') == std::string::npos) steps[0].push_back(mailbox);
  }
  for (const DefaultMailbox& mailbox : settings.default_mailboxes) {
    if (mailbox.name.find('/') != std::string::npos) steps.push_back({mailbox});
  }
  if (steps[0].empty()) steps.erase(steps.begin());
  return steps;
}

// An account whose mail was never touched: its head is as it was made.
bool is_fresh(const store::Head& head) {
  return head.last_modseq == ModSeq(1);
}

std::function<Result<bool>(store::Tx&)> make_mailboxes(Step step, bool only_if_fresh) {
  return [step = std::move(step), only_if_fresh](store::Tx& tx) -> Result<bool> {
    // Somebody else may have been here first, and the owner may have removed some since.
    if (only_if_fresh && !is_fresh(tx.head())) return false;
    for (const DefaultMailbox& mailbox : step) {
      auto made = store::create_mailbox(tx, {mailbox.name, mailbox.special_use});
      if (!made && made.error().code != Code::already_exists) {
        return tl::unexpected(made.error());
      }
      TRY(store::subscribe(tx, mailbox.name, true));
    }
    return true;
  };
}

const store::Author author{"provision", "system"};

}  // namespace

store::QuotaLimit quota_limit(const directory::Quota& quota, const Settings& settings) {
  store::QuotaLimit out{quota.bytes, quota.messages, quota.mailboxes};
  if (out.bytes == 0) out.bytes = settings.default_quota.bytes;
  if (out.messages == 0) out.messages = settings.default_quota.messages;
  if (out.mailboxes == 0) out.mailboxes = settings.default_quota.mailboxes;
  return out;
}

net::Task<Result<store::AccountPtr>> open_account(ServerWorld& world, PartitionId partition) {
  store::AccountPtr account = world.store.account(partition);
  auto refresh = [&](auto done) { account->refresh(std::move(done)); };
  auto refreshed = co_await net::await_callback<Result<>>(refresh);
  if (!refreshed && refreshed.error().code != Code::not_found) CO_TRY(refreshed);
  if (!refreshed) {
    auto job = [&store = world.store, partition] { return store.create_account(partition); };
    auto created = co_await net::run_on(world.disk, std::move(job));
    if (!created && created.error().code != Code::already_exists) CO_TRY(created);
    auto again = co_await net::await_callback<Result<>>(refresh);
    CO_TRY(again);
  }
  const auto head = account->head();
  if (!head || !is_fresh(*head)) co_return account;
  bool first = true;
  for (Step& step : default_steps(*world.settings.get())) {
    auto apply = make_mailboxes(std::move(step), first);
    auto start = [&](auto done) { account->mutate<bool>(author, apply, std::move(done)); };
    auto made = co_await net::await_callback<Result<bool>>(start);
    CO_TRY(made);
    if (!*made) break;
    first = false;
  }
  co_return account;
}

Result<store::AccountPtr> open_account_wait(store::Store& store, PartitionId partition,
                                            const Settings& settings) {
  store::AccountPtr account = store.account(partition);
  auto refreshed = store::refresh_wait(*account);
  if (!refreshed) {
    if (refreshed.error().code != Code::not_found) return tl::unexpected(refreshed.error());
    const auto created = store.create_account(partition);
    if (!created && created.error().code != Code::already_exists) {
      return tl::unexpected(created.error());
    }
    TRY(store::refresh_wait(*account));
  }
  const auto head = account->head();
  if (!head || !is_fresh(*head)) return account;
  bool first = true;
  for (Step& step : default_steps(settings)) {
    auto apply = make_mailboxes(std::move(step), first);
    if (!TRY(store::mutate_wait<bool>(*account, author, std::move(apply)))) break;
    first = false;
  }
  return account;
}

}  // namespace eilpost::server
