#include "protocol/lmtp/command.h"

#include <fmt/format.h>

#include <algorithm>

namespace eilpost::lmtp {

namespace {
using Parsed = tl::expected<Command, Refusal>;

tl::unexpected<Refusal> refuse(Reply reply, std::string detail) {
  return tl::unexpected<Refusal>(Refusal{std::move(reply), std::move(detail)});
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  return out;
}

// Takes `word` off the front, in any case.
bool skip_word(std::string_view& text, std::string_view word) {
  if (upper(text.substr(0, word.size())) != word) return false;
  text.remove_prefix(word.size());
  return true;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<uint64_t> number(std::string_view text, size_t digits_max) {
  if (text.empty() || text.size() > digits_max) return std::nullopt;
  uint64_t out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (out > (UINT64_MAX - digit) / 10) return std::nullopt;
    out = out * 10 + digit;
  }
  return out;
}

// A command line and where in it the parser stands, for messages that name the column.
struct Place {
  std::string_view line;
  std::string_view rest;
  size_t column() const { return line.size() - rest.size() + 1; }
};

tl::unexpected<Refusal> syntax_error(const Place& at, int code, EnhancedStatus status,
                                     std::string_view expected) {
  const auto text = fmt::format("{} expected at column {}", expected, at.column());
  return refuse(make_reply(code, status, text), text);
}

// A-d-l = At-domain *( "," At-domain ), to be ignored (RFC 5321 C).
bool skip_source_route(std::string_view& text) {
  if (text.empty() || text[0] != '@') return true;
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.find_first_of("<>\" ") < colon) return false;
  text.remove_prefix(colon + 1);
  return true;
}

struct PathRules {
  bool utf8 = false;
  bool null_path = false;   // "<>" is one
  bool postmaster = false;  // "<Postmaster>" is one
  EnhancedStatus status;    // of a syntax error
};

// Path = "<" [ A-d-l ":" ] Mailbox ">". Nothing inside the value: "<>".
tl::expected<std::optional<Address>, Refusal> take_path(Place& at, const PathRules& rules) {
  const auto begin = at.rest;
  if (!at.rest.empty() && at.rest[0] == '<') {
    at.rest.remove_prefix(1);
  } else {
    return syntax_error(at, 501, rules.status, "\"<\"");
  }
  if (rules.null_path && !at.rest.empty() && at.rest[0] == '>') {
    at.rest.remove_prefix(1);
    return std::optional<Address>();
  }
  std::optional<Address> out;
  auto after = at.rest;
  if (rules.postmaster && skip_word(after, "POSTMASTER") && !after.empty() && after[0] == '>') {
    // RFC 5321 4.5.1: the word without a domain, in any case.
    out = Address{.local = "postmaster", .domain = ""};
    at.rest = after;
  } else {
    if (!skip_source_route(at.rest)) return syntax_error(at, 501, rules.status, "a source route");
    auto address = take_address(at.rest, {.utf8 = rules.utf8});
    if (!address) {
      const auto text = fmt::format("{} at column {}", address.error().detail, at.column());
      return refuse(make_reply(501, rules.status, text), text);
    }
    out = std::move(*address);
  }
  if (at.rest.empty() || at.rest[0] != '>') return syntax_error(at, 501, rules.status, "\">\"");
  at.rest.remove_prefix(1);
  if (begin.size() - at.rest.size() > path_octets_max) {
    return refuse(make_reply(501, rules.status, "Path too long"), "path too long");
  }
  return out;
}

// esmtp-param = esmtp-keyword ["=" esmtp-value]; several, with spaces between.
struct Parameter {
  std::string keyword;  // upper case
  std::optional<std::string_view> value;
};

std::optional<Parameter> take_parameter(Place& at) {
  at.rest = trimmed(at.rest);
  if (at.rest.empty()) return std::nullopt;
  const auto word = at.rest.substr(0, at.rest.find(' '));
  at.rest.remove_prefix(word.size());
  const size_t equals = word.find('=');
  Parameter out{.keyword = upper(word.substr(0, equals)), .value = std::nullopt};
  if (equals != std::string_view::npos) out.value = word.substr(equals + 1);
  return out;
}

// Fit for a reply and for the log, whatever came in.
std::string shown(std::string_view keyword) {
  std::string out(keyword.substr(0, 32));
  for (char& c : out) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    if (!plain) c = '?';
  }
  return out;
}

tl::unexpected<Refusal> unknown_parameter(const Parameter& parameter) {
  // RFC 5321 4.1.1.11.
  return refuse(make_reply(555, {5, 5, 4}, "Parameter not recognized: " + shown(parameter.keyword)),
                "unknown parameter " + shown(parameter.keyword));
}

tl::unexpected<Refusal> bad_parameter(const Parameter& parameter) {
  return refuse(make_reply(501, {5, 5, 4}, "Bad or repeated parameter " + shown(parameter.keyword)),
                "bad parameter " + shown(parameter.keyword));
}

tl::expected<void, Refusal> apply_size(Mail& mail, const Parameter& parameter,
                                       const ParseOptions& options) {
  // size-value = 1*20DIGIT (RFC 1870 3). One that does not fit 64 bits is simply too big.
  const bool digits = parameter.value && !parameter.value->empty() &&
                      parameter.value->size() <= 20 &&
                      parameter.value->find_first_not_of("0123456789") == std::string_view::npos;
  if (!digits || mail.size) return bad_parameter(parameter);
  mail.size = number(*parameter.value, 20).value_or(UINT64_MAX);
  if (options.size_max != 0 && *mail.size > options.size_max) {
    return refuse(replies::too_big(), fmt::format("SIZE={}", *mail.size));
  }
  return {};
}

tl::expected<void, Refusal> apply_body(Mail& mail, const Parameter& parameter,
                                       const ParseOptions& options) {
  if (!parameter.value || mail.body != Body::unstated) return bad_parameter(parameter);
  const auto value = upper(*parameter.value);
  if (value == "7BIT") {
    mail.body = Body::seven_bit;
  } else if (value == "8BITMIME") {
    mail.body = Body::eight_bit;
  } else if (value == "BINARYMIME" && options.chunking && options.binarymime) {
    mail.body = Body::binary;
  } else {
    return bad_parameter(parameter);
  }
  return {};
}

tl::expected<void, Refusal> apply(Mail& mail, const Parameter& parameter,
                                  const ParseOptions& options) {
  if (parameter.keyword == "SIZE") return apply_size(mail, parameter, options);
  if (parameter.keyword == "BODY") return apply_body(mail, parameter, options);
  if (parameter.keyword == "SMTPUTF8" && options.smtputf8) {
    if (parameter.value || mail.smtputf8) return bad_parameter(parameter);
    mail.smtputf8 = true;
    return {};
  }
  return unknown_parameter(parameter);
}

// "MAIL FROM:" Reverse-path [SP Mail-parameters]. A space before the path is common and harmless.
Parsed parse_mail(Place at, const ParseOptions& options) {
  if (!skip_word(at.rest, "FROM:")) return syntax_error(at, 501, {5, 5, 4}, "FROM:");
  while (!at.rest.empty() && at.rest[0] == ' ') at.rest.remove_prefix(1);
  Mail out;
  auto path = take_path(at, {.utf8 = options.smtputf8, .null_path = true, .status = {5, 1, 7}});
  if (!path) return tl::unexpected<Refusal>(std::move(path).error());
  out.from = std::move(*path);
  if (!at.rest.empty() && at.rest[0] != ' ') return syntax_error(at, 501, {5, 5, 4}, "a space");
  while (auto parameter = take_parameter(at)) {
    if (auto applied = apply(out, *parameter, options); !applied) {
      return tl::unexpected<Refusal>(std::move(applied).error());
    }
  }
  // RFC 6531 3.5: without the parameter an address beyond ASCII is refused with 553.
  if (out.from && out.from->is_utf8() && !out.smtputf8) {
    return refuse(make_reply(553, {5, 6, 7}, "An address beyond ASCII needs SMTPUTF8"),
                  "UTF-8 address without SMTPUTF8");
  }
  return out;
}

// "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP Rcpt-parameters]
Parsed parse_rcpt(Place at, const ParseOptions& options) {
  if (!skip_word(at.rest, "TO:")) return syntax_error(at, 501, {5, 5, 4}, "TO:");
  while (!at.rest.empty() && at.rest[0] == ' ') at.rest.remove_prefix(1);
  auto path = take_path(at, {.utf8 = options.smtputf8, .postmaster = true, .status = {5, 1, 3}});
  if (!path) return tl::unexpected<Refusal>(std::move(path).error());
  if (!at.rest.empty() && at.rest[0] != ' ') return syntax_error(at, 501, {5, 5, 4}, "a space");
  // No extension that is offered has a parameter here.
  if (auto parameter = take_parameter(at)) return unknown_parameter(*parameter);
  Rcpt out{.to = std::move(**path)};
  if (out.to.is_utf8() && !options.utf8_transaction) {
    return refuse(make_reply(553, {5, 6, 7}, "An address beyond ASCII needs SMTPUTF8"),
                  "UTF-8 address without SMTPUTF8");
  }
  return out;
}

// "LHLO" SP ( Domain / address-literal ). Any printable word is taken: the name is only logged, and
// refusing a relay for its host name would lose mail.
Parsed parse_lhlo(Place at) {
  const auto domain = trimmed(at.rest);
  const bool good = std::all_of(domain.begin(), domain.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
  });
  if (domain.empty() || domain.size() > domain_octets_max || !good) {
    return syntax_error(at, 501, {5, 5, 4}, "a domain");
  }
  return Lhlo{.domain = std::string(domain)};
}

// "BDAT" SP chunk-size [ SP "LAST" ] (RFC 3030 2)
Parsed parse_bdat(Place at) {
  const auto text = trimmed(at.rest);
  const size_t space = std::min(text.find(' '), text.size());
  const auto octets = number(text.substr(0, space), 20);
  if (!octets) return syntax_error(at, 501, {5, 5, 4}, "a chunk size");
  const auto last = trimmed(text.substr(space));
  if (!last.empty() && upper(last) != "LAST") return syntax_error(at, 501, {5, 5, 4}, "LAST");
  return Bdat{.octets = *octets, .last = !last.empty()};
}

template <class T>
Parsed without_arguments(const Place& at) {
  if (!trimmed(at.rest).empty()) return syntax_error(at, 501, {5, 5, 4}, "the end of the line");
  return T{};
}

bool is_known_elsewhere(std::string_view verb) {
  // RFC 2033 4.1: HELO and EHLO are no LMTP; the others are SMTP that is not offered.
  for (const auto* known : {"HELO", "EHLO", "EXPN", "HELP", "TURN", "ETRN", "SEND", "SOML", "SAML",
                            "AUTH", "STARTTLS", "XCLIENT", "XFORWARD", "BURL"}) {
    if (verb == known) return true;
  }
  return false;
}

std::string print_path(const std::optional<Address>& path) {
  return path ? "<" + path->to_string() + ">" : "<>";
}

std::string print_mail(const Mail& mail) {
  std::string out = "MAIL FROM:" + print_path(mail.from);
  if (mail.size) out += fmt::format(" SIZE={}", *mail.size);
  if (mail.body == Body::seven_bit) out += " BODY=7BIT";
  if (mail.body == Body::eight_bit) out += " BODY=8BITMIME";
  if (mail.body == Body::binary) out += " BODY=BINARYMIME";
  if (mail.smtputf8) out += " SMTPUTF8";
  return out;
}

struct Printer {
  std::string operator()(const Lhlo& c) const { return "LHLO " + c.domain; }
  std::string operator()(const Mail& c) const { return print_mail(c); }
  std::string operator()(const Rcpt& c) const { return "RCPT TO:" + print_path(c.to); }
  std::string operator()(const Data&) const { return "DATA"; }
  std::string operator()(const Bdat& c) const {
    return fmt::format("BDAT {}{}", c.octets, c.last ? " LAST" : "");
  }
  std::string operator()(const Rset&) const { return "RSET"; }
  std::string operator()(const Noop&) const { return "NOOP"; }
  std::string operator()(const Quit&) const { return "QUIT"; }
  std::string operator()(const Vrfy& c) const { return "VRFY " + c.text; }
};
}  // namespace

Parsed parse_command(std::string_view line, const ParseOptions& options) {
  const size_t space = std::min(line.find(' '), line.size());
  const auto verb = upper(line.substr(0, space));
  Place at{.line = line, .rest = line.substr(std::min(space + 1, line.size()))};
  if (verb == "LHLO") return parse_lhlo(at);
  if (verb == "MAIL") return parse_mail(at, options);
  if (verb == "RCPT") return parse_rcpt(at, options);
  if (verb == "DATA") return without_arguments<Data>(at);
  if (verb == "BDAT" && options.chunking) return parse_bdat(at);
  if (verb == "RSET") return without_arguments<Rset>(at);
  if (verb == "QUIT") return without_arguments<Quit>(at);
  // RFC 5321 4.1.1.9: a parameter of NOOP is ignored.
  if (verb == "NOOP") return Noop{};
  if (verb == "VRFY") {
    const auto text = trimmed(at.rest);
    if (text.empty()) return syntax_error(at, 501, {5, 5, 4}, "a name");
    return Vrfy{.text = std::string(text)};
  }
  if (is_known_elsewhere(verb)) return refuse(replies::not_implemented(), "not LMTP: " + verb);
  return refuse(replies::unknown_command(),
                fmt::format("unknown command of {} octets", verb.size()));
}

std::string print_command(const Command& command) {
  return std::visit(Printer{}, command);
}

}  // namespace eilpost::lmtp
