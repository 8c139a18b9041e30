#include "client/sync/syncer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "client/sync/apply.h"
#include "client/sync/look.h"
#include "protocol/imap/mailbox_name.h"

namespace eilpost::client {

namespace {

constexpr int passes_max = 4;
constexpr int tries_max = 4;
constexpr size_t undone_told_max = 100;

// Another try may help: the connection, not the server's will.
bool is_passing(const Error& error) {
  switch (error.code) {
    case Code::closed:
    case Code::timeout:
    case Code::io:
    case Code::unavailable:
    case Code::conflict: return true;
    default: return throttle_of(error).has_value();
  }
}

// Mailboxes that hold what others hold (RFC 6154 2): a copy of each would come down twice.
bool is_virtual(const MailboxInfo& info) {
  return info.special_use == "\\All" || info.special_use == "\\Flagged" ||
         info.special_use == "\\Important";
}

bool is_wild(const std::string& pattern) {
  return pattern.find_first_of("*%") == 0;
}

bool matches(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return imap::pattern_matches(pattern, name);
  });
}

bool fit_for_disk(std::string_view name) {
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

}  // namespace

void SyncReport::leave(std::string why) {
  ++undone_count;
  if (undone.size() < undone_told_max) undone.push_back(std::move(why));
}

bool SyncReport::changed_anything() const {
  return downloaded + uploaded + paired + moved_on_server + moved_locally + removed_on_server +
             removed_locally + flags_on_server + flags_locally >
         0;
}

// --- names ---

// What the other side takes for a divider stands for "/" within a level, and back.
static std::string exchange(std::string_view name, char a, char b) {
  std::string out(name);
  if (a == '\0' || b == '\0' || a == b) return out;
  for (char& c : out) c = c == a ? b : c == b ? a : c;
  return out;
}

std::string Syncer::server_name(std::string_view name) const {
  if (name == "INBOX") return "INBOX";
  return prefix_ + exchange(name, '/', delimiter_);
}

std::string Syncer::local_name(std::string_view server_name) const {
  if (!prefix_.empty() && server_name.substr(0, prefix_.size()) == prefix_) {
    server_name.remove_prefix(prefix_.size());
  }
  return imap::fold_inbox(exchange(server_name, delimiter_, '/'));
}

// --- a run ---

struct Syncer::Run {
  SyncReport report;
  std::optional<std::set<std::string>> only;
  // What was left undone by earlier passes is told once.
  std::set<std::string> told;
  // Mailboxes of the server, by the names that the Maildir has for them.
  std::map<std::string, MailboxInfo> there;
  std::set<std::string> here;
  std::vector<MailboxPair> pairs;
};

Syncer::Syncer(Account& account, const MaildirTree& tree, SyncState& state, SyncOptions options,
               SyncHooks hooks, const std::atomic<bool>& stopping)
    : account_(account),
      tree_(tree),
      state_(state),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      stopping_(stopping) {}

Syncer::~Syncer() = default;

bool Syncer::wanted(const Run& run, const std::string& name) const {
  if (run.only && run.only->count(name) == 0) return false;
  return matches(options_.patterns, name) && !matches(options_.exclude, name);
}

Task<Result<>> Syncer::list_mailboxes(Session& session, Run& run) {
  auto spaces = co_await session.name_space();
  CO_TRY(spaces);
  auto delimiter = co_await session.delimiter();
  CO_TRY(delimiter);
  delimiter_ = *delimiter;
  prefix_ = spaces->personal.empty() ? "" : spaces->personal.front().prefix;
  auto listed = co_await session.list("*");
  CO_TRY(listed);
  std::vector<imap::NamespaceEntry> foreign = spaces->other_users;
  foreign.insert(foreign.end(), spaces->shared.begin(), spaces->shared.end());
  // Others' mail and virtual mailboxes only when they are named.
  std::vector<std::string> named;
  for (const std::string& pattern : options_.patterns) {
    if (!is_wild(pattern)) named.push_back(pattern);
  }
  for (MailboxInfo& info : *listed) {
    const std::string name = local_name(info.name);
    const bool others =
        std::any_of(foreign.begin(), foreign.end(), [&](const imap::NamespaceEntry& space) {
          return !space.prefix.empty() && info.name.rfind(space.prefix, 0) == 0;
        });
    if (!info.selectable || !fit_for_disk(name)) continue;
    if ((others || is_virtual(info)) && !matches(named, name)) continue;
    run.there.emplace(name, std::move(info));
  }
  auto local = tree_.mailboxes();
  CO_TRY(local);
  run.here.insert(local->begin(), local->end());
  co_return Result<>();
}

// Whether the mailbox takes part, having been made where it is missing.
Task<Result<bool>> Syncer::complete(Session& session, Run& run, std::string name, bool known) {
  const bool there = run.there.count(name) != 0;
  const bool here = run.here.count(name) != 0;
  if (known && !(there && here) && !options_.restore) {
    run.report.leave(fmt::format("{} is gone {} and is kept {}; --restore makes it again", name,
                                 there ? "from the Maildir" : "from the server",
                                 there ? "on the server" : "in the Maildir"));
    co_return false;
  }
  if (options_.dry_run && !(there && here)) {
    hooks_.tell(fmt::format("{}: would be made {}", name, there ? "here" : "on the server"));
    co_return false;
  }
  if (!there) {
    auto made = co_await session.create(server_name(name));
    if (!made && !session.is_alive()) co_return tl::unexpected(std::move(made).error());
    if (!made) {
      run.report.leave(name + " cannot be made on the server: " + made.error().detail);
      co_return false;
    }
  }
  if (!here) {
    auto made = tree_.create(name);
    CO_TRY(made);
  }
  co_return true;
}

Task<Result<>> Syncer::find_pairs(Session& session, Run& run) {
  auto known = state_.mailboxes();
  CO_TRY(known);
  std::map<std::string, SyncMailbox> states;
  for (SyncMailbox& mailbox : *known) {
    std::string name = mailbox.name;
    states.emplace(std::move(name), std::move(mailbox));
  }
  std::set<std::string> names = run.here;
  for (const auto& [name, info] : run.there) names.insert(name);
  for (const auto& [name, state] : states) {
    if (names.count(name) != 0 || !wanted(run, name)) continue;
    // Gone from both sides.
    auto removed = options_.dry_run ? Result<>() : state_.remove_mailbox(state.id);
    CO_TRY(removed);
  }
  for (const std::string& name : names) {
    if (!wanted(run, name)) continue;
    auto found = states.find(name);
    auto complete_now = co_await complete(session, run, name, found != states.end());
    CO_TRY(complete_now);
    if (!*complete_now) continue;
    const bool made = run.there.count(name) == 0 || run.here.count(name) == 0;
    if (found != states.end() && made) {
      // To be made again: what was known of it would say that all of it was removed.
      auto removed = state_.remove_mailbox(found->second.id);
      CO_TRY(removed);
      states.erase(found);
      found = states.end();
    }
    auto maildir = tree_.mailbox(name);
    CO_TRY(maildir);
    auto state =
        found != states.end() ? Result<SyncMailbox>(found->second) : state_.add_mailbox(name);
    CO_TRY(state);
    MailboxPair pair;
    pair.index = static_cast<uint32_t>(run.pairs.size());
    pair.server_name = run.there.count(name) != 0 ? run.there.at(name).name : server_name(name);
    pair.state = std::move(*state);
    pair.maildir = std::move(*maildir);
    run.pairs.push_back(std::move(pair));
  }
  co_return Result<>();
}

// --- looking and doing ---

Task<Result<>> Syncer::look_at_both(Session& session, MailboxPair& pair, Look& look) {
  auto scanned = look_at_maildir(state_, pair, look);
  CO_TRY(scanned);
  auto listed = co_await look_at_server(session, pair, look, options_.dry_run);
  co_return listed;
}

Task<Result<>> Syncer::look_at(Session& session, MailboxPair& pair, Look& look) {
  auto asked = co_await ask_status(session, state_, pair);
  CO_TRY(asked);
  if (pair.server_same && pair.maildir_same) co_return Result<>();
  auto looked = co_await look_at_both(session, pair, look);
  CO_TRY(looked);
  if (pair.uids_wrong && pair.known > 0) {
    // As with another UIDVALIDITY: by what the messages say.
    auto forgotten = forget_uids(state_, pair, look);
    CO_TRY(forgotten);
    looked = co_await look_at_both(session, pair, look);
    CO_TRY(looked);
  }
  if (!(pair.state.keywords == pair.maildir->keywords())) {
    pair.state.keywords = pair.maildir->keywords();
    auto saved = state_.save(pair.state);
    CO_TRY(saved);
  }
  auto found = find_strays(state_, pair, look);
  co_return found;
}

// By what strays can be paired, as far as there is anything to pair them with.
Task<Result<>> Syncer::learn(Session& session, Run& run, Look& look) {
  std::vector<bool> fresh_here(run.pairs.size());
  std::vector<bool> fresh_there(run.pairs.size());
  for (const FreshLocal& local : look.strays.local) fresh_here[local.mailbox] = true;
  for (const FreshRemote& remote : look.strays.remote) fresh_there[remote.mailbox] = true;
  for (MailboxPair& pair : run.pairs) {
    const bool here = fresh_here[pair.index];
    const bool there = fresh_there[pair.index];
    if (here && (there || !look.strays.gone_local.empty())) {
      auto learned = learn_local_keys(pair, look);
      CO_TRY(learned);
    }
    if (!there) continue;
    const bool headers = here || !look.strays.gone_remote.empty();
    auto learned = co_await learn_remote_keys(session, pair, look, headers);
    CO_TRY(learned);
  }
  const Doubtful doubts = doubtful(look.strays);
  for (MailboxPair& pair : run.pairs) {
    auto learned = co_await learn_prints(session, pair, look, doubts);
    CO_TRY(learned);
  }
  co_return Result<>();
}

void Syncer::tell_plan(const Run& run, const Look& look, const SyncPlan& plan) {
  std::map<uint32_t, std::vector<std::string>> lines;
  std::map<std::pair<uint32_t, const char*>, uint64_t> counts;
  for (const size_t i : plan.download) ++counts[{look.strays.remote[i].mailbox, "to download"}];
  for (const size_t i : plan.upload) ++counts[{look.strays.local[i].mailbox, "to upload"}];
  for (const auto& [r, l] : plan.links) ++counts[{look.strays.remote[r].mailbox, "to pair"}];
  for (const auto& [g, l] : plan.move_remote) {
    ++counts[{look.strays.gone_local[g].mailbox, "to move on the server"}];
  }
  for (const auto& [g, r] : plan.move_local) {
    ++counts[{look.strays.gone_remote[g].mailbox, "to move in the Maildir"}];
  }
  for (const size_t i : plan.remove_remote) {
    ++counts[{look.strays.gone_local[i].mailbox, "to remove from the server"}];
  }
  for (const size_t i : plan.remove_local) {
    ++counts[{look.strays.gone_remote[i].mailbox, "to remove from the Maildir"}];
  }
  for (const MailboxPair& pair : run.pairs) {
    for (const SyncRow& row : pair.rows) {
      if (!row.on_server || !row.in_maildir) continue;
      const MaildirFlags wanted = merge_flags(row.base, row.remote, row.local);
      if (wanted != row.remote) ++counts[{pair.index, "to flag on the server"}];
      if (wanted != row.local) ++counts[{pair.index, "to flag in the Maildir"}];
    }
  }
  for (const auto& [what, count] : counts) {
    hooks_.tell(fmt::format("{}: {} {}", run.pairs[what.first].state.name, count, what.second));
  }
}

// Marks are kept only for mailboxes that are in step: the next run has to see the rest again.
Result<> Syncer::keep_marks(Run& run) {
  for (const MailboxPair& pair : run.pairs) {
    if (pair.uids_wrong) TRY(state_.loosen(pair.state.id));
  }
  auto all = TRY(state_.begin());
  for (MailboxPair& pair : run.pairs) {
    if (pair.server_same && pair.maildir_same) continue;
    const uint32_t uid_validity = pair.seen.uid_validity;
    pair.state.marks = pair.seen;
    if (pair.unsure || stopping_) pair.state.marks = {};
    pair.state.marks.uid_validity = uid_validity;
    pair.state.keywords = pair.maildir->keywords();
    TRY(state_.save(pair.state));
  }
  return all.commit();
}

Task<Result<bool>> Syncer::pass(Session& session, Run& run) {
  run.there.clear();
  run.here.clear();
  run.pairs.clear();
  auto listed = co_await list_mailboxes(session, run);
  CO_TRY(listed);
  auto paired = co_await find_pairs(session, run);
  CO_TRY(paired);
  run.report.mailboxes = run.pairs.size();
  Look look;
  for (MailboxPair& pair : run.pairs) {
    if (stopping_) co_return false;
    auto looked = co_await look_at(session, pair, look);
    CO_TRY(looked);
    if (!pair.doubt.empty()) run.report.leave(pair.state.name + ": " + pair.doubt);
  }
  auto learned = co_await learn(session, run, look);
  CO_TRY(learned);
  const SyncPlan plan = plan_strays(look.strays);
  if (options_.dry_run) {
    tell_plan(run, look, plan);
    co_return false;
  }
  SyncWorld world{account_, state_, options_, hooks_, stopping_, run.report};
  world.trash = options_.trash.empty() ? "" : server_name(options_.trash);
  Applier applier(world, session, run.pairs, look, plan);
  auto added = co_await applier.add_and_change();
  CO_TRY(added);
  auto removals = applier.removals();
  CO_TRY(removals);
  const std::string question = question_about(*removals, options_.limits);
  const bool agreed = question.empty() || (hooks_.consent && hooks_.consent(question));
  if (agreed && !stopping_) {
    auto removed = co_await applier.remove();
    CO_TRY(removed);
  } else if (!agreed) {
    run.report.leave(question);
    for (const Removals& one : *removals) {
      for (MailboxPair& pair : run.pairs) {
        if (one.removed > 0 && pair.state.name == one.mailbox) pair.unsure = true;
      }
    }
  }
  auto kept = keep_marks(run);
  CO_TRY(kept);
  co_return applier.again();
}

Task<Result<>> Syncer::attempt(Run& run) {
  auto session = co_await account_.connect();
  CO_TRY(session);
  std::vector<std::string> extensions = {"QRESYNC"};
  auto enabled = co_await (*session)->enable(std::move(extensions));
  CO_TRY(enabled);
  for (int passes = 0; passes < passes_max && !stopping_; ++passes) {
    // The last pass tells what is left; what an earlier one has left it leaves again.
    run.report.undone.clear();
    run.report.undone_count = 0;
    auto again = co_await pass(**session, run);
    CO_TRY(again);
    if (!*again) break;
  }
  co_await (*session)->logout();
  co_return Result<>();
}

Task<Result<SyncReport>> Syncer::run(std::optional<std::set<std::string>> only) {
  Run run;
  run.only = std::move(only);
  Backoff backoff;
  for (int tries = 1;; ++tries) {
    const uint64_t before = run.report.downloaded + run.report.uploaded;
    auto done = co_await attempt(run);
    run.report.stopped = stopping_;
    if (done || stopping_) co_return std::move(run.report);
    if (run.report.downloaded + run.report.uploaded > before) tries = 1;
    if (!is_passing(done.error()) || tries >= tries_max) {
      co_return tl::unexpected(std::move(done).error());
    }
    const int64_t wait = backoff.next(throttle_of(done.error()).value_or(Throttle()));
    hooks_.tell(fmt::format("{}; trying again in {} s", done.error().detail, wait));
    co_await net::sleep_for(std::chrono::seconds(wait));
  }
}

}  // namespace eilpost::client
