// What the checks that write share: two mailboxes of their own, and what lies in them. Belongs to
// the examination's coroutine.
#pragma once

#include <string>
#include <vector>

#include "client/doctor/examination.h"

namespace eilpost::client::checks {

struct Bench {
  std::string first, second;  // the mailboxes
  std::vector<Uid> uids;      // in `first`, of what was appended
};

// Message `number` of those that are appended, made of what servers like to change.
std::string awkward_message(int number);

// One claim, kept or not.
void judge_claim(Section& section, bool fine, std::string id, std::string good, std::string bad,
                 std::string means);

// CATENATE, REPLACE, searches that are kept up to date, case in SEARCH beyond ASCII, and CREATE
// with a special use, as far as they are listed. `first` is selected and not empty.
Task<Result<>> try_composing(Examination& exam, Section& section, Session& session,
                             const Bench& bench);

}  // namespace eilpost::client::checks
