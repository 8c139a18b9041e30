// LIST in its basic and extended form, LSUB (RFC 9051 6.3.9, RFC 3501 6.3.9).

#include <algorithm>
#include <set>

#include "protocol/imap/mailbox_name.h"
#include "server/imap/commands.h"
#include "server/imap/special_use.h"
#include "server/imap/status.h"

namespace eilpost::server {

namespace {

// One name that LIST may answer: a mailbox, or a subscription without one.
struct Candidate {
  std::string name;
  const store::MailboxDef* def = nullptr;  // null: only subscribed
  bool subscribed = false;
};

std::vector<Candidate> candidates(const store::FolderTree& tree, bool with_orphans) {
  std::vector<Candidate> out;
  for (const auto& entry : tree.entries()) {
    out.push_back({entry.name, entry.def, tree.subscriptions().count(entry.name) != 0});
  }
  if (!with_orphans) return out;
  for (const std::string& name : tree.subscriptions()) {
    if (!tree.find(name)) out.push_back({name, nullptr, true});
  }
  std::stable_sort(out.begin(), out.end(), [](const Candidate& a, const Candidate& b) {
    const bool inbox_a = a.name == "INBOX";
    const bool inbox_b = b.name == "INBOX";
    return inbox_a != inbox_b ? inbox_a : a.name < b.name;
  });
  return out;
}

std::vector<std::string> full_patterns(const imap::List& command) {
  std::vector<std::string> out;
  for (const std::string& pattern : command.patterns) {
    out.push_back(imap::join_pattern(command.reference, pattern));
  }
  return out;
}

bool matches_any(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return imap::pattern_matches(pattern, name);
  });
}

bool selected_by(const imap::List& command, const Candidate& c) {
  if (command.select_subscribed && !c.subscribed) return false;
  if (command.select_special_use && (!c.def || c.def->special_use == 0)) return false;
  return true;
}

// Names above `name`: "a/b/c" gives "a/b" and "a".
std::vector<std::string> ancestors(std::string_view name) {
  std::vector<std::string> out;
  for (size_t slash = name.rfind('/'); slash != std::string_view::npos;
       slash = slash == 0 ? std::string_view::npos : name.rfind('/', slash - 1)) {
    out.emplace_back(name.substr(0, slash));
  }
  return out;
}

class Lister {
 public:
  Lister(ImapSession& session, const imap::List& command)
      : session_(session), command_(command), tree_(session.folders()) {}

  struct Listed {
    imap::ListData data;
    bool own = false;  // it is selected itself, not only one below it
  };
  std::vector<Listed> list() {
    const std::vector<std::string> patterns = full_patterns(command_);
    const auto all = candidates(*tree_, command_.select_subscribed);
    if (command_.select_recursive_match) find_parents_of_matches(all, patterns);
    std::vector<Listed> out;
    for (const Candidate& c : all) {
      if (!matches_any(patterns, c.name)) continue;
      const bool own = selected_by(command_, c);
      if (!own && hidden_.count(c.name) == 0) continue;
      out.push_back({describe(c, child_info_.count(c.name) != 0), own});
    }
    if (command_.select_recursive_match) add_missing_parents(patterns, out);
    return out;
  }

 private:
  // RFC 5258 3.1: with RECURSIVEMATCH, a name that does not itself match the selection is listed
  // when one of its descendants does.
  void find_parents_of_matches(const std::vector<Candidate>& all,
                               const std::vector<std::string>& patterns) {
    for (const Candidate& c : all) {
      if (!selected_by(command_, c)) continue;
      // RFC 5258 3.5: only where one that the patterns leave out is below.
      const bool shown = matches_any(patterns, c.name);
      for (std::string& above : ancestors(c.name)) {
        if (!shown) hidden_.insert(above);
        child_info_.insert(std::move(above));
      }
    }
  }

  // Parents of subscribed names that do not exist themselves.
  void add_missing_parents(const std::vector<std::string>& patterns, std::vector<Listed>& out) {
    std::set<std::string> listed;
    for (const Listed& l : out) listed.insert(l.data.mailbox);
    for (const std::string& name : hidden_) {
      if (tree_->find(name) || listed.count(name) != 0 || !matches_any(patterns, name)) continue;
      out.push_back({describe(Candidate{name, nullptr, false}, true), false});
    }
  }

  imap::ListData describe(const Candidate& c, bool child) {
    imap::ListData data;
    data.mailbox = c.name;
    if (!c.def) {
      data.attributes.emplace_back("\\NonExistent");
    } else {
      if (!c.def->selectable) data.attributes.emplace_back("\\Noselect");
      data.attributes.emplace_back(tree_->has_children(c.def->id) ? "\\HasChildren"
                                                                  : "\\HasNoChildren");
    }
    const bool says_subscribed = command_.select_subscribed || command_.return_subscribed;
    if (c.subscribed && says_subscribed) data.attributes.emplace_back("\\Subscribed");
    if (c.def) {
      for (auto& use : special_use_names(c.def->special_use)) {
        data.attributes.push_back(std::move(use));
      }
    }
    if (child && command_.select_recursive_match) {
      if (command_.select_subscribed) data.child_info.emplace_back("SUBSCRIBED");
      if (command_.select_special_use) data.child_info.emplace_back("SPECIAL-USE");
    }
    return data;
  }

  ImapSession& session_;
  const imap::List& command_;
  store::FoldersPtr tree_;
  std::set<std::string> child_info_;  // names with a selected descendant
  std::set<std::string> hidden_;      // names with one that the patterns leave out
};

}  // namespace

CommandTask run(ImapSession& session, const imap::List& command, RunOptions) {
  if (!command.unknown_selection.empty() || !command.unknown_return.empty()) {
    co_return Reply::bad("unknown LIST option");
  }
  if (command.patterns.size() > limits::list_patterns_max) {
    co_return Reply::no(imap::CodeName::limit, "more patterns than one LIST may have");
  }
  const bool asks_delimiter =
      !command.extended && command.patterns.size() == 1 && command.patterns[0].empty();
  if (asks_delimiter) {
    // RFC 9051 6.3.9: the delimiter and the root of the reference.
    imap::ListData data;
    data.attributes.emplace_back("\\Noselect");
    imap::append_list(session.out(), data, session.style());
    co_return Reply::ok("this is the delimiter");
  }
  auto fresh = co_await session.refresh();
  if (!fresh) co_return reply_for(session, fresh.error());
  Lister lister(session, command);
  const std::vector<Lister::Listed> listed = lister.list();
  for (const auto& [data, own] : listed) {
    imap::append_list(session.out(), data, session.style());
    if (command.return_status && own) {
      const auto id = session.find_mailbox(data.mailbox);
      if (id) append_status_of(session, data.mailbox, *id, *command.return_status);
    }
    auto sent = co_await session.send_if_large();
    if (!sent) break;
  }
  co_return Reply::ok("listed");
}

CommandTask run(ImapSession& session, const imap::Lsub& command, RunOptions) {
  auto fresh = co_await session.refresh();
  if (!fresh) co_return reply_for(session, fresh.error());
  const store::FoldersPtr tree = session.folders();
  const std::string pattern = imap::join_pattern(command.reference, command.pattern);
  std::set<std::string> names;
  std::set<std::string> above;  // RFC 3501 6.3.9: "%" also shows unsubscribed parents, \Noselect
  for (const std::string& name : tree->subscriptions()) {
    if (imap::pattern_matches(pattern, name)) {
      names.insert(name);
      continue;
    }
    for (std::string& parent : ancestors(name)) {
      if (imap::pattern_matches(pattern, parent)) above.insert(std::move(parent));
    }
  }
  for (const std::string& name : names) above.erase(name);
  names.insert(above.begin(), above.end());
  for (const std::string& name : names) {
    imap::ListData data;
    data.lsub = true;
    data.mailbox = name;
    const store::MailboxDef* def = tree->find(name);
    if (above.count(name) != 0 || !def || !def->selectable) {
      data.attributes.emplace_back("\\Noselect");
    }
    imap::append_list(session.out(), data, session.style());
  }
  co_return Reply::ok("listed");
}

}  // namespace eilpost::server
