#include "protocol/lmtp/reply.h"

#include <fmt/format.h>

#include <utility>

namespace eilpost::lmtp {

namespace {
std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

// status-code = class "." subject "." detail; 1 to 3 digits each (RFC 3463 2). Takes it and the
// space behind it off the front.
EnhancedStatus take_status(std::string_view& text) {
  const auto end = std::min(text.find(' '), text.size());
  int parts[3] = {0, 0, 0};
  int part = 0;
  int digits = 0;
  for (const char c : text.substr(0, end)) {
    if (c == '.' && digits > 0 && part < 2) {
      ++part;
      digits = 0;
    } else if (c >= '0' && c <= '9' && digits < (part == 0 ? 1 : 3)) {
      // A leading zero would print differently.
      if (digits > 0 && parts[part] == 0) return {};
      parts[part] = parts[part] * 10 + (c - '0');
      ++digits;
    } else {
      return {};
    }
  }
  const bool known_class = parts[0] == 2 || parts[0] == 4 || parts[0] == 5;
  if (part != 2 || digits == 0 || !known_class || end == text.size()) return {};
  text.remove_prefix(end + 1);
  return EnhancedStatus{parts[0], parts[1], parts[2]};
}
}  // namespace

Reply make_reply(int code, EnhancedStatus status, std::string text) {
  return Reply{.code = code, .status = status, .lines = {std::move(text)}};
}

std::string print_reply(const Reply& reply) {
  std::string out;
  for (size_t i = 0; i < reply.lines.size(); ++i) {
    out += fmt::format("{}{}", reply.code, i + 1 == reply.lines.size() ? ' ' : '-');
    // RFC 2034 4: the status stands on every line.
    if (reply.status) {
      out +=
          fmt::format("{}.{}.{} ", reply.status.klass, reply.status.subject, reply.status.detail);
    }
    out += printable(reply.lines[i]);
    out += "\r\n";
  }
  return out;
}

Reply reply_for(Code code) {
  switch (code) {
    case Code::over_quota: return replies::over_quota();
    case Code::too_big: return replies::too_big();
    case Code::not_found: return make_reply(550, {5, 1, 1}, "No such user here");
    case Code::limit: return make_reply(452, {4, 3, 1}, "A limit is reached, try again later");
    case Code::invalid: return make_reply(554, {5, 6, 0}, "The message cannot be stored as it is");
    case Code::permission:
    case Code::authz_failed: return make_reply(550, {5, 7, 1}, "Not allowed");
    case Code::cannot: return make_reply(550, {5, 3, 0}, "This can never be delivered");
    // Whatever else went wrong is ours, not the sender's: the mail must not bounce.
    default: return replies::try_later();
  }
}

namespace replies {
Reply greeting(std::string_view hostname) {
  return make_reply(220, {}, fmt::format("{} LMTP Eilpost ready", hostname));
}
Reply closing(std::string_view hostname) {
  return make_reply(221, {2, 0, 0}, fmt::format("{} closing", hostname));
}
Reply ok() {
  return make_reply(250, {2, 0, 0}, "OK");
}
Reply sender_ok() {
  return make_reply(250, {2, 1, 0}, "Sender OK");
}
Reply recipient_ok() {
  return make_reply(250, {2, 1, 5}, "Recipient OK");
}
Reply delivered(std::string_view recipient) {
  return make_reply(250, {2, 0, 0}, fmt::format("<{}> delivered", recipient));
}
Reply chunk_ok(uint64_t octets) {
  return make_reply(250, {2, 0, 0}, fmt::format("{} octets received", octets));
}
Reply start_data() {
  return make_reply(354, {}, "Go on, end with a dot on a line of its own");
}
Reply cannot_verify() {
  return make_reply(252, {2, 0, 0}, "Cannot verify, but will try to deliver");
}
Reply shutting_down(std::string_view hostname) {
  return make_reply(421, {4, 3, 2}, fmt::format("{} is shutting down", hostname));
}
Reply timed_out(std::string_view hostname) {
  return make_reply(421, {4, 4, 2}, fmt::format("{} waited too long", hostname));
}
Reply too_many_connections(std::string_view hostname) {
  return make_reply(421, {4, 7, 0}, fmt::format("{} has too many connections", hostname));
}
Reply line_too_long() {
  return make_reply(500, {5, 5, 6}, "Line too long");
}
Reply bare_line_feed() {
  return make_reply(500, {5, 5, 2}, "Lines end with CRLF, and hold no other CR, LF or NUL");
}
Reply unknown_command() {
  return make_reply(500, {5, 5, 1}, "Unknown command");
}
Reply not_implemented() {
  return make_reply(502, {5, 5, 1}, "Command not implemented");
}
Reply bad_sequence(std::string_view what) {
  return make_reply(503, {5, 5, 1}, fmt::format("Not here: {}", what));
}
Reply no_valid_recipients() {
  return make_reply(503, {5, 5, 1}, "No valid recipients");
}
Reply too_many_recipients() {
  return make_reply(452, {4, 5, 3}, "Too many recipients");
}
Reply too_big() {
  return make_reply(552, {5, 3, 4}, "Message too big");
}
Reply over_quota() {
  return make_reply(552, {5, 2, 2}, "Mailbox full");
}
Reply no_such_user(std::string_view recipient) {
  return make_reply(550, {5, 1, 1}, fmt::format("<{}> no such user here", recipient));
}
Reply disabled_user(std::string_view recipient) {
  return make_reply(550, {5, 2, 1}, fmt::format("<{}> mailbox disabled", recipient));
}
Reply try_later() {
  return make_reply(451, {4, 3, 0}, "Temporary failure, try again later");
}
}  // namespace replies

Reply lhlo_reply(std::string_view hostname, const Extensions& extensions) {
  Reply out{.code = 250, .status = {}, .lines = {std::string(hostname)}};
  out.lines.push_back("PIPELINING");
  out.lines.push_back("ENHANCEDSTATUSCODES");
  out.lines.push_back("8BITMIME");
  if (extensions.smtputf8) out.lines.push_back("SMTPUTF8");
  if (extensions.chunking) {
    out.lines.push_back("CHUNKING");
    if (extensions.binarymime) out.lines.push_back("BINARYMIME");
  }
  out.lines.push_back(extensions.size_max == 0 ? "SIZE"
                                               : fmt::format("SIZE {}", extensions.size_max));
  return out;
}

Result<std::optional<Reply>> ReplyParser::line(std::string_view text) {
  if (text.size() < 3) return fail(Code::invalid, "a reply of fewer than three digits");
  int code = 0;
  for (const char c : text.substr(0, 3)) {
    if (c < '0' || c > '9') return fail(Code::invalid, "a reply that does not begin with digits");
    code = code * 10 + (c - '0');
  }
  if (code < 200 || code > 599) return fail(Code::invalid, fmt::format("reply code {}", code));
  text.remove_prefix(3);
  const bool more = !text.empty() && text[0] == '-';
  if (!text.empty() && text[0] != ' ' && !more) {
    return fail(Code::invalid, "a reply code without a space or a hyphen behind it");
  }
  if (!text.empty()) text.remove_prefix(1);
  auto behind = text;
  const auto status = take_status(behind);
  // RFC 2034 4: one status for all lines. A line with another one keeps it as text.
  if (reply_.lines.empty() || status == reply_.status) text = behind;
  if (reply_.lines.empty()) {
    reply_.code = code;
    reply_.status = status;
  } else if (reply_.code != code) {
    return fail(Code::invalid,
                fmt::format("reply codes {} and {} in one reply", reply_.code, code));
  }
  if (reply_.lines.size() >= 1000) return fail(Code::too_big, "a reply of more than 1000 lines");
  reply_.lines.emplace_back(text);
  if (more) return std::optional<Reply>();
  return std::optional<Reply>(std::exchange(reply_, Reply{}));
}

}  // namespace eilpost::lmtp
