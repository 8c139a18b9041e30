// GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208). An account is one quota root, "#user/" and its login
// name; its owner may also call it "". Administrators see and set those of others.

#include "server/imap/quota.h"
#include "base/limits.h"
#include "server/imap/commands.h"

namespace eilpost::server {

namespace {

constexpr std::string_view root_prefix = "#user/";
constexpr uint64_t kib = 1024;

// A root that was named: whose it is and what may be there.
struct Root {
  directory::Account owner;
  std::string name;  // as it was named
};

std::string root_name(const std::string& login_name) {
  return std::string(root_prefix) + login_name;
}

imap::QuotaData quota_data(const std::string& root, const store::QuotaLimit& limit,
                           const store::QuotaUse& used, size_t mailboxes) {
  imap::QuotaData out;
  out.root = root;
  if (limit.bytes != 0) {
    out.resources.push_back({"STORAGE", (used.bytes + kib - 1) / kib, limit.bytes / kib});
  }
  if (limit.messages != 0) out.resources.push_back({"MESSAGE", used.messages, limit.messages});
  // RFC 9208 3.2: clients are told of limits that the server has by itself.
  const uint64_t most = limit.mailboxes != 0
                            ? std::min<uint64_t>(limit.mailboxes, limits::mailboxes_max)
                            : limits::mailboxes_max;
  out.resources.push_back({"MAILBOX", mailboxes, most});
  return out;
}

// Whose root it is. Code::not_found also for roots that are none of this session's business.
net::Task<Result<directory::Account>> owner_of(ImapSession& session, std::string root) {
  const directory::Identity& me = session.identity();
  const bool own = root.empty() || root == root_name(me.login_name);
  const bool prefixed = root.compare(0, root_prefix.size(), root_prefix) == 0;
  if (!own && !(me.admin && prefixed)) co_return fail(Code::not_found, "no such quota root");
  const std::string name = own ? std::string() : root.substr(root_prefix.size());
  auto job = [&directory = session.world().directory, id = me.account, name] {
    return name.empty() ? directory.find(id) : directory.resolve(name);
  };
  auto found = co_await net::run_on(session.world().directory_pool, std::move(job));
  co_return found;
}

// The response for one root. What was changed since this session's login counts from here on.
net::Task<Result<>> append_quota_of(ImapSession& session, std::string root,
                                    directory::Account owner) {
  store::AccountPtr account = session.account_ptr();
  if (owner.id == session.identity().account) {
    session.set_quota(owner.quota);
    auto fresh = co_await session.refresh();
    CO_TRY(fresh);
  } else {
    auto opened = co_await open_account(session.world(), owner.partition());
    CO_TRY(opened);
    account = std::move(*opened);
  }
  const auto head = account->head();
  const store::FoldersPtr folders = account->folders();
  if (!head || !folders) co_return fail(Code::unavailable, "the account is not loaded");
  const store::QuotaLimit limit = quota_limit(owner.quota, session.settings());
  const imap::QuotaData data = quota_data(root, limit, head->used, folders->size());
  imap::append_quota(session.out(), data, session.style());
  co_return Result<>();
}

// What the command leaves: limits that it does not name are taken away.
std::optional<directory::Quota> quota_of(const imap::SetQuota& command) {
  directory::Quota out;
  for (const imap::SetQuota::Limit& limit : command.limits) {
    // RFC 9208 3.1.2: a limit of 0 forbids any use, which no account here can be set to.
    if (limit.limit == 0) return std::nullopt;
    if (limit.resource == "STORAGE" && limit.limit <= UINT64_MAX / kib) {
      out.bytes = limit.limit * kib;
    } else if (limit.resource == "MESSAGE") {
      out.messages = limit.limit;
    } else if (limit.resource == "MAILBOX") {
      out.mailboxes = limit.limit;
    } else {
      return std::nullopt;
    }
  }
  return out;
}

// Nine tenths of what there may be.
bool is_soft(uint64_t used, uint64_t limit) {
  return limit != 0 && used >= limit - limit / 10;
}

}  // namespace

void warn_of_quota(ImapSession& session) {
  const auto head = session.account().head();
  if (!head) return;
  const store::QuotaLimit limit = session.quota();
  const bool soft =
      is_soft(head->used.bytes, limit.bytes) || is_soft(head->used.messages, limit.messages);
  if (soft && !session.quota_warned) {
    imap::append_untagged(session.out(), imap::Condition::no,
                          imap::ResponseCode(imap::CodeName::over_quota),
                          session.text("nine tenths of the quota are used"));
  }
  session.quota_warned = soft;
}

CommandTask run(ImapSession& session, const imap::GetQuota& command, RunOptions) {
  auto owner = co_await owner_of(session, command.root);
  if (!owner) co_return reply_for(session, owner.error());
  auto told = co_await append_quota_of(session, command.root, std::move(*owner));
  if (!told) co_return reply_for(session, told.error());
  co_return Reply::ok("this is the quota");
}

CommandTask run(ImapSession& session, const imap::GetQuotaRoot& command, RunOptions) {
  const std::string root = root_name(session.identity().login_name);
  auto owner = co_await owner_of(session, root);
  if (!owner) co_return reply_for(session, owner.error());
  imap::QuotaRootData data;
  data.mailbox = command.mailbox;
  data.roots.push_back(root);
  imap::append_quotaroot(session.out(), data, session.style());
  auto told = co_await append_quota_of(session, root, std::move(*owner));
  if (!told) co_return reply_for(session, told.error());
  co_return Reply::ok("this is the quota");
}

CommandTask run(ImapSession& session, const imap::SetQuota& command, RunOptions) {
  if (!session.identity().admin) {
    co_return Reply::no(imap::CodeName::no_perm, "only administrators set quotas");
  }
  const auto quota = quota_of(command);
  if (!quota) co_return Reply::no(imap::CodeName::cannot, "such a limit cannot be set");
  auto owner = co_await owner_of(session, command.root);
  if (!owner) co_return reply_for(session, owner.error());
  auto job = [&directory = session.world().directory, id = owner->id, quota = *quota] {
    return directory.set_quota(id, quota);
  };
  auto set = co_await net::run_on(session.world().directory_pool, std::move(job));
  if (!set) co_return reply_for(session, set.error());
  session.log().info("quota of account={} bytes={} messages={} mailboxes={}", owner->id.value,
                     quota->bytes, quota->messages, quota->mailboxes);
  owner->quota = *quota;
  auto told = co_await append_quota_of(session, command.root, std::move(*owner));
  if (!told) co_return reply_for(session, told.error());
  co_return Reply::ok("set");
}

}  // namespace eilpost::server
