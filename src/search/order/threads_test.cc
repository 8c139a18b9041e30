// The threading algorithms against a second implementation that follows RFC 5256 3 word by word,
// with a node for each id, vectors of children and no thought of cost.
#include "search/order/threads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string>

#include "base/random.h"

namespace eilpost::search {
namespace {

struct Mail {
  std::string id;
  std::vector<std::string> references;
  std::string subject;
  bool reply = false;
  int sent = 0;
  int arrival = 0;
};

namespace naive {

struct Node {
  std::optional<size_t> mail;
  Node* parent = nullptr;
  std::vector<Node*> children;
};

class Threader {
 public:
  explicit Threader(const std::vector<Mail>& mails) : mails_(mails) {}

  // (1) to (3): the children of the root.
  std::vector<Node*> gather() {
    std::vector<Node*> own;
    for (size_t i = 0; i < mails_.size(); ++i) own.push_back(own_node(i));
    for (size_t i = 0; i < mails_.size(); ++i) {
      Node* before = nullptr;
      for (const std::string& id : mails_[i].references) {
        Node* node = by_id(id);
        if (before && !node->parent) adopt(before, node);
        before = node;
      }
      if (own[i]->parent != before) {
        leave(own[i]);
        if (before) adopt(before, own[i]);
      }
    }
    std::vector<Node*> roots;
    for (const auto& node : nodes_) {
      if (!node->parent) roots.push_back(node.get());
    }
    return pruned(roots, true);
  }

  // (4), (6)
  void sort(std::vector<Node*>& siblings) {
    for (Node* node : siblings) sort(node->children);
    std::sort(siblings.begin(), siblings.end(),
              [this](Node* a, Node* b) { return sent(a) < sent(b); });
  }

  // (5)
  void merge_subjects(std::vector<Node*>& roots) {
    std::map<std::string, Node*> table;
    for (Node* node : roots) {
      const Mail& mail = speaker(node);
      if (mail.subject.empty()) continue;
      Node*& kept = table[mail.subject];
      if (!kept) {
        kept = node;
      } else if (kept->mail) {
        const bool original = node->mail && mails_[*kept->mail].reply && !mail.reply;
        if (!node->mail || original) kept = node;
      }
    }
    const std::vector<Node*> before = roots;
    for (Node* node : before) {
      const Mail& mail = speaker(node);
      if (mail.subject.empty()) continue;
      Node*& kept = table[mail.subject];
      // One that has become the child of another is no child of the root any more.
      if (kept == node || node->parent) continue;
      const auto take_out = [&](Node* gone) {
        roots.erase(std::find(roots.begin(), roots.end(), gone));
      };
      if (!kept->mail && !node->mail) {
        for (Node* child : node->children) {
          child->parent = kept;
          kept->children.push_back(child);
        }
        take_out(node);
      } else if (!kept->mail || (mail.reply && !mails_[*kept->mail].reply)) {
        take_out(node);
        adopt(kept, node);
      } else {
        nodes_.push_back(std::make_unique<Node>());
        Node* dummy = nodes_.back().get();
        take_out(node);
        take_out(kept);
        adopt(dummy, node);
        adopt(dummy, kept);
        roots.push_back(dummy);
        kept = dummy;
      }
    }
  }

  std::pair<int, size_t> latest(const Node* node) const {
    std::pair<int, size_t> out{INT32_MIN, 0};
    if (node->mail) out = {mails_[*node->mail].arrival, *node->mail};
    for (const Node* child : node->children) out = std::max(out, latest(child));
    return out;
  }

 private:
  Node* make() {
    nodes_.push_back(std::make_unique<Node>());
    return nodes_.back().get();
  }
  Node* by_id(const std::string& id) {
    Node*& node = ids_[id];
    if (!node) node = make();
    return node;
  }
  Node* own_node(size_t i) {
    if (!mails_[i].id.empty()) {
      Node* node = by_id(mails_[i].id);
      if (!node->mail) {
        node->mail = i;
        return node;
      }
    }
    Node* node = make();
    node->mail = i;
    return node;
  }
  static void leave(Node* node) {
    if (!node->parent) return;
    auto& siblings = node->parent->children;
    siblings.erase(std::find(siblings.begin(), siblings.end(), node));
    node->parent = nullptr;
  }
  static void adopt(Node* parent, Node* child) {
    for (Node* at = parent; at; at = at->parent) {
      if (at == child) return;
    }
    child->parent = parent;
    parent->children.push_back(child);
  }
  std::vector<Node*> pruned(const std::vector<Node*>& siblings, bool top) {
    std::vector<Node*> out;
    for (Node* node : siblings) {
      node->children = pruned(node->children, false);
      const bool stays = node->mail || (top && node->children.size() > 1);
      if (stays) {
        out.push_back(node);
        continue;
      }
      for (Node* child : node->children) {
        child->parent = node->parent;
        out.push_back(child);
      }
    }
    return out;
  }
  const Mail& speaker(const Node* node) const {
    return mails_[node->mail ? *node->mail : *node->children.front()->mail];
  }
  std::pair<int, size_t> sent(const Node* node) const {
    const size_t mail = node->mail ? *node->mail : *node->children.front()->mail;
    return {mails_[mail].sent, mail};
  }

  const std::vector<Mail>& mails_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<std::string, Node*> ids_;
};

void write(const Node* node, uint32_t depth, Forest& out) {
  out.push_back({node->mail ? static_cast<uint32_t>(*node->mail) : no_message, depth});
  for (const Node* child : node->children) write(child, depth + 1, out);
}

Forest references(const std::vector<Mail>& mails) {
  Threader threader(mails);
  std::vector<Node*> roots = threader.gather();
  threader.sort(roots);
  threader.merge_subjects(roots);
  threader.sort(roots);
  Forest out;
  for (const Node* root : roots) write(root, 0, out);
  return out;
}

Forest refs(const std::vector<Mail>& mails) {
  Threader threader(mails);
  std::vector<Node*> roots = threader.gather();
  threader.sort(roots);
  std::sort(roots.begin(), roots.end(),
            [&](Node* a, Node* b) { return threader.latest(a) < threader.latest(b); });
  Forest out;
  for (const Node* root : roots) write(root, 0, out);
  return out;
}

// RFC 5256 3, ORDEREDSUBJECT: by subject and date, cut into threads, these by the first's date.
Forest by_subject(const std::vector<Mail>& mails) {
  std::map<std::string, std::vector<uint32_t>> threads;
  for (uint32_t i = 0; i < mails.size(); ++i) threads[mails[i].subject].push_back(i);
  std::vector<std::vector<uint32_t>> ordered;
  const auto earlier = [&](uint32_t a, uint32_t b) {
    return std::pair(mails[a].sent, a) < std::pair(mails[b].sent, b);
  };
  for (auto& [subject, thread] : threads) {
    std::sort(thread.begin(), thread.end(), earlier);
    ordered.push_back(thread);
  }
  std::sort(ordered.begin(), ordered.end(),
            [&](const auto& a, const auto& b) { return earlier(a.front(), b.front()); });
  Forest out;
  for (const auto& thread : ordered) {
    for (size_t i = 0; i < thread.size(); ++i) out.push_back({thread[i], i == 0 ? 0U : 1U});
  }
  return out;
}

}  // namespace naive

ThreadInput input_of(const std::vector<Mail>& mails) {
  ThreadInput input;
  input.by_sent.resize(mails.size());
  std::iota(input.by_sent.begin(), input.by_sent.end(), 0);
  std::stable_sort(input.by_sent.begin(), input.by_sent.end(),
                   [&](uint32_t a, uint32_t b) { return mails[a].sent < mails[b].sent; });
  std::map<std::string, uint32_t> ids;
  std::map<std::string, uint32_t> subjects;
  const auto number = [](std::map<std::string, uint32_t>& numbers, const std::string& text) {
    return numbers.emplace(text, static_cast<uint32_t>(numbers.size())).first->second;
  };
  for (const Mail& mail : mails) {
    input.arrival.push_back(static_cast<uint32_t>(mail.arrival));
    input.subject.push_back(number(subjects, mail.subject));
    input.subject_empty.push_back(mail.subject.empty());
    input.reply.push_back(mail.reply);
    input.id.push_back(mail.id.empty() ? no_id : number(ids, mail.id));
    for (const std::string& id : mail.references) input.references.push_back(number(ids, id));
    input.reference_ends.push_back(static_cast<uint32_t>(input.references.size()));
  }
  input.ids_end = static_cast<uint32_t>(ids.size());
  input.subjects_end = static_cast<uint32_t>(subjects.size());
  return input;
}

std::string shown(const Forest& forest) {
  std::string out;
  for (const ThreadNode& node : forest) {
    out += std::string(node.depth, '.');
    out += node.message == no_message ? "?" : std::to_string(node.message);
    out += ' ';
  }
  return out;
}

// Few ids, so that there are loops, missing parents, duplicates and contradictions.
std::vector<Mail> random_mails(Random& random) {
  const uint64_t ids = 2 + random.below(12);
  const auto id = [&] { return "id" + std::to_string(random.below(ids)); };
  std::vector<Mail> mails(random.below(14));
  for (Mail& mail : mails) {
    if (random.below(8) != 0) mail.id = id();
    for (uint64_t n = random.below(4); n > 0; --n) mail.references.push_back(id());
    if (random.below(4) != 0) mail.subject = std::string(1, "abcd"[random.below(4)]);
    mail.reply = random.below(2) == 0;
    mail.sent = static_cast<int>(random.below(10));
    mail.arrival = static_cast<int>(random.below(10));
  }
  return mails;
}

TEST(Threads, AsTheRfcSaysWordByWord) {
  Random random(11);
  for (int round = 0; round < 20'000; ++round) {
    const std::vector<Mail> mails = random_mails(random);
    const ThreadInput input = input_of(mails);
    ASSERT_EQ(shown(naive::references(mails)), shown(thread_by_references(input))) << round;
    ASSERT_EQ(shown(naive::refs(mails)), shown(thread_refs(input))) << round;
    ASSERT_EQ(shown(naive::by_subject(mails)), shown(thread_by_subject(input))) << round;
  }
}

// Every message is in the result once, whatever the graph; and no parent missing but with two.
TEST(Threads, NothingIsLost) {
  Random random(12);
  for (int round = 0; round < 300; ++round) {
    std::vector<Mail> mails(200);
    for (Mail& mail : mails) {
      mail.id = std::to_string(random.below(150));
      for (uint64_t n = random.below(6); n > 0; --n) {
        mail.references.push_back(std::to_string(random.below(200)));
      }
      mail.subject = std::to_string(random.below(150));
      mail.reply = random.below(2) == 0;
    }
    const ThreadInput input = input_of(mails);
    for (const Forest& forest : {thread_by_references(input), thread_refs(input)}) {
      std::set<uint32_t> seen;
      for (size_t i = 0; i < forest.size(); ++i) {
        if (forest[i].message != no_message) {
          EXPECT_TRUE(seen.insert(forest[i].message).second);
          continue;
        }
        EXPECT_EQ(0U, forest[i].depth);
        size_t children = 0;
        for (size_t j = i + 1; j < forest.size() && forest[j].depth > 0; ++j) {
          if (forest[j].depth == 1) ++children;
        }
        EXPECT_LE(2U, children);
      }
      EXPECT_EQ(mails.size(), seen.size());
    }
  }
}

// A chain of 200,000 replies, each of which names the one before: as deep as it is long.
TEST(Threads, LongChains) {
  std::vector<Mail> mails(200'000);
  for (size_t i = 0; i < mails.size(); ++i) {
    mails[i].id = std::to_string(i);
    if (i > 0) mails[i].references = {std::to_string(i - 1)};
  }
  const Forest forest = thread_by_references(input_of(mails));
  ASSERT_EQ(mails.size(), forest.size());
  EXPECT_EQ(199'999U, forest.back().depth);
}

// Chains that are cut and joined again and again cost no more than is allowed for them.
TEST(Threads, ChainsMadeToCost) {
  constexpr size_t size = 20'000;
  std::vector<Mail> mails(size);
  for (size_t i = 0; i < size; ++i) {
    mails[i].id = std::to_string(i);
    mails[i].references = {std::to_string(i + 2), std::to_string(i + 1)};
  }
  const Forest forest = thread_by_references(input_of(mails));
  EXPECT_LE(size, forest.size());
}

}  // namespace
}  // namespace eilpost::search
