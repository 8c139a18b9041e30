// The keys of [names] and [[directory]].

#include <algorithm>

#include "directory/spelling.h"
#include "main/config/config_key.h"
#include "main/directories.h"

namespace eilpost {

namespace {

DirectoryConfig& last(Config& config) {
  return config.directories.back();
}

// Each of the strings through `take`, which answers what is wrong with it.
Apply strings(std::string_view what, std::function<std::string(Config&, const std::string&)> take) {
  return [=](const ConfigValue& value, Config& config) -> std::string {
    const auto* items = std::get_if<ConfigArray>(&value.value);
    if (items == nullptr) return fmt::format("expected an array of {}", what);
    for (const ConfigValue& item : *items) {
      const auto* given = std::get_if<std::string>(&item.value);
      if (given == nullptr || given->empty()) return fmt::format("expected {} as strings", what);
      const std::string wrong = take(config, *given);
      if (!wrong.empty()) return wrong;
    }
    return "";
  };
}

std::string take_step(Config& config, const std::string& given) {
  auto& order = config.accounts.names.order;
  const auto step = directory::step_named(given);
  if (!step) return fmt::format("\"{}\" is no kind of name", given);
  if (std::find(order.begin(), order.end(), *step) != order.end()) {
    return fmt::format("\"{}\" is there twice", given);
  }
  order.push_back(*step);
  return "";
}

std::string take_domain(Config& config, const std::string& given) {
  const auto folded = directory::fold_name(given, {});
  if (!folded) return fmt::format("\"{}\" is no domain", given);
  last(config).domains.push_back(*folded);
  return "";
}

std::string take_server(Config& config, const std::string& given) {
  const bool good = (given.starts_with("ldap://") && given.size() > 7) ||
                    (given.starts_with("ldaps://") && given.size() > 8);
  if (!good) return fmt::format("\"{}\" is not ldap://HOST or ldaps://HOST", given);
  last(config).servers.push_back(given);
  return "";
}

// CORP = "example.org": the table's own keys are names of domains.
std::string domain_map(const ConfigValue& value, Config& config) {
  const auto* table = std::get_if<ConfigTable>(&value.value);
  if (table == nullptr) return "expected a table such as { CORP = \"example.org\" }";
  for (const ConfigEntry& entry : *table) {
    const auto* given = std::get_if<std::string>(&entry.value.value);
    const auto name = directory::fold_name(entry.key, {});
    const auto mail = given == nullptr ? Result<std::string>(fail(Code::invalid, ""))
                                       : directory::fold_name("x@" + *given, {});
    if (!name || !mail) return fmt::format("{}: expected a mail domain", entry.key);
    config.accounts.names.domains[*name] = mail->substr(2);
  }
  return "";
}

std::string directory_name(const ConfigValue& value, Config& config) {
  const auto* given = std::get_if<std::string>(&value.value);
  const bool fits = given != nullptr && !given->empty() && given->size() <= 60 &&
                    std::all_of(given->begin(), given->end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                    });
  if (!fits) return "expected a name of small letters, digits and \"-\"";
  for (size_t i = 0; i + 1 < config.directories.size(); ++i) {
    if (config.directories[i].name == *given) return "two directories have the same name";
  }
  last(config).name = *given;
  return "";
}

Key attribute(std::string_view name, std::string_view fallback, std::string_view meaning) {
  const std::string key(name);
  return {"directory",
          name,
          "string",
          fallback,
          meaning,
          [key](const ConfigValue& value, Config& config) -> std::string {
            const auto* given = std::get_if<std::string>(&value.value);
            if (given == nullptr) return expected("a string");
            last(config).attributes[key] = *given;
            return "";
          }};
}

std::vector<Key> common_keys() {
  return {
      {"names", "order", "array of strings",
       "login-id, primary, proxy, domain-user, upn, alias, bare",
       "By which of its names an account may be meant at login, in the order in which they are "
       "tried.",
       strings("kinds of names", take_step)},
      {"names", "domains", "table", "none",
       "For built-in accounts: the DOMAIN of DOMAIN\\user and the REALM of user@REALM, each with "
       "the mail domain that is meant, such as { CORP = \"example.org\" }.",
       domain_map},
      {"directory", "name", "string", "must be given",
       "How log and commands call this directory. Accounts are registered under it: do not change "
       "it. [[directory]] are asked in the order of the file.",
       directory_name},
      {"directory", "kind", "string", "must be given",
       "\"ldap\" (Active Directory, OpenLDAP), \"pam\", \"passwd-file\", or \"built-in\" for the "
       "place of the server's own accounts, which otherwise come first.",
       choice<DirectoryKind>({{"built-in", DirectoryKind::built_in},
                              {"ldap", DirectoryKind::ldap},
                              {"pam", DirectoryKind::pam},
                              {"passwd-file", DirectoryKind::passwd_file}},
                             [](Config& c) -> DirectoryKind& { return last(c).kind; })},
      {"directory", "domains", "array of strings", "all",
       "Only names in these domains are asked for here, DOMAIN of DOMAIN\\user among them. Bare "
       "names always are.",
       strings("domains", take_domain)},
      {"directory", "cache_seconds", "integer", "60", "An entry is remembered for so long.",
       number<int64_t>(0, 86400, [](Config& c) -> int64_t& { return last(c).cache_seconds; })},
      {"directory", "negative_cache_seconds", "integer", "10", "The same for \"nobody\".",
       number<int64_t>(0, 86400,
                       [](Config& c) -> int64_t& { return last(c).negative_cache_seconds; })},
      {"directory", "password_cache_seconds", "integer", "60",
       "A password that was right is taken again for so long without asking; 0: never.",
       number<int64_t>(0, 86400,
                       [](Config& c) -> int64_t& { return last(c).password_cache_seconds; })},
      {"directory", "connections", "integer", "8",
       "How many ask at once, and how many connections are kept.",
       number<unsigned>(1, 256, [](Config& c) -> unsigned& { return last(c).connections; })},
  };
}

std::vector<Key> ldap_keys() {
  return {
      {"directory", "servers", "array of strings", "none",
       "ldap: ldaps://HOST or ldap://HOST, with a port where it is another. The first that answers "
       "is asked.",
       strings("servers", take_server)},
      {"directory", "starttls", "boolean", "false", "ldap: begin TLS on ldap:// connections.",
       boolean([](Config& c) -> bool& { return last(c).starttls; })},
      {"directory", "without_tls", "boolean", "false",
       "ldap: take ldap:// without STARTTLS, which shows passwords on the way. For loopback only.",
       boolean([](Config& c) -> bool& { return last(c).without_tls; })},
      {"directory", "ca_file", "string", "the system's",
       "ldap: PEM file with the authorities of the servers' certificates.",
       text([](Config& c) -> std::string& { return last(c).ca_file; })},
      {"directory", "timeout_ms", "integer", "5000",
       "ldap: how long a server may take to answer. After three failures in a row it is left alone "
       "for ten seconds.",
       number<int>(100, 60'000, [](Config& c) -> int& { return last(c).timeout_ms; })},
      {"directory", "bind_dn", "string", "none",
       "ldap: the account that searches; none: anonymous. Active Directory also takes its user "
       "principal name.",
       text([](Config& c) -> std::string& { return last(c).bind_dn; })},
      {"directory", "bind_password_file", "string", "none",
       "ldap: the file with its password; read at start.",
       text([](Config& c) -> std::string& { return last(c).bind_password_file; })},
      {"directory", "base", "string", "\"\"", "ldap: where the search for accounts begins.",
       text([](Config& c) -> std::string& { return last(c).base; })},
      {"directory", "schema", "string", "\"active-directory\"",
       "ldap: the usual attributes: \"active-directory\" or \"inetorgperson\". The keys below "
       "replace one; \"\" leaves it out.",
       choice<DirectorySchema>({{"active-directory", DirectorySchema::active_directory},
                                {"inetorgperson", DirectorySchema::inet_org_person}},
                               [](Config& c) -> DirectorySchema& { return last(c).schema; })},
      attribute("filter", "(&(objectClass=user)(!(objectClass=computer)))",
                "ldap: what an account is. inetorgperson: (objectClass=inetOrgPerson)."),
      attribute("key_attribute", "objectGUID, entryUUID",
                "ldap: what identifies an account whatever it is called."),
      attribute("user_attribute", "sAMAccountName, uid", "ldap: the bare login name."),
      attribute("upn_attribute", "userPrincipalName, none", "ldap: the user principal name."),
      attribute("mail_attribute", "mail", "ldap: the address."),
      attribute("addresses_attribute", "proxyAddresses, none",
                "ldap: further addresses, with \"smtp:\" in front or without; \"SMTP:\" is the "
                "primary one."),
      attribute("nickname_attribute", "mailNickname, none", "ldap: a further bare name."),
      attribute("display_name_attribute", "displayName, cn", "ldap: the person's name."),
      {"directory", "groups", "string", "\"none\"",
       "ldap: look up the groups of an account: \"direct\" ones, or \"nested\" ones too.",
       choice<DirectoryGroups>({{"none", DirectoryGroups::none},
                                {"direct", DirectoryGroups::direct},
                                {"nested", DirectoryGroups::nested}},
                               [](Config& c) -> DirectoryGroups& { return last(c).groups; })},
  };
}

std::vector<Key> local_keys() {
  return {
      {"directory", "service", "string", "\"eilpost\"", "pam: the file in /etc/pam.d.",
       text([](Config& c) -> std::string& { return last(c).service; })},
      {"directory", "uid_min", "integer", "1000", "pam: users below are no accounts.",
       number<uint32_t>(1, 4'000'000'000, [](Config& c) -> uint32_t& { return last(c).uid_min; })},
      {"directory", "file", "string", "none",
       "passwd-file: user:password:uid:gid:gecos:home:shell:..., as Dovecot has it; read again "
       "when "
       "it has changed.",
       text([](Config& c) -> std::string& { return last(c).file; })},
      {"directory", "default_scheme", "string", "\"CRYPT\"",
       "passwd-file: the scheme of passwords without a {SCHEME}.",
       text([](Config& c) -> std::string& { return last(c).default_scheme; })},
  };
}

}  // namespace

std::vector<Key> directory_keys() {
  std::vector<Key> out = common_keys();
  for (auto part : {ldap_keys(), local_keys()}) out.insert(out.end(), part.begin(), part.end());
  return out;
}

void check_directories(const Config& config, std::vector<ConfigProblem>& problems) {
  for (const DirectoryConfig& one : config.directories) {
    const std::string wrong = wrong_with(one);
    if (!wrong.empty()) problems.push_back({one.place, "directory", wrong});
  }
  if (config.directories.size() > limits::directories_max) {
    problems.push_back({{}, "directory", "too many of them"});
  }
}

}  // namespace eilpost
