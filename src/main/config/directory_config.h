// One [[directory]] of the configuration, as it stands in the file. Values only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "main/config/config_value.h"

namespace eilpost {

enum class DirectoryKind { none, built_in, ldap, pam, passwd_file };
enum class DirectorySchema { active_directory, inet_org_person };
enum class DirectoryGroups { none, direct, nested };

struct DirectoryConfig {
  std::string name;
  DirectoryKind kind = DirectoryKind::none;
  std::vector<std::string> domains;
  int64_t cache_seconds = 60;
  int64_t negative_cache_seconds = 10;
  int64_t password_cache_seconds = 60;
  unsigned connections = 8;
  // ldap
  std::vector<std::string> servers;
  bool starttls = false;
  bool without_tls = false;
  std::string ca_file;
  int timeout_ms = 5000;
  std::string bind_dn;
  std::string bind_password_file;
  std::string base;
  DirectorySchema schema = DirectorySchema::active_directory;
  std::map<std::string, std::string> attributes;  // by their keys; instead of the schema's
  DirectoryGroups groups = DirectoryGroups::none;
  // pam
  std::string service = "eilpost";
  uint32_t uid_min = 1000;
  // passwd-file
  std::string file;
  std::string default_scheme = "CRYPT";
  ConfigPlace place;
};

}  // namespace eilpost
