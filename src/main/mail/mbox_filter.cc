#include "main/mail/mbox_filter.h"

#include "mime/header.h"

namespace eilpost {

namespace {
// The name of a field that we look for is shorter.
constexpr size_t held_max = 64;
constexpr std::string_view from = "From ";
}  // namespace

bool is_mbox_state_field(std::string_view name) {
  for (const std::string_view known :
       {"status", "x-status", "x-keywords", "x-uid", "x-imap", "x-imapbase"}) {
    if (mime::equals_ignoring_case(name, known)) return true;
  }
  return false;
}

void MboxFilter::settle() {
  if (!(in_header_ && dropping_)) out_ += held_;
  held_is_start_ = !held_.empty() && held_.back() == '\n';
  held_.clear();
}

void MboxFilter::take(char c) {
  if (!held_is_start_) {
    if (!(in_header_ && dropping_)) out_ += c;
    held_is_start_ = c == '\n';
    return;
  }
  if (!in_header_) return take_body(c);
  held_ += c;
  const bool folded = held_.size() == 1 && (c == ' ' || c == '\t');
  if (folded) return settle();
  if (c == '\n') {
    dropping_ = false;
    if (held_ == "\n" || held_ == "\r\n") in_header_ = false;
    return settle();
  }
  if (c != ':' && held_.size() < held_max) return;
  const std::string_view name = std::string_view(held_).substr(0, held_.size() - 1);
  dropping_ = c == ':' && is_mbox_state_field(name);
  settle();
}

// Which of several ">" goes makes no difference: the first is held back until the line tells.
void MboxFilter::take_body(char c) {
  if (c == '>' && held_.empty()) {
    if (quoted_) out_ += c;
    quoted_ = true;
    return;
  }
  held_ += c;
  if (held_.size() < from.size() && from.substr(0, held_.size()) == held_) return;
  if (quoted_ && held_ != from) out_ += '>';
  quoted_ = false;
  settle();
}

std::string_view MboxFilter::feed(std::string_view octets) {
  out_.clear();
  for (const char c : octets) take(c);
  return out_;
}

std::string_view MboxFilter::finish() {
  out_.clear();
  if (quoted_) out_ += '>';
  if (!held_.empty()) settle();
  return out_;
}

}  // namespace eilpost
