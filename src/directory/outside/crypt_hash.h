// Passwords as other mail systems store them: {SCHEME}hash as in Dovecot's passwd-file, and the
// bare hashes of crypt(5). libxcrypt stands behind this header and nowhere else. Thread safe; a
// verification may take tens of milliseconds.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "directory/password.h"

namespace eilpost::directory {

// `default_scheme` is of a hash without a {SCHEME}. Code::corrupt: the scheme is not known or the
// hash cannot be one; nobody's password is right then.
struct StoredPassword {
  std::string_view stored;
  std::string_view default_scheme = "CRYPT";
};
Result<bool> verify_stored(const StoredPassword& stored, std::string_view password,
                           PasswordHasher& argon2);

}  // namespace eilpost::directory
