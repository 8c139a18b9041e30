// `eilpost doctor`: examines a server from outside and, with an account, from inside, and reports
// what is so, what it means and what to do. It changes nothing unless `write` allows a mailbox of
// its own, which it removes. Runs on one executor.
#pragma once

#include <atomic>

#include "client/doctor/examination.h"
#include "client/doctor/report.h"

namespace eilpost::client {

// Runs the groups of checks in their order; between two of them it looks whether it should stop.
// Code::invalid, Code::io: the options cannot be used; all else is in the Report.
Task<Result<Report>> examine(DoctorOptions options, DoctorHooks hooks, Random& random,
                             const Clock& clock, const std::atomic<bool>& stopping);

}  // namespace eilpost::client
