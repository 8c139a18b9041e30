// How much the server takes: message size, quota, length of a command; and how fast it answers.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "client/doctor/checks/checks.h"
#include "client/doctor/checks/ground.h"

namespace eilpost::client::checks {

namespace {

constexpr int quota_percent_full = 90;

std::string size_text(uint64_t bytes) {
  if (bytes >= 10 * 1024 * 1024) return fmt::format("{} MiB", bytes / (1024 * 1024));
  return bytes >= 10 * 1024 ? fmt::format("{} KiB", bytes / 1024) : fmt::format("{} octets", bytes);
}

// RFC 7889: in the capability for all mailboxes, else by STATUS for each.
Task<Result<std::optional<uint64_t>>> append_limit(Session& session, const std::string& mailbox) {
  std::optional<uint64_t> out;
  if (const auto told = session.capability_value("APPENDLIMIT")) {
    uint64_t bytes = 0;
    const auto read = std::from_chars(told->data(), told->data() + told->size(), bytes);
    if (read.ec == std::errc()) out = bytes;
  }
  if (out || !session.has("APPENDLIMIT")) co_return out;
  std::vector<imap::StatusItem> items = {imap::StatusItem::append_limit};
  auto status = co_await session.status(mailbox, std::move(items));
  CO_TRY(status);
  for (const imap::StatusValue& value : status->values) {
    if (value.item == imap::StatusItem::append_limit && !value.nil) out = value.number;
  }
  co_return out;
}

void judge_quota(Examination& exam, Section& section, Table& table, const imap::QuotaData& quota) {
  for (const imap::QuotaResource& resource : quota.resources) {
    const bool storage = imap::equal_nocase(resource.name, "STORAGE");
    const auto text = [&](uint64_t number) {
      return storage ? size_text(number * 1024) : fmt::format("{}", number);
    };
    const std::string name = exam.heard(resource.name);
    table.rows.push_back(
        {"quota, " + name, fmt::format("{} of {}", text(resource.usage), text(resource.limit))});
    if (resource.limit == 0) continue;
    const uint64_t percent = resource.usage / std::max<uint64_t>(1, resource.limit / 100);
    if (resource.usage >= resource.limit) {
      section.find(Grade::problem, "limits.quota-full", "The quota is used up: " + name,
                   "New mail is sent back to its senders, and nothing can be saved.",
                   "Remove or move mail (`eilpost cleanup`), or raise the quota.");
    } else if (percent >= quota_percent_full) {
      section.find(Grade::warning, "limits.quota-nearly-full",
                   fmt::format("{} % of the quota is used: {}", percent, name),
                   "When it is full, new mail is sent back to its senders.",
                   "Remove or move mail (`eilpost cleanup`), or raise the quota.");
    }
  }
}

// A command with so many octets that asks for nothing: uids that are hardly there.
std::string long_command(size_t octets) {
  std::string out = "UID SEARCH UID 4294967294";
  for (uint32_t uid = 4294967292; out.size() + 11 < octets; uid -= 2) {
    out += fmt::format(",{}", uid);
  }
  return out;
}

struct Longest {
  size_t octets = 0;    // that were taken
  std::string refused;  // how the next was refused; "" when none was
};

// On a session of its own, since servers end the connection over this.
Task<Result<Longest>> longest_command(Examination& exam) {
  Examination::Attempt usual = exam.usual_attempt();
  auto session = co_await exam.sign_in(std::move(usual));
  CO_TRY(session);
  auto ground = co_await find_ground(exam, **session);
  CO_TRY(ground);
  Longest out;
  for (const size_t octets : {1000, 4000, 8000, 16000, 32000, 60000}) {
    const std::string command = long_command(octets);
    auto heard = co_await ask(**session, command);
    if (!heard) {
      out.refused = exam.heard(heard.error().detail);
      co_return out;
    }
    if (!heard->ok()) {
      out.refused = exam.heard(heard->answer.error().detail);
      break;
    }
    out.octets = octets;
  }
  co_await (*session)->logout();
  co_return out;
}

Task<Result<int64_t>> median_micros(Examination& exam, Session& session) {
  std::array<int64_t, 9> times{};
  for (int64_t& time : times) {
    const int64_t begun = exam.clock().steady_micros();
    auto heard = co_await ask(session, "NOOP");
    CO_TRY(heard);
    time = exam.clock().steady_micros() - begun;
  }
  std::sort(times.begin(), times.end());
  co_return times[times.size() / 2];
}

}  // namespace

Task<Result<>> limits(Examination& exam, Section& section) {
  auto shared = co_await exam.session();
  CO_TRY(shared);
  Session& session = **shared;
  Table table{"", {"what", "value"}, {}};
  auto answer = co_await median_micros(exam, session);
  CO_TRY(answer);
  table.rows.push_back({"answer to NOOP", fmt::format("{:.1f} ms", double(*answer) / 1000)});
  auto largest = co_await append_limit(session, exam.options().mailbox);
  CO_TRY(largest);
  table.rows.push_back({"largest message", *largest ? size_text(**largest) : "not told"});
  if (session.has("QUOTA")) {
    std::string command = "GETQUOTAROOT ";
    imap::append_mailbox(command, exam.options().mailbox, {});
    auto quota = co_await ask(session, command);
    CO_TRY(quota);
    for (const imap::QuotaData* data : quota->all<imap::QuotaData>()) {
      judge_quota(exam, section, table, *data);
    }
  }
  auto longest = co_await longest_command(exam);
  if (longest) {
    table.rows.push_back({"longest command tried and taken", size_text(longest->octets)});
    if (longest->octets < 8000) {
      section.find(Grade::warning, "limits.short-commands",
                   fmt::format("A command above {} octets is refused: {}", longest->octets,
                               longest->refused),
                   "Programs that name many messages in one command fail or lose the "
                   "connection. RFC 7162 4 asks for 8192 octets.",
                   "Raise the limit (Exchange: MaxCommandSize).");
    }
  }
  section.tables.push_back(std::move(table));
  CO_TRY(longest);
  co_return Result<>();
}

}  // namespace eilpost::client::checks
