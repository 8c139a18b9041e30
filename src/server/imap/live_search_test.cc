// A client that only applies what it is told of its live searches has, after every change, what a
// fresh SEARCH finds; whoever made the change.
#include "server/imap/live_search.h"

#include <algorithm>
#include <array>

#include "protocol/imap/test_support.h"
#include "server/imap/session_testing.h"

namespace eilpost::server {
namespace {

// What the client knows of one search: uids, or message numbers; of a SORT in order.
struct Followed {
  std::string tag;
  std::string command;  // "SEARCH", "SORT"
  std::string rest;     // behind RETURN (...)
  bool uid = true;
  bool sorted = false;
  std::vector<uint32_t> found = {};
};

class Client {
 public:
  explicit Client(TwoNodes& session) : session_(session) {}

  void follow(const std::string& command, const std::string& rest, bool uid) {
    Followed one{"u" + std::to_string(followed_.size()), command, rest, uid, command == "SORT"};
    session_.write(one.tag + (uid ? " UID " : " ") + command + " RETURN (UPDATE ALL) " + rest +
                   "\r\n");
    const std::string answer = session_.read_until(one.tag + " OK");
    EXPECT_EQ(answer.find("NOUPDATE"), std::string::npos) << answer;
    followed_.push_back(std::move(one));
    take(answer);
  }

  void command(const std::string& text) { take(session_.command(text)); }

  // Each search, asked for afresh, gives what the client has by then.
  void check() {
    for (const Followed& one : followed_) {
      const std::string prefix = one.uid ? "UID " : "";
      fresh_ = &one;
      command(prefix + one.command + " RETURN (ALL) " + one.rest);
      fresh_ = nullptr;
    }
  }
  size_t updates() const { return updates_; }

 private:
  void take(const std::string& answer) {
    size_t at = 0;
    while (at < answer.size()) {
      const size_t end = std::min(answer.find("\r\n", at), answer.size());
      take_line(answer.substr(at, end - at));
      at = end + 2;
    }
  }

  void take_line(const std::string& line) {
    if (line.rfind("* ", 0) != 0) return;
    const auto response = imap::test::response_of(line + "\r\n");
    if (!response) {
      ADD_FAILURE() << line;
    } else if (const auto* expunge = std::get_if<imap::ExpungeData>(&*response)) {
      for (Followed& one : followed_) {
        if (!one.uid) renumber(one, expunge->seq.value);
      }
    } else if (const auto* data = std::get_if<imap::ESearchData>(&*response)) {
      take_search(*data, line);
    }
  }

  static void renumber(Followed& one, uint32_t gone) {
    for (uint32_t& seq : one.found) {
      EXPECT_NE(seq, gone) << "EXPUNGE before REMOVEFROM";
      if (seq > gone) --seq;
    }
  }

  // In the order in which they are written.
  static std::vector<uint32_t> numbers(const imap::SequenceSet& set) {
    std::vector<uint32_t> out;
    for (const imap::SequenceRange& range : set.ranges) {
      const uint32_t low = std::min(range.first, range.last);
      const uint32_t high = std::max(range.first, range.last);
      for (uint32_t n = low; n <= high; ++n) out.push_back(n);
    }
    return out;
  }

  void take_search(const imap::ESearchData& data, const std::string& line) {
    for (Followed& one : followed_) {
      if (one.tag == data.tag) apply(one, data, line);
    }
    const bool own = data.tag.rfind('u', 0) == 0;
    if (own || fresh_ == nullptr) return;
    const std::vector<uint32_t> now = data.all ? numbers(*data.all) : std::vector<uint32_t>();
    EXPECT_EQ(fresh_->found, now) << fresh_->command << " " << fresh_->rest;
  }

  void apply(Followed& one, const imap::ESearchData& data, const std::string& line) {
    EXPECT_EQ(one.uid, data.uid);
    if (data.all) one.found = numbers(*data.all);
    for (const imap::ContextUpdate& update : data.updates) {
      ++updates_;
      EXPECT_EQ(update.position == 0, !one.sorted);
      const bool sensible = one.sorted ? apply_at(one, update) : apply_anywhere(one, update);
      EXPECT_TRUE(sensible) << line;
    }
  }

  // RFC 5267 4.3.3, 4.3.4: at the position, the first of which is 1.
  static bool apply_at(Followed& one, const imap::ContextUpdate& update) {
    const std::vector<uint32_t> set = numbers(update.set);
    const size_t at = update.position - 1;
    if (at + (update.removed ? set.size() : 0) > one.found.size()) return false;
    const auto place = one.found.begin() + static_cast<long>(at);
    if (!update.removed) {
      one.found.insert(place, set.begin(), set.end());
      return true;
    }
    const bool same = std::equal(set.begin(), set.end(), place);
    one.found.erase(place, place + static_cast<long>(set.size()));
    return same;
  }

  // Wherever it belongs: the list is in the mailbox's order.
  static bool apply_anywhere(Followed& one, const imap::ContextUpdate& update) {
    for (const uint32_t n : numbers(update.set)) {
      const auto at = std::lower_bound(one.found.begin(), one.found.end(), n);
      const bool there = at != one.found.end() && *at == n;
      if (there != update.removed) return false;
      if (there) {
        one.found.erase(at);
      } else {
        one.found.insert(at, n);
      }
    }
    return true;
  }

  TwoNodes& session_;
  std::vector<Followed> followed_;
  const Followed* fresh_ = nullptr;
  size_t updates_ = 0;
};

constexpr std::array<std::string_view, 5> flags{"\\Flagged", "\\Seen", "\\Deleted", "work", "home"};

void change_flags_elsewhere(TwoNodes& t, Random& random) {
  store::StoreRequest request;
  request.mailbox = store::inbox_id;
  const auto first = static_cast<uint32_t>(random.below(60) + 1);
  request.uids.add(Uid(first), Uid(first + static_cast<uint32_t>(random.below(5))));
  request.change = random.below(2) == 0 ? store::FlagChange::add : store::FlagChange::remove;
  request.flags = static_cast<uint8_t>(1U << random.below(5));
  if (random.below(3) == 0) request.keywords = {"work"};
  t.change_elsewhere<store::StoreResult>(
      [request](store::Tx& tx) { return store::store_flags(tx, request); });
}

void expunge_elsewhere(TwoNodes& t) {
  engine::Engine* engine = &t.engine;
  t.change_elsewhere<store::ExpungeResult>([engine](store::Tx& tx) {
    return store::expunge(tx, *engine, store::ExpungeRequest{store::inbox_id, std::nullopt});
  });
}

void change_flags_here(Client& client, Random& random) {
  const std::string set = std::to_string(random.below(60) + 1) + ":*";
  const std::string sign = random.below(2) == 0 ? "+" : "-";
  const std::string silent = random.below(2) == 0 ? ".SILENT" : "";
  client.command("UID STORE " + set + " " + sign + "FLAGS" + silent + " (" +
                 std::string(flags[random.below(flags.size())]) + ")");
}

void one_change(TwoNodes& t, Client& client, Random& random) {
  switch (random.below(8)) {
    case 0:
    case 1: change_flags_here(client, random); break;
    case 2:
    case 3: change_flags_elsewhere(t, random); break;
    case 4:
    case 5: t.append_elsewhere("x" + std::to_string(random.below(30))); break;
    case 6: client.command("STORE 1:* -FLAGS (\\Deleted)"); break;
    default:
      if (random.below(3) == 0) {
        client.command("EXPUNGE");
      } else if (random.below(3) == 0) {
        expunge_elsewhere(t);
      }
  }
}

TEST(LiveSearch, IsWhatAFreshSearchFinds) {
  TwoNodes t;
  Random random(11);
  for (int i = 0; i < 20; ++i) t.append_elsewhere("x" + std::to_string(i % 7));
  Client client(t);
  client.command("SELECT INBOX");
  client.follow("SEARCH", "FLAGGED UNSEEN", true);
  client.follow("SEARCH", "OR FLAGGED KEYWORD work", false);
  client.follow("SEARCH", "UNDELETED SUBJECT x", true);
  client.follow("SEARCH", "UID 3:* NOT (SEEN UNKEYWORD home)", true);
  client.follow("SEARCH", "ALL", false);
  client.follow("SEARCH", "OR (BODY nothing) (SEEN TEXT x)", false);
  client.follow("SORT", "(SUBJECT) UTF-8 UNDELETED", true);
  client.follow("SORT", "(REVERSE SUBJECT DATE) UTF-8 ALL", false);
  client.follow("SORT", "(REVERSE ARRIVAL) US-ASCII OR SEEN FLAGGED", false);
  for (int step = 0; step < 150; ++step) {
    one_change(t, client, random);
    if (random.below(2) == 0) client.command("NOOP");
    client.check();
    if (HasFailure()) FAIL() << "step " << step;
  }
  EXPECT_GT(client.updates(), 100U);
}

// RFC 5267 4.3.2 asks for no more than what has changed.
TEST(LiveSearch, ReadsNothingForFlagsThatItDoesNotAskAbout) {
  TwoNodes t(true);
  for (int i = 0; i < 3; ++i) {
    t.write("a" + std::to_string(i) + " APPEND INBOX {14+}\r\nSubject: x\r\n\r\n\r\n");
    (void)t.read_until("a" + std::to_string(i) + " OK");
  }
  (void)t.command("SELECT INBOX");
  (void)t.command("UID SEARCH RETURN (UPDATE) FLAGGED BODY nothing");
  const auto counts = t.cost("UID STORE 1:3 +FLAGS (\\Seen)");
  EXPECT_EQ(counts.blob_reads, 0U);
  EXPECT_EQ(counts.reads, 0U);
}

// What cannot be read when it changes is looked at when it can be.
TEST(LiveSearch, CatchesUpWhenTheStorageIsBack) {
  TwoNodes t(true);
  (void)t.command("SELECT INBOX");
  t.write("live UID SEARCH RETURN (UPDATE) BODY octets\r\n");
  (void)t.read_until("live OK");
  t.engine.set_options({.fail_read = 1000});
  t.write("a APPEND INBOX {20+}\r\nSubject: x\r\n\r\noctets\r\n");
  const std::string without = t.read_until("a OK");
  EXPECT_NE(without.find("* 1 EXISTS"), std::string::npos) << without;
  EXPECT_EQ(without.find("ADDTO"), std::string::npos) << without;
  t.engine.set_options({});
  const std::string with = t.command("NOOP");
  EXPECT_NE(with.find("* ESEARCH (TAG \"live\") UID ADDTO (0 1)"), std::string::npos) << with;
}

}  // namespace
}  // namespace eilpost::server
