#include "client/doctor/checks/checks.h"

namespace eilpost::client::checks {

const std::vector<Group>& groups() {
  static const std::vector<Group> table = {
      {"discovery", "Finding the server", false, discovery},
      {"ports", "Ports", false, ports},
      {"tls", "TLS and certificates", false, tls},
      {"sign-in", "Signing in", false, signing_in},
      {"capabilities", "Capabilities, claimed and proven", true, capabilities},
      {"folders", "Folders", true, folders},
      {"messages", "Messages", true, messages},
      {"push", "Push", true, push},
      {"limits", "Limits", true, limits},
      {"writing", "Writing", true, writing},
      {"conduct", "Alerts and quirks", false, conduct},
  };
  return table;
}

}  // namespace eilpost::client::checks
