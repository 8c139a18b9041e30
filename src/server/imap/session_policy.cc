// What an administrator's rules (directory/policy/decide.h) mean for this session: what it offers,
// whom it lets in, and whether it may go on when rules or what is known of the client change.

#include "directory/policy/account_rules.h"
#include "directory/spelling.h"
#include "server/imap/commands.h"
#include "server/imap/login_outcome.h"

namespace eilpost::server {

namespace {

std::string names_text(const std::vector<std::string>& names) {
  return names.empty() ? "-" : names.front();
}

}  // namespace

void ImapSession::follow_traces() {
  const bool wanted = world_.traces != nullptr && world_.traces->active();
  if (wanted == (trace_ != nullptr)) return;
  if (!wanted) {
    trace_.reset();
    return;
  }
  // At the begin of a command, so never within a literal.
  trace_ = std::make_unique<SessionTrace>(*world_.traces, world_.clock, entry_.id());
  if (identity_) trace_->identify(identity_->account);
}

directory::Decision ImapSession::decide(const directory::Claimant* who) const {
  directory::Circumstances where;
  where.listener = policy_.name;
  where.peer = stream_.peer();
  where.is_private = stream_.is_private();
  where.tls_version = tls_version_of(stream_);
  where.client = client_name;
  where.now = world_.clock.now();
  // The present rules, not those of the session's begin.
  const SettingsPtr settings = world_.settings.get();
  if (own_rules_.empty()) return directory::decide(settings->policy, policy_.auth, where, who);
  directory::PolicyRules all = settings->policy;
  all.rules.insert(all.rules.end(), own_rules_.begin(), own_rules_.end());
  return directory::decide(all, policy_.auth, where, who);
}

net::Task<Result<>> ImapSession::load_rules(const directory::Identity& identity) {
  struct Loaded {
    std::vector<directory::PolicyRule> rules;
    std::vector<directory::ClientMask> masks;
  };
  auto job = [&rows = world_.account_rows, identity]() -> Result<Loaded> {
    auto own = TRY(rows.read(identity.account));
    Loaded out;
    out.rules =
        TRY(directory::account_rules_of(own[directory::RowKind::rule], identity.login_name));
    out.masks = directory::client_masks_of(own[directory::RowKind::client_mask]);
    if (!identity.delegated()) return out;
    auto his = TRY(directory::read_account_rules(rows, identity.actor, identity.actor_name));
    std::move(his.begin(), his.end(), std::back_inserter(out.rules));
    return out;
  };
  auto loaded = co_await net::run_on(world_.directory_pool, std::move(job));
  CO_TRY(loaded);
  own_rules_ = std::move(loaded->rules);
  masks_ = std::move(loaded->masks);
  co_return Result<>();
}

net::Task<> ImapSession::renew_policy() {
  if (!identity_) co_return;
  auto loaded = co_await load_rules(*identity_);
  // What was known holds.
  if (!loaded) log_.warn("policy: {}", loaded.error().detail);
  recheck_policy();
}

directory::AuthPolicy ImapSession::offered() const {
  return decide(nullptr).offered;
}

Result<> ImapSession::admit_by_policy(std::string_view name, sasl::Mechanism mechanism) {
  directory::Claimant who;
  who.mechanism = mechanism;
  // What is no name is nobody's; the directory says so in its own time.
  auto folded = directory::fold_name(directory::split_login_name(name).own, world_.names);
  if (folded) who.names = {std::move(*folded)};
  if (trace_ && folded) trace_->identify(who.names.front());
  return refuse_by(decide(&who), who);
}

Result<> ImapSession::admit_by_policy(const directory::Identity& identity) {
  // Of a delegate both are asked: he himself, and the one whose mail it is.
  for (const auto& who : {claimant_of(identity), actor_of(identity)}) {
    if (who) TRY(refuse_by(decide(&*who), *who));
  }
  return {};
}

std::optional<directory::Claimant> ImapSession::actor_of(const directory::Identity& identity) {
  const auto mechanism = sasl::mechanism_named(identity.mechanism);
  if (!mechanism || !identity.delegated()) return std::nullopt;
  directory::Claimant who;
  who.mechanism = *mechanism;
  who.names.push_back(identity.actor_name);
  return who;
}

std::optional<directory::Claimant> ImapSession::claimant_of(const directory::Identity& identity) {
  const auto mechanism = sasl::mechanism_named(identity.mechanism);
  if (!mechanism) return std::nullopt;
  directory::Claimant who;
  who.mechanism = *mechanism;
  who.names.push_back(identity.login_name);
  if (identity.primary_address != identity.login_name) {
    who.names.push_back(identity.primary_address);
  }
  return who;
}

Result<> ImapSession::refuse_by(const directory::Decision& decision,
                                const directory::Claimant& who) {
  if (!decision.refusal) return {};
  const directory::Refusal& refusal = *decision.refusal;
  refusal_text = refusal.reason;
  return fail(refusal.code,
              fmt::format("policy \"{}\" refuses {} by {}: {}", refusal.rule, names_text(who.names),
                          sasl::mechanism_name(who.mechanism), refusal.reason));
}

void ImapSession::recheck_policy() {
  if (!identity_ || state_ == SessionState::logout) return;
  const auto admitted = admit_by_policy(*identity_);
  if (admitted) return;
  log_.info("ended by policy account={} detail={}", identity_->account.value,
            admitted.error().detail);
  audit_ended(*this, admitted.error());
  bye(policy_code(admitted.error()), refusal_text);
}

}  // namespace eilpost::server
