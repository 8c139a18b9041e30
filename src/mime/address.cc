// Address lists: RFC 5322 3.4, obsolete forms 4.4, group syntax, comments as names.
#include <utility>

#include "mime/header.h"
#include "mime/lexer.h"

namespace eilpost::mime {

namespace {

// What ends an atom within an address. A "." belongs to the atom: display names have it unquoted.
constexpr std::string_view specials = "\"(),:;<>@[]\\";

class AddressParser {
 public:
  explicit AddressParser(std::string_view text) : in_(text) {}
  std::vector<Address> run();

 private:
  // Words in a row: as a display name (one space where blanks were) and as a local part (as it
  // stood, without blanks and comments).
  struct Words {
    std::string phrase;
    std::string local;
    bool any = false;
  };
  Words words();
  std::string domain();
  void angle(Words name);
  void plain(Words local);
  void begin_group(Words name);
  void end_group();
  // The comment met since the last address, as a name.
  std::optional<std::string> comment_name();

  Lexer in_;
  std::string comment_;
  bool in_group_ = false;
  std::vector<Address> out_;
};

AddressParser::Words AddressParser::words() {
  Words words;
  bool gap = false;
  for (;;) {
    gap = in_.skip_cfws(&comment_) || gap;
    std::string word;
    if (in_.peek() == '"') {
      word = in_.quoted_string();
    } else {
      word = std::string(in_.until(specials));
      if (word.empty() && !in_.done() && in_.peek() == '\\') {
        in_.skip();  // A stray backslash says nothing; what it quotes is a word.
        continue;
      }
      if (word.empty()) break;
    }
    // RFC 5322 4.4: blanks may stand around the dots of a local part; elsewhere they separate
    // words.
    const bool dotted = !words.local.empty() && (words.local.back() == '.' || word[0] == '.');
    if (words.any && gap) {
      words.phrase.push_back(' ');
      if (!dotted) words.local.push_back(' ');
    }
    words.phrase += word;
    words.local += word;
    words.any = true;
    gap = false;
  }
  return words;
}

std::string AddressParser::domain() {
  std::string out;
  for (;;) {
    in_.skip_cfws(&comment_);
    if (in_.peek() == '[') {
      out += in_.domain_literal();
      continue;
    }
    const std::string_view atom = in_.until(specials);
    if (atom.empty()) return out;
    // Two atoms without a dot between them: what follows is no part of the domain.
    if (!out.empty() && out.back() != '.' && atom.front() != '.' && out.back() != ']') return out;
    out += atom;
  }
}

std::optional<std::string> AddressParser::comment_name() {
  if (comment_.empty()) return std::nullopt;
  return unfold(std::exchange(comment_, {}));
}

// angle-addr = [CFWS] "<" [obs-route] addr-spec ">" [CFWS]
void AddressParser::angle(Words name) {
  Address address;
  if (!name.phrase.empty()) address.name = std::move(name.phrase);
  in_.skip_cfws(&comment_);
  std::string route;
  while (in_.peek() == '@' && !in_.done()) {
    in_.skip();
    route += (route.empty() ? "@" : ",@") + domain();
    in_.skip_cfws(&comment_);
    while (in_.accept(',')) in_.skip_cfws(&comment_);
  }
  if (!route.empty()) {
    in_.accept(':');
    address.route = std::move(route);
  }
  address.mailbox = words().local;
  // A local part that is written "a:b" unquoted, or the like: taken as it stands.
  while (!in_.done() && in_.peek() != '@' && in_.peek() != '>' && in_.peek() != ',') {
    address.mailbox->push_back(in_.peek());
    in_.skip();
    *address.mailbox += words().local;
  }
  address.host = in_.accept('@') ? domain() : std::string();
  while (!in_.done() && in_.peek() != '>' && in_.peek() != ',') in_.skip();
  in_.accept('>');
  comment_.clear();
  in_.skip_cfws(&comment_);
  if (!address.name) address.name = comment_name();
  comment_.clear();
  out_.push_back(std::move(address));
}

void AddressParser::plain(Words local) {
  Address address;
  address.mailbox = std::move(local.local);
  address.host = in_.accept('@') ? domain() : std::string();
  in_.skip_cfws(&comment_);
  address.name = comment_name();
  out_.push_back(std::move(address));
}

// group = display-name ":" [group-list] ";" [CFWS]
void AddressParser::begin_group(Words name) {
  end_group();
  Address start;
  start.mailbox = std::move(name.phrase);
  out_.push_back(std::move(start));
  in_group_ = true;
  comment_.clear();
}

void AddressParser::end_group() {
  if (in_group_) out_.emplace_back();
  in_group_ = false;
  comment_.clear();
}

std::vector<Address> AddressParser::run() {
  while (!in_.done()) {
    Words seen = words();
    const char c = in_.peek();
    if (in_.done()) {
      if (seen.any) plain(std::move(seen));
      break;
    }
    if (c == '<') {
      in_.skip();
      angle(std::move(seen));
    } else if (c == ':' && seen.any) {
      in_.skip();
      begin_group(std::move(seen));
    } else if (c == '@' || seen.any) {
      plain(std::move(seen));
    } else {
      in_.skip();
      if (c == ';') end_group();
      if (c == ',') comment_.clear();
    }
  }
  end_group();
  return std::move(out_);
}

}  // namespace

std::vector<Address> parse_addresses(std::string_view raw_value) {
  return AddressParser(raw_value).run();
}

}  // namespace eilpost::mime
