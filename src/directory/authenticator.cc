#include "directory/authenticator.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "directory/spelling.h"
#include "protocol/sasl/crypto.h"
#include "protocol/sasl/saslprep.h"
#include "protocol/sasl/scram.h"

namespace eilpost::directory {

namespace {
bool is_own(const Account& account, const Result<std::string>& folded) {
  const auto& aliases = account.aliases;
  return folded && (*folded == account.login_name || *folded == account.primary_address ||
                    std::find(aliases.begin(), aliases.end(), *folded) != aliases.end());
}

FailureDelays::Who who(const Attempt& attempt) {
  return {.account = attempt.name,
          .address = attempt.source,
          .wrong = attempt.tag,
          .pending = attempt.pending};
}
}  // namespace

Authenticator::Authenticator(Directory& directory, FailureDelays& delays, NameRules names,
                             Delegation delegation)
    : directory_(directory), delays_(delays), names_(std::move(names)), delegation_(delegation) {}

std::string Authenticator::claimed_account(const sasl::Lookup& lookup) const {
  const std::string name = split_login_name(sasl::claimed_name(lookup)).own;
  // A name that cannot be one is delayed under its own spelling.
  return name.empty() ? name : fold_name(name, names_).value_or(name.substr(0, name_octets_max));
}

Result<int64_t> Authenticator::admit(Attempt& attempt, const sasl::Lookup& lookup) {
  attempt.name = claimed_account(lookup);
  // Of a token or a ticket nobody knows yet whose it is: a stranger's must not delay the one whom
  // he names.
  attempt.nameless = attempt.name.empty();
  if (attempt.nameless) attempt.name = source_key(attempt.source);
  // Only what shows the password tells whether it is the same as before.
  if (const auto* check = std::get_if<sasl::CheckPassword>(&lookup)) {
    // In the form in which it is compared, so that LOGIN and PLAIN agree.
    auto prepared = sasl::saslprep(check->password, sasl::PrepFor::query);
    attempt.tag = delays_.tag_of(attempt.name, prepared ? *prepared : check->password);
    if (prepared) sasl::wipe(*prepared);
  }
  if (attempt.admitted) return 0;
  const auto admission = TRY(delays_.admit(who(attempt)));
  attempt.admitted = true;
  attempt.pending = admission.pending;
  return admission.wait_micros;
}

sasl::LookupAnswer Authenticator::lookup(Attempt& attempt, const sasl::Lookup& lookup) {
  if (const auto* check = std::get_if<sasl::CheckPassword>(&lookup)) {
    return check_password(attempt, *check);
  }
  if (const auto* token = std::get_if<sasl::CheckToken>(&lookup)) {
    return check_token(attempt, *token);
  }
  if (const auto* certificate = std::get_if<sasl::CheckCertificate>(&lookup)) {
    return check_certificate(attempt, *certificate);
  }
  if (const auto* call = std::get_if<sasl::GssCall>(&lookup)) return call_gss(attempt, *call);
  if (const auto* claim = std::get_if<sasl::CheckNtlm>(&lookup)) return check_ntlm(attempt, *claim);
  return fetch_verifier(attempt, std::get<sasl::FetchVerifier>(lookup));
}

void Authenticator::set_mechanisms(std::shared_ptr<Mechanisms> mechanisms) {
  std::atomic_store(&mechanisms_, std::move(mechanisms));
}

std::shared_ptr<Mechanisms> Authenticator::mechanisms() const {
  return std::atomic_load(&mechanisms_);
}

Result<> Authenticator::accept(Attempt& attempt, const std::string& name,
                               std::string_view authzid) {
  attempt.account.reset();
  auto found = directory_.resolve(name);
  if (!found && found.error().code == Code::not_found) {
    return fail(Code::authz_failed, attempt.mechanism + ": " + found.error().detail);
  }
  if (!found) return tl::unexpected(std::move(found).error());
  TRY(authorize(attempt, std::move(*found), {.name = "", .authzid = authzid}));
  return check_application(attempt);
}

Result<> Authenticator::check_application(const Attempt& attempt) const {
  if (!attempt.application || attempt.mailbox) return {};
  return fail(Code::authz_failed,
              attempt.account->login_name + " is an application without a mailbox");
}

sasl::TokenAnswer Authenticator::check_token(Attempt& attempt, const sasl::CheckToken& claim) {
  const auto checks = mechanisms();
  auto* tokens = checks ? checks->tokens() : nullptr;
  if (tokens == nullptr) return {.name = fail(Code::cannot, "no issuer of tokens"), .problem = ""};
  auto judgement = tokens->judge(claim.token);
  if (judgement.token) {
    attempt.application = judgement.token->application;
    auto accepted = accept(attempt, judgement.token->name, claim.authzid);
    if (accepted) return {.name = judgement.token->name, .problem = ""};
    judgement.token = tl::unexpected(std::move(accepted).error());
    judgement.status = "access_denied";
    judgement.reason = "mailbox";
  }
  const auto dialect = attempt.mechanism == sasl::mechanism_name(sasl::Mechanism::xoauth2)
                           ? TokenVerifier::Dialect::xoauth2
                           : TokenVerifier::Dialect::oauthbearer;
  auto problem = tokens->problem(judgement, dialect);
  return {.name = tl::unexpected(std::move(judgement.token).error()),
          .problem = std::move(problem)};
}

Result<bool> Authenticator::check_app_password(Attempt& attempt, const sasl::CheckPassword& claim) {
  attempt.app_password.reset();
  if (app_passwords_ == nullptr || !AppPasswords::looks_like_one(claim.password)) return false;
  auto found = directory_.resolve(split_login_name(claim.name).own);
  // The check of the password says that there is no such account, and takes its time for it.
  if (!found && found.error().code == Code::not_found) return false;
  if (!found) return tl::unexpected(std::move(found).error());
  auto used = TRY(app_passwords_->check(found->id, claim.password, attempt.source));
  if (!used) return false;
  if (!used->allows(attempt.service)) {
    return fail(Code::auth_failed, "the app password " + used->label + " of " + found->login_name +
                                       " is not for " + attempt.service);
  }
  attempt.account = std::move(*found);
  attempt.app_password = std::move(used);
  return true;
}

Result<sasl::GssReply> Authenticator::call_gss(Attempt& attempt, const sasl::GssCall& call) {
  if (call.kind == sasl::GssCall::Kind::accept) return accept_ticket(attempt, call);
  if (!attempt.gss) return fail(Code::internal, "GSSAPI: no context");
  const bool wrap = call.kind == sasl::GssCall::Kind::wrap;
  auto octets = TRY(wrap ? attempt.gss->wrap(call.octets) : attempt.gss->unwrap(call.octets));
  // RFC 4752 3.3: the client's last message ends with the identity to act as.
  constexpr size_t layer_octets = 4;
  if (!wrap && octets.size() > layer_octets && attempt.account) {
    TRY(authorize(attempt, Account(*attempt.account),
                  {.name = "", .authzid = std::string_view(octets).substr(layer_octets)}));
  }
  return sasl::GssReply{.octets = std::move(octets), .complete = true};
}

Result<sasl::GssReply> Authenticator::accept_ticket(Attempt& attempt, const sasl::GssCall& call) {
  const auto checks = mechanisms();
  const auto* kerberos = checks ? checks->kerberos() : nullptr;
  if (kerberos == nullptr) return fail(Code::cannot, "Kerberos is not configured");
  const auto& binding = attempt.evidence.server_end_point;
  if (!attempt.gss) attempt.gss = TRY(kerberos->begin(binding));
  auto step = TRY(attempt.gss->step(call.octets));
  sasl::GssReply out{.octets = std::move(step.octets), .complete = step.complete};
  if (!step.complete) return out;
  const auto user = TRY(kerberos->user_of(*attempt.gss, binding));
  out.name = user.principal;
  if (!user.sid.empty()) {
    // The SID is right even where an account was renamed, and its old name given to another.
    auto found = directory_.resolve_sid(user.sid);
    if (!found && found.error().code != Code::not_found) {
      return tl::unexpected(std::move(found).error());
    }
    if (found) {
      TRY(authorize(attempt, std::move(*found), {}));
      return out;
    }
  }
  if (user.name.empty()) {
    return fail(Code::authz_failed, user.principal + " has no account here");
  }
  TRY(accept(attempt, user.name, ""));
  return out;
}

Result<sasl::NtlmReply> Authenticator::check_ntlm(Attempt& attempt, const sasl::CheckNtlm& claim) {
  const auto checks = mechanisms();
  if (!checks || !checks->working().ntlm) return fail(Code::cannot, "NTLM is not configured");
  auto user = TRY(winbind_check(claim));
  auto name = user.domain + "\\" + user.account;
  auto found = directory_.resolve_sid(user.sid);
  if (!found && found.error().code != Code::not_found) {
    return tl::unexpected(std::move(found).error());
  }
  if (found) {
    TRY(authorize(attempt, std::move(*found), {}));
  } else {
    TRY(accept(attempt, name, ""));
  }
  return sasl::NtlmReply{.name = std::move(name),
                         .session_base_key = std::move(user.session_base_key)};
}

Result<sasl::CertifiedName> Authenticator::check_certificate(Attempt& attempt,
                                                             const sasl::CheckCertificate& claim) {
  const auto checks = mechanisms();
  if (!checks) return fail(Code::cannot, "EXTERNAL is not configured");
  const auto& shown = attempt.evidence.certificate;
  if (!shown) return fail(Code::auth_failed, "EXTERNAL: no certificate was shown");
  auto name = TRY(checks->certified_name(*shown));
  TRY(accept(attempt, name, claim.authzid));
  return sasl::CertifiedName{std::move(name)};
}

Result<> Authenticator::check_password(Attempt& attempt, const sasl::CheckPassword& claim) {
  attempt.account.reset();
  const LoginName login = split_login_name(claim.name);
  if (!TRY(check_app_password(attempt, claim))) {
    attempt.account =
        TRY(directory_.check_password({.name = login.own, .password = claim.password}));
  }
  return authorize(attempt, Account(*attempt.account),
                   {.name = claim.name, .authzid = claim.authzid});
}

Result<sasl::ScramVerifier> Authenticator::fetch_verifier(Attempt& attempt,
                                                          const sasl::FetchVerifier& claim) {
  attempt.account.reset();
  const LoginName login = split_login_name(claim.name);
  auto found = claim.hash == sasl::ScramHash::sha_1 ? directory_.scram_sha_1_verifier(login.own)
                                                    : directory_.scram_verifier(login.own);
  if (found) {
    // Told in finish(): an answer here would tell those without the password.
    (void)authorize(attempt, std::move(found->account),
                    {.name = claim.name, .authzid = claim.authzid});
    return std::move(found->verifier);
  }
  if (found.error().code != Code::not_found) return tl::unexpected(std::move(found).error());
  // Of the folded name, as a real verifier is the same for all spellings.
  const auto name = fold_name(login.own, names_).value_or(login.own);
  return sasl::fake_verifier(directory_.fake_verifier_secret(), name, directory_.scram_iterations(),
                             claim.hash);
}

Result<> Authenticator::authorize(Attempt& attempt, Account account, const Claim& claim) {
  attempt.account = std::move(account);
  attempt.mailbox.reset();
  attempt.authzid = claim.authzid;
  attempt.authorized = {};
  if (attempt.account->disabled) {
    attempt.authorized = fail(Code::authz_failed, attempt.account->login_name + " is disabled");
  }
  const std::string written = split_login_name(claim.name).mailbox;
  for (const std::string_view wanted : {std::string_view(written), claim.authzid}) {
    if (wanted.empty() || !attempt.authorized) continue;
    const auto before = attempt.mailbox;
    attempt.authorized = open_other(attempt, wanted);
    const bool same = !before || (attempt.mailbox && attempt.mailbox->id == before->id);
    if (attempt.authorized && !same) {
      attempt.authorized = fail(Code::authz_failed, "two different mailboxes are asked for");
    }
  }
  return attempt.authorized;
}

Result<> Authenticator::open_other(Attempt& attempt, std::string_view wanted) {
  const Account& account = *attempt.account;
  if (is_own(account, fold_name(wanted, names_))) return {};
  // The same answer whether there is no such mailbox or no grant.
  const auto refused = [&](std::string_view why) {
    return fail(Code::authz_failed,
                fmt::format("{} may not open the mail of {}: {}", account.login_name, wanted, why));
  };
  const auto found = directory_.resolve(wanted);
  if (!found && found.error().code != Code::not_found) return tl::unexpected(found.error());
  if (!found) return refused(found.error().detail);
  if (found->id == account.id) return {};
  if (delegation_.grants == nullptr) return refused("there are no grants here");
  const auto grant = TRY(delegation_.grants->find(
      {.account = found->id, .by = account.id, .now = delegation_.clock->now()}));
  if (!grant) return refused("no grant");
  // A mailbox whose owner may not log in (a shared one) is opened by grants alone; one that an
  // administrator of this server has disabled is not opened at all.
  Account mailbox = TRY(directory_.find(found->id));
  if (mailbox.disabled) return refused("it is disabled");
  attempt.mailbox = std::move(mailbox);
  attempt.rights = grant->rights;
  return {};
}

Result<Identity> Authenticator::finish(const Attempt& attempt, const sasl::Success& success) {
  // A made-up verifier fits no proof, and an unknown name no password.
  CHECK(attempt.account.has_value());
  const Account& actor = *attempt.account;
  if (attempt.nameless) {
    delays_.abandoned(who(attempt));  // nobody's device is known by it
  } else {
    delays_.succeeded(who(attempt));
  }
  TRY(Result<>(attempt.authorized));
  const bool looked_up = success.authzid.empty() || success.authzid == attempt.authzid;
  if (!looked_up && !is_own(actor, fold_name(success.authzid, names_))) {
    return fail(Code::authz_failed,
                "nobody has looked whether " + actor.login_name + " may act as " + success.authzid);
  }
  TRY(check_application(attempt));
  const Account& account = attempt.mailbox ? *attempt.mailbox : actor;
  Identity out{.account = account.id,
               .login_name = account.login_name,
               .primary_address = account.primary_address,
               .mechanism = attempt.mechanism,
               .quota = account.quota,
               .admin = actor.admin && !attempt.mailbox,
               .read_only = attempt.mailbox && attempt.rights == GrantRights::read_only,
               .app_password = attempt.app_password ? attempt.app_password->label : "",
               .hidden_capabilities = account.hidden_capabilities,
               .extra_capabilities = account.extra_capabilities,
               .actor = actor.id,
               .actor_name = actor.login_name,
               .groups = actor.groups};
  if (attempt.app_password && attempt.app_password->read_only) out.read_only = true;
  // Quotas are set past the mailboxes.
  out.admin = out.admin && !out.read_only;
  return out;
}

void Authenticator::refused(const Attempt& attempt, const sasl::Failure& failure) {
  // An exchange that broke off before a name was known has guessed nothing.
  if (!attempt.admitted || attempt.name.empty()) return;
  if (failure.error.code == Code::auth_failed) {
    delays_.failed(who(attempt));
  } else {
    delays_.abandoned(who(attempt));
  }
}

Result<Identity> Authenticator::login(Attempt& attempt, const sasl::CheckPassword& claim) {
  auto name = sasl::saslprep(claim.name, sasl::PrepFor::query);
  auto password = sasl::saslprep(claim.password, sasl::PrepFor::query);
  Result<> checked = fail(Code::auth_failed, "a name or password that cannot be one");
  if (name && password) {
    checked =
        check_password(attempt, {.name = *name, .authzid = claim.authzid, .password = *password});
  }
  if (password) sasl::wipe(*password);
  if (!checked) {
    refused(attempt, sasl::Failure{checked.error()});
    return tl::unexpected(std::move(checked).error());
  }
  return finish(attempt, {.authcid = std::move(*name), .authzid = claim.authzid});
}

}  // namespace eilpost::directory
