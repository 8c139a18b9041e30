// How a claimed capability is proven: a command that harms nothing, and what its answer has to
// hold. One line in the table of probes.cc each. Pure; the session is capabilities.cc's business.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/doctor/checks/ground.h"

namespace eilpost::client::checks {

enum class Where {
  anywhere,  // the mailbox is selected, whether it has messages or not
  message,   // it has to have one
  apart,     // on a session of its own, which it changes; nothing is selected
};

struct Probe {
  std::string_view capability;
  Where where = Where::anywhere;
  // $BOX, $UID, $SAMPLE (a search key for the last thousand messages), $VALIDITY, $MODSEQ.
  std::string_view before;  // has to be answered OK first; "" for nothing
  std::string_view command;
  std::string_view after;  // takes back what `command` has done; "" for nothing
  // What is wrong with an answer that said OK; "" when it is as it should be.
  std::string (*judge)(const Heard& heard, const Ground& ground) = nullptr;
};
const std::vector<Probe>& probes();
// `utf8`: the session has UTF8=ACCEPT or IMAP4rev2 enabled, which decides how names are written.
struct NameForm {
  bool utf8 = false;
};
std::string fill_in(std::string_view command, const Ground& ground, NameForm form);

// What programs miss where a capability is not there.
struct Missed {
  std::string_view capability;
  std::string_view means;
};
const std::vector<Missed>& worth_having();

// Capabilities that another section looks at: "Push"; "" for those that none does.
std::string_view looked_at_elsewhere(std::string_view capability);

}  // namespace eilpost::client::checks
