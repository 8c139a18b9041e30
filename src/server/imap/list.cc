// LIST in its basic and extended form (RFC 9051 6.3.9), LSUB (RFC 3501 6.3.9), XLIST.

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "protocol/imap/mailbox_name.h"
#include "server/imap/commands.h"
#include "server/imap/list.h"
#include "server/imap/metadata.h"
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
    // RFC 5258 3: an empty one matches nothing, whatever the reference is.
    if (!pattern.empty()) out.push_back(imap::join_pattern(command.reference, pattern));
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

imap::ListData describe(const store::FolderTree& tree, const Candidate& c) {
  imap::ListData data;
  data.mailbox = c.name;
  if (!c.def) {
    data.attributes.emplace_back("\\NonExistent");
  } else {
    if (!c.def->selectable) data.attributes.emplace_back("\\Noselect");
    data.attributes.emplace_back(tree.has_children(c.def->id) ? "\\HasChildren"
                                                              : "\\HasNoChildren");
  }
  if (c.subscribed) data.attributes.emplace_back("\\Subscribed");
  if (!c.def) return data;
  for (auto& use : special_use_names(c.def->special_use)) {
    data.attributes.push_back(std::move(use));
  }
  return data;
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
    const bool says_subscribed = command_.select_subscribed || command_.return_subscribed;
    imap::ListData data =
        server::describe(*tree_, {c.name, c.def, c.subscribed && says_subscribed});
    // RFC 5258 4: told of every name when it is asked for; a name with others below it exists.
    if (!c.def && command_.return_children) data.attributes.emplace_back("\\HasNoChildren");
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

imap::ListData list_data_of(const store::FolderTree& tree, const std::string& name) {
  return describe(tree, {name, tree.find(name), tree.subscriptions().count(name) != 0});
}

namespace {

// What RETURN wants besides LIST responses.
struct More {
  std::map<MailboxId, std::vector<store::AnnotationRow>> annotations;
  uint64_t longest_left_out = 0;
};

net::Task<Result<More>> read_more(ImapSession& session, const imap::List& command) {
  More out;
  if (!command.return_metadata) co_return out;
  // All at once: so many reads for every listed mailbox would cost more.
  auto job = [account = session.account_ptr()] {
    return store::read_all_annotations(account->engine(), account->partition());
  };
  auto read = co_await session.read(std::move(job));
  CO_TRY(read);
  out.annotations = std::move(*read);
  co_return out;
}

// RFC 4314 2.1: of the owner, all but "a", for which there are no commands without ACL; INBOX stays
// ("x"). "c" and "d" are what RFC 2086 called them (2.1.1).
std::string_view rights_on(MailboxId mailbox) {
  return mailbox == store::inbox_id ? "lrswipktecd" : "lrswipkxtecd";
}

// The responses behind one LIST response.
net::Task<Result<>> append_more(ImapSession& session, const imap::List& command, std::string name,
                                More& more) {
  const store::FoldersPtr tree = session.folders();
  const store::MailboxDef* def = tree->find(name);
  if (!def) co_return Result<>();
  if (command.return_status && def->selectable) {
    auto deleted = co_await find_deleted_storage(session, def->id, *command.return_status);
    CO_TRY(deleted);
    append_status_of(session, name, def->id, *command.return_status, *deleted);
  }
  if (command.return_myrights) {
    // RFC 8440 3.
    const imap::MyRightsData rights{name, std::string(rights_on(def->id))};
    imap::append_myrights(session.out(), rights, session.style());
  }
  if (command.return_metadata) {
    // RFC 9590 3.
    auto there = with_computed(std::move(more.annotations[def->id]), *def);
    PickedMetadata picked = pick_metadata(there, *command.return_metadata);
    more.longest_left_out = std::max(more.longest_left_out, picked.longest_left_out);
    imap::MetadataData data;
    data.mailbox = std::move(name);
    data.entries = std::move(picked.entries);
    if (!data.entries.empty()) imap::append_metadata(session.out(), data, session.style());
  }
  co_return Result<>();
}

}  // namespace

CommandTask run(ImapSession& session, const imap::List& command, RunOptions) {
  if (!command.unknown_selection.empty() || !command.unknown_return.empty()) {
    co_return Reply::bad("unknown LIST option");
  }
  if (command.patterns.size() > limits::list_patterns_max) {
    co_return Reply::no(imap::CodeName::limit, "more patterns than one LIST may have");
  }
  if (command.return_metadata &&
      command.return_metadata->entries.size() > limits::metadata_entries_max) {
    co_return too_many_entries();
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
  auto more = co_await read_more(session, command);
  if (!more) co_return reply_for(session, more.error());
  for (const auto& [data, own] : listed) {
    imap::append_list(session.out(), data, session.style());
    if (own) {
      auto told = co_await append_more(session, command, data.mailbox, *more);
      if (!told) co_return reply_for(session, told.error());
    }
    auto sent = co_await session.send_if_large();
    if (!sent) break;
  }
  co_return metadata_reply(more->longest_left_out, "listed");
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

namespace {

// The attributes that Gmail gave before RFC 6154; clients of that time know no others.
std::vector<std::string> xlist_uses(const store::MailboxDef& def) {
  constexpr std::array<std::pair<uint16_t, std::string_view>, 8> names{
      {{store::use_all, "\\AllMail"},
       {store::use_archive, "\\Archive"},
       {store::use_drafts, "\\Drafts"},
       {store::use_flagged, "\\Starred"},
       {store::use_junk, "\\Spam"},
       {store::use_sent, "\\Sent"},
       {store::use_trash, "\\Trash"},
       {store::use_important, "\\Important"}}};
  std::vector<std::string> out;
  if (def.id == store::inbox_id) out.emplace_back("\\Inbox");
  for (const auto& [bit, name] : names) {
    if ((def.special_use & bit) != 0) out.emplace_back(name);
  }
  return out;
}

}  // namespace

CommandTask run(ImapSession& session, const imap::Xlist& command, RunOptions) {
  auto fresh = co_await session.refresh();
  if (!fresh) co_return reply_for(session, fresh.error());
  const store::FoldersPtr tree = session.folders();
  const std::string pattern = imap::join_pattern(command.reference, command.pattern);
  for (const auto& entry : tree->entries()) {
    if (!imap::pattern_matches(pattern, entry.name)) continue;
    imap::ListData data;
    data.xlist = true;
    data.mailbox = entry.name;
    if (!entry.def->selectable) data.attributes.emplace_back("\\Noselect");
    data.attributes.emplace_back(tree->has_children(entry.def->id) ? "\\HasChildren"
                                                                   : "\\HasNoChildren");
    for (std::string& use : xlist_uses(*entry.def)) data.attributes.push_back(std::move(use));
    imap::append_list(session.out(), data, session.style());
    auto sent = co_await session.send_if_large();
    if (!sent) break;
  }
  co_return Reply::ok("listed");
}

}  // namespace eilpost::server
