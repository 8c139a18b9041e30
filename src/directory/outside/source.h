// A directory that lives elsewhere: LDAP, PAM, a passwd-file. It finds entries by what somebody
// typed, and checks passwords. Which entry is meant is decided in one place for all kinds
// (choose()). A Source is thread safe and blocks, each call at most as long as its own deadlines
// say; the rest is pure.
//
// Codes of a Source: unavailable - it does not answer; auth_failed - the password is wrong;
// expired, authz_failed - it is right, and yet not enough.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "directory/spelling.h"

namespace eilpost::directory {

// What a directory says of one account; names are folded.
struct Entry {
  std::string key;  // what it is called there for ever: objectGUID, entryUUID, or the name
  std::string login_name;
  std::string primary_address;
  std::vector<std::string> addresses;  // others than the primary one; sorted, each once
  std::vector<std::string> nicknames;  // bare names besides `user`: mailNickname
  std::string user;                    // sAMAccountName, uid
  std::string netbios;                 // the domain of DOMAIN\user
  std::string realm;                   // the domain of user@realm
  std::string upn;
  std::string sid;
  std::string display_name;
  std::vector<std::string> groups;
  bool disabled = false;  // may not log in as itself
  std::string stamp;      // changes when the password does, where that is told
  std::string handle;     // how the source finds it again: the DN
  friend bool operator==(const Entry&, const Entry&) = default;
};

struct Query {
  enum class By { name, key, sid };
  By by = By::name;
  Spelling name;     // by name
  std::string text;  // by key or SID
};

class Source {
 public:
  virtual ~Source() = default;
  // Every entry that may be meant, and perhaps others: the names are compared by choose().
  virtual Result<std::vector<Entry>> find(const Query& query) = 0;
  virtual Result<> check_password(const Entry& entry, std::string_view password) = 0;
};

bool matches(const Entry& entry, const Spelling& name, NameStep step);

// Who may be meant: `login` - by every spelling; `address` - mail for it, by addresses only.
enum class NameUse { login, address };

struct Choice {
  NameStep step = NameStep::login_id;
  std::vector<const Entry*> entries;  // one: this is it; several: the name is ambiguous; none
};
// The first step of the order by which anybody is meant.
struct ChooseFrom {
  const std::vector<Entry>& entries;
  const Spelling& name;
  const std::vector<NameStep>& order;
  NameUse use = NameUse::login;
};
Choice choose(const ChooseFrom& from);
bool allowed_for(NameStep step, NameUse use);

}  // namespace eilpost::directory
