#include "directory/authenticator.h"

#include <algorithm>

#include "base/check.h"
#include "protocol/sasl/crypto.h"
#include "protocol/sasl/saslprep.h"
#include "protocol/sasl/scram.h"

namespace eilpost::directory {

namespace {
std::string_view name_of(const sasl::Lookup& lookup) {
  if (const auto* check = std::get_if<sasl::CheckPassword>(&lookup)) return check->name;
  return std::get<sasl::FetchVerifier>(lookup).name;
}
}  // namespace

Authenticator::Authenticator(Directory& directory, FailureDelays& delays, NameRules names)
    : directory_(directory), delays_(delays), names_(std::move(names)) {}

Result<int64_t> Authenticator::admit(Attempt& attempt, const sasl::Lookup& lookup) {
  const auto name = name_of(lookup);
  // A name that cannot be one is delayed under its own spelling.
  attempt.name = fold_name(name, names_).value_or(std::string(name.substr(0, name_octets_max)));
  return delays_.admit({.account = attempt.name, .source = source_key(attempt.source)});
}

sasl::LookupAnswer Authenticator::lookup(Attempt& attempt, const sasl::Lookup& lookup) {
  if (const auto* check = std::get_if<sasl::CheckPassword>(&lookup)) {
    return check_password(attempt, *check);
  }
  return fetch_verifier(attempt, std::get<sasl::FetchVerifier>(lookup));
}

Result<> Authenticator::check_password(Attempt& attempt, const sasl::CheckPassword& claim) {
  attempt.account =
      TRY(directory_.check_password({.name = claim.name, .password = claim.password}));
  return authorize(*attempt.account, claim.authzid);
}

Result<sasl::ScramVerifier> Authenticator::fetch_verifier(Attempt& attempt,
                                                          const sasl::FetchVerifier& claim) {
  attempt.account.reset();
  auto found = directory_.scram_verifier(claim.name);
  if (found) {
    attempt.account = std::move(found->account);
    return std::move(found->verifier);
  }
  if (found.error().code != Code::not_found) return tl::unexpected(std::move(found).error());
  // Of the folded name, as a real verifier is the same for all spellings.
  const auto name = fold_name(claim.name, names_).value_or(claim.name);
  return sasl::fake_verifier(directory_.fake_verifier_secret(), name,
                             directory_.scram_iterations());
}

Result<> Authenticator::authorize(const Account& account, std::string_view authzid) const {
  if (account.disabled) return fail(Code::authz_failed, account.login_name + " is disabled");
  if (authzid.empty()) return {};
  const auto wanted = fold_name(authzid, names_);
  const auto& aliases = account.aliases;
  const bool own = wanted && (*wanted == account.login_name || *wanted == account.primary_address ||
                              std::find(aliases.begin(), aliases.end(), *wanted) != aliases.end());
  if (own) return {};
  return fail(Code::authz_failed, account.login_name + " has no grant to act as another account");
}

Result<Identity> Authenticator::finish(const Attempt& attempt, const sasl::Success& success) {
  // A made-up verifier fits no proof, and an unknown name no password.
  CHECK(attempt.account.has_value());
  const Account& account = *attempt.account;
  delays_.succeeded({.account = attempt.name, .source = source_key(attempt.source)});
  TRY(authorize(account, success.authzid));
  return Identity{.account = account.id,
                  .login_name = account.login_name,
                  .primary_address = account.primary_address,
                  .mechanism = attempt.mechanism,
                  .quota = account.quota,
                  .admin = account.admin,
                  .hidden_capabilities = account.hidden_capabilities,
                  .extra_capabilities = account.extra_capabilities};
}

void Authenticator::refused(const Attempt& attempt, const sasl::Failure& failure) {
  // An exchange that broke off before a name was known has guessed nothing.
  if (failure.error.code != Code::auth_failed || attempt.name.empty()) return;
  delays_.failed({.account = attempt.name, .source = source_key(attempt.source)});
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
