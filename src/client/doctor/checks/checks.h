// The groups of checks, in the order in which they run: what each is called, and the function that
// looks and fills its section. To add one: a file here, a declaration, a line in the table of
// checks.cc. An Error ends the group, not the examination. Called by doctor.cc only.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "client/doctor/examination.h"

namespace eilpost::client::checks {

struct Group {
  std::string_view id;
  std::string_view title;
  bool needs_account = false;  // somebody has to be signed in
  Task<Result<>> (*run)(Examination& exam, Section& section) = nullptr;
};
const std::vector<Group>& groups();

Task<Result<>> discovery(Examination& exam, Section& section);
Task<Result<>> ports(Examination& exam, Section& section);
Task<Result<>> tls(Examination& exam, Section& section);
Task<Result<>> signing_in(Examination& exam, Section& section);
Task<Result<>> capabilities(Examination& exam, Section& section);
Task<Result<>> folders(Examination& exam, Section& section);
Task<Result<>> messages(Examination& exam, Section& section);
Task<Result<>> push(Examination& exam, Section& section);
Task<Result<>> limits(Examination& exam, Section& section);
Task<Result<>> writing(Examination& exam, Section& section);
Task<Result<>> conduct(Examination& exam, Section& section);

// What a known text of a server means, whichever command it answered; nothing for unknown ones.
std::optional<Finding> explain(std::string_view server_text);

}  // namespace eilpost::client::checks
