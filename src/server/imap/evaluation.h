// Running a search program over one mailbox in slices: those that read go to the disk pool one hop
// each, so that a long search shares the pool with everybody; those that need memory only run on
// the session's thread, which its other connections get in between. One session's coroutine.
#pragma once

#include "search/evaluate.h"
#include "server/imap/progress.h"

namespace eilpost::server {

struct Evaluation {
  store::SnapshotPtr snapshot;
  search::Program program;
  size_t keys = 1;  // how many the program has: slices are the shorter
};

// Code::unavailable when the session ends meanwhile; else as search::Evaluator. Tells `progress`
// that `done` is done.
net::Task<Result<search::Answer>> evaluate(ImapSession& session, Evaluation evaluation,
                                           Progress& progress, std::optional<uint64_t> done);

// The mailbox as this session sees it: what is expunged but not announced keeps its place.
store::SnapshotPtr shown_snapshot(const View& view);

}  // namespace eilpost::server
