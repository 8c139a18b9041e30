#include "search/order/threads.h"

#include <algorithm>
#include <numeric>

#include "base/limits.h"

namespace eilpost::search {

namespace {

constexpr uint32_t none = UINT32_MAX;

// RFC 5256 3, REFERENCES (1): which message or missing message is whose parent. Nodes below
// ids_end are ids, of messages or not; above are messages that have no id of their own.
class Links {
 public:
  explicit Links(const ThreadInput& input) : input_(input) {
    node_of_.resize(input.size());
    message_of_.assign(input.ids_end, none);
    for (size_t i = 0; i < input.size(); ++i) {
      // An id is that of the first message that has it; others count as having none.
      const uint32_t id = input.id[i];
      const bool owns = id != no_id && message_of_[id] == none;
      node_of_[i] = owns ? id : static_cast<uint32_t>(message_of_.size());
      if (owns) message_of_[id] = static_cast<uint32_t>(i);
      if (!owns) message_of_.push_back(static_cast<uint32_t>(i));
    }
    parent_.assign(message_of_.size(), none);
    joined_.resize(message_of_.size());
    std::iota(joined_.begin(), joined_.end(), 0);
    cut_.assign(message_of_.size(), false);
    steps_left_ = limits::thread_steps_min + uint64_t{limits::thread_steps_per_node} * size();
  }

  void link_all() {
    for (size_t i = 0; i < input_.size(); ++i) {
      const std::span<const uint32_t> references = input_.references_of(i);
      for (size_t r = 1; r < references.size(); ++r) {
        // (A): what has a parent keeps it.
        if (parent_[references[r]] == none) link(references[r - 1], references[r]);
      }
      // (B): the last reference is the parent, whatever truncated fields of others say.
      const uint32_t self = node_of_[i];
      const uint32_t last = references.empty() ? none : references.back();
      if (parent_[self] == last) continue;
      cut(self);
      if (last != none) link(last, self);
    }
  }

  size_t size() const { return parent_.size(); }
  uint32_t parent(uint32_t node) const { return parent_[node]; }
  uint32_t message(uint32_t node) const { return message_of_[node]; }
  uint32_t node(size_t message) const { return node_of_[message]; }

 private:
  // Trees that were ever joined have one root here. While none of their links is cut, that is
  // what they are: then a node without a parent is above everything that is joined with it.
  uint32_t find(uint32_t node) {
    while (joined_[node] != node) node = joined_[node] = joined_[joined_[node]];
    return node;
  }

  bool is_above(uint32_t node, uint32_t below) {
    if (node == below) return true;
    const uint32_t root = find(below);
    if (find(node) != root) return false;
    if (!cut_[root]) return true;
    for (uint32_t at = below; at != none; at = parent_[at]) {
      if (at == node || steps_left_ == 0) return true;
      --steps_left_;
    }
    return false;
  }

  // `child` has no parent.
  void link(uint32_t parent, uint32_t child) {
    if (is_above(child, parent)) return;
    parent_[child] = parent;
    const uint32_t one = find(parent);
    const uint32_t other = find(child);
    joined_[other] = one;
    cut_[one] = cut_[one] || cut_[other];
  }

  void cut(uint32_t child) {
    if (parent_[child] == none) return;
    parent_[child] = none;
    cut_[find(child)] = true;
  }

  const ThreadInput& input_;
  std::vector<uint32_t> node_of_;     // by message
  std::vector<uint32_t> message_of_;  // by node
  std::vector<uint32_t> parent_;
  std::vector<uint32_t> joined_;
  std::vector<bool> cut_;
  uint64_t steps_left_ = 0;
};

// Messages in threads: parents are messages, or, from `messages` on, groups: parents that are not
// there, which stand at the top.
struct Tree {
  size_t messages = 0;
  std::vector<uint32_t> parent;  // by message
  uint32_t groups = 0;

  bool is_group(uint32_t node) const { return node != none && node >= messages; }
  uint32_t add_group() { return static_cast<uint32_t>(messages) + groups++; }
};

// REFERENCES (2) and (3): a missing message hands its children up; at the top it stays where it
// has several.
Tree prune(const Links& links, size_t messages) {
  Tree tree;
  tree.messages = messages;
  tree.parent.assign(messages, none);
  // The nearest message above each node, or the missing message at the top.
  constexpr uint32_t unknown = UINT32_MAX - 1;
  std::vector<uint32_t> above(links.size(), unknown);
  std::vector<uint32_t> path;
  std::vector<uint32_t> group_of(links.size(), none);
  std::vector<uint32_t> only_child(links.size(), none);
  std::vector<uint32_t> top(messages, none);  // the missing message at the top
  for (size_t i = 0; i < messages; ++i) {
    uint32_t at = links.parent(links.node(i));
    path.clear();
    while (at != none && links.message(at) == none && above[at] == unknown) {
      path.push_back(at);
      at = links.parent(at);
    }
    uint32_t found = none;
    if (at != none) found = links.message(at) != none ? at : above[at];
    // Without a message above, what is at the top stands for all.
    if (at == none && !path.empty()) found = path.back();
    for (const uint32_t node : path) above[node] = found;
    if (found == none) continue;
    if (links.message(found) != none) {
      tree.parent[i] = links.message(found);
    } else {
      top[i] = found;
      if (only_child[found] != none && group_of[found] == none) {
        group_of[found] = tree.add_group();
      }
      only_child[found] = static_cast<uint32_t>(i);
    }
  }
  for (size_t i = 0; i < messages; ++i) {
    if (top[i] != none) tree.parent[i] = group_of[top[i]];
  }
  return tree;
}

// The tops of the tree by the first message of each, in the order that is given: messages without
// a parent, and groups. `first` gets each group's first message.
std::vector<uint32_t> tops_of(const Tree& tree, const std::vector<uint32_t>& order,
                              std::vector<uint32_t>& first) {
  first.assign(tree.groups, none);
  std::vector<uint32_t> tops;
  for (const uint32_t message : order) {
    const uint32_t parent = tree.parent[message];
    if (parent == none) tops.push_back(message);
    if (!tree.is_group(parent) || first[parent - tree.messages] != none) continue;
    first[parent - tree.messages] = message;
    tops.push_back(parent);
  }
  return tops;
}

// REFERENCES (5): threads of one subject become one.
class SubjectMerge {
 public:
  SubjectMerge(const ThreadInput& input, Tree& tree)
      : input_(input), tree_(tree), table_(input.subjects_end, none) {}

  void run() {
    const std::vector<uint32_t> tops = tops_of(tree_, input_.by_sent, first_);
    std::vector<std::vector<uint32_t>> members(tree_.groups);
    for (size_t i = 0; i < tree_.messages; ++i) {
      const uint32_t parent = tree_.parent[i];
      if (tree_.is_group(parent)) {
        members[parent - tree_.messages].push_back(static_cast<uint32_t>(i));
      }
    }
    for (const uint32_t top : tops) choose(top);
    for (const uint32_t top : tops) merge(top, members);
  }

 private:
  uint32_t speaker(uint32_t top) const {
    return tree_.is_group(top) ? first_[top - tree_.messages] : top;
  }

  // (B)
  void choose(uint32_t top) {
    const uint32_t message = speaker(top);
    if (input_.subject_empty[message]) return;
    uint32_t& kept = table_[input_.subject[message]];
    if (kept == none) {
      kept = top;
    } else if (!tree_.is_group(kept)) {
      const bool better = input_.reply[kept] && !tree_.is_group(top) && !input_.reply[top];
      if (tree_.is_group(top) || better) kept = top;
    }
  }

  // (C)
  void merge(uint32_t top, const std::vector<std::vector<uint32_t>>& members) {
    const uint32_t message = speaker(top);
    if (input_.subject_empty[message]) return;
    uint32_t& kept = table_[input_.subject[message]];
    if (kept == top) return;
    if (tree_.is_group(top)) {
      // What is kept is a group too: (B) prefers them.
      for (const uint32_t child : members[top - tree_.messages]) tree_.parent[child] = kept;
    } else if (tree_.is_group(kept) || (input_.reply[top] && !input_.reply[kept])) {
      tree_.parent[top] = kept;
    } else {
      const uint32_t group = tree_.add_group();
      tree_.parent[top] = group;
      tree_.parent[kept] = group;
      kept = group;
    }
  }

  const ThreadInput& input_;
  Tree& tree_;
  std::vector<uint32_t> first_;  // by group
  std::vector<uint32_t> table_;  // by subject: a message without a parent, or a group
};

// Children of every node in the order of `order`.
struct Children {
  std::vector<uint32_t> begins;
  std::vector<uint32_t> all;

  Children(const Tree& tree, const std::vector<uint32_t>& order) {
    begins.assign(tree.messages + tree.groups + 1, 0);
    for (const uint32_t parent : tree.parent) {
      if (parent != none) ++begins[parent + 1];
    }
    std::partial_sum(begins.begin(), begins.end(), begins.begin());
    all.resize(begins.back());
    std::vector<uint32_t> next = begins;
    for (const uint32_t message : order) {
      const uint32_t parent = tree.parent[message];
      if (parent != none) all[next[parent]++] = message;
    }
  }
  std::span<const uint32_t> of(uint32_t node) const {
    return std::span(all).subspan(begins[node], begins[node + 1] - begins[node]);
  }
};

// REFERENCES (6): every node before its children, these by sent date.
Forest written(const Tree& tree, const std::vector<uint32_t>& tops, const Children& children) {
  Forest out;
  out.reserve(tree.messages + tree.groups);
  std::vector<ThreadNode> waiting;
  for (const uint32_t top : tops) {
    waiting.push_back({top, 0});
    while (!waiting.empty()) {
      const ThreadNode node = waiting.back();
      waiting.pop_back();
      out.push_back({tree.is_group(node.message) ? no_message : node.message, node.depth});
      const std::span<const uint32_t> below = children.of(node.message);
      for (size_t i = below.size(); i > 0; --i) waiting.push_back({below[i - 1], node.depth + 1});
    }
  }
  return out;
}

// The tops by the latest arrival in each thread (REFS).
std::vector<uint32_t> by_latest(const ThreadInput& input, const Tree& tree,
                                const std::vector<uint32_t>& tops, const Children& children) {
  struct Latest {
    uint32_t arrival = 0;
    uint32_t message = 0;
    uint32_t top = 0;
  };
  std::vector<Latest> latest;
  std::vector<uint32_t> waiting;
  for (const uint32_t top : tops) {
    Latest found;
    found.top = top;
    waiting.push_back(top);
    while (!waiting.empty()) {
      const uint32_t node = waiting.back();
      waiting.pop_back();
      if (!tree.is_group(node) &&
          std::pair(input.arrival[node], node) >= std::pair(found.arrival, found.message)) {
        found.arrival = input.arrival[node];
        found.message = node;
      }
      for (const uint32_t child : children.of(node)) waiting.push_back(child);
    }
    latest.push_back(found);
  }
  std::sort(latest.begin(), latest.end(), [](const Latest& a, const Latest& b) {
    return std::pair(a.arrival, a.message) < std::pair(b.arrival, b.message);
  });
  std::vector<uint32_t> out;
  for (const Latest& thread : latest) out.push_back(thread.top);
  return out;
}

Tree linked(const ThreadInput& input) {
  Links links(input);
  links.link_all();
  return prune(links, input.size());
}

}  // namespace

Forest thread_by_subject(const ThreadInput& input) {
  // The first message of a subject, by sent date, has the others below it.
  Tree tree;
  tree.messages = input.size();
  tree.parent.assign(input.size(), none);
  std::vector<uint32_t> heads(input.subjects_end, none);
  for (const uint32_t message : input.by_sent) {
    uint32_t& head = heads[input.subject[message]];
    if (head == none) {
      head = message;
    } else {
      tree.parent[message] = head;
    }
  }
  std::vector<uint32_t> first;
  const std::vector<uint32_t> tops = tops_of(tree, input.by_sent, first);
  return written(tree, tops, Children(tree, input.by_sent));
}

Forest thread_by_references(const ThreadInput& input) {
  Tree tree = linked(input);
  SubjectMerge(input, tree).run();
  std::vector<uint32_t> first;
  const std::vector<uint32_t> tops = tops_of(tree, input.by_sent, first);
  return written(tree, tops, Children(tree, input.by_sent));
}

Forest thread_refs(const ThreadInput& input) {
  const Tree tree = linked(input);
  std::vector<uint32_t> first;
  const std::vector<uint32_t> tops = tops_of(tree, input.by_sent, first);
  const Children children(tree, input.by_sent);
  return written(tree, by_latest(input, tree, tops, children), children);
}

}  // namespace eilpost::search
