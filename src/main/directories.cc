#include "main/directories.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "directory/outside/ldap_source.h"
#include "directory/outside/pam.h"
#include "directory/outside/passwd_file.h"

namespace eilpost {

namespace {

directory::LdapSchema schema_of(const DirectoryConfig& config) {
  directory::LdapSchema out = config.schema == DirectorySchema::active_directory
                                  ? directory::active_directory_schema()
                                  : directory::inet_org_person_schema();
  const std::pair<const char*, std::string*> fields[] = {
      {"filter", &out.object_filter},        {"key_attribute", &out.key},
      {"user_attribute", &out.user},         {"upn_attribute", &out.upn},
      {"mail_attribute", &out.mail},         {"addresses_attribute", &out.addresses},
      {"nickname_attribute", &out.nickname}, {"display_name_attribute", &out.display_name},
  };
  for (const auto& [key, field] : fields) {
    const auto given = config.attributes.find(key);
    if (given != config.attributes.end()) *field = given->second;
  }
  return out;
}

Result<std::string> read_secret(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream in(path, std::ios::binary);
  std::string out;
  if (!std::getline(in, out)) return fail(Code::io, path + " cannot be read, or is empty");
  return out;
}

Result<std::unique_ptr<directory::Source>> make_ldap(const DirectoryConfig& config,
                                                     const Clock& clock) {
  directory::LdapOptions options;
  options.uris = config.servers;
  options.starttls = config.starttls;
  options.ca_file = config.ca_file;
  options.timeout_ms = config.timeout_ms;
  options.bind_dn = config.bind_dn;
  options.bind_password = TRY(read_secret(config.bind_password_file));
  options.base = config.base;
  options.schema = schema_of(config);
  options.connections_max = config.connections;
  using Groups = directory::LdapOptions::Groups;
  options.groups = config.groups == DirectoryGroups::nested   ? Groups::nested
                   : config.groups == DirectoryGroups::direct ? Groups::direct
                                                              : Groups::none;
  return std::unique_ptr<directory::Source>(
      std::make_unique<directory::LdapSource>(std::move(options), clock));
}

std::string wrong_with_ldap(const DirectoryConfig& config) {
  if (config.servers.empty()) return "ldap needs servers";
  for (const std::string& uri : config.servers) {
    const bool tls = uri.starts_with("ldaps://") || config.starttls || config.without_tls;
    if (!tls) {
      return fmt::format(
          "{} would show passwords on the way: use ldaps://, starttls = true, or "
          "without_tls = true on loopback",
          uri);
    }
    if (uri.starts_with("ldaps://") && config.starttls) return "starttls is for ldap:// only";
  }
  if (!config.bind_dn.empty() && config.bind_password_file.empty()) {
    return "bind_dn needs bind_password_file";
  }
  const auto schema = directory::check_schema(schema_of(config));
  return schema ? "" : schema.error().detail;
}

}  // namespace

std::string wrong_with(const DirectoryConfig& config) {
  if (config.kind == DirectoryKind::ldap) return wrong_with_ldap(config);
  if (config.kind == DirectoryKind::passwd_file && config.file.empty()) {
    return "passwd-file needs file";
  }
  return "";
}

Result<std::vector<directory::OutsideDirectory>> make_directories(
    const Config& config, const directory::NameRules& names, const Clock& clock,
    directory::PasswordHasher& hasher) {
  std::vector<directory::OutsideDirectory> out;
  for (const DirectoryConfig& one : config.directories) {
    directory::OutsideDirectory made;
    made.options.name = one.name;
    made.options.domains = one.domains;
    made.options.cache.lifetime_seconds = one.cache_seconds;
    made.options.cache.negative_seconds = one.negative_cache_seconds;
    made.options.password_cache_seconds = one.password_cache_seconds;
    made.options.concurrent_max = one.connections;
    switch (one.kind) {
      case DirectoryKind::none:
      case DirectoryKind::built_in: break;
      case DirectoryKind::ldap: made.source = TRY(make_ldap(one, clock)); break;
      case DirectoryKind::pam:
        made.source = std::make_unique<directory::PamSource>(
            directory::PamOptions{one.service, one.uid_min, names});
        break;
      case DirectoryKind::passwd_file:
        made.source = std::make_unique<directory::PasswdFileSource>(
            directory::PasswdFileOptions{one.file, one.default_scheme, names}, hasher);
        break;
    }
    out.push_back(std::move(made));
  }
  return out;
}

size_t outside_callers_max(const Config& config) {
  size_t out = 0;
  for (const DirectoryConfig& one : config.directories) {
    if (one.kind != DirectoryKind::built_in) out += one.connections;
  }
  return out;
}

}  // namespace eilpost
