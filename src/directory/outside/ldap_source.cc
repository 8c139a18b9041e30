#include "directory/outside/ldap_source.h"

#include <fmt/format.h>

#include <set>

#include "base/limits.h"
#include "base/log.h"

namespace eilpost::directory {

namespace {

const log::Source source_log{"directory", "ldap"};
constexpr int group_levels_max = 8;
// Enough to see that a name is ambiguous, and who may be meant.
constexpr int entries_max = 20;
// [MS-ADTS] 3.1.1.3.4.4.3: membership through any number of groups.
constexpr std::string_view in_chain = ":1.2.840.113556.1.4.1941:";

bool is_trouble(Code code) {
  return code == Code::unavailable;
}

}  // namespace

struct LdapSource::Server {
  Server(LdapServer given, Breaker::Options options, const Clock& clock)
      : where(std::move(given)), breaker(options, clock) {}
  LdapServer where;
  Breaker breaker;
  std::mutex mutex;
  std::vector<std::unique_ptr<LdapConnection>> idle[2];  // by Use
};

// A connection for one call; it goes back when the call has left it in order.
struct LdapSource::Lease {
  std::unique_ptr<LdapConnection> connection;
  bool reused = false;
};

LdapSource::LdapSource(LdapOptions options, const Clock& clock) : options_(std::move(options)) {
  for (const std::string& uri : options_.uris) {
    servers_.push_back(std::make_unique<Server>(
        LdapServer{uri, options_.starttls, options_.ca_file, options_.timeout_ms}, options_.breaker,
        clock));
  }
}

LdapSource::~LdapSource() = default;

Result<LdapSource::Lease> LdapSource::lease(Server& server, Use use, bool fresh) {
  if (!fresh) {
    const std::lock_guard lock(server.mutex);
    auto& idle = server.idle[static_cast<size_t>(use)];
    if (!idle.empty()) {
      Lease out{std::move(idle.back()), true};
      idle.pop_back();
      return out;
    }
  }
  Lease out{TRY(LdapConnection::open(server.where)), false};
  if (use == Use::search) {
    auto bound = out.connection->bind(options_.bind_dn, options_.bind_password);
    if (!bound) {
      // The service account's trouble is nobody's wrong password.
      return fail(Code::unavailable, fmt::format("{}: as {}: {}", server.where.uri,
                                                 options_.bind_dn, bound.error().detail));
    }
  }
  return out;
}

template <class T, class F>
Result<T> LdapSource::on_any(Use use, F&& f) {
  std::string why = "no server is configured";
  for (const auto& server : servers_) {
    if (!server->breaker.allow()) {
      why = server->where.uri + " has not answered lately";
      continue;
    }
    // A kept connection may have been closed by the server: then a fresh one is tried.
    for (const bool fresh : {false, true}) {
      auto leased = lease(*server, use, fresh);
      Result<T> done = leased ? f(*leased->connection) : tl::unexpected(leased.error());
      if (done || !is_trouble(done.error().code)) {
        server->breaker.succeeded();
        const std::lock_guard lock(server->mutex);
        auto& idle = server->idle[static_cast<size_t>(use)];
        if (idle.size() < options_.connections_max) idle.push_back(std::move(leased->connection));
        return done;
      }
      why = done.error().detail;
      if (leased && leased->reused) continue;
      break;
    }
    server->breaker.failed();
    source_log.warn("{}", why);
  }
  return fail(Code::unavailable, why);
}

// The domains of the forest, once: what stands before the "\" of DOMAIN\user, and behind the "@" of
// the names that Kerberos uses.
Result<std::vector<AdDomain>> LdapSource::domains(LdapConnection& connection) {
  if (!options_.schema.active_directory) return std::vector<AdDomain>();
  {
    const std::lock_guard lock(domains_mutex_);
    if (domains_) return *domains_;
  }
  const auto root = TRY(connection.search({.base = "",
                                           .scope = LdapSearch::Scope::entry,
                                           .filter = "(objectClass=*)",
                                           .attributes = {"configurationNamingContext"}}));
  std::vector<AdDomain> out;
  const std::string where = root.empty() ? "" : root[0].first("configurationnamingcontext");
  if (!where.empty()) {
    const auto found = TRY(connection.search({.base = "CN=Partitions," + where,
                                              .filter = "(&(objectClass=crossRef)(nETBIOSName=*))",
                                              .attributes = {"nCName", "nETBIOSName", "dnsRoot"}}));
    for (const LdapEntry& one : found) {
      AdDomain domain;
      for (const char c : one.first("ncname")) {
        domain.base += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      }
      domain.netbios = fold_name(one.first("netbiosname"), {}).value_or("");
      domain.realm = fold_name(one.first("dnsroot"), {}).value_or("");
      out.push_back(std::move(domain));
    }
  }
  const std::lock_guard lock(domains_mutex_);
  domains_ = out;
  return out;
}

// The groups that have `members`, then those that have these, so many levels up.
Result<std::vector<std::string>> LdapSource::groups_of(LdapConnection& connection,
                                                       const std::string& member_rule,
                                                       std::vector<std::string> members,
                                                       int levels) {
  std::set<std::string> seen;
  std::vector<std::string> out;
  while (levels-- > 0 && !members.empty()) {
    std::vector<LdapFilter> any;
    for (const auto& dn : members) any.push_back(equal_to(member_rule, dn));
    members.clear();
    const auto found = TRY(connection.search({.base = options_.base,
                                              .filter = print_filter(any_of(std::move(any))),
                                              .attributes = {options_.schema.group_name}}));
    for (const LdapEntry& group : found) {
      if (out.size() >= limits::entry_groups_max || !seen.insert(group.dn).second) continue;
      out.push_back(group.first(options_.schema.group_name));
      members.push_back(group.dn);
    }
  }
  return out;
}

Result<std::vector<std::string>> LdapSource::groups(LdapConnection& connection,
                                                    const std::string& dn) {
  const std::string& member = options_.schema.group_member;
  if (options_.groups == LdapOptions::Groups::none) return std::vector<std::string>();
  if (options_.groups == LdapOptions::Groups::direct) {
    return groups_of(connection, member, {dn}, 1);
  }
  if (options_.schema.active_directory) {
    return groups_of(connection, member + std::string(in_chain), {dn}, 1);
  }
  return groups_of(connection, member, {dn}, group_levels_max);
}

Result<std::vector<Entry>> LdapSource::find(const Query& query) {
  const auto filter = filter_for(options_.schema, query);
  if (!filter) return std::vector<Entry>();
  const LdapSearch search{.base = options_.base,
                          .filter = print_filter(*filter),
                          .attributes = attributes_of(options_.schema),
                          .entries_max = entries_max};
  return on_any<std::vector<Entry>>(
      Use::search, [&](LdapConnection& connection) -> Result<std::vector<Entry>> {
        const auto known = TRY(domains(connection));
        std::vector<Entry> out;
        for (const LdapEntry& found : TRY(connection.search(search))) {
          auto entry = entry_of(options_.schema, found, known);
          if (!entry) continue;
          entry->groups = TRY(groups(connection, found.dn));
          out.push_back(std::move(*entry));
        }
        return out;
      });
}

Result<> LdapSource::check_password(const Entry& entry, std::string_view password) {
  // RFC 4513 5.1.2: a name without a password is an anonymous bind, which succeeds.
  if (password.empty() || entry.handle.empty()) return fail(Code::auth_failed, "an empty password");
  return on_any<void>(Use::bind, [&](LdapConnection& connection) {
    return connection.bind(entry.handle, password);
  });
}

}  // namespace eilpost::directory
