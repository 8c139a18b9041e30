// THREAD and UID THREAD (RFC 5256 3): ORDEREDSUBJECT, REFERENCES, and REFS of
// draft-ietf-morg-inthread-01; and the THREAD response. Values only; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/search.h"

namespace eilpost::imap {

enum class ThreadAlgorithm : uint8_t { ordered_subject, references, refs };

struct Thread {
  ThreadAlgorithm algorithm = ThreadAlgorithm::references;
  Search search;  // its charset and what is to be threaded; without RETURN
  friend bool operator==(const Thread&, const Thread&) = default;
};

Result<Thread> parse_thread(Cursor& cursor);
void print_thread(CommandWriter& out, const Thread& command);

// A forest in the order in which it is written, which needs no nesting to hold or to read: each
// message with its depth in its thread. Number 0 stands for a parent that is not there, which may
// only be at depth 0, and then has at least two children.
struct ThreadData {
  struct Node {
    uint32_t number = 0;
    uint32_t depth = 0;
    friend bool operator==(const Node&, const Node&) = default;
  };
  std::vector<Node> nodes;
  friend bool operator==(const ThreadData&, const ThreadData&) = default;
};

// "* THREAD (2)(3 6 (4 23)(44 7 96))"
void append_thread(std::string& out, const ThreadData& data);
// What stands behind "THREAD".
Result<ThreadData> parse_thread_data(Cursor& cursor);

}  // namespace eilpost::imap
