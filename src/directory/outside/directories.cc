#include "directory/outside/directories.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/log.h"
#include "directory/success_cache.h"

namespace eilpost::directory {

namespace {

const log::Source source_log{"directory", ""};

// Which names of a built-in account a step means; nothing: the step does not apply.
std::optional<std::string> built_in_name(const Spelling& name, NameStep step,
                                         const NameRules& rules) {
  const auto mapped = [&](const std::string& domain) -> std::optional<std::string> {
    const auto at = rules.domains.find(domain);
    if (at == rules.domains.end()) return std::nullopt;
    return at->second;
  };
  switch (step) {
    case NameStep::login_id:
    case NameStep::primary:
    case NameStep::proxy: return name.realm.empty() ? std::nullopt : std::optional(name.whole);
    case NameStep::alias:
    case NameStep::bare: return name.bare() ? std::optional(name.whole) : std::nullopt;
    case NameStep::domain_user: {
      const auto domain = name.domain.empty() ? std::nullopt : mapped(name.domain);
      return domain ? std::optional(name.user + "@" + *domain) : std::nullopt;
    }
    case NameStep::upn: {
      const auto domain = name.realm.empty() ? std::nullopt : mapped(name.realm);
      return domain ? std::optional(name.local + "@" + *domain) : std::nullopt;
    }
  }
  return std::nullopt;
}

// Whether the account has `full`, a folded name, by this step.
bool has_by(const Account& account, const std::string& full, NameStep step) {
  switch (step) {
    case NameStep::login_id: return account.login_name == full;
    case NameStep::primary: return account.primary_address == full;
    case NameStep::proxy:
    case NameStep::alias: return account.login_name != full;
    default: return true;
  }
}

std::string names_of(const std::vector<const Entry*>& entries) {
  std::string out;
  for (const Entry* entry : entries) {
    out += (out.empty() ? "" : ", ") + (entry->handle.empty() ? entry->key : entry->handle);
  }
  return out;
}

std::string question_of(const Query& query) {
  switch (query.by) {
    case Query::By::name:
      return "n" + query.name.domain + "\\" + query.name.user + "\\" + query.name.whole;
    case Query::By::key: return "k" + query.text;
    case Query::By::sid: return "s" + query.text;
  }
  return "";
}

}  // namespace

struct Directories::Place {
  Place(OutsideDirectory outside, const Clock& clock, Random& random)
      : options(std::move(outside.options)),
        source(std::move(outside.source)),
        cache(options.cache, clock),
        passwords({.lifetime_seconds = options.password_cache_seconds}, clock, random) {}

  OutsideOptions options;
  std::unique_ptr<Source> source;
  EntryCache cache;
  SuccessCache passwords;
  std::mutex mutex;
  std::condition_variable free;
  unsigned running = 0;

  // f() when one of the places for callers is free.
  template <class F>
  auto call(F&& f) {
    {
      std::unique_lock lock(mutex);
      free.wait(lock, [this] { return running < options.concurrent_max; });
      ++running;
    }
    auto out = f(*source);
    {
      const std::lock_guard lock(mutex);
      --running;
    }
    free.notify_one();
    return out;
  }
};

struct Directories::Found {
  Place* place = nullptr;  // null: built in
  AccountRecord record;    // of a built-in account
  Entry entry;
  NameStep step = NameStep::login_id;
};

Directories::Directories(BuiltinDirectory& builtin, std::vector<OutsideDirectory> outside,
                         const Clock& clock, Random& random)
    : builtin_(builtin) {
  const bool placed = std::any_of(outside.begin(), outside.end(),
                                  [](const OutsideDirectory& one) { return !one.source; });
  if (!placed) places_.push_back(std::make_unique<Place>(OutsideDirectory{}, clock, random));
  for (OutsideDirectory& one : outside) {
    all_built_in_ = all_built_in_ && !one.source;
    places_.push_back(std::make_unique<Place>(std::move(one), clock, random));
  }
}

Directories::~Directories() = default;

bool Directories::is_asked(const Place& place, const Spelling& name) const {
  // A name that RFC 8265 forbids is in no directory elsewhere.
  if (name.mapped.empty()) return false;
  const auto& domains = place.options.domains;
  if (domains.empty() || name.bare()) return true;
  const std::string& domain = name.domain.empty() ? name.realm : name.domain;
  return std::find(domains.begin(), domains.end(), domain) != domains.end();
}

Result<std::vector<Entry>> Directories::entries(Place& place, const Query& query) {
  const std::string question = question_of(query);
  if (auto known = place.cache.get(question)) return std::move(*known);
  auto found = place.call([&](Source& source) { return source.find(query); });
  if (!found) return wrap(std::move(found).error(), place.options.name);
  place.cache.put(question, *found);
  return found;
}

Result<std::optional<Directories::Found>> Directories::look_built_in(const Spelling& name,
                                                                     NameUse use) {
  // Several steps mean the same name.
  std::string asked;
  Result<AccountRecord> record = fail(Code::not_found, "");
  // Mail's addresses are the names as they stand; a bare one is in the default domain.
  for (const NameStep step : name_order(builtin_.names())) {
    if (!allowed_for(step, use)) continue;
    const auto wanted = built_in_name(name, step, builtin_.names());
    if (!wanted) continue;
    if (*wanted != asked) record = builtin_.record_named(*wanted);
    asked = *wanted;
    if (!record && record.error().code == Code::not_found) continue;
    if (!record) return tl::unexpected(record.error());
    const bool bare = name.bare();
    const std::string& full = bare && !name.address.empty() ? name.address : *wanted;
    if (!has_by(record->account, full, step)) continue;
    return std::optional(Found{.record = std::move(*record), .step = step});
  }
  return std::optional<Found>();
}

Result<std::optional<Directories::Found>> Directories::look(Place& place, const Spelling& name,
                                                            NameUse use) {
  if (!place.source) return look_built_in(name, use);
  if (!is_asked(place, name)) return std::optional<Found>();
  const auto all = TRY(entries(place, {.name = name}));
  const auto choice = choose({all, name, name_order(builtin_.names()), use});
  if (choice.entries.empty()) return std::optional<Found>();
  if (choice.entries.size() > 1) {
    // On the wire this is as any other name that is nobody's.
    const auto why = fmt::format("{}: \"{}\" is ambiguous by {}: {}", place.options.name,
                                 name.given, step_name(choice.step), names_of(choice.entries));
    source_log.warn("{}", why);
    return fail(Code::not_found, why);
  }
  return std::optional(
      Found{.place = &place, .entry = *choice.entries.front(), .step = choice.step});
}

Result<Directories::Found> Directories::locate(std::string_view name, NameUse use) {
  const auto spelling = parse_spelling(name, builtin_.names());
  if (!spelling) return fail(Code::not_found, "no such account: " + spelling.error().detail);
  for (const auto& place : places_) {
    auto found = TRY(look(*place, *spelling, use));
    if (found) return std::move(*found);
  }
  return fail(Code::not_found, fmt::format("no such account: {}", name));
}

Result<Account> Directories::account_of(const Found& found) {
  if (found.place == nullptr) return found.record.account;
  const Entry& entry = found.entry;
  Account out = TRY(builtin_.register_outside({.directory = found.place->options.name,
                                               .key = entry.key,
                                               .login_name = entry.login_name,
                                               .primary_address = entry.primary_address,
                                               .aliases = entry.addresses,
                                               .display_name = entry.display_name}));
  out.disabled = out.disabled || entry.disabled;
  out.groups = entry.groups;
  return out;
}

Result<Account> Directories::resolve(std::string_view name) {
  return account_of(TRY(locate(name, NameUse::login)));
}

Result<Account> Directories::resolve_address(std::string_view address) {
  return account_of(TRY(locate(address, NameUse::address)));
}

Result<Account> Directories::resolve_sid(std::string_view sid) {
  for (const auto& place : places_) {
    if (!place->source || sid.empty()) continue;
    const auto all = TRY(entries(*place, {.by = Query::By::sid, .text = std::string(sid)}));
    for (const Entry& entry : all) {
      if (entry.sid == sid) return account_of({.place = place.get(), .entry = entry});
    }
  }
  return fail(Code::not_found, fmt::format("no account with the SID {}", sid));
}

Result<Account> Directories::check_outside(const Found& found, std::string_view password) {
  Place& place = *found.place;
  const Entry& entry = found.entry;
  // RFC 4513 5.1.2: a bind without a password succeeds and proves nothing.
  if (password.empty()) return fail(Code::auth_failed, "an empty password");
  const std::string stored = entry.key + '\0' + entry.handle + '\0' + entry.stamp;
  const SuccessCache::Claim claim{.stored_hash = stored, .password = password};
  if (!place.passwords.contains(claim)) {
    auto checked =
        place.call([&](Source& source) { return source.check_password(entry, password); });
    if (!checked) return wrap(std::move(checked).error(), place.options.name);
    place.passwords.insert(claim);
  }
  Account account = TRY(account_of(found));
  if (account.disabled) return fail(Code::authz_failed, account.login_name + " is disabled");
  return account;
}

Result<Account> Directories::check_password(const NamePassword& claim) {
  auto found = locate(claim.name, NameUse::login);
  if (found && found->place == nullptr) {
    return builtin_.check_password(std::move(found->record), claim.password);
  }
  if (!found && found.error().code != Code::not_found) return tl::unexpected(found.error());
  Result<Account> out = found ? check_outside(*found, claim.password)
                              : Result<Account>(fail(Code::auth_failed, found.error().detail));
  // What a wrong password costs is the same wherever the account lives, and if it lives nowhere.
  if (!out && out.error().code == Code::auth_failed) TRY(builtin_.check_nobody(claim.password));
  return out;
}

Result<AccountVerifier> Directories::verifier(std::string_view name, sasl::ScramHash hash) {
  auto found = TRY(locate(name, NameUse::login));
  if (found.place != nullptr) return fail(Code::not_found, "its directory gives no verifiers");
  return verifier_of(std::move(found.record), hash);
}

std::string Directories::whereabouts(const Account& account) {
  if (account.directory.empty()) return "";
  for (const auto& place : places_) {
    if (!place->source || place->options.name != account.directory) continue;
    const auto all = entries(*place, {.by = Query::By::key, .text = account.outside_key});
    if (!all) return account.directory + " does not answer";
    const bool there = std::any_of(all->begin(), all->end(), [&](const Entry& entry) {
      return entry.key == account.outside_key;
    });
    return (there ? "in " : "gone from ") + account.directory;
  }
  return account.directory + " is not configured";
}

std::vector<std::string> Directories::explain_place(Place& place, const Spelling& name) {
  std::vector<std::string> out;
  const std::string where = place.source ? place.options.name : "built-in";
  if (place.source && !is_asked(place, name)) {
    return {fmt::format("{}: not asked, the name is in none of its domains, or RFC 8265 forbids it",
                        where)};
  }
  Result<std::vector<Entry>> all;
  if (place.source) all = entries(place, {.name = name});
  if (!all) return {fmt::format("{}: {}", where, all.error().detail)};
  if (place.source) out.push_back(fmt::format("{}: {} entries to choose from", where, all->size()));
  for (const NameStep step : name_order(builtin_.names())) {
    std::string found;
    if (place.source) {
      found = names_of(choose({*all, name, {step}}).entries);
    } else if (const auto wanted = built_in_name(name, step, builtin_.names())) {
      const auto account = builtin_.resolve(*wanted);
      const std::string& full = name.bare() && !name.address.empty() ? name.address : *wanted;
      if (account && has_by(*account, full, step)) found = account->login_name;
      if (!account && account.error().code != Code::not_found) found = account.error().detail;
    } else {
      continue;
    }
    out.push_back(fmt::format("{}: {}: {}", where, step_name(step), found.empty() ? "-" : found));
  }
  return out;
}

Result<std::vector<std::string>> Directories::explain(std::string_view name) {
  std::vector<std::string> out;
  const LoginName login = split_login_name(name);
  if (!login.mailbox.empty()) {
    out.push_back(fmt::format("opens the mailbox of {} as {}", login.mailbox, login.own));
  }
  const auto spelling = parse_spelling(login.own, builtin_.names());
  if (!spelling) return tl::unexpected(spelling.error());
  for (const auto& place : places_) {
    const auto lines = explain_place(*place, *spelling);
    out.insert(out.end(), lines.begin(), lines.end());
  }
  const auto found = locate(login.own, NameUse::login);
  if (!found) {
    out.push_back(fmt::format("refused: {}", found.error().detail));
  } else if (found->place == nullptr) {
    const Account& account = found->record.account;
    out.push_back(fmt::format("is {}, account {}, by {}", account.login_name, account.id.value,
                              step_name(found->step)));
  } else {
    const auto& where = found->place->options.name;
    const auto known = builtin_.find_outside(where, found->entry.key);
    out.push_back(fmt::format(
        "is {} in {} ({}), {}, by {}", found->entry.login_name, where,
        found->entry.handle.empty() ? found->entry.key : found->entry.handle,
        known ? fmt::format("account {}", known->id.value) : std::string("not registered yet"),
        step_name(found->step)));
  }
  return out;
}

}  // namespace eilpost::directory
