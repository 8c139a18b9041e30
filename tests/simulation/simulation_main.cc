// A simulation of sessions, deliveries, flag changes, expunges, purges, crashes and conflicts over
// the store, all from one seed and on one thread. A reference of plain maps (store/model_testing.h)
// follows the log and is held against every answer; every session's client
// (server/imap/view_testing.h) is held against the mailbox. A seed that fails is printed with what
// led to it, and fails again whenever it is run.

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "server/imap/view_testing.h"
#include "store/model_testing.h"

namespace eilpost::server {
namespace {

using store::Driver;
using store::HotEntry;
using store::Model;
using store::Op;
using store::SnapshotPtr;
using store::World;

struct Config {
  size_t nodes = 1;
  engine::FaultyOptions faults;
  bool errors_allowed = false;
  bool goes_away = false;  // the storage is not reachable for a while, now and then
};

// Every third seed has one node, the others two or three; faults from none to all.
Config config_of(uint64_t seed) {
  Config out;
  out.nodes = 1 + seed % 3;
  switch (seed / 3 % 7) {
    case 0: break;
    case 1: out.faults = {.unknown_written = 100, .unknown_lost = 100}; break;
    case 2: out.faults = engine::FaultyOptions::unkind(seed); break;
    case 3:
      out.faults = engine::FaultyOptions::unkind(seed);
      out.faults.delay_commit = 500;
      break;
    case 4:
      out.faults = engine::FaultyOptions::unkind(seed);
      out.faults.stall_commit = 60;
      out.errors_allowed = true;
      break;
    case 5:
      out.faults = engine::FaultyOptions::unkind(seed);
      out.faults.stall_commit = 20;
      out.faults.lose_wake = 700;
      out.goes_away = true;
      out.errors_allowed = true;
      break;
    default:
      out.faults = engine::FaultyOptions::unkind(seed);
      out.faults.fail_read = 15;
      out.faults.fail_head = 15;
      out.faults.refuse_commit = 20;
      out.errors_allowed = true;
      break;
  }
  out.faults.seed = seed;
  return out;
}

struct Session {
  size_t node = 0;
  MailboxId mailbox;
  uint32_t uid_validity = 0;
  std::unique_ptr<ViewClient> client;  // none: not selected
  ModSeq seen_here;                    // HIGHESTMODSEQ that its present node has shown it
  bool woken = false;
  std::unique_ptr<store::Subscription> subscription;
};

struct Totals {
  size_t acknowledged = 0;
  size_t crashes = 0;
  size_t syncs = 0;
  size_t resyncs = 0;
  size_t moves = 0;
  size_t purged = 0;
};

class Simulation {
 public:
  explicit Simulation(uint64_t seed)
      : config_(config_of(seed)),
        world_(config_.nodes, config_.faults, seed),
        random_(seed * 0x9e3779b97f4a7c15ULL + 1),
        driver_(world_, random_, config_.errors_allowed),
        sessions_(4) {
    world_.queue.scramble(random_);
    driver_.on_settled = [this](const Op& op) { settled(op); };
  }

  // Answers whether every law held.
  bool run(int steps) {
    for (int i = 0; i < steps && good(); ++i) {
      step();
      if (i % 100 == 99 && good()) compare();
    }
    if (good()) compare();
    totals.acknowledged = driver_.acknowledged();
    return good();
  }

  const Driver& driver() const { return driver_; }
  Totals totals;

 private:
  bool good() const { return driver_.problems().empty(); }

  void step() {
    const uint64_t dice = random_.below(1000);
    if (dice < 400) {
      submit();
    } else if (dice < 550) {
      for (uint64_t n = random_.below(8); n > 0; --n) world_.queue.step();
    } else if (dice < 760) {
      ask_sync(random_.below(sessions_.size()));
    } else if (dice < 800) {
      look(sessions_[random_.below(sessions_.size())]);
    } else if (dice < 910) {
      settle();
    } else if (dice < 930) {
      move(random_.below(sessions_.size()));
    } else if (dice < 955) {
      settle();
      select(sessions_[random_.below(sessions_.size())]);
    } else if (dice < 960) {
      wait_for_followers();
    } else if (dice < 970) {
      // Where others write too, what waits for too long is refused.
      if (config_.nodes > 1 && !config_.errors_allowed) settle();
      world_.clock.advance_micros(static_cast<int64_t>(random_.below(20'000'000)));
    } else if (dice < 980) {
      world_.pass_seconds(1);
      if (config_.goes_away) world_.engine->set_reachable(random_.below(2) == 0);
    } else if (dice < 992) {
      settle();
      clean_up();
    } else {
      crash();
    }
  }

  // An operation, half of them by a session on its mailbox.
  void submit() {
    Op op = driver_.draw();
    const uint64_t id = op.id;
    const size_t at = random_.below(sessions_.size());
    Session& session = sessions_[at];
    if (session.client && op.kind == Op::Kind::flags && random_.below(2) == 0) {
      op.node = session.node;
      op.mailbox = session.mailbox;
      op.uids =
          session.client->numbers.empty()
              ? UidSet()
              : store::uid(
                    session.client->numbers[random_.below(session.client->numbers.size())].value);
      own_ops_[id] = at;
    }
    driver_.submit(std::move(op));
  }

  void settled(const Op& op) {
    const auto own = own_ops_.find(op.id);
    if (own == own_ops_.end()) return;
    Session& session = sessions_[own->second];
    own_ops_.erase(own);
    const bool done = op.answered && !op.error && op.modseq;
    if (!done || !session.client || session.mailbox != op.mailbox) return;
    session.client->changed_by_itself(op.done, op.modseq);
  }

  void settle() {
    world_.engine->set_reachable(true);
    world_.drain();
    driver_.settle(false);
    for (Session& session : sessions_) check_told(session);
  }

  // HIGHESTMODSEQ as the session was told it lies below every change it was not told of; and on a
  // single node nobody sleeps through a change.
  void check_told(Session& session) {
    const auto box = driver_.model().boxes.find(session.mailbox);
    if (!session.client || box == driver_.model().boxes.end()) return;
    const ViewClient& client = *session.client;
    const ModSeq told = client.view.announced_modseq();
    for (const Uid uid : client.numbers) {
      const auto gone = box->second.expunged.find(uid.value);
      if (gone == box->second.expunged.end() || gone->second > told) continue;
      driver_.bad(
          fmt::format("told modseq {} and not of the expunge of uid {}", told.value, uid.value));
    }
    for (const auto& [uid, m] : box->second.messages) {
      if (m.modseq > told) continue;
      const auto known = client.messages.find(Uid(uid));
      if (known == client.messages.end() || known->second.modseq != m.modseq) {
        driver_.bad(fmt::format("told modseq {} and not of the change of uid {}", told.value, uid));
      }
    }
    const bool behind = box->second.highest > client.view.snapshot().counters.highest_modseq;
    // Where an answer may be lost for good, the follower's next look tells.
    const bool at_once = config_.nodes == 1 && !config_.errors_allowed;
    if (at_once && behind && !session.woken) driver_.bad("a session was not woken");
  }

  // The session's client comes back through another node: nothing that it knows goes back, whether
  // it was told or did it itself.
  void move(size_t at) {
    Session& session = sessions_[at];
    if (!session.client) return;
    session.node = random_.below(world_.accounts.size());
    session.seen_here = ModSeq(0);
    subscribe(session);
    driver_.note(fmt::format("session {} goes to node {}", at, session.node));
    ++totals.moves;
    ask_sync(at);
  }

  // What a command is served from memory is never older than what this node has shown before.
  void look(const Session& session) {
    if (!session.client) return;
    const SnapshotPtr cached = world_.account(session.node).snapshot(session.mailbox);
    if (!cached || cached->counters.uid_validity != session.uid_validity) return;
    if (cached->counters.highest_modseq < session.seen_here) {
      driver_.bad("a node's memory went back");
    }
  }

  // Whatever wakes were lost, half a minute later everybody has been told.
  void wait_for_followers() {
    settle();
    for (int second = 0; second < 40; ++second) {
      world_.pass_seconds(1);
      world_.drain();
    }
    for (const Session& session : sessions_) {
      const auto box = driver_.model().boxes.find(session.mailbox);
      if (!session.client || box == driver_.model().boxes.end()) continue;
      const auto& known = session.client->view.snapshot().counters;
      if (box->second.highest > known.highest_modseq && !session.woken) {
        driver_.bad("a follower has slept");
      }
    }
  }

  // What was acknowledged to anybody before this is asked must be there.
  ModSeq acknowledged_of(const Session& session) const {
    const auto box = driver_.model().boxes.find(session.mailbox);
    const ModSeq known = session.client->view.snapshot().counters.highest_modseq;
    return box == driver_.model().boxes.end() ? known : std::max(known, box->second.highest);
  }

  // Asks for the mailbox as it stands and takes it in when it comes, perhaps many steps later.
  void ask_sync(size_t at) {
    Session& session = sessions_[at];
    if (!session.client) return;
    const bool expunges = random_.below(3) == 0;
    session.woken = false;
    const ModSeq least = acknowledged_of(session);
    const Uid least_uid = session.client->view.snapshot().counters.uid_next;
    world_.account(session.node)
        .open(session.mailbox, [=, this, node = session.node,
                                client = session.client.get()](Result<SnapshotPtr> now) {
          Session& asker = sessions_[at];
          if (asker.client.get() != client) return;
          if (now && (*now)->counters.uid_validity == asker.uid_validity &&
              ((*now)->counters.highest_modseq < least || (*now)->counters.uid_next < least_uid)) {
            driver_.bad(fmt::format("node {} shows session {} an older mailbox", node, at));
          }
          sync(asker, now, expunges);
          if (now && asker.client && asker.node == node) {
            asker.seen_here = std::max(asker.seen_here, (*now)->counters.highest_modseq);
          }
        });
  }

  void sync(Session& session, const Result<SnapshotPtr>& now, bool expunges) {
    if (!now) {
      const Code code = now.error().code;
      if (code != Code::not_found && !config_.errors_allowed) driver_.bad("open for a session");
      if (code == Code::not_found) leave(session);
      session.woken = true;
      return;
    }
    if ((*now)->counters.uid_validity != session.uid_validity) return leave(session);
    ViewClient& client = *session.client;
    // Answers that were asked for together may come in another order: a session drops the older
    // one.
    if ((*now)->counters.highest_modseq < client.view.snapshot().counters.highest_modseq) return;
    client.sync(*now, expunges);
    ++totals.syncs;
    driver_.note(fmt::format("session on mailbox {} {} expunges: {} messages",
                             session.mailbox.value, expunges ? "with" : "without",
                             client.numbers.size()));
    for (const std::string& problem : client.problems) driver_.bad("session: " + problem);
  }

  void leave(Session& session) {
    session.subscription.reset();
    session.client.reset();
  }

  // Nothing is under way: the session selects a mailbox anew.
  void select(Session& session) {
    leave(session);
    session.node = random_.below(world_.accounts.size());
    session.mailbox = driver_.any_mailbox();
    const auto opened = world_.open(session.mailbox, session.node);
    if (!opened) {
      if (!config_.errors_allowed) driver_.bad("select: " + opened.error().detail);
      return;
    }
    driver_.compare(**opened);
    take_recent(session);
    enter(session, *opened);
  }

  void enter(Session& session, const SnapshotPtr& snapshot) {
    session.uid_validity = snapshot->counters.uid_validity;
    session.client = std::make_unique<ViewClient>(snapshot, Uid(1));
    session.seen_here = snapshot->counters.highest_modseq;
    subscribe(session);
  }

  void subscribe(Session& session) {
    // True at first: what was committed before the subscription wakes nobody.
    session.woken = true;
    bool* woken = &session.woken;
    session.subscription =
        world_.account(session.node).subscribe(session.mailbox, [woken] { *woken = true; });
  }

  // No message is \Recent to two sessions.
  void take_recent(const Session& session) {
    using Range = std::pair<Uid, Uid>;
    const auto taken = world_.run<Range>(
        [mailbox = session.mailbox](store::Tx& tx) -> Result<Range> {
          const Uid next = TRY(tx.peek_counters(mailbox)).uid_next;
          return Range(TRY(store::take_recent(tx, mailbox)), next);
        },
        session.node);
    if (!taken) {
      if (!config_.errors_allowed) driver_.bad("take_recent: " + taken.error().detail);
      return;
    }
    Uid& end = recent_[session.mailbox];
    if (taken->first < end) driver_.bad("a message is \\Recent to two sessions");
    end = taken->second;
  }

  // What is old goes for good, and the log is cut.
  void clean_up() {
    const auto back = static_cast<int64_t>(random_.below(15));
    const int64_t before = world_.clock.now().seconds() - back;
    engine::Engine& engine = *world_.engine;
    const auto purged = world_.run<store::PurgeResult>(
        [&engine, before](store::Tx& tx) { return store::purge(tx, engine, before); });
    if (!purged && !config_.errors_allowed) driver_.bad("purge: " + purged.error().detail);
    if (purged) totals.purged += purged->messages;
    if (random_.below(2) == 0) return;
    const auto cut = world_.run<bool>(
        [before](store::Tx& tx) { return store::trim_log(tx, before * 1'000'000); });
    if (!cut && !config_.errors_allowed) driver_.bad("trim_log: " + cut.error().detail);
    driver_.note(fmt::format("purge and log cut before {}", before));
  }

  void crash() {
    ++totals.crashes;
    driver_.note("crash");
    world_.engine->set_reachable(true);
    for (Session& session : sessions_) session.subscription.reset();
    world_.crash();
    driver_.settle(true);
    world_.engine->set_options({});
    for (Session& session : sessions_) {
      if (session.client) resync(session);
    }
    world_.engine->set_options(config_.faults);
  }

  // The client comes back with what it knows, as with QRESYNC (RFC 7162 3.2.5): what vanished since
  // its HIGHESTMODSEQ and what changed above it must make its knowledge the mailbox.
  void resync(Session& session) {
    const auto snapshot = world_.open(session.mailbox, session.node);
    if (!snapshot || (*snapshot)->counters.uid_validity != session.uid_validity) {
      return leave(session);
    }
    const ViewClient before = *session.client;
    const ModSeq since = before.view.announced_modseq();
    const auto changes = world_.account(session.node).changes_since(session.mailbox, since);
    if (!changes) return driver_.bad("changes_since: " + changes.error().detail);
    std::map<Uid, ModSeq> known;
    for (const auto& [uid, m] : before.messages) {
      const bool there = (*snapshot)->tree.find(uid) != nullptr;
      const bool gone = changes->complete ? changes->vanished.contains(uid) : !there;
      if (!gone) known[uid] = m.modseq;
    }
    uint32_t found = 0;
    (*snapshot)->tree.for_pages(Uid(1), [&](Seq, const store::PagePtr& page) {
      for (const HotEntry& e : page->entries) {
        if (e.modseq > since) known[page->uid(e)] = e.modseq;
        const auto at = known.find(page->uid(e));
        found += at != known.end() && at->second == e.modseq ? 1 : 0;
      }
      return true;
    });
    if (found != (*snapshot)->tree.exists() || known.size() != found) {
      driver_.bad(fmt::format("QRESYNC of mailbox {} from modseq {} does not give the mailbox",
                              session.mailbox.value, since.value));
    }
    ++totals.resyncs;
    enter(session, *snapshot);
  }

  void compare() {
    settle();
    driver_.compare_all(config_.faults);
  }

  Config config_;
  World world_;
  Random random_;
  Driver driver_;
  std::vector<Session> sessions_;
  std::map<uint64_t, size_t> own_ops_;  // operation to session
  std::map<MailboxId, Uid> recent_;     // the first uid that nobody was told as \Recent
};

struct Arguments {
  uint64_t first = 1;
  uint64_t last = 50;
  int steps = 400;
};

bool parse(int argc, char** argv, Arguments& out) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    char* end = argv[i + 1];
    if (name == "--seeds") {
      out.first = out.last = std::strtoull(end, &end, 10);
      if (*end == ':') out.last = std::strtoull(end + 1, &end, 10);
    } else if (name == "--steps") {
      out.steps = static_cast<int>(std::strtol(end, &end, 10));
    } else {
      return false;
    }
    if (*end != '\0') return false;
  }
  return argc % 2 == 1 && out.first <= out.last && out.steps > 0;
}

int run(const Arguments& arguments) {
  size_t passed = 0;
  size_t failed = 0;
  Totals sum;
  for (uint64_t seed = arguments.first; seed <= arguments.last; ++seed) {
    Simulation simulation(seed);
    const bool good = simulation.run(arguments.steps);
    (good ? passed : failed) += 1;
    sum.acknowledged += simulation.totals.acknowledged;
    sum.crashes += simulation.totals.crashes;
    sum.syncs += simulation.totals.syncs;
    sum.resyncs += simulation.totals.resyncs;
    sum.moves += simulation.totals.moves;
    sum.purged += simulation.totals.purged;
    if (good) continue;
    fmt::print("seed {} FAILED: {}\n", seed, simulation.driver().problems()[0]);
    for (const std::string& line : simulation.driver().trace()) fmt::print("  {}\n", line);
    fmt::print("again: eilpost_simulation --seeds {} --steps {}\n", seed, arguments.steps);
  }
  fmt::print(
      "{} operations acknowledged, {} crashes, {} syncs, {} resyncs, {} moves to another node, "
      "{} messages purged\n",
      sum.acknowledged, sum.crashes, sum.syncs, sum.resyncs, sum.moves, sum.purged);
  fmt::print("{} passed, {} failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace eilpost::server

int main(int argc, char** argv) {
  eilpost::server::Arguments arguments;
  if (!eilpost::server::parse(argc, argv, arguments)) {
    std::fputs("usage: eilpost_simulation [--seeds FIRST[:LAST]] [--steps N]\n", stderr);
    return 2;
  }
  // Injected failures are no news here.
  eilpost::log::configure({.level = eilpost::log::Level::error});
  return eilpost::server::run(arguments);
}
