#include "directory/outside/source.h"

#include <algorithm>

namespace eilpost::directory {

namespace {

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

bool same(const std::string& a, const std::string& b) {
  return !a.empty() && a == b;
}

}  // namespace

bool matches(const Entry& entry, const Spelling& name, NameStep step) {
  switch (step) {
    case NameStep::login_id: return same(entry.login_name, name.whole);
    case NameStep::primary: return !name.realm.empty() && same(entry.primary_address, name.address);
    case NameStep::proxy: return !name.realm.empty() && contains(entry.addresses, name.address);
    case NameStep::domain_user:
      return !name.domain.empty() && same(entry.user, name.user) &&
             (entry.netbios == name.domain || entry.realm == name.domain);
    case NameStep::upn:
      if (name.realm.empty()) return false;
      return same(entry.upn, name.address) ||
             (same(entry.user, name.local) && entry.realm == name.realm);
    case NameStep::alias: return contains(entry.nicknames, name.bare() ? name.user : name.address);
    case NameStep::bare:
      if (!name.bare()) return false;
      return same(entry.user, name.user) || same(entry.primary_address, name.address) ||
             (!name.address.empty() && contains(entry.addresses, name.address));
  }
  return false;
}

bool allowed_for(NameStep step, NameUse use) {
  if (use == NameUse::login) return true;
  return step == NameStep::primary || step == NameStep::proxy || step == NameStep::alias ||
         step == NameStep::bare;
}

Choice choose(const ChooseFrom& from) {
  Choice out;
  for (const NameStep step : from.order) {
    if (!allowed_for(step, from.use)) continue;
    out.step = step;
    for (const Entry& entry : from.entries) {
      const bool twice = std::any_of(out.entries.begin(), out.entries.end(),
                                     [&](const Entry* other) { return other->key == entry.key; });
      if (!twice && matches(entry, from.name, step)) out.entries.push_back(&entry);
    }
    if (!out.entries.empty()) return out;
  }
  return out;
}

}  // namespace eilpost::directory
