// The machine's own users: found by NSS, passwords checked by PAM. libpam stands behind this header
// and nowhere else. Thread safe; blocks as long as the PAM modules do.
#pragma once

#include <string>

#include "directory/outside/source.h"

namespace eilpost::directory {

struct PamOptions {
  std::string service = "eilpost";  // the file in /etc/pam.d
  uint32_t uid_min = 1000;          // users below are none of ours: root, daemons
  NameRules names;
};

class PamSource final : public Source {
 public:
  explicit PamSource(PamOptions options) : options_(std::move(options)) {}
  Result<std::vector<Entry>> find(const Query& query) override;
  Result<> check_password(const Entry& entry, std::string_view password) override;

 private:
  PamOptions options_;
};

}  // namespace eilpost::directory
