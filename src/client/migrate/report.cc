#include "client/migrate/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"

namespace eilpost::client {

namespace {

constexpr size_t failures_max = 1000;

struct Count {
  const char* name;
  uint64_t MailboxReport::*value;
};
constexpr Count counts[] = {
    {"in_source", &MailboxReport::in_source},
    {"copied", &MailboxReport::copied},
    {"octets", &MailboxReport::octets},
    {"found", &MailboxReport::found},
    {"linked", &MailboxReport::linked},
    {"labelled", &MailboxReport::labelled},
    {"before", &MailboxReport::before},
    {"flags_changed", &MailboxReport::flags},
    {"gone", &MailboxReport::gone},
    {"removed", &MailboxReport::removed},
    {"doubles_removed", &MailboxReport::doubles},
    {"failed", &MailboxReport::failed},
    {"placeholders", &MailboxReport::placeholders},
    {"sizes_differ", &MailboxReport::sizes_differ},
};

struct VerifyCount {
  const char* name;
  uint64_t VerifyReport::*value;
};
constexpr VerifyCount verify_counts[] = {
    {"compared", &VerifyReport::compared},
    {"missing", &VerifyReport::missing},
    {"octets_differ", &VerifyReport::octets_differ},
    {"content_differs", &VerifyReport::content_differs},
    {"flags_differ", &VerifyReport::flags_differ},
};

std::string counts_json(const MailboxReport& mailbox) {
  std::string out;
  for (const Count& count : counts)
    out += fmt::format("\"{}\":{},", count.name, mailbox.*count.value);
  if (mailbox.verify.done) {
    out += "\"verify\":{";
    for (const VerifyCount& count : verify_counts) {
      out += fmt::format("\"{}\":{},", count.name, mailbox.verify.*count.value);
    }
    out.back() = '}';
    out += ',';
  }
  out.pop_back();
  return out;
}

template <class Texts>
std::string array_of(const Texts& texts) {
  std::string out = "[";
  for (const std::string& text : texts) out += (out.size() > 1 ? "," : "") + json_string(text);
  return out + "]";
}

std::string mailbox_json(const MailboxReport& mailbox) {
  std::string out = fmt::format("{{\"source\":{},\"target\":{},", json_string(mailbox.source),
                                json_string(mailbox.target));
  if (!mailbox.left_out.empty()) {
    return out + fmt::format("\"left_out\":{}}}", json_string(mailbox.left_out));
  }
  out += fmt::format("\"created\":{},\"unchanged\":{},", mailbox.created, mailbox.unchanged);
  out += counts_json(mailbox);
  out += ",\"flags_lost\":" + array_of(mailbox.flags_lost);
  out += ",\"notes\":" + array_of(mailbox.notes);
  out += ",\"failures\":[";
  for (const auto& [id, reason] : mailbox.failures) {
    if (out.back() != '[') out += ',';
    out += fmt::format("{{\"message\":{},\"reason\":{}}}", id, json_string(reason));
  }
  return out + fmt::format("],\"error\":{}}}", json_string(mailbox.error));
}

bool is_whole(const MailboxReport& mailbox) {
  const VerifyReport& verify = mailbox.verify;
  return mailbox.failed == 0 && mailbox.error.empty() && verify.missing == 0 &&
         verify.content_differs == 0 && verify.flags_differ == 0;
}

// ", 3 failed" when there are any.
void add_count(std::string& line, uint64_t count, std::string_view what) {
  if (count > 0) line += fmt::format(", {} {}", count, what);
}

std::string details(const MailboxReport& mailbox) {
  std::string out = fmt::format("{} copied ({} octets)", mailbox.copied, mailbox.octets);
  add_count(out, mailbox.before, "earlier");
  add_count(out, mailbox.found, "were there");
  add_count(out, mailbox.linked, "copied within the target");
  add_count(out, mailbox.labelled, "labelled");
  add_count(out, mailbox.flags, "with other flags");
  add_count(out, mailbox.gone, "gone from the source");
  add_count(out, mailbox.removed, "removed");
  add_count(out, mailbox.doubles, "stored twice by the target, one of them removed");
  add_count(out, mailbox.failed, "FAILED");
  add_count(out, mailbox.sizes_differ, "of another size than told");
  const VerifyReport& verify = mailbox.verify;
  if (!verify.done) return out;
  out += fmt::format("; {} compared", verify.compared);
  add_count(out, verify.missing, "MISSING");
  add_count(out, verify.content_differs, "DIFFERENT");
  add_count(out, verify.flags_differ, "with different flags");
  add_count(out, verify.octets_differ, "with changed octets");
  return out;
}

}  // namespace

void MailboxReport::fail(uint64_t id, std::string reason) {
  ++failed;
  if (failures.size() < failures_max) failures.emplace_back(id, std::move(reason));
}

bool MigrateReport::whole() const {
  return error.empty() && !stopped && !budget &&
         std::all_of(mailboxes.begin(), mailboxes.end(), is_whole);
}

MailboxReport sum_of(const MigrateReport& report) {
  MailboxReport sum;
  for (const MailboxReport& mailbox : report.mailboxes) {
    for (const Count& count : counts) sum.*count.value += mailbox.*count.value;
    for (const VerifyCount& count : verify_counts) {
      sum.verify.*count.value += mailbox.verify.*count.value;
    }
    sum.verify.done = sum.verify.done || mailbox.verify.done;
  }
  return sum;
}

std::string print_json(const MigrateReport& report) {
  std::string out = fmt::format(
      "{{\"from\":{},\"to\":{},\"whole\":{},\"stopped\":{},\"budget_used_up\":{},\"error\":{},"
      "\"seconds\":{:.3f},\"sum\":{{{}}},\"mailboxes\":[",
      json_string(report.from), json_string(report.to), report.whole(), report.stopped,
      report.budget, json_string(report.error), report.seconds, counts_json(sum_of(report)));
  for (const MailboxReport& mailbox : report.mailboxes) {
    if (out.back() != '[') out += ',';
    out += "\n" + mailbox_json(mailbox);
  }
  return out + "]}";
}

std::string print_text(const MigrateReport& report) {
  std::string out;
  uint64_t unchanged = 0;
  for (const MailboxReport& mailbox : report.mailboxes) {
    if (!mailbox.left_out.empty()) continue;
    const bool quiet = mailbox.unchanged && is_whole(mailbox) && mailbox.verify.octets_differ == 0;
    unchanged += quiet ? 1 : 0;
    if (quiet) continue;
    out += fmt::format("{} > {}: {}\n", mailbox.source, mailbox.target, details(mailbox));
    for (size_t i = 0; i < std::min<size_t>(mailbox.failures.size(), 10); ++i) {
      out += fmt::format("    message {}: {}\n", mailbox.failures[i].first,
                         mailbox.failures[i].second);
    }
    if (mailbox.failures.size() > 10) out += "    and others: see --report\n";
    if (!mailbox.flags_lost.empty()) {
      out += fmt::format("    the target does not keep: {}\n", fmt::join(mailbox.flags_lost, " "));
    }
    for (const std::string& note : mailbox.notes) out += "    " + note + "\n";
    if (!mailbox.error.empty()) out += "    not finished: " + mailbox.error + "\n";
  }
  if (unchanged > 0) out += fmt::format("{} mailboxes unchanged\n", unchanged);
  out += fmt::format("in all: {}, {:.1f} s\n", details(sum_of(report)), report.seconds);
  if (report.stopped) out += "stopped before the end: run it again to go on\n";
  if (report.budget) out += "the octets of this day are used up: run it again tomorrow\n";
  if (!report.error.empty()) out += "not finished: " + report.error + "\n";
  return out;
}

}  // namespace eilpost::client
