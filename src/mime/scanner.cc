#include "mime/scanner.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/limits.h"
#include "mime/lexer.h"

namespace eilpost::mime {

namespace {

// RFC 2046 5.1.1 allows 70 octets; a line of RFC 5322 has 998. A longer boundary is none.
constexpr size_t boundary_bytes_max = 994;

// Octets behind the boundary that decide whether the line is a delimiter or the closing one.
constexpr size_t dashes = 2;

// Content-Language (RFC 3282): tags between commas.
std::vector<std::string> language_tags(std::string_view value) {
  std::vector<std::string> tags;
  const std::string text = unfold(value);
  size_t at = 0;
  while (at <= text.size() && tags.size() < 100) {
    const size_t comma = std::min(text.find(',', at), text.size());
    std::string tag = unfold(std::string_view(text).substr(at, comma - at));
    if (!tag.empty()) tags.push_back(std::move(tag));
    at = comma + 1;
  }
  return tags;
}

// Content-Transfer-Encoding (RFC 2045 6.1) is one token; what is more than that says nothing, and
// the default holds.
std::string encoding_token(std::string_view value) {
  Lexer in(value);
  in.skip_cfws();
  const std::string_view token = in.until("()<>@,;:\\\"/[]?=");
  in.skip_cfws();
  return in.done() && !token.empty() ? to_lower(token) : "7bit";
}

// "--" or "----" and nothing else, as far as `head` shows the line.
bool is_empty_delimiter(std::string_view head) {
  if (head.substr(2, 2) == "--") head.remove_prefix(2);
  return head.find_first_not_of(" \t\r\n", 2) == std::string_view::npos;
}

// Fills what a part's header says about its body. The first field of a name counts.
void read_content_fields(std::string_view header, Part& part, bool in_digest) {
  bool typed = false;
  FieldReader reader(header);
  while (const auto field = reader.next()) {
    if (field->name.size() < 10 || !equals_ignoring_case(field->name.substr(0, 8), "content-")) {
      continue;
    }
    const std::string name = to_lower(field->name.substr(8));
    const std::string_view value = field->value.substr(0, limits::mime_header_value_bytes_max);
    if (name == "type" && !typed) {
      typed = true;
      ContentType type = parse_content_type(value);
      part.type = std::move(type.type);
      part.subtype = std::move(type.subtype);
      part.params = std::move(type.params);
    } else if (name == "transfer-encoding" && part.encoding.empty()) {
      part.encoding = encoding_token(value);
    } else if (name == "id" && !part.id) {
      part.id = unfold(value);
    } else if (name == "description" && !part.description) {
      part.description = unfold(value);
    } else if (name == "md5" && !part.md5) {
      part.md5 = unfold(value);
    } else if (name == "disposition" && !part.disposition) {
      Disposition disposition = parse_disposition(value);
      if (!disposition.type.empty()) part.disposition = std::move(disposition);
    } else if (name == "language" && part.language.empty()) {
      part.language = language_tags(value);
    } else if (name == "location" && !part.location) {
      part.location = unfold(value);
    }
  }
  if (part.encoding.empty()) part.encoding = "7bit";
  if (!part.type.empty()) return;
  // RFC 2046 5.1.5: in a digest the default is message/rfc822; RFC 2045 5.2: else, and for a value
  // that cannot be read, text/plain in us-ascii.
  part.type = in_digest && !typed ? "message" : "text";
  part.subtype = in_digest && !typed ? "rfc822" : "plain";
  part.params.clear();
  if (part.type == "text") part.params.push_back({"charset", "us-ascii"});
}

}  // namespace

ScanLimits::ScanLimits()
    : depth_max(limits::mime_depth_max),
      parts_max(limits::mime_parts_max),
      header_bytes_max(limits::mime_header_bytes_max),
      headers_bytes_max(limits::mime_headers_bytes_max),
      capture_bytes_max(limits::mime_capture_bytes_max) {}

struct Scanner::State {
  explicit State(ScanLimits given) : limits(given) { open_part(-1); }

  // A multipart whose boundary is looked for.
  struct Boundary {
    std::string line;  // "--" and the boundary
    size_t depth = 0;  // the multipart is open[depth]
  };
  struct Match {
    size_t index = 0;  // into boundaries
    bool closing = false;
  };

  void feed(std::string_view in);
  Message finish();

  // The next piece of `in` with a line that may be a boundary; true when it was dealt with.
  bool feed_dashes(std::string_view& in);
  void content(std::string_view piece);
  void body_content(std::string_view piece);
  void body_run(std::string_view run);
  void note_line_end(std::string_view piece);
  std::optional<Match> match(std::string_view head) const;
  void on_boundary(const Match& match);
  void open_part(int32_t parent);
  void end_header(uint64_t end);
  uint64_t end_unfinished_headers(uint64_t end);
  void enter_body();
  bool enter_multipart(Part& part);
  bool may_nest() const;
  void make_opaque(Part& part);
  void close_down_to(size_t depth, uint64_t end, uint64_t lines);
  void begin_capture();
  bool in_attached_message() const;

  ScanLimits limits;
  Message message;
  std::vector<int32_t> open;         // from the root to the part that octets belong to
  std::vector<Boundary> boundaries;  // outermost first
  size_t head_bytes = 0;             // enough of a line to decide which boundary it is
  std::string held;                  // the begin of a line with dashes that is not yet decided

  uint64_t offset = 0;    // octets consumed
  uint64_t lines = 0;     // LF octets consumed
  int line_end_size = 0;  // of the line before `offset`; 0: there is none that may be cut off
  bool line_start = true;
  bool in_header = true;
  bool skip_line = false;  // the rest of a boundary line
  bool opens = false;      // behind that line a part begins
  bool blank_line = true;  // in a header: only CR octets since the line's begin
  char last = '\0';        // the octet before `offset`
  std::string header;
  size_t headers_bytes = 0;
  bool capturing = false;
  bool captured_plain = false;
};

bool Scanner::State::may_nest() const {
  return open.size() < static_cast<size_t>(limits.depth_max) &&
         message.parts.size() < limits.parts_max;
}

void Scanner::State::open_part(int32_t parent) {
  Part part;
  part.parent = parent;
  part.header_offset = offset;
  part.header_lines = lines;
  open.push_back(static_cast<int32_t>(message.parts.size()));
  message.parts.push_back(std::move(part));
  header.clear();
  in_header = true;
  blank_line = true;
  line_end_size = 0;
  capturing = false;
}

// The header of the innermost part is complete; it reaches to `end`.
void Scanner::State::end_header(uint64_t end) {
  const auto index = static_cast<size_t>(open.back());
  Part& part = message.parts[index];
  part.header_size = end - part.header_offset;
  part.body_offset = end;
  part.header_lines = lines - part.header_lines;
  part.body_lines = lines;
  bool in_digest = false;
  bool is_message_root = part.parent < 0;
  if (part.parent >= 0) {
    const Part& parent = message.parts[static_cast<size_t>(part.parent)];
    in_digest = parent.is_multipart() && parent.subtype == "digest";
    is_message_root = parent.message;
  }
  read_content_fields(header, part, in_digest);
  if (is_message_root) part.header = std::move(header);
  header.clear();
  in_header = false;
  line_end_size = 0;
  enter_body();
}

void Scanner::State::enter_body() {
  // Adding parts moves them: an index, not a reference, outlives open_part().
  const int32_t index = open.back();
  Part& part = message.parts[static_cast<size_t>(index)];
  if (part.is_multipart()) {
    if (enter_multipart(part)) return;
  } else if (part.type == "message" && (part.subtype == "rfc822" || part.subtype == "global")) {
    if (may_nest()) {
      part.message = true;
      open_part(index);
      return;
    }
    make_opaque(part);
  }
  begin_capture();
}

bool Scanner::State::enter_multipart(Part& part) {
  if (!may_nest()) {
    make_opaque(part);
    return false;
  }
  const auto given = param(part.params, "boundary");
  std::string boundary(given.value_or(""));
  while (!boundary.empty() && (boundary.back() == ' ' || boundary.back() == '\t')) {
    boundary.pop_back();
  }
  if (!given || boundary.size() > boundary_bytes_max) {
    // Nothing can delimit its parts: RFC 2045 5.2 makes text/plain of what cannot be read.
    part.type = "text";
    part.subtype = "plain";
    part.params = {{"charset", "us-ascii"}};
    return false;
  }
  boundaries.push_back({"--" + boundary, open.size() - 1});
  head_bytes = std::max(head_bytes, boundary.size() + 2 + dashes);
  capturing = false;
  return true;
}

void Scanner::State::make_opaque(Part& part) {
  part.type = "application";
  part.subtype = "octet-stream";
  part.params.clear();
}

bool Scanner::State::in_attached_message() const {
  for (const int32_t index : open) {
    if (message.parts[static_cast<size_t>(index)].message) return true;
  }
  return false;
}

// The preview comes from the first text/plain leaf, else from the first text/html leaf.
void Scanner::State::begin_capture() {
  capturing = false;
  const Part& part = message.parts[static_cast<size_t>(open.back())];
  const bool found =
      captured_plain && message.capture.find_first_not_of(" \t\r\n") != std::string::npos;
  if (part.type != "text" || found || in_attached_message()) return;
  if (part.disposition && part.disposition->type == "attachment") return;
  const bool plain = part.subtype == "plain";
  const bool html_found = message.capture_part >= 0 && !captured_plain;
  if (!plain && (part.subtype != "html" || html_found)) return;
  message.capture.clear();
  message.capture_part = open.back();
  captured_plain = plain;
  capturing = true;
}

// RFC 2046 5.1.1: it is sufficient that the boundary stands at the line's begin; the line need not
// be the boundary alone. The longest that fits wins, so that an outer "a" does not take an inner
// "ab"; of equal ones the innermost.
std::optional<Scanner::State::Match> Scanner::State::match(std::string_view head) const {
  std::optional<Match> best;
  size_t best_size = 0;
  for (size_t i = boundaries.size(); i-- > 0;) {
    const std::string& line = boundaries[i].line;
    if (line.size() <= best_size || head.substr(0, line.size()) != line) continue;
    // An empty boundary would fit every line with dashes: it has to be the whole line.
    if (line.size() == dashes && !is_empty_delimiter(head)) continue;
    best = Match{i, head.substr(line.size(), dashes) == "--"};
    best_size = line.size();
  }
  // A boundary for a part beyond the limit is content of the last part.
  if (best && !best->closing && message.parts.size() >= limits.parts_max) return std::nullopt;
  return best;
}

// Ends open[depth] and everything within it.
void Scanner::State::close_down_to(size_t depth, uint64_t end, uint64_t end_lines) {
  while (open.size() > depth) {
    const auto index = static_cast<size_t>(open.back());
    const bool childless = message.parts[index].is_multipart() && index + 1 == message.parts.size();
    Part& part = message.parts[index];
    part.body_size = std::max(end, part.body_offset) - part.body_offset;
    part.body_lines = std::max(end_lines, part.body_lines) - part.body_lines;
    if (childless) {
      // RFC 9051 7.5.2 has no multipart without parts: an empty text part stands in for them.
      Part empty;
      empty.parent = open.back();
      empty.header_offset = empty.body_offset = part.body_offset + part.body_size;
      read_content_fields({}, empty, false);
      message.parts.push_back(std::move(empty));
    }
    open.pop_back();
  }
  capturing = false;
}

// The boundary ends a part within its header, and with it what that header began. Answers where.
uint64_t Scanner::State::end_unfinished_headers(uint64_t end) {
  end = std::max(end, message.parts[static_cast<size_t>(open.back())].header_offset);
  while (in_header) {
    Part& part = message.parts[static_cast<size_t>(open.back())];
    part.header_offset = std::min(part.header_offset, end);
    end_header(end);
  }
  return end;
}

void Scanner::State::on_boundary(const Match& found) {
  // RFC 2046 5.1.1: the line end before the delimiter belongs to it.
  const auto cut = static_cast<uint64_t>(line_end_size);
  uint64_t end = offset - cut;
  uint64_t end_lines = lines - (cut > 0 ? 1 : 0);
  if (in_header) end = end_unfinished_headers(end);
  const size_t depth = boundaries[found.index].depth;
  close_down_to(depth + 1, end, end_lines);
  boundaries.resize(found.index + 1);
  if (found.closing) boundaries.pop_back();
  skip_line = true;
  opens = !found.closing;
  line_end_size = 0;
}

bool Scanner::State::feed_dashes(std::string_view& in) {
  if (boundaries.empty() || (held.empty() && in.front() != '-')) return false;
  // As much of the line as decides it: to its end, or `head_bytes`.
  const size_t want = std::min(head_bytes - held.size(), in.size());
  const size_t lf = in.substr(0, want).find('\n');
  const size_t taken = lf == std::string_view::npos ? want : lf + 1;
  const bool decided = lf != std::string_view::npos || held.size() + taken >= head_bytes;
  if (!decided) {
    held.append(in.substr(0, taken));
    in.remove_prefix(taken);
    return true;
  }
  const std::string whole = held.empty() ? std::string() : held + std::string(in.substr(0, taken));
  const std::string_view head = held.empty() ? in.substr(0, taken) : std::string_view(whole);
  in.remove_prefix(taken);
  held.clear();
  if (const auto found = match(head)) on_boundary(*found);
  content(head);
  return true;
}

void Scanner::State::note_line_end(std::string_view piece) {
  line_start = piece.back() == '\n';
  if (line_start) {
    const char before = piece.size() > 1 ? piece[piece.size() - 2] : last;
    line_end_size = before == '\r' ? 2 : 1;
    ++lines;
  }
  last = piece.back();
}

void Scanner::State::body_content(std::string_view piece) {
  if (!capturing) return;
  const size_t room = limits.capture_bytes_max - message.capture.size();
  message.capture += piece.substr(0, room);
  if (piece.size() >= room) capturing = false;
}

// Body octets that no boundary can end: lines need not be looked at one by one.
void Scanner::State::body_run(std::string_view run) {
  body_content(run);
  offset += run.size();
  lines += static_cast<uint64_t>(std::count(run.begin(), run.end(), '\n'));
  last = run.back();
  line_start = last == '\n';
}

// A piece of one line, with its LF at most at the end.
void Scanner::State::content(std::string_view piece) {
  offset += piece.size();
  note_line_end(piece);
  if (skip_line) {
    if (!line_start) return;
    skip_line = false;
    // The line end behind a close-delimiter stays with the multipart even when the next boundary
    // follows at once: RFC 2046 5.1.1 would give it to that, but IMAP peers agree on this.
    line_end_size = 0;
    if (opens) open_part(open.back());
    return;
  }
  if (!in_header) {
    body_content(piece);
    return;
  }
  const size_t room =
      std::min(limits.header_bytes_max - header.size(), limits.headers_bytes_max - headers_bytes);
  header += piece.substr(0, room);
  headers_bytes += std::min(room, piece.size());
  const size_t text = piece.find_first_not_of("\r\n");
  if (text != std::string_view::npos) blank_line = false;
  if (!line_start) return;
  if (blank_line) end_header(offset);
  blank_line = true;
}

void Scanner::State::feed(std::string_view in) {
  while (!in.empty()) {
    if (!in_header && !skip_line && boundaries.empty()) {
      body_run(in);
      return;
    }
    if (line_start && !skip_line && feed_dashes(in)) continue;
    const void* lf = std::memchr(in.data(), '\n', in.size());
    const size_t size =
        lf ? static_cast<size_t>(static_cast<const char*>(lf) - in.data()) + 1 : in.size();
    content(in.substr(0, size));
    in.remove_prefix(size);
  }
}

Message Scanner::State::finish() {
  if (!held.empty()) {
    const std::string head = std::move(held);
    held.clear();
    if (const auto found = match(head)) on_boundary(*found);
    content(head);
  }
  // A delimiter without a line end opens a part all the same.
  if (skip_line && opens) open_part(open.back());
  while (in_header) end_header(offset);
  close_down_to(0, offset, lines);
  message.size = offset;
  if (message.capture_part >= 0) {
    const Part& part = message.parts[static_cast<size_t>(message.capture_part)];
    message.capture.resize(std::min<uint64_t>(message.capture.size(), part.body_size));
  }
  return std::move(message);
}

Scanner::Scanner() : Scanner(ScanLimits()) {}
Scanner::Scanner(ScanLimits limits) : state_(std::make_unique<State>(limits)) {}
Scanner::~Scanner() = default;
Scanner::Scanner(Scanner&&) noexcept = default;
Scanner& Scanner::operator=(Scanner&&) noexcept = default;

void Scanner::feed(std::string_view octets) {
  CHECK(state_ != nullptr);
  state_->feed(octets);
}

Message Scanner::finish() {
  CHECK(state_ != nullptr);
  Message message = state_->finish();
  state_.reset();
  return message;
}

Message scan(std::string_view whole) {
  Scanner scanner;
  scanner.feed(whole);
  return scanner.finish();
}

}  // namespace eilpost::mime
