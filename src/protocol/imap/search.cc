#include "protocol/imap/search.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/limits.h"

namespace eilpost::imap {
namespace {

enum class Argument : uint8_t { none, text, keyword, object, date, number, seconds, uid };

struct KeyName {
  std::string_view name;
  SearchOp op;
  Argument argument;
};
// Every key but those with a form of their own: HEADER, MODSEQ, UID, NOT, OR, sets and lists.
constexpr auto key_names = std::to_array<KeyName>({
    {"ALL", SearchOp::all, Argument::none},
    {"ANSWERED", SearchOp::answered, Argument::none},
    {"DELETED", SearchOp::deleted, Argument::none},
    {"DRAFT", SearchOp::draft, Argument::none},
    {"FLAGGED", SearchOp::flagged, Argument::none},
    {"NEW", SearchOp::new_, Argument::none},
    {"OLD", SearchOp::old, Argument::none},
    {"RECENT", SearchOp::recent, Argument::none},
    {"SEEN", SearchOp::seen, Argument::none},
    {"UNANSWERED", SearchOp::unanswered, Argument::none},
    {"UNDELETED", SearchOp::undeleted, Argument::none},
    {"UNDRAFT", SearchOp::undraft, Argument::none},
    {"UNFLAGGED", SearchOp::unflagged, Argument::none},
    {"UNSEEN", SearchOp::unseen, Argument::none},
    {"SAVEDATESUPPORTED", SearchOp::save_date_supported, Argument::none},
    {"BCC", SearchOp::bcc, Argument::text},
    {"BODY", SearchOp::body, Argument::text},
    {"CC", SearchOp::cc, Argument::text},
    {"FROM", SearchOp::from, Argument::text},
    {"SUBJECT", SearchOp::subject, Argument::text},
    {"TEXT", SearchOp::text, Argument::text},
    {"TO", SearchOp::to, Argument::text},
    {"KEYWORD", SearchOp::keyword, Argument::keyword},
    {"UNKEYWORD", SearchOp::unkeyword, Argument::keyword},
    {"EMAILID", SearchOp::email_id, Argument::object},
    {"THREADID", SearchOp::thread_id, Argument::object},
    {"BEFORE", SearchOp::before, Argument::date},
    {"ON", SearchOp::on, Argument::date},
    {"SINCE", SearchOp::since, Argument::date},
    {"SENTBEFORE", SearchOp::sent_before, Argument::date},
    {"SENTON", SearchOp::sent_on, Argument::date},
    {"SENTSINCE", SearchOp::sent_since, Argument::date},
    {"SAVEDBEFORE", SearchOp::saved_before, Argument::date},
    {"SAVEDON", SearchOp::saved_on, Argument::date},
    {"SAVEDSINCE", SearchOp::saved_since, Argument::date},
    {"LARGER", SearchOp::larger, Argument::number},
    {"SMALLER", SearchOp::smaller, Argument::number},
    {"OLDER", SearchOp::older, Argument::seconds},
    {"YOUNGER", SearchOp::younger, Argument::seconds},
    {"UIDAFTER", SearchOp::uid_after, Argument::uid},
    {"UIDBEFORE", SearchOp::uid_before, Argument::uid},
});

const KeyName* find_key(SearchOp op) {
  for (const KeyName& known : key_names) {
    if (known.op == op) return &known;
  }
  return nullptr;
}

// Reads keys; counts them, and how deep NOT, OR and parentheses go.
class KeyParser {
 public:
  explicit KeyParser(Cursor& cursor) : cursor_(cursor) {}

  // search-key *(SP search-key), up to the end of the line or a closing parenthesis.
  Result<SearchKey> keys() {
    std::vector<SearchKey> keys;
    do {
      keys.push_back(TRY(key()));
      if (!cursor_.at_end() && cursor_.peek() != ' ' && cursor_.peek() != ')') {
        return cursor_.expected("a space");
      }
      cursor_.skip_spaces();
    } while (!cursor_.at_end() && cursor_.peek() != ')');
    if (keys.size() == 1) return std::move(keys.front());
    SearchKey all;
    all.op = SearchOp::and_;
    all.children = std::move(keys);
    return all;
  }

 private:
  Result<SearchKey> key() {
    if (++count_ > limits::search_keys_max) {
      return cursor_.error(Code::limit, "too many search keys");
    }
    if (++depth_ > limits::command_depth_max) return cursor_.expected("fewer nested search keys");
    Result<SearchKey> parsed = any_key();
    --depth_;
    return parsed;
  }

  Result<SearchKey> any_key() {
    char c = cursor_.peek();
    if (c == '(') return list();
    if (c == '*' || c == '$' || (c >= '0' && c <= '9')) {
      SearchKey key;
      key.op = SearchOp::sequence;
      key.set = TRY(cursor_.sequence_set());
      return key;
    }
    if (cursor_.accept_word("NOT")) return negation();
    if (cursor_.accept_word("OR")) return alternatives();
    if (cursor_.accept_word("UID")) return uids();
    if (cursor_.accept_word("HEADER")) return header();
    if (cursor_.accept_word("MODSEQ")) return modseq();
    if (cursor_.accept_word("FILTER")) return filter();
    if (cursor_.accept_word("FUZZY")) return fuzzy();
    for (const KeyName& known : key_names) {
      if (cursor_.accept_word(known.name)) return simple(known);
    }
    return cursor_.expected("a search key");
  }

  // "(" search-key *(SP search-key) ")"
  Result<SearchKey> list() {
    TRY(cursor_.enter());
    cursor_.skip_spaces();
    SearchKey key = TRY(keys());
    TRY(cursor_.leave());
    return key;
  }

  // "NOT" SP search-key
  Result<SearchKey> negation() {
    TRY(cursor_.space());
    SearchKey key;
    key.op = SearchOp::not_;
    key.children.push_back(TRY(this->key()));
    return key;
  }

  // "FUZZY" SP search-key (RFC 6203 6)
  Result<SearchKey> fuzzy() {
    TRY(cursor_.space());
    SearchKey key;
    key.op = SearchOp::fuzzy;
    key.children.push_back(TRY(this->key()));
    return key;
  }

  // "FILTER" SP filter-name; filter-name = 1*<any ATOM-CHAR except "/"> (RFC 5466 4)
  Result<SearchKey> filter() {
    TRY(cursor_.space());
    const size_t start = cursor_.position();
    SearchKey key;
    key.op = SearchOp::filter;
    key.text = std::string(TRY(cursor_.atom("a filter's name")));
    if (key.text.find('/') == std::string::npos) return key;
    return cursor_.error_at(Code::invalid, "expected a filter's name without \"/\"", start);
  }

  // "OR" SP search-key1 SP search-key2. Clients chain hundreds: OR a OR b OR c d. The chain is read
  // in a loop, and an or_ in last place joins it, so that each meaning has one form.
  Result<SearchKey> alternatives() {
    SearchKey either;
    either.op = SearchOp::or_;
    do {
      TRY(cursor_.space());
      either.children.push_back(TRY(key()));
      TRY(cursor_.space());
    } while (cursor_.accept_word("OR"));
    SearchKey last = TRY(key());
    if (last.op != SearchOp::or_) {
      either.children.push_back(std::move(last));
      return either;
    }
    for (SearchKey& child : last.children) either.children.push_back(std::move(child));
    return either;
  }

  Result<SearchKey> uids() {
    TRY(cursor_.space());
    SearchKey key;
    key.op = SearchOp::uid;
    key.set = TRY(cursor_.sequence_set());
    return key;
  }

  // "HEADER" SP header-fld-name SP astring
  Result<SearchKey> header() {
    SearchKey key;
    key.op = SearchOp::header;
    TRY(cursor_.space());
    key.field = TRY(cursor_.astring("a header field's name"));
    TRY(cursor_.space());
    key.text = TRY(cursor_.astring("the text to look for"));
    return key;
  }

  // "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer (RFC 7162 7)
  Result<SearchKey> modseq() {
    SearchKey key;
    key.op = SearchOp::modseq;
    TRY(cursor_.space());
    if (cursor_.peek() == '"') {
      key.field = TRY(cursor_.string());
      TRY(cursor_.space());
      for (std::string_view type : {"priv", "shared", "all"}) {
        if (key.text.empty() && cursor_.accept_word(type)) key.text = type;
      }
      if (key.text.empty()) return cursor_.expected("priv, shared or all");
      TRY(cursor_.space());
    }
    key.number = TRY(cursor_.number64("a mod-sequence"));
    return key;
  }

  Result<SearchKey> simple(const KeyName& known) {
    SearchKey key;
    key.op = known.op;
    if (known.argument == Argument::none) return key;
    TRY(cursor_.space());
    switch (known.argument) {
      case Argument::none: break;
      case Argument::text: key.text = TRY(cursor_.astring("the text to look for")); break;
      case Argument::keyword: key.text = TRY(keyword()); break;
      case Argument::object: key.text = TRY(cursor_.astring("an object id")); break;
      case Argument::date: key.date = TRY(cursor_.date()); break;
      case Argument::number: key.number = TRY(cursor_.number64("a number of octets")); break;
      case Argument::seconds: key.number = TRY(cursor_.nz_number("seconds above 0")); break;
      case Argument::uid: key.number = TRY(cursor_.nz_number("a uid")); break;
    }
    return key;
  }

  // flag-keyword. Clients are known to ask for "KEYWORD \Seen" too; it means the flag.
  Result<std::string> keyword() { return cursor_.flag(); }

  Cursor& cursor_;
  size_t count_ = 0;
  int depth_ = 0;
};

void print_key(CommandWriter& out, const SearchKey& key);

void print_simple(CommandWriter& out, const SearchKey& key) {
  const KeyName* known = find_key(key.op);
  if (known == nullptr) return;
  out.raw(known->name);
  if (known->argument == Argument::none) return;
  out.raw(" ");
  switch (known->argument) {
    case Argument::none: break;
    case Argument::text:
    case Argument::object: out.astring(key.text); break;
    case Argument::keyword: out.raw(key.text); break;
    case Argument::date: append_date(out.line(), key.date); break;
    case Argument::number:
    case Argument::uid:
    case Argument::seconds: out.number(key.number); break;
  }
}

void print_keys(CommandWriter& out, const SearchKey& all) {
  for (size_t i = 0; i < all.children.size(); ++i) {
    if (i > 0) out.raw(" ");
    print_key(out, all.children[i]);
  }
}

void print_alternatives(CommandWriter& out, const SearchKey& either) {
  for (size_t i = 0; i < either.children.size(); ++i) {
    if (i + 1 < either.children.size()) out.raw("OR ");
    print_key(out, either.children[i]);
    if (i + 1 < either.children.size()) out.raw(" ");
  }
}

void print_key(CommandWriter& out, const SearchKey& key) {
  switch (key.op) {
    case SearchOp::sequence: out.set(key.set); return;
    case SearchOp::uid: out.raw("UID ").set(key.set); return;
    case SearchOp::header: out.raw("HEADER ").astring(key.field).raw(" ").astring(key.text); return;
    case SearchOp::modseq:
      out.raw("MODSEQ ");
      if (!key.text.empty()) out.string(key.field).raw(" ").raw(key.text).raw(" ");
      out.number(key.number);
      return;
    case SearchOp::filter: out.raw("FILTER ").raw(key.text); return;
    case SearchOp::fuzzy:
      out.raw("FUZZY ");
      print_key(out, key.children.front());
      return;
    case SearchOp::not_:
      out.raw("NOT ");
      print_key(out, key.children.front());
      return;
    case SearchOp::or_: print_alternatives(out, key); return;
    case SearchOp::and_:
      out.raw("(");
      print_keys(out, key);
      out.raw(")");
      return;
    default: print_simple(out, key); return;
  }
}

void print_program(CommandWriter& out, const SearchKey& key) {
  if (key.op == SearchOp::and_) {
    print_keys(out, key);
  } else {
    print_key(out, key);
  }
}

}  // namespace

// search = "SEARCH" [search-return-opts] SP search-program
// search-program = ["CHARSET" SP charset SP] search-key *(SP search-key)
Result<Search> parse_search_words(Cursor& cursor) {
  Search command;
  command.returns = TRY(parse_search_return(cursor));
  if (cursor.accept_word("CHARSET")) {
    TRY(cursor.space());
    command.charset = TRY(cursor.astring("a charset"));
    TRY(cursor.space());
  }
  command.key = TRY(KeyParser(cursor).keys());
  return command;
}

Result<Search> parse_search(Cursor& cursor) {
  TRY(cursor.space());
  return parse_search_words(cursor);
}

void print_search_words(CommandWriter& out, const Search& command) {
  print_search_return(out, command.returns);
  if (!command.charset.empty()) out.raw(" CHARSET ").astring(command.charset);
  out.raw(" ");
  print_program(out, command.key);
}

Result<> parse_search_criteria(Cursor& cursor, Search& search) {
  search.charset = TRY(cursor.astring("a charset"));
  if (search.charset.empty()) return cursor.expected("a charset");
  TRY(cursor.space());
  search.key = TRY(KeyParser(cursor).keys());
  return {};
}

void print_search_criteria(CommandWriter& out, const Search& search) {
  out.astring(search.charset).raw(" ");
  print_program(out, search.key);
}

void print_search(CommandWriter& out, const Search& command) {
  out.raw("SEARCH");
  print_search_words(out, command);
}

Result<SearchKey> parse_stored_search(std::string_view text) {
  Framer framer;
  framer.feed(text);
  framer.feed("\r\n");
  for (;;) {
    FramerEvent event = framer.next();
    if (auto* announced = std::get_if<LiteralAnnounced>(&event)) {
      if (!announced->fits) return fail(Code::invalid, "a literal that is too long");
      framer.buffer_literal();
    } else if (auto* command = std::get_if<CommandFrame>(&event)) {
      if (framer.buffered() > 0) return fail(Code::invalid, "more than one line");
      Cursor cursor(command->frame, {.utf8_allowed = true, .rev2 = true});
      SearchKey key = TRY(KeyParser(cursor).keys());
      TRY(cursor.end());
      return key;
    } else {
      return fail(Code::invalid, "not one line of a command");
    }
  }
}

size_t count_keys(const SearchKey& key) {
  size_t count = 1;
  for (const SearchKey& child : key.children) count += count_keys(child);
  return count;
}

bool uses(const SearchKey& key, SearchOp op) {
  if (key.op == op) return true;
  return std::any_of(key.children.begin(), key.children.end(),
                     [op](const SearchKey& child) { return uses(child, op); });
}

bool uses_sequence_numbers(const SearchKey& key) {
  if (key.op == SearchOp::sequence) return !key.set.saved;
  return std::any_of(key.children.begin(), key.children.end(), uses_sequence_numbers);
}

}  // namespace eilpost::imap
