// Accounts in a file, one a line, as Dovecot's passwd-file and /etc/passwd have them:
//   user:password:uid:gid:gecos:home:shell:extra fields
// Only user, password and the name in gecos are looked at; missing and further fields do no harm.
// The file is read again when it has changed. Thread safe; blocks.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "directory/outside/source.h"
#include "directory/password.h"

namespace eilpost::directory {

struct PasswdLine {
  std::string user;
  std::string password;
  std::string display_name;
  friend bool operator==(const PasswdLine&, const PasswdLine&) = default;
};
// Nothing: a comment, an empty line, or one without a user.
std::optional<PasswdLine> parse_passwd_line(std::string_view line);

struct PasswdFileOptions {
  std::string path;
  std::string default_scheme = "CRYPT";
  NameRules names;
};

class PasswdFileSource final : public Source {
 public:
  PasswdFileSource(PasswdFileOptions options, PasswordHasher& argon2);
  Result<std::vector<Entry>> find(const Query& query) override;
  Result<> check_password(const Entry& entry, std::string_view password) override;

 private:
  using Lines = std::map<std::string, PasswdLine>;  // by the folded user
  using LinesPtr = std::shared_ptr<const Lines>;    // shared by callers while one reads it anew
  struct Stamp {
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
    uint64_t size = 0;
    uint64_t inode = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  Result<LinesPtr> lines();
  Result<LinesPtr> read() const;
  Entry entry_of(const std::string& user, const PasswdLine& line) const;

  PasswdFileOptions options_;
  PasswordHasher& argon2_;
  std::mutex mutex_;
  LinesPtr lines_;
  Stamp stamp_;
};

}  // namespace eilpost::directory
