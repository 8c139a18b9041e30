#include "main/admin/session_lines.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

namespace eilpost {

namespace {

constexpr size_t field_count = 13;

std::string clean(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

bool parse_number(std::string_view text, auto& out) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), out);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

}  // namespace

std::string print_session_line(const server::SessionInfo& s) {
  return fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", s.id, s.protocol,
                     clean(s.listener), clean(s.peer), s.tls ? 1 : 0, s.account.value,
                     clean(s.login_name), clean(s.client), clean(s.state), clean(s.mailbox),
                     s.bytes_in, s.bytes_out, s.since.micros);
}

Result<server::SessionInfo> parse_session_line(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const size_t tab = line.find('\t');
    fields.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) break;
    line.remove_prefix(tab + 1);
  }
  if (fields.size() != field_count) return fail(Code::invalid, "a session of another release");
  server::SessionInfo out;
  out.id = fields[0];
  out.protocol = fields[1];
  out.listener = fields[2];
  out.peer = fields[3];
  out.tls = fields[4] == "1";
  out.login_name = fields[6];
  out.client = fields[7];
  out.state = fields[8];
  out.mailbox = fields[9];
  const bool numbers =
      parse_number(fields[5], out.account.value) && parse_number(fields[10], out.bytes_in) &&
      parse_number(fields[11], out.bytes_out) && parse_number(fields[12], out.since.micros);
  if (!numbers) return fail(Code::invalid, "a session with bad numbers");
  return out;
}

}  // namespace eilpost
