// How an LDAP directory's attributes become an Entry, and a question a search filter. Pure; any
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "directory/outside/ldap.h"
#include "directory/outside/ldap_filter.h"
#include "directory/outside/source.h"

namespace eilpost::directory {

// Names of attributes; an empty one is not used.
struct LdapSchema {
  std::string object_filter;  // what an account is
  std::string key;            // stable; binary ones are written as hexadecimal digits
  std::string user;           // the bare login name
  std::string upn;
  std::string mail;
  std::string addresses;  // with or without "smtp:" in front
  std::string nickname;
  std::string sid;
  std::string display_name;
  std::string disabled;  // userAccountControl: bit 2
  std::string stamp;     // changes with the password
  std::string group_member = "member";
  std::string group_name = "cn";
  bool active_directory = false;  // knows LDAP_MATCHING_RULE_IN_CHAIN, has domains
};
LdapSchema active_directory_schema();
LdapSchema inet_org_person_schema();
// Code::invalid: an attribute or the object filter cannot be one.
Result<> check_schema(const LdapSchema& schema);
std::vector<std::string> attributes_of(const LdapSchema& schema);

// A domain of an Active Directory forest, from its crossRef objects.
struct AdDomain {
  std::string base;     // its DN, in lower case
  std::string netbios;  // folded
  std::string realm;    // folded
};

Result<LdapFilter> filter_for(const LdapSchema& schema, const Query& query);
// Nothing: it has no name under which anybody could log in.
std::optional<Entry> entry_of(const LdapSchema& schema, const LdapEntry& found,
                              const std::vector<AdDomain>& domains);

// S-1-5-21-... and its binary form ([MS-DTYP] 2.4.2.2). Empty: it is none.
std::string print_sid(std::string_view binary);
std::string parse_sid(std::string_view text);
std::string hex(std::string_view octets);

}  // namespace eilpost::directory
