#include "server/imap/search_plan.h"

#include <algorithm>

#include "mime/charset.h"
#include "protocol/imap/values.h"
#include "store/types.h"

namespace eilpost::server {

namespace {

using imap::SearchKey;
using imap::SearchOp;
using search::DateOf;
using search::Program;

class Planner {
 public:
  Planner(std::string_view charset, const SearchSurroundings& surroundings)
      : charset_(charset), surroundings_(surroundings) {}

  Result<Program> key(const SearchKey& key) {
    switch (key.op) {
      case SearchOp::not_: return search::negation(TRY(this->key(key.children.front())));
      case SearchOp::fuzzy: return fuzzy(key.children.front());
      case SearchOp::and_: return search::all_of(TRY(keys(key.children)));
      case SearchOp::or_: return search::any_of(TRY(keys(key.children)));
      case SearchOp::sequence: return search::in_uids(TRY(surroundings_.resolve(key.set, false)));
      case SearchOp::uid: return search::in_uids(TRY(surroundings_.resolve(key.set, true)));
      case SearchOp::uid_after: return uids(key.number + 1, UINT32_MAX);
      case SearchOp::uid_before: return uids(1, key.number - 1);
      case SearchOp::bcc: return header("bcc", key.text);
      case SearchOp::cc: return header("cc", key.text);
      case SearchOp::from: return header("from", key.text);
      case SearchOp::subject: return header("subject", key.text);
      case SearchOp::to: return header("to", key.text);
      case SearchOp::header: return header(key.field, key.text);
      case SearchOp::body:
        return search::body_contains(TRY(utf8(key.text)), surroundings_.collation);
      case SearchOp::text:
        return search::text_contains(TRY(utf8(key.text)), surroundings_.collation);
      default: return simple(key);
    }
  }

 private:
  Result<Program> fuzzy(const SearchKey& child) {
    if (!search::evaluates_fuzzy) return fail(Code::invalid, "FUZZY is not offered here");
    return search::fuzzy(TRY(key(child)));
  }

  Result<std::vector<Program>> keys(const std::vector<SearchKey>& children) {
    std::vector<Program> out;
    for (const SearchKey& child : children) out.push_back(TRY(key(child)));
    return out;
  }

  Result<std::string> utf8(std::string_view octets) const {
    if (surroundings_.collation == mime::Collation::ascii_numeric && !octets.empty()) {
      return fail(Code::cannot, "i;ascii-numeric has no substrings");
    }
    auto text = mime::to_utf8_strict(charset_, octets);
    if (!text) return fail(Code::invalid, "a search string is not in its charset");
    return text;
  }

  Result<Program> header(std::string_view field, std::string_view octets) const {
    return search::header_contains(field, TRY(utf8(octets)), surroundings_.collation);
  }

  // RFC 9738: every uid of a range, which may be empty.
  static Program uids(uint64_t first, uint64_t last) {
    if (first > last) return search::nothing();
    UidSet set;
    set.add(Uid(static_cast<uint32_t>(first)), Uid(static_cast<uint32_t>(last)));
    return search::in_uids(std::move(set));
  }

  Program recent() const {
    UidSet uids;
    uids.add(surroundings_.first_recent, Uid(UINT32_MAX));
    return search::in_uids(std::move(uids));
  }

  // RFC 9051 2.3.2: a flag with a backslash is no keyword, but clients ask KEYWORD for it.
  Program keyword(const std::string& name) const {
    if (name.empty() || name.front() != '\\') return search::has_keyword(name);
    const uint8_t bit = imap::system_flag(name);
    if (bit == imap::flag_recent) return recent();
    return bit == 0 ? search::nothing() : search::has_flags(bit);
  }

  Program simple(const SearchKey& key) const;

  std::string_view charset_;
  const SearchSurroundings& surroundings_;
};

Program Planner::simple(const SearchKey& key) const {
  using search::has_flags;
  using search::negation;
  const search::Day day{imap::days_since_epoch(key.date)};
  switch (key.op) {
    case SearchOp::answered: return has_flags(store::flag_answered);
    case SearchOp::deleted: return has_flags(store::flag_deleted);
    case SearchOp::draft: return has_flags(store::flag_draft);
    case SearchOp::flagged: return has_flags(store::flag_flagged);
    case SearchOp::seen: return has_flags(store::flag_seen);
    case SearchOp::unanswered: return negation(has_flags(store::flag_answered));
    case SearchOp::undeleted: return negation(has_flags(store::flag_deleted));
    case SearchOp::undraft: return negation(has_flags(store::flag_draft));
    case SearchOp::unflagged: return negation(has_flags(store::flag_flagged));
    case SearchOp::unseen: return negation(has_flags(store::flag_seen));
    case SearchOp::recent: return recent();
    case SearchOp::old: return negation(recent());
    // RFC 3501 6.4.4: NEW is RECENT UNSEEN.
    case SearchOp::new_: return search::all_of({recent(), negation(has_flags(store::flag_seen))});
    case SearchOp::keyword: return keyword(key.text);
    case SearchOp::unkeyword: return negation(keyword(key.text));
    case SearchOp::email_id: return search::has_email_id(key.text);
    // RFC 8474 5.2: THREADID is NIL for every message here.
    case SearchOp::thread_id: return search::nothing();
    case SearchOp::before: return search::before(DateOf::internal, day);
    case SearchOp::on: return search::on(DateOf::internal, day);
    case SearchOp::since: return search::since(DateOf::internal, day);
    case SearchOp::sent_before: return search::before(DateOf::sent, day);
    case SearchOp::sent_on: return search::on(DateOf::sent, day);
    case SearchOp::sent_since: return search::since(DateOf::sent, day);
    case SearchOp::saved_before: return search::before(DateOf::saved, day);
    case SearchOp::saved_on: return search::on(DateOf::saved, day);
    case SearchOp::saved_since: return search::since(DateOf::saved, day);
    case SearchOp::larger: return search::larger(key.number);
    case SearchOp::smaller: return search::smaller(key.number);
    case SearchOp::older: return search::older(key.number);
    case SearchOp::younger: return search::younger(key.number);
    case SearchOp::modseq: return search::modseq_from(key.number);
    // ALL, and SAVEDATESUPPORTED (RFC 8514 4.3): every mailbox keeps save dates.
    default: return search::everything();
  }
}

}  // namespace

bool only_some(const imap::SearchReturn& returns) {
  return (returns.min || returns.max || returns.partial) && !returns.all && !returns.count;
}

Result<search::Program> plan_search(const imap::Search& command,
                                    const SearchSurroundings& surroundings) {
  // RFC 3501 says US-ASCII where no charset is named; UTF-8 has it in it, and is what clients send
  // that name none.
  std::string_view charset = command.charset;
  if (charset.empty()) charset = "utf-8";
  if (!mime::known_charset(charset)) return fail(Code::bad_charset, "unknown charset in SEARCH");
  if (command.returns.relevancy && !search::evaluates_fuzzy) {
    return fail(Code::invalid, "RELEVANCY is not offered here");
  }
  return Planner(charset, surroundings).key(command.key);
}

UidSet saved_result(const imap::SearchReturn& returns, const UidSet& found) {
  if (!only_some(returns) || found.empty()) return found;
  UidSet out;
  if (returns.partial) out = UidSet(imap::page_of(found.raw(), *returns.partial));
  if (returns.min) out.add(found.min());
  if (returns.max) out.add(found.max());
  return out;
}

std::optional<uint64_t> modseq_of_result(const imap::SearchReturn& returns,
                                         const search::Answer& answer,
                                         const store::MessageTree& shown) {
  if (answer.uids.empty()) return std::nullopt;
  if (!only_some(returns)) return answer.highest_modseq.value;
  if (returns.partial) {
    ModSeq highest;
    saved_result(returns, answer.uids).for_each([&](Uid uid) {
      const store::HotEntry* entry = shown.find(uid);
      if (entry) highest = std::max(highest, entry->modseq);
    });
    if (!highest) return std::nullopt;
    return highest.value;
  }
  uint64_t modseq = 0;
  if (returns.min) modseq = answer.first_modseq.value;
  if (returns.max) modseq = std::max(modseq, answer.last_modseq.value);
  return modseq;
}

std::vector<uint8_t> relevancy_of_result(const imap::SearchReturn& returns,
                                         const search::Answer& answer) {
  constexpr uint8_t certain = 100;
  const IntervalSet told =
      returns.partial ? imap::page_of(answer.uids.raw(), *returns.partial) : answer.uids.raw();
  std::vector<uint8_t> out;
  auto at = answer.relevancy.begin();
  told.for_each([&](uint32_t uid) {
    while (at != answer.relevancy.end() && at->uid.value < uid) ++at;
    const bool scored = at != answer.relevancy.end() && at->uid.value == uid;
    out.push_back(scored ? at->score : certain);
  });
  return out;
}

imap::ESearchData esearch_of(const imap::SearchReturn& returns, const IntervalSet& found) {
  imap::ESearchData out;
  if (returns.count) out.count = found.count();
  if (returns.partial) {
    out.partial.emplace();
    out.partial->range = *returns.partial;
    const IntervalSet page = imap::page_of(found, *returns.partial);
    if (!page.empty()) out.partial->set = imap::SequenceSet::of(page);
  }
  if (found.empty()) return out;
  if (returns.min) out.min = found.min();
  if (returns.max) out.max = found.max();
  if (returns.all) out.all = imap::SequenceSet::of(found);
  return out;
}

}  // namespace eilpost::server
