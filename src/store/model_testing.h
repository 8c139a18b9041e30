// A small reference of an account: plain maps, changed by operations in the order in which the log
// says they were committed. Each operation carries a name of its own as its author, so that what
// was acknowledged, refused or never answered can be held against what happened: nothing
// acknowledged is missing, nothing happens twice, and every effect is what the reference computes.
// For tests only; one thread.
#pragma once

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "store/audit_testing.h"
#include "store/store_testing.h"

namespace eilpost::store {

struct Op {
  enum class Kind { append, flags, copy, expunge, create, remove, rename };
  Kind kind = Kind::append;
  uint64_t id = 0;
  size_t node = 0;
  MailboxId mailbox;
  MailboxId to;       // copy
  bool move = false;  // copy
  std::vector<std::string> bodies;
  uint8_t flags = 0;
  std::vector<std::string> keywords;
  UidSet uids;
  FlagChange change = FlagChange::add;
  std::optional<ModSeq> unchanged_since;
  std::string name;
  std::string target;  // rename

  // The answer.
  bool answered = false;
  std::optional<Error> error;
  ModSeq modseq;    // 0: nothing changed
  UidSet done;      // appended, changed, expunged
  UidSet modified;  // refused by unchanged_since
  std::vector<std::pair<Uid, Uid>> pairs;
  MailboxId made;

  std::string text() const {
    static constexpr const char* names[] = {"append", "flags",  "copy",  "expunge",
                                            "create", "remove", "rename"};
    std::string out = fmt::format("op {} node {} {} mailbox {}", id, node,
                                  names[static_cast<size_t>(kind)], mailbox.value);
    if (kind == Kind::copy) out += fmt::format("{} to {}", move ? " move" : "", to.value);
    if (!bodies.empty()) out += fmt::format(" {} messages", bodies.size());
    if (!uids.empty()) out += " uids " + uids.to_string();
    if (kind == Kind::flags) out += fmt::format(" change {} flags {}", int(change), flags);
    if (!name.empty()) out += " " + name + " " + target;
    if (!answered) return out + " -> no answer";
    if (error) return out + " -> " + std::string(code_name(error->code)) + " " + error->detail;
    return out + fmt::format(" -> modseq {} uids {}", modseq.value, done.to_string());
  }
};

class Model {
 public:
  struct Message {
    std::string body;
    uint8_t flags = 0;
    std::set<std::string> keywords;
    ModSeq modseq;
  };
  struct Mailbox {
    std::string name;
    uint32_t uid_next = 1;
    ModSeq highest;
    std::map<uint32_t, Message> messages;
    std::map<uint32_t, ModSeq> expunged;  // and when
  };

  Model() { boxes[inbox_id].name = "INBOX"; }

  std::map<MailboxId, Mailbox> boxes;

  MailboxId find(const std::string& name) const {
    for (const auto& [id, box] : boxes) {
      if (box.name == name) return id;
    }
    return MailboxId(0);
  }

  // What `op` did, as the log tells it. Answers what is wrong with that, or "".
  std::string happened(const Op& op, const std::vector<LogChange>& log) {
    switch (op.kind) {
      case Op::Kind::append: return appended(op, log);
      case Op::Kind::flags: return flagged(op, log);
      case Op::Kind::copy: return copied(op, log);
      case Op::Kind::expunge: return expunged(op, log);
      case Op::Kind::create:
      case Op::Kind::remove:
      case Op::Kind::rename: return named(op, log);
    }
    return "an operation of no kind";
  }

  // What the answer to an operation that happened must have been.
  UidSet expected;
  UidSet expected_modified;
  std::vector<std::pair<Uid, Uid>> expected_pairs;

 private:
  static bool is(const LogChange& c, ChangeKind kind, MailboxId mailbox) {
    return c.kind == kind && c.mailbox == mailbox;
  }

  std::string appended(const Op& op, const std::vector<LogChange>& log) {
    if (log.size() != 1 || !is(log[0], ChangeKind::added, op.mailbox)) return "log of an append";
    if (boxes.count(op.mailbox) == 0) return "append to a mailbox that is gone";
    Mailbox& box = boxes[op.mailbox];
    expected = UidSet();
    for (const std::string& body : op.bodies) {
      expected.add(Uid(box.uid_next));
      box.messages[box.uid_next++] = {body, op.flags, words(op.keywords), log[0].modseq};
    }
    box.highest = log[0].modseq;
    return log[0].uids == expected ? "" : "appended uids should be " + expected.to_string();
  }

  static std::set<std::string> words(const std::vector<std::string>& list) {
    return {list.begin(), list.end()};
  }

  std::string flagged(const Op& op, const std::vector<LogChange>& log) {
    if (log.size() != 1 || !is(log[0], ChangeKind::flags, op.mailbox)) return "log of flags";
    if (boxes.count(op.mailbox) == 0) return "flags in a mailbox that is gone";
    Mailbox& box = boxes[op.mailbox];
    expected = UidSet();
    expected_modified = UidSet();
    for (auto& [uid, m] : box.messages) {
      if (!op.uids.contains(Uid(uid))) continue;
      if (op.unchanged_since && m.modseq > *op.unchanged_since) {
        expected_modified.add(Uid(uid));
        continue;
      }
      Message after = m;
      if (op.change == FlagChange::replace) {
        after.flags = 0;
        after.keywords.clear();
      }
      for (const std::string& k : op.keywords) {
        if (op.change == FlagChange::remove) {
          after.keywords.erase(k);
        } else {
          after.keywords.insert(k);
        }
      }
      after.flags = op.change == FlagChange::remove ? static_cast<uint8_t>(after.flags & ~op.flags)
                                                    : static_cast<uint8_t>(after.flags | op.flags);
      if (after.flags == m.flags && after.keywords == m.keywords) continue;
      after.modseq = log[0].modseq;
      m = after;
      expected.add(Uid(uid));
    }
    box.highest = log[0].modseq;
    return log[0].uids == expected ? "" : "changed uids should be " + expected.to_string();
  }

  std::string copied(const Op& op, const std::vector<LogChange>& log) {
    const bool shape = log.size() == (op.move ? 2U : 1U) && is(log[0], ChangeKind::added, op.to) &&
                       (!op.move || is(log[1], ChangeKind::expunged, op.mailbox));
    if (!shape) return "log of a copy";
    if (boxes.count(op.mailbox) == 0 || boxes.count(op.to) == 0) return "copy of what is gone";
    const std::map<uint32_t, Message> source = boxes[op.mailbox].messages;
    Mailbox& to = boxes[op.to];
    expected_pairs.clear();
    UidSet added;
    UidSet gone;
    for (const auto& [uid, m] : source) {
      if (!op.uids.contains(Uid(uid))) continue;
      expected_pairs.emplace_back(Uid(uid), Uid(to.uid_next));
      added.add(Uid(to.uid_next));
      gone.add(Uid(uid));
      to.messages[to.uid_next] = m;
      to.messages[to.uid_next++].modseq = log[0].modseq;
    }
    to.highest = log[0].modseq;
    if (op.move) take_out(boxes[op.mailbox], gone, log[0].modseq);
    if (log[0].uids != added || (op.move && log[1].uids != gone)) return "copied uids";
    return "";
  }

  static void take_out(Mailbox& box, const UidSet& uids, ModSeq modseq) {
    uids.for_each([&](Uid uid) {
      box.messages.erase(uid.value);
      box.expunged[uid.value] = modseq;
    });
    box.highest = modseq;
  }

  std::string expunged(const Op& op, const std::vector<LogChange>& log) {
    if (log.size() != 1 || !is(log[0], ChangeKind::expunged, op.mailbox)) return "log of expunge";
    if (boxes.count(op.mailbox) == 0) return "expunge in a mailbox that is gone";
    Mailbox& box = boxes[op.mailbox];
    expected = UidSet();
    for (const auto& [uid, m] : box.messages) {
      if ((m.flags & flag_deleted) && op.uids.contains(Uid(uid))) expected.add(Uid(uid));
    }
    take_out(box, expected, log[0].modseq);
    return log[0].uids == expected ? "" : "expunged uids should be " + expected.to_string();
  }

  std::string named(const Op& op, const std::vector<LogChange>& log) {
    if (log.size() != 1 || log[0].kind != ChangeKind::mailbox) return "log of a name";
    const MailboxId id = log[0].mailbox;
    if (op.kind == Op::Kind::create) {
      if (find(op.name) || !ids_.insert(id).second) return "created what there was";
      boxes[id].name = op.name;
      boxes[id].highest = log[0].modseq;
      return "";
    }
    if (find(op.name) != id) return "a name that is not there";
    if (op.kind == Op::Kind::remove) {
      boxes.erase(id);
    } else {
      if (find(op.target)) return "renamed onto a name that is there";
      boxes[id].name = op.target;
    }
    return "";
  }

  std::set<MailboxId> ids_{inbox_id};
};

// Draws operations, sends them to the nodes of a world and holds the answers against the model.
class Driver {
 public:
  Driver(World& world, Random& random, bool errors_allowed)
      : world_(world), random_(random), errors_allowed_(errors_allowed) {}

  // Told of every operation once its answer has been looked at.
  std::function<void(const Op&)> on_settled;

  const Model& model() const { return model_; }
  const std::vector<std::string>& problems() const { return problems_; }
  const std::deque<std::string>& trace() const { return trace_; }
  size_t acknowledged() const { return acknowledged_; }
  size_t refused() const { return refused_; }

  void note(std::string line) {
    trace_.push_back(std::move(line));
    if (trace_.size() > 60) trace_.pop_front();
  }
  void bad(const std::string& what) {
    note("PROBLEM: " + what);
    problems_.push_back(what);
  }

  MailboxId any_mailbox() {
    auto at = model_.boxes.begin();
    std::advance(at, random_.below(model_.boxes.size()));
    return at->first;
  }

  Op draw() {
    Op op;
    op.id = next_op_++;
    op.node = random_.below(world_.accounts.size());
    op.mailbox = any_mailbox();
    const bool full = messages() > 700;
    const uint64_t dice = random_.below(100);
    if (dice < 30 && !full) {
      draw_append(op);
    } else if (dice < 65) {
      draw_flags(op, full);
    } else if (dice < 80 && !(full && dice < 70)) {
      op.kind = Op::Kind::copy;
      op.to = any_mailbox();
      op.move = full || random_.below(2) == 0;
      op.uids = draw_uids(op.mailbox, 40);
    } else if (dice < 93) {
      op.kind = Op::Kind::expunge;
      op.uids = random_.below(2) == 0 ? uids(1, UINT32_MAX) : draw_uids(op.mailbox, 200);
    } else {
      draw_name(op);
    }
    return op;
  }

  void submit(Op op) {
    Op& kept = ops_[op.id] = std::move(op);
    switch (kept.kind) {
      case Op::Kind::append: return submit_append(kept);
      case Op::Kind::flags: return submit_flags(kept);
      case Op::Kind::copy: return submit_copy(kept);
      case Op::Kind::expunge: return submit_expunge(kept);
      case Op::Kind::create:
      case Op::Kind::remove:
      case Op::Kind::rename: return submit_name(kept);
    }
  }

  // Reads the log on and settles what has been answered. Call when nothing is under way; after a
  // crash with `crashed`: what was not answered happened before it or never will.
  void settle(bool crashed) {
    follow_log();
    for (auto at = ops_.begin(); at != ops_.end();) {
      Op& op = at->second;
      if (!op.answered && !crashed) {
        bad("never answered: " + op.text());
      } else {
        if (op.answered) check_answer(op);
        note(op.text());
        if (on_settled) on_settled(op);
      }
      at = ops_.erase(at);
    }
    happened_.clear();
  }

  // What a node shows of a mailbox is the model.
  void compare(const MailboxSnapshot& box) {
    const auto found = model_.boxes.find(box.id);
    if (found == model_.boxes.end()) return bad("a snapshot of a mailbox that is gone");
    const Model::Mailbox& m = found->second;
    const std::string where = fmt::format("mailbox {}: ", box.id.value);
    if (box.counters.uid_next != Uid(m.uid_next)) bad(where + "uid_next");
    if (m.highest && box.counters.highest_modseq != m.highest) bad(where + "HIGHESTMODSEQ");
    if (box.tree.exists() != m.messages.size()) bad(where + "number of messages");
    if (box.counters.exists != m.messages.size()) bad(where + "exists");
    for (const auto& [uid, message] : m.messages) {
      const HotEntry* e = box.tree.find(Uid(uid));
      if (!e) {
        bad(where + fmt::format("uid {} is missing", uid));
        continue;
      }
      std::set<std::string> keywords;
      for (const uint16_t k : box.tree.page(keys::page_of(Uid(uid)))->keywords(*e)) {
        keywords.insert(box.keywords->at(k));
      }
      if (e->flags != message.flags || e->modseq != message.modseq ||
          keywords != message.keywords) {
        bad(where + fmt::format("uid {} differs", uid));
      }
    }
  }

  // All of it, octets included, with no faults.
  void compare_all(const engine::FaultyOptions& faults) {
    world_.engine->set_options({});
    const Audit audit(*world_.memory, test_partition);
    for (const std::string& p : audit.problems()) bad("audit: " + p);
    for (size_t node = 0; node < world_.accounts.size(); ++node) {
      for (const auto& [id, box] : model_.boxes) {
        const auto snapshot = world_.open(id, node);
        if (!snapshot) {
          bad("open: " + snapshot.error().detail);
          continue;
        }
        compare(**snapshot);
        if (node == 0) compare_octets(id, box);
      }
      compare_names(node);
    }
    world_.engine->set_options(faults);
  }

 private:
  size_t messages() const {
    size_t count = 0;
    for (const auto& [id, box] : model_.boxes) count += box.messages.size();
    return count;
  }

  std::vector<std::string> draw_keywords() {
    std::vector<std::string> out;
    while (random_.below(3) == 0) out.push_back("kw" + std::to_string(random_.below(6)));
    return out;
  }

  UidSet draw_uids(MailboxId mailbox, uint32_t span) {
    const uint32_t end = model_.boxes[mailbox].uid_next + 2;
    UidSet out;
    for (uint64_t n = 1 + random_.below(3); n > 0; --n) {
      const auto first = static_cast<uint32_t>(1 + random_.below(end));
      out.add(Uid(first), Uid(first + static_cast<uint32_t>(random_.below(span))));
    }
    return out;
  }

  void draw_append(Op& op) {
    op.kind = Op::Kind::append;
    const uint64_t count = random_.below(12) == 0 ? random_.below(150) : 1 + random_.below(3);
    for (uint64_t i = 0; i <= count; ++i) op.bodies.push_back(fmt::format("op {} {}", op.id, i));
    op.flags = static_cast<uint8_t>(random_.below(32));
    op.keywords = draw_keywords();
  }

  void draw_flags(Op& op, bool remove_much) {
    op.kind = Op::Kind::flags;
    op.uids = draw_uids(op.mailbox, random_.below(6) == 0 || remove_much ? 300 : 3);
    op.change = static_cast<FlagChange>(random_.below(3));
    op.flags = static_cast<uint8_t>(random_.below(32));
    op.keywords = draw_keywords();
    if (remove_much) {
      op.change = FlagChange::add;
      op.flags |= flag_deleted;
    } else if (random_.below(5) == 0) {
      const uint64_t highest = model_.boxes[op.mailbox].highest.value;
      op.unchanged_since = ModSeq(highest - std::min<uint64_t>(highest, random_.below(20)));
    }
  }

  void draw_name(Op& op) {
    const auto name = [&] { return "box" + std::to_string(random_.below(5)); };
    op.name = name();
    op.target = name();
    const uint64_t dice = random_.below(4);
    op.kind = dice < 2 ? Op::Kind::create : dice == 2 ? Op::Kind::remove : Op::Kind::rename;
  }

  Author author(const Op& op) const { return {"op-" + std::to_string(op.id), "user"}; }

  // Runs `apply` on the op's node; `take` gets the value of the answer.
  template <class R>
  void ask(Op& op, std::function<Result<R>(Tx&)> apply, std::function<void(Op&, const R&)> take) {
    world_.account(op.node).mutate<R>(author(op), std::move(apply),
                                      [this, id = op.id, take = std::move(take)](Result<R> r) {
                                        const auto at = ops_.find(id);
                                        if (at == ops_.end() || at->second.answered)
                                          return bad("answered twice");
                                        at->second.answered = true;
                                        if (r) {
                                          take(at->second, *r);
                                        } else {
                                          at->second.error = r.error();
                                        }
                                      });
  }

  void submit_append(Op& op) {
    AppendRequest request{op.mailbox, {}, {}};
    for (const std::string& body : op.bodies) {
      request.messages.push_back(new_message(world_, body, op.flags, op.keywords, op.node));
    }
    ask<AppendResult>(
        op, [request](Tx& tx) { return append(tx, request); },
        [](Op& o, const AppendResult& r) {
          o.modseq = r.modseq;
          for (const Uid uid : r.uids) o.done.add(uid);
        });
  }

  void submit_flags(Op& op) {
    const StoreRequest request{op.mailbox, op.uids,     op.change,
                               op.flags,   op.keywords, op.unchanged_since};
    ask<StoreResult>(
        op, [request](Tx& tx) { return store_flags(tx, request); },
        [](Op& o, const StoreResult& r) {
          o.modseq = r.modseq;
          o.done = r.changed;
          o.modified = r.modified;
        });
  }

  void submit_copy(Op& op) {
    const CopyRequest request{op.mailbox, op.to, op.uids, op.move, {}};
    ask<CopyResult>(
        op, [this, request](Tx& tx) { return copy(tx, *world_.engine, request); },
        [](Op& o, const CopyResult& r) {
          o.modseq = r.modseq;
          o.pairs = r.uids;
        });
  }

  void submit_expunge(Op& op) {
    const ExpungeRequest request{op.mailbox, op.uids};
    ask<ExpungeResult>(
        op, [this, request](Tx& tx) { return expunge(tx, *world_.engine, request); },
        [](Op& o, const ExpungeResult& r) {
          o.modseq = r.modseq;
          o.done = r.uids;
        });
  }

  void submit_name(Op& op) {
    using Named = std::pair<MailboxId, ModSeq>;
    ask<Named>(
        op,
        [kind = op.kind, name = op.name, target = op.target](Tx& tx) -> Result<Named> {
          MailboxId id;
          if (kind == Op::Kind::create) id = TRY(create_mailbox(tx, {name, 0}));
          if (kind == Op::Kind::remove) id = TRY(delete_mailbox(tx, name));
          if (kind == Op::Kind::rename) id = TRY(rename_mailbox(tx, name, target));
          return Named(id, tx.modseq());
        },
        [](Op& o, const Named& r) {
          o.made = r.first;
          o.modseq = r.second;
        });
  }

  void follow_log() {
    engine::Range range = keys::log_after(followed_);
    for (bool more = true; more;) {
      const auto read = world_.memory->read(test_partition, range);
      CHECK(read);
      more = read->more;
      if (more) range.first = read->rows.back().key + '\0';
      for (const engine::Row& row : read->rows) {
        followed_ = keys::modseq_of(row.key);
        const auto decoded = decode_log(row.value);
        if (!decoded) return bad("log row: " + decoded.error().detail);
        follow(decoded->changes);
      }
    }
  }

  void follow(const std::vector<LogChange>& changes) {
    for (size_t at = 0; at < changes.size();) {
      size_t end = at + 1;
      while (end < changes.size() && changes[end].modseq == changes[at].modseq) ++end;
      const std::vector<LogChange> of_one(changes.begin() + static_cast<ptrdiff_t>(at),
                                          changes.begin() + static_cast<ptrdiff_t>(end));
      at = end;
      if (of_one[0].modseq <= last_modseq_) bad("a modseq is not above the one before");
      last_modseq_ = of_one[0].modseq;
      const std::string& who = of_one[0].author.session;
      const auto op = who.rfind("op-", 0) == 0 ? ops_.find(std::stoull(who.substr(3))) : ops_.end();
      if (op == ops_.end()) {
        bad("the log names " + who + ", which was settled before");
        continue;
      }
      if (!happened_.insert({op->first, of_one[0].modseq}).second)
        bad("twice: " + op->second.text());
      const std::string wrong = model_.happened(op->second, of_one);
      if (!wrong.empty()) bad(wrong + ": " + op->second.text());
      if (op->second.answered && !op->second.error) check_values(op->second);
    }
  }

  // The values of the answer are those that the model computed just now.
  void check_values(const Op& op) {
    bool good = true;
    if (op.kind == Op::Kind::copy) {
      good = op.pairs == model_.expected_pairs;
    } else if (op.kind == Op::Kind::flags) {
      good = op.done == model_.expected && op.modified == model_.expected_modified;
    } else if (op.kind == Op::Kind::append || op.kind == Op::Kind::expunge) {
      good = op.done == model_.expected;
    }
    if (!good) bad("another answer than the model's: " + op.text());
  }

  void check_answer(const Op& op) {
    const auto at = happened_.find(op.id);
    const bool did = at != happened_.end();
    if (op.error) {
      const Code code = op.error->code;
      // The caller was told that nobody knows, or does not know yet.
      const bool open = op.error->detail.find("may yet happen") != std::string::npos;
      if (code == Code::unknown || open) return;
      if (did) bad("refused and yet done: " + op.text());
      const bool plain = code == Code::not_found || code == Code::already_exists;
      ++refused_;
      if (!plain && !errors_allowed_) bad("an error without a reason: " + op.text());
      return;
    }
    ++acknowledged_;
    if (!op.modseq) {
      if (did) bad("done and not told: " + op.text());
    } else if (!did) {
      bad("acknowledged and lost: " + op.text());
    } else if (at->second != op.modseq) {
      bad("acknowledged with another modseq: " + op.text());
    }
  }

  void compare_octets(MailboxId id, const Model::Mailbox& box) {
    PageDataPtr page;
    for (const auto& [uid, message] : box.messages) {
      if (!page || page->page != keys::page_of(Uid(uid))) {
        auto read = world_.account().read_page(id, keys::page_of(Uid(uid)), read_all_columns);
        if (!read) return bad("read_page: " + read.error().detail);
        page = *read;
      }
      const PageData::Message* m = page->find(keys::slot_of(Uid(uid)));
      if (!m) {
        bad(fmt::format("mailbox {} uid {} has no cold entry", id.value, uid));
        continue;
      }
      const auto octets = world_.account().read_blob(m->cold, 0, UINT64_MAX);
      const Digest digest = digest_of(message.body);
      bool good = octets && *octets == message.body;
      for (size_t c = 0; c < column_count; ++c) {
        good = good && m->digest[c] == column_of(digest, static_cast<Column>(c));
      }
      if (!good) bad(fmt::format("mailbox {} uid {} has other octets", id.value, uid));
    }
  }

  // The names a node lists are the model's, and no name's UIDVALIDITY has ever fallen.
  void compare_names(size_t node) {
    const FoldersPtr folders = world_.account(node).folders();
    if (!folders || folders->size() != model_.boxes.size()) return bad("the list of names");
    for (const auto& [id, box] : model_.boxes) {
      if (folders->name(id) != box.name) bad("the name of mailbox " + std::to_string(id.value));
      const auto counters = world_.account(node).counters(id);
      if (!counters) {
        bad("counters of " + box.name);
        continue;
      }
      auto& [bearer, validity] = bearers_[box.name];
      const bool fine =
          bearer == id ? counters->uid_validity >= validity : counters->uid_validity > validity;
      if (!fine) bad("UIDVALIDITY of " + box.name + " has not risen");
      bearer = id;
      validity = counters->uid_validity;
    }
  }

  World& world_;
  Random& random_;
  bool errors_allowed_ = false;
  Model model_;
  uint64_t next_op_ = 1;
  std::map<uint64_t, Op> ops_;           // not settled yet
  std::map<uint64_t, ModSeq> happened_;  // of those, what the log names
  ModSeq followed_ = ModSeq(1);
  ModSeq last_modseq_ = ModSeq(1);
  size_t acknowledged_ = 0;
  size_t refused_ = 0;
  std::map<std::string, std::pair<MailboxId, uint32_t>> bearers_;
  std::vector<std::string> problems_;
  std::deque<std::string> trace_;
};

}  // namespace eilpost::store
