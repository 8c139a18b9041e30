#include "protocol/imap/thread.h"

#include <array>

namespace eilpost::imap {
namespace {

struct AlgorithmName {
  std::string_view name;
  ThreadAlgorithm algorithm;
};
constexpr auto algorithm_names = std::to_array<AlgorithmName>({
    {"ORDEREDSUBJECT", ThreadAlgorithm::ordered_subject},
    {"REFERENCES", ThreadAlgorithm::references},
    {"REFS", ThreadAlgorithm::refs},
});

// How many of the nodes that follow `at` are children of it.
size_t count_children(const std::vector<ThreadData::Node>& nodes, size_t at, size_t up_to) {
  size_t count = 0;
  const uint32_t depth = nodes[at].depth + 1;
  for (size_t i = at + 1; i < nodes.size() && nodes[i].depth >= depth && count < up_to; ++i) {
    if (nodes[i].depth == depth) ++count;
  }
  return count;
}

// Whether each node has a sibling: behind it, or before it.
std::vector<bool> with_siblings(const std::vector<ThreadData::Node>& nodes) {
  std::vector<bool> out(nodes.size(), false);
  std::vector<size_t> last;  // by depth, the latest node below the same parent
  constexpr size_t none = SIZE_MAX;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const size_t depth = nodes[i].depth;
    last.resize(depth + 1, none);
    if (last[depth] != none && depth > 0) out[i] = out[last[depth]] = true;
    last[depth] = i;
  }
  return out;
}

}  // namespace

// thread = "THREAD" SP thread-alg SP search-criteria
Result<Thread> parse_thread(Cursor& cursor) {
  TRY(cursor.space());
  Thread command;
  bool known = false;
  for (const AlgorithmName& algorithm : algorithm_names) {
    if (known || !cursor.accept_word(algorithm.name)) continue;
    command.algorithm = algorithm.algorithm;
    known = true;
  }
  if (!known) return cursor.expected("ORDEREDSUBJECT, REFERENCES or REFS");
  TRY(cursor.space());
  TRY(parse_search_criteria(cursor, command.search));
  return command;
}

void print_thread(CommandWriter& out, const Thread& command) {
  out.raw("THREAD ");
  for (const AlgorithmName& known : algorithm_names) {
    if (known.algorithm == command.algorithm) out.raw(known.name);
  }
  out.raw(" ");
  print_search_criteria(out, command.search);
}

// thread-data = "THREAD" [SP 1*thread-list]
// thread-list = "(" (thread-members / thread-nested) ")"
// thread-members = nz-number *(SP nz-number) [SP thread-nested]
// thread-nested = 2*thread-list
void append_thread(std::string& out, const ThreadData& data) {
  out += "* THREAD";
  if (!data.nodes.empty()) out += ' ';
  const std::vector<bool> opens = with_siblings(data.nodes);
  std::vector<uint32_t> open;  // depths at which a list is open
  bool behind_number = false;
  for (size_t i = 0; i < data.nodes.size(); ++i) {
    const ThreadData::Node& node = data.nodes[i];
    for (; !open.empty() && open.back() >= node.depth; open.pop_back()) {
      out += ')';
      behind_number = false;
    }
    const bool list = node.depth == 0 || opens[i];
    if (behind_number) out += ' ';
    if (list) {
      out += '(';
      open.push_back(node.depth);
    }
    behind_number = node.number != 0;
    if (behind_number) append_number(out, node.number);
  }
  out.append(open.size(), ')');
  out += "\r\n";
}

Result<ThreadData> parse_thread_data(Cursor& cursor) {
  ThreadData data;
  cursor.skip_spaces();
  // Of each open list: how deep its next member is.
  std::vector<uint32_t> depths;
  while (!cursor.at_end() || !depths.empty()) {
    cursor.skip_spaces();
    if (cursor.accept('(')) {
      cursor.skip_spaces();
      // A list that begins with a list: the parent of its members is not there.
      depths.push_back(depths.empty() ? 0 : depths.back());
      if (cursor.peek() == '(') {
        if (depths.back() != 0) return cursor.expected("a message number");
        data.nodes.push_back({0, 0});
        depths.back() = 1;
      }
    } else if (!depths.empty() && cursor.accept(')')) {
      depths.pop_back();
    } else if (!depths.empty()) {
      const uint32_t number = TRY(cursor.nz_number("a message number"));
      data.nodes.push_back({number, depths.back()++});
    } else {
      return cursor.expected("a thread");
    }
  }
  for (size_t i = 0; i < data.nodes.size(); ++i) {
    if (data.nodes[i].number == 0 && count_children(data.nodes, i, 2) < 2) {
      return cursor.expected("two threads below one that is not there");
    }
  }
  return data;
}

}  // namespace eilpost::imap
