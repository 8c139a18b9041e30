#include "search/evaluate.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "mime/header.h"
#include "search/fuzzy.h"
#include "search/index/text_indexes.h"
#include "search/match.h"
#include "search/message_text.h"
#include "store/digest.h"
#include "store/keys.h"

namespace eilpost::search {

namespace {

// What a key has to look at, cheapest first; keys are asked in this order.
enum class Cost : uint8_t { none, hot, cold, digest, header, body };

// A key made ready: its children in the order of their cost, its names looked up.
struct Node {
  Program key;  // without children
  Cost cost = Cost::none;
  size_t needle = 0;                // body, text, fuzzy header: its number in the matcher
  std::optional<uint16_t> keyword;  // its index in the mailbox's table, if it is there
  std::optional<size_t> kept;       // header: the number of a field that is kept
  std::vector<Node> children;
};

Cost cost_of(const Program& key) {
  switch (key.op) {
    case Op::all:
    case Op::none: return Cost::none;
    case Op::flags:
    case Op::keyword:
    case Op::uids:
    case Op::modseq: return Cost::hot;
    case Op::larger:
    case Op::smaller:
    case Op::older:
    case Op::younger:
    case Op::email_id: return Cost::cold;
    case Op::before:
    case Op::on:
    case Op::since: return key.date == DateOf::sent ? Cost::digest : Cost::cold;
    case Op::header: return Cost::header;
    case Op::body:
    case Op::text: return key.text.empty() ? Cost::none : Cost::body;
    case Op::not_:
    case Op::all_of:
    case Op::any_of: return Cost::none;  // that of the costliest child
  }
  return Cost::none;
}

std::optional<uint16_t> find_keyword(const store::KeywordTable& table, std::string_view name) {
  for (size_t i = 0; i < table.size(); ++i) {
    if (mime::equals_ignoring_case(table[i], name)) return static_cast<uint16_t>(i);
  }
  return std::nullopt;
}

// What the keys of a program need together.
struct Needs {
  bool cold = false;
  bool bodies = false;
  bool kept_headers = false;   // headers that memory may hold
  bool other_headers = false;  // and those that only the message has
  uint8_t columns = 0;
  Cost cost = Cost::none;
  mime::Collation collation = mime::Collation::unicode_casemap;  // of all needles

  void add(Cost key) {
    cost = std::max(cost, key);
    if (key == Cost::cold) cold = true;
    if (key == Cost::digest) columns |= store::read_keys;
    if (key == Cost::header || key == Cost::body) columns |= store::read_parts;
    if (key == Cost::body) bodies = true;
  }
};

struct Compiler {
  const store::KeywordTable& keywords;
  Matcher& matcher;
  FuzzyMatcher& fuzzy;
  Needs& needs;

  Node compile(const Program& program) {
    Node node;
    node.key = leaf_of(program);
    node.cost = cost_of(program);
    needs.add(node.cost);
    if (program.collation != mime::Collation()) needs.collation = program.collation;
    if (program.op == Op::header) {
      // What is kept of headers is folded by the default collation.
      if (!program.fuzzy && program.collation == mime::Collation()) {
        node.kept = kept_field(program.field);
      }
      if (program.fuzzy) node.needle = fuzzy.add(program.text, FuzzyMatcher::Place::field);
      (node.kept ? needs.kept_headers : needs.other_headers) = true;
    }
    if (program.op == Op::keyword) node.keyword = find_keyword(keywords, program.text);
    if (node.cost == Cost::body) node.needle = add_needle(program);
    for (const Program& child : program.children) add_child(node, compile(child));
    std::stable_sort(node.children.begin(), node.children.end(),
                     [](const Node& a, const Node& b) { return a.cost < b.cost; });
    return node;
  }

 private:
  size_t add_needle(const Program& program) {
    const bool text = program.op == Op::text;
    if (!program.fuzzy) return matcher.add(program.text, text ? Where::header : Where::body);
    return fuzzy.add(program.text, text ? FuzzyMatcher::Place::text : FuzzyMatcher::Place::body);
  }

  static Program leaf_of(const Program& program) {
    Program leaf;
    leaf.op = program.op;
    leaf.flags = program.flags;
    leaf.date = program.date;
    leaf.number = program.number;
    leaf.field = program.field;
    leaf.text = program.text;
    leaf.collation = program.collation;
    leaf.fuzzy = program.fuzzy;
    leaf.uids = program.uids;
    return leaf;
  }

  // A list within a list of its kind is one list, whose cheap keys come first.
  static void add_child(Node& node, Node child) {
    node.cost = std::max(node.cost, child.cost);
    const bool same = child.key.op == node.key.op;
    if (same && (node.key.op == Op::all_of || node.key.op == Op::any_of)) {
      for (Node& grandchild : child.children) node.children.push_back(std::move(grandchild));
    } else {
      node.children.push_back(std::move(child));
    }
  }
};

// The uids beyond which nothing can match, if the program says so at its top.
std::optional<IntervalSet> bounds_of(const Node& root) {
  std::optional<IntervalSet> bounds;
  const auto narrow = [&](const Node& node) {
    if (node.key.op != Op::uids) return;
    bounds = bounds ? bounds->intersect(node.key.uids.raw()) : node.key.uids.raw();
  };
  narrow(root);
  if (root.key.op == Op::all_of) {
    for (const Node& child : root.children) narrow(child);
  }
  return bounds;
}

bool overlaps(const IntervalSet& set, Interval range) {
  const auto& all = set.intervals();
  const auto at =
      std::lower_bound(all.begin(), all.end(), range.first,
                       [](const Interval& i, uint32_t first) { return i.last < first; });
  return at != all.end() && at->first <= range.last;
}

int64_t day_of(store::ZonedTime time) {
  const int64_t local = time.seconds + int64_t{60} * time.zone_minutes;
  return local >= 0 ? local / 86400 : -((86399 - local) / 86400);
}

bool compare_day(const Program& key, int64_t day) {
  if (key.op == Op::before) return day < key.number;
  return key.op == Op::on ? day == key.number : day >= key.number;
}

std::vector<uint8_t> slots_of(const store::HotPage& page) {
  std::vector<uint8_t> out;
  out.reserve(page.entries.size());
  for (const store::HotEntry& e : page.entries) out.push_back(e.slot);
  return out;
}

// Words that a piece of a long text may cut are seen whole in the next.
constexpr size_t fuzzy_overlap = 128;

// What concerns one message and not the whole search.
bool is_of_message(const Error& error) {
  return error.code == Code::corrupt || error.code == Code::not_found;
}

}  // namespace

struct Evaluator::State {
  State(store::AccountPtr a, store::SnapshotPtr s, const Program& program, Context c)
      : account(std::move(a)),
        snapshot(std::move(s)),
        context(c),
        root(compile(program)),
        bounds(bounds_of(root)),
        message(*account, {.bodies = needs.bodies, .collation = needs.collation}) {
    matcher.use(needs.collation);
    const auto hear = [this](std::string_view text, Where where) {
      fuzzy.text(text, where);
      return true;
    };
    reader.listen(hear, fuzzy_overlap);
    if (bounds) next = Uid(bounds->empty() ? UINT32_MAX : bounds->min());
    // An index is made of texts as the default collation has them.
    const bool indexed = context.indexes != nullptr && needs.collation == mime::Collation();
    if (indexed && has_text(program)) asked_program = program;
  }

  void narrow_by_index();

  Node compile(const Program& program) {
    static const store::KeywordTable no_keywords;
    const store::KeywordTable& table = snapshot->keywords ? *snapshot->keywords : no_keywords;
    return Compiler{table, matcher, fuzzy, needs}.compile(program);
  }

  Result<bool> run(Slice slice);
  // The rest of the page; false when the slice's octets are used up before its end.
  Result<bool> run_page(const store::PagePtr& p, uint64_t octets_end);
  bool is_beyond(const store::HotPage& p) const;
  bool is_outside(const store::HotPage& p) const;
  Result<bool> matches(const store::HotEntry& e);
  bool ask_hot(const Node& node) const;
  Result<bool> ask(const Node& node);
  Result<bool> ask_leaf(const Node& node);
  Result<bool> ask_cold(const Program& key);
  Result<bool> ask_sent(const Program& key);
  Result<> begin_text();
  Result<bool> ask_body(const Node& node);
  Result<bool> ask_fuzzy_body(const Node& node);
  bool scored(uint8_t score);
  Result<bool> ask_fuzzy_header(const Node& node);
  Result<bool> ask_header(const Node& node);
  Result<const store::PageData::Message*> row(uint8_t columns);
  Result<> load(uint8_t columns);
  // What of a page is in memory; false when it does not suffice.
  struct Held {
    store::PagePtr page;
    store::PageDataPtr data;
    store::HeaderTextsPtr texts;
  };
  bool hold(const store::PagePtr& p);
  bool hold_slice(Slice slice);
  Result<bool> step(Slice slice);
  void begin_page(const store::PagePtr& p);
  void keep_texts();

  store::AccountPtr account;  // shared with the session
  store::SnapshotPtr snapshot;
  Context context;
  Matcher matcher;
  Matcher reader;  // shows texts to `fuzzy`
  FuzzyMatcher fuzzy;
  Needs needs;
  Node root;
  std::optional<IntervalSet> bounds;
  MessageText message;
  Answer answer;
  Uid next = Uid(1);                     // everything below has been looked at
  std::optional<Program> asked_program;  // until an index has narrowed it
  bool all_held = false;                 // the next step will find everything in `held`
  bool done = false;

  // The page at hand, and what was read of it.
  store::PagePtr page;
  store::PageDataPtr data;
  uint8_t data_columns = 0;
  std::optional<Error> page_error;
  uint64_t moment = 0;  // before anything of it was read
  bool texts_asked = false;
  store::HeaderTextsPtr texts;
  store::HeaderTexts made_texts;  // to be kept
  std::vector<Held> held;         // for the step at hand
  // The message at hand.
  const store::HotEntry* entry = nullptr;
  bool text_begun = false;
  bool body_scanned = false;
  bool body_read = false;
  uint32_t score_sum = 0;  // of the fuzzy keys that it matches
  uint32_t score_count = 0;
};

Result<> Evaluator::State::load(uint8_t columns) {
  if (page_error) return tl::unexpected(*page_error);
  if (data && (data_columns & columns) == columns) return {};
  // Who asks for a digest will ask for all that the program needs; who asks for cold entries hopes
  // that they suffice.
  const uint8_t wanted = columns != 0 || !needs.cold ? needs.columns : 0;
  auto read = account->read_slots(snapshot->id, page->page, wanted, slots_of(*page));
  if (!read) {
    page_error = read.error();
    return tl::unexpected(std::move(read).error());
  }
  data = std::move(*read);
  data_columns = wanted;
  return {};
}

Result<const store::PageData::Message*> Evaluator::State::row(uint8_t columns) {
  TRY(load(columns));
  const store::PageData::Message* found = data->find(entry->slot);
  if (!found) return fail(Code::not_found, "the message has been purged");
  return found;
}

Result<bool> Evaluator::State::ask_cold(const Program& key) {
  const store::Cold& cold = TRY(row(0))->cold;
  switch (key.op) {
    case Op::larger: return cold.size > static_cast<uint64_t>(key.number);
    case Op::smaller: return cold.size < static_cast<uint64_t>(key.number);
    // RFC 5032 3: both take the boundary itself.
    case Op::older: return cold.internal_date.seconds <= context.now_seconds - key.number;
    case Op::younger: return cold.internal_date.seconds >= context.now_seconds - key.number;
    case Op::email_id: return cold.email_id.to_string() == key.text;
    default: break;
  }
  if (key.date == DateOf::saved) return compare_day(key, day_of({cold.saved_seconds, 0}));
  return compare_day(key, day_of(cold.internal_date));
}

Result<bool> Evaluator::State::ask_sent(const Program& key) {
  const store::PageData::Message* found = TRY(row(store::read_keys));
  const auto column = found->digest[static_cast<size_t>(store::Column::keys)];
  const store::DigestKeys digest = TRY(store::decode_digest_keys(column));
  return digest.sent && compare_day(key, day_of(*digest.sent));
}

Result<> Evaluator::State::begin_text() {
  if (text_begun) return {};
  const store::PageData::Message* found = TRY(row(store::read_parts));
  message.begin(found->cold, found->digest[static_cast<size_t>(store::Column::parts)]);
  text_begun = true;
  return {};
}

Result<bool> Evaluator::State::ask_body(const Node& node) {
  if (node.key.fuzzy) return ask_fuzzy_body(node);
  if (!body_scanned) {
    TRY(begin_text());
    matcher.reset();
    TRY(message.scan(matcher));
    body_scanned = true;
  }
  return matcher.found(node.needle);
}

// As somebody reads the message: HTML without its tags, and what attachments say.
Result<bool> Evaluator::State::ask_fuzzy_body(const Node& node) {
  if (!body_read) {
    TRY(begin_text());
    reader.reset();
    TRY(message.scan(reader, MessageText::Html::text));
    if (context.indexes) {
      const TextIndexPtr index = context.indexes->find(account->partition());
      context.indexes->want(account->partition());
      fuzzy.words(index->attachment_words(*account, TRY(row(store::read_parts))->cold.blob));
    }
    body_read = true;
  }
  return scored(fuzzy.score(node.needle));
}

// Of several fuzzy keys that a message matches the mean counts.
bool Evaluator::State::scored(uint8_t score) {
  if (score == 0) return false;
  score_sum += score;
  score_count += 1;
  return true;
}

// An empty needle asks for the field's presence, as ever.
Result<bool> Evaluator::State::ask_fuzzy_header(const Node& node) {
  TRY(begin_text());
  if (node.key.text.empty()) return message.header_contains(node.key.field, "");
  TRY(message.each_value(node.key.field,
                         [&](std::string_view folded) { fuzzy.text_for(node.needle, folded); }));
  return scored(fuzzy.score(node.needle));
}

Result<bool> Evaluator::State::ask_header(const Node& node) {
  if (node.key.fuzzy) return ask_fuzzy_header(node);
  if (!node.kept) {
    TRY(begin_text());
    return message.header_contains(node.key.field, node.key.text);
  }
  if (!texts_asked) {
    texts = account->header_texts(snapshot->id, page->page);
    texts_asked = true;
  }
  if (texts) {
    const auto known = texts->by_slot.find(entry->slot);
    if (known != texts->by_slot.end()) {
      return kept_contains(known->second, *node.kept, node.key.text);
    }
  }
  TRY(begin_text());
  if (made_texts.by_slot.count(entry->slot) == 0) {
    auto kept = TRY(message.kept_texts());
    if (kept) made_texts.by_slot.emplace(entry->slot, std::move(*kept));
  }
  return message.header_contains(node.key.field, node.key.text);
}

bool Evaluator::State::ask_hot(const Node& node) const {
  const Program& key = node.key;
  const auto ask_child = [this](const Node& child) { return ask_hot(child); };
  switch (key.op) {
    case Op::none: return false;
    case Op::flags: return (entry->flags & key.flags) == key.flags;
    case Op::uids: return key.uids.contains(page->uid(*entry));
    case Op::modseq: return entry->modseq.value >= static_cast<uint64_t>(key.number);
    case Op::not_: return !ask_hot(node.children.front());
    case Op::all_of: return std::all_of(node.children.begin(), node.children.end(), ask_child);
    case Op::any_of: return std::any_of(node.children.begin(), node.children.end(), ask_child);
    case Op::keyword: {
      if (!node.keyword) return false;
      const store::KeywordSet& set = page->keywords(*entry);
      return std::binary_search(set.begin(), set.end(), *node.keyword);
    }
    default: return true;  // all; the empty needle
  }
}

Result<bool> Evaluator::State::ask_leaf(const Node& node) {
  if (node.key.op == Op::header) return ask_header(node);
  if (node.cost == Cost::body) return ask_body(node);
  return node.cost == Cost::digest ? ask_sent(node.key) : ask_cold(node.key);
}

Result<bool> Evaluator::State::ask(const Node& node) {
  if (node.cost <= Cost::hot) return ask_hot(node);
  if (node.children.empty()) return ask_leaf(node);
  if (node.key.op == Op::not_) {
    // What is not to be there says nothing of how well the rest is.
    const uint32_t sum = score_sum;
    const uint32_t count = score_count;
    const bool found = TRY(ask(node.children.front()));
    score_sum = sum;
    score_count = count;
    return !found;
  }
  const bool decides = node.key.op == Op::any_of;
  for (const Node& child : node.children) {
    if (TRY(ask(child)) == decides) return decides;
  }
  return !decides;
}

Result<bool> Evaluator::State::matches(const store::HotEntry& e) {
  entry = &e;
  text_begun = false;
  body_scanned = false;
  body_read = false;
  score_sum = 0;
  score_count = 0;
  fuzzy.reset();
  auto asked = ask(root);
  if (asked || !is_of_message(asked.error())) return asked;
  answer.unreadable.add(page->uid(e));
  return false;
}

bool Evaluator::State::is_beyond(const store::HotPage& p) const {
  return bounds && (bounds->empty() || store::keys::uid_at(p.page, 0).value > bounds->max());
}

bool Evaluator::State::is_outside(const store::HotPage& p) const {
  const Interval uids{store::keys::uid_at(p.page, 0).value,
                      store::keys::uid_at(p.page, store::keys::page_slots - 1).value};
  return bounds && !overlaps(*bounds, uids);
}

void Evaluator::State::begin_page(const store::PagePtr& p) {
  page = p;
  data.reset();
  data_columns = 0;
  page_error.reset();
  texts.reset();
  texts_asked = false;
  moment = account->services().pages ? account->services().pages->moment() : 0;
  const auto at =
      std::find_if(held.begin(), held.end(), [&](const Held& h) { return h.page == p; });
  if (at == held.end()) return;
  data = at->data;
  data_columns = data ? needs.columns : 0;
  texts = at->texts;
  texts_asked = texts != nullptr;
}

void Evaluator::State::keep_texts() {
  if (made_texts.by_slot.empty()) return;
  account->keep_header_texts(snapshot->id, page->page, made_texts, moment);
  made_texts.by_slot.clear();
  texts_asked = false;
}

bool Evaluator::State::hold(const store::PagePtr& p) {
  Held found{p, nullptr, nullptr};
  const std::vector<uint8_t> slots = slots_of(*p);
  if (needs.kept_headers) {
    found.texts = account->header_texts(snapshot->id, p->page);
    const bool all = found.texts && std::all_of(slots.begin(), slots.end(), [&](uint8_t slot) {
                       return found.texts->by_slot.count(slot) != 0;
                     });
    if (!all) return false;
  }
  if (needs.cold || (needs.columns & store::read_keys) != 0) {
    found.data = account->cached_slots(snapshot->id, p->page, needs.columns, slots);
    if (!found.data) return false;
  }
  held.push_back(std::move(found));
  return true;
}

bool Evaluator::State::hold_slice(Slice slice) {
  held.clear();
  if (needs.bodies || needs.other_headers) return false;
  bool all = true;
  size_t pages = 0;
  snapshot->tree.for_pages(next, [&](Seq, const store::PagePtr& p) {
    if (is_beyond(*p)) return false;
    if (is_outside(*p)) return true;
    if (pages++ == std::max<size_t>(slice.pages_max, 1)) return false;
    all = hold(p);
    return all;
  });
  if (!all) held.clear();
  all_held = all;
  // Of a page that was begun without it, too.
  if (all) page.reset();
  return all;
}

// What memory has of headers is faster than an index: it is asked at the first step that reads.
void Evaluator::State::narrow_by_index() {
  const Program program = std::move(*asked_program);
  asked_program.reset();
  const TextIndexPtr index = context.indexes->find(account->partition());
  context.indexes->want(account->partition());
  matcher = Matcher();
  fuzzy = FuzzyMatcher();
  needs = Needs();
  root = compile(narrow(program, *index, *account, snapshot->id));
  bounds = bounds_of(root);
  page.reset();
}

Result<bool> Evaluator::State::step(Slice slice) {
  const bool reads = needs.cost > Cost::hot && !std::exchange(all_held, false);
  if (reads && asked_program && !done) narrow_by_index();
  auto stepped = run(slice);
  held.clear();
  return stepped;
}

Result<bool> Evaluator::State::run_page(const store::PagePtr& p, uint64_t octets_end) {
  if (page != p) begin_page(p);
  for (const store::HotEntry& e : page->entries) {
    const Uid uid = page->uid(e);
    if (uid < next) continue;
    if (context.cancelled && context.cancelled->load(std::memory_order_relaxed)) {
      return fail(Code::cancelled, "the search was given up");
    }
    if (TRY(matches(e))) {
      if (answer.uids.empty()) answer.first_modseq = e.modseq;
      answer.last_modseq = e.modseq;
      answer.highest_modseq = std::max(answer.highest_modseq, e.modseq);
      answer.uids.add(uid);
      if (score_count > 0) {
        answer.relevancy.push_back({uid, static_cast<uint8_t>(score_sum / score_count)});
      }
    }
    next = Uid(uid.value + 1);
    if (message.octets_read() >= octets_end) return false;
  }
  return true;
}

Result<bool> Evaluator::State::run(Slice slice) {
  if (done) return true;
  const uint64_t octets_end = message.octets_read() + std::max<uint64_t>(slice.octets_max, 1);
  size_t pages = 0;
  bool at_end = true;
  Result<> failed;
  snapshot->tree.for_pages(next, [&](Seq, const store::PagePtr& p) {
    if (is_beyond(*p)) return false;
    if (is_outside(*p)) return true;
    if (pages++ == std::max<size_t>(slice.pages_max, 1)) {
      at_end = false;
      return false;
    }
    const auto ran = run_page(p, octets_end);
    keep_texts();
    if (!ran) failed = tl::unexpected(ran.error());
    if (ran && !*ran) at_end = false;
    return ran && *ran;
  });
  TRY(failed);
  done = at_end;
  return done;
}

Evaluator::Evaluator(store::AccountPtr account, store::SnapshotPtr snapshot, const Program& program,
                     Context context)
    : state_(std::make_unique<State>(std::move(account), std::move(snapshot), program, context)) {}
Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;

Result<bool> Evaluator::step(Slice slice) {
  return state_->step(slice);
}
bool Evaluator::in_memory(Slice slice) {
  return state_->hold_slice(slice);
}
bool Evaluator::reads() const {
  return state_->needs.cost > Cost::hot;
}
const Answer& Evaluator::answer() const {
  return state_->answer;
}

Result<Answer> evaluate(store::AccountPtr account, store::SnapshotPtr snapshot,
                        const Program& program, Context context) {
  Evaluator evaluator(std::move(account), std::move(snapshot), program, context);
  while (!TRY(evaluator.step({}))) {
  }
  return evaluator.answer();
}

}  // namespace eilpost::search
