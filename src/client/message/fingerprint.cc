#include "client/message/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "mime/header.h"
#include "protocol/sasl/crypto.h"

namespace eilpost::client {

namespace {

constexpr size_t header_bytes_max = 1024 * 1024;
// How far into a line a quoted "From " is looked for.
constexpr size_t quote_bytes_max = 64;

// Runs of blanks are one blank: folding, and what fills lines up, does not count.
std::string single_spaced(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// An instant rather than its spelling: servers write "GMT" where the sender wrote "+0000".
std::string date_of(std::string_view header) {
  const auto field = mime::find_field(header, "date");
  if (!field) return "";
  const auto date = mime::parse_date(field->value);
  return date ? fmt::format("{}", date->seconds) : single_spaced(field->value);
}

// The addresses alone: display names are quoted and encoded anew by those who touch them.
std::string addresses_of(std::string_view header, std::string_view name) {
  std::string out;
  const auto field = mime::find_field(header, name);
  if (!field) return out;
  for (const mime::Address& address : mime::parse_addresses(field->value)) {
    if (!address.mailbox || !address.host) continue;
    out += mime::to_lower(*address.mailbox) + '@' + mime::to_lower(*address.host) + ',';
  }
  return out;
}

// Decoded: another way to write the same words in RFC 2047 is no other subject.
std::string subject_of(std::string_view header) {
  const auto field = mime::find_field(header, "subject");
  return field ? single_spaced(mime::decode_header_value(field->value)) : "";
}

// Everything that the sender wrote and that travels unharmed. Message-ID is not among them: a
// server gives one to messages that have none.
std::string written_by_sender(std::string_view header) {
  std::string out = date_of(header) + '\n' + subject_of(header) + '\n';
  for (const std::string_view name : {"from", "to", "cc"}) out += addresses_of(header, name) + '\n';
  return out;
}

std::string hex(std::string_view octets) {
  std::string out;
  for (const char c : octets) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

}  // namespace

std::string Fingerprint::text() const {
  return hex(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

// What the body is fed as: lines that end in LF, without blank lines at the end and without the
// ">" that mbox files put in front of "From ".
struct Fingerprinter::State {
  sasl::Sha256 hash;
  std::string header;
  bool in_header = true;
  bool line_start = true;
  size_t blank_lines = 0;  // seen, and counted only when something follows
  std::string held;  // the begin of a line that may be a quoted "From ", or a CR at a piece's end

  void add_header(std::string_view& octets) {
    while (!octets.empty() && in_header) {
      const size_t end = octets.find('\n');
      const size_t wanted = end == std::string_view::npos ? octets.size() : end + 1;
      const size_t length = std::min(wanted, header_bytes_max - header.size());
      const size_t line = header.rfind('\n') + 1;  // 0 without one
      header += octets.substr(0, length);
      octets.remove_prefix(length);
      const std::string_view last = std::string_view(header).substr(line);
      if (last == "\n" || last == "\r\n" || header.size() >= header_bytes_max) end_header();
    }
  }

  void end_header() {
    in_header = false;
    hash.add(written_by_sender(header));
    header = {};
  }

  void add_body(std::string_view octets) {
    std::string joined;
    if (!held.empty()) {
      joined = std::move(held) + std::string(octets);
      held.clear();
      octets = joined;
    }
    while (!octets.empty()) {
      const size_t end = octets.find('\n');
      if (end == std::string_view::npos) {
        // The rest waits where it could mean something else together with what follows.
        const bool quoted = line_start && octets.front() == '>' && octets.size() < quote_bytes_max;
        if (quoted || octets == "\r") {
          held = octets;
          return;
        }
        const bool cr = octets.back() == '\r';
        add_text(octets.substr(0, octets.size() - (cr ? 1 : 0)));
        if (cr) held = "\r";
        return;
      }
      std::string_view line = octets.substr(0, end);
      octets.remove_prefix(end + 1);
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      end_line(line);
    }
  }

  void add_text(std::string_view text) {
    for (; blank_lines > 0; --blank_lines) hash.add("\n");
    if (line_start) text = unquoted(text);
    line_start = false;
    hash.add(text);
  }

  void end_line(std::string_view line) {
    if (line_start && line.empty()) {
      ++blank_lines;
      return;
    }
    if (!line.empty() || line_start) add_text(line);
    hash.add("\n");
    line_start = true;
  }

  static std::string_view unquoted(std::string_view line) {
    const size_t text = line.find_first_not_of('>');
    const bool near = text != std::string_view::npos && text + 5 <= quote_bytes_max;
    return near && line.substr(text, 5) == "From " ? line.substr(text) : line;
  }

  void finish() {
    if (in_header) end_header();
    if (!held.empty() && held.back() == '\r') held.pop_back();
    if (!held.empty()) add_text(std::exchange(held, {}));
    if (!line_start) hash.add("\n");
  }
};

Fingerprinter::Fingerprinter() : state_(std::make_unique<State>()) {}
Fingerprinter::~Fingerprinter() = default;

void Fingerprinter::add(std::string_view octets) {
  if (state_->in_header) state_->add_header(octets);
  if (!octets.empty()) state_->add_body(octets);
}

Fingerprint Fingerprinter::finish() {
  state_->finish();
  const std::string digest = state_->hash.finish();
  Fingerprint out;
  std::copy_n(digest.begin(), out.bytes.size(), out.bytes.begin());
  return out;
}

Fingerprint fingerprint_of(std::string_view message) {
  Fingerprinter printer;
  printer.add(message);
  return printer.finish();
}

std::string header_key(std::string_view header) {
  const std::string id = mime::field_value(header, "message-id");
  const std::string date = date_of(header);
  if (id.empty() && date.empty()) return "";
  const std::string digest = sasl::sha256(single_spaced(id) + '\n' + date + '\n' +
                                          addresses_of(header, "from") + '\n' + subject_of(header));
  return hex(std::string_view(digest).substr(0, 16));
}

}  // namespace eilpost::client
