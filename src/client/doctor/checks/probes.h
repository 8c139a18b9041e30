// How a claimed capability is proven: a command that harms nothing, and what its answer has to
// hold. One line in the table of probes.cc each. Pure; the session is capabilities.cc's business.
#pragma once

#include <span>
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
  // $BOX, $UID, $SAMPLE (a search key for the last thousand messages), $VALIDITY, $MODSEQ; in
  // `after` $TAG, the tag of the search that `command` was.
  std::string_view before;  // has to be answered OK first; "" for nothing
  std::string_view command;
  std::string_view after;  // takes back what `command` has done, and has to be OK; "" for nothing
  // What is wrong with an answer that said OK; "" when it is as it should be.
  std::string (*judge)(const Heard& heard, const Ground& ground) = nullptr;
  // The response code of a NO that is the proof: what was asked for is not there, and only who
  // knows of it says so. "": the command has to be OK.
  std::string_view refusal = {};
};
std::span<const Probe> probes();
struct Filling {
  // UTF8=ACCEPT or IMAP4rev2 is enabled on the session, which decides how names are written.
  bool utf8 = false;
  std::string tag = {};
};
std::string fill_in(std::string_view command, const Ground& ground, const Filling& filling);

// What programs miss where a capability is not there.
struct Missed {
  std::string_view capability;
  std::string_view means;
};
const std::vector<Missed>& worth_having();

// What stands in the place of a result: the section that looks at it ("see Push"), or why nobody
// can ("not tested: ..."); "" for capabilities that are not known here.
std::string_view instead_of_a_probe(std::string_view capability);

}  // namespace eilpost::client::checks
