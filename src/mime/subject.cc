// The base subject of RFC 5256 2.1, by which THREAD and SORT compare subjects.
#include "mime/header.h"

namespace eilpost::mime {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// Step 1: tabs and line ends as spaces, runs of spaces as one.
std::string one_space(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = is_blank(c) || c == '\r' || c == '\n';
    if (!blank) {
      out.push_back(c);
    } else if (out.empty() || out.back() != ' ') {
      out.push_back(' ');
    }
  }
  return out;
}

void trim_left(std::string_view& text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
}

// subj-blob = "[" *BLOBCHAR "]" *WSP ; BLOBCHAR is anything but brackets
bool skip_blob(std::string_view& text) {
  if (text.empty() || text.front() != '[') return false;
  const size_t end = text.find_first_of("[]", 1);
  if (end == std::string_view::npos || text[end] != ']') return false;
  text.remove_prefix(end + 1);
  trim_left(text);
  return true;
}

bool starts_with(std::string_view text, std::string_view lower) {
  return equals_ignoring_case(text.substr(0, lower.size()), lower);
}

// subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
bool skip_refwd(std::string_view& text) {
  std::string_view at = text;
  if (starts_with(at, "fwd")) {
    at.remove_prefix(3);
  } else if (starts_with(at, "re") || starts_with(at, "fw")) {
    at.remove_prefix(2);
  } else {
    return false;
  }
  trim_left(at);
  skip_blob(at);
  if (at.empty() || at.front() != ':') return false;
  at.remove_prefix(1);
  text = at;
  return true;
}

// Step 3: subj-leader = (*subj-blob subj-refwd) / WSP
bool skip_leader(std::string_view& text, bool& refwd) {
  if (!text.empty() && is_blank(text.front())) {
    text.remove_prefix(1);
    return true;
  }
  std::string_view at = text;
  while (skip_blob(at)) {
  }
  if (!skip_refwd(at)) return false;
  text = at;
  refwd = true;
  return true;
}

// Step 2: subj-trailer = "(fwd)" / WSP
void drop_trailers(std::string_view& text, bool& refwd) {
  for (;;) {
    if (!text.empty() && is_blank(text.back())) {
      text.remove_suffix(1);
    } else if (text.size() >= 5 && starts_with(text.substr(text.size() - 5), "(fwd)")) {
      text.remove_suffix(5);
      refwd = true;
    } else {
      return;
    }
  }
}

// Steps 3 to 5.
void drop_leaders(std::string_view& text, bool& refwd) {
  for (bool again = true; again;) {
    again = false;
    while (skip_leader(text, refwd)) again = true;
    std::string_view at = text;
    if (skip_blob(at) && !at.empty()) {
      text = at;
      again = true;
    }
  }
}

}  // namespace

BaseSubject base_subject(std::string_view raw_value) {
  BaseSubject out;
  const std::string subject = one_space(decode_header_value(raw_value));
  std::string_view text = subject;
  for (;;) {
    drop_trailers(text, out.reply_or_forward);
    drop_leaders(text, out.reply_or_forward);
    // Step 6: subj-fwd = "[fwd:" subject "]"
    if (!starts_with(text, "[fwd:") || text.size() < 6 || text.back() != ']') break;
    text = text.substr(5, text.size() - 6);
    out.reply_or_forward = true;
  }
  out.text = std::string(text);
  return out;
}

}  // namespace eilpost::mime
