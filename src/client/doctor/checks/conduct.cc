// What servers said and did in passing, over all connections of the examination: alerts, and what
// is against the rules. And what some servers' texts mean.

#include <fmt/format.h>

#include <array>

#include "client/doctor/checks/checks.h"
#include "protocol/imap/values.h"

namespace eilpost::client::checks {

namespace {

struct KnownText {
  std::string_view words;  // upper case
  std::string_view id;
  std::string_view means;
  std::string_view todo;
};

// In the words of the servers that say them.
constexpr std::array<KnownText, 9> known_texts{{
    // Exchange and Exchange Online.
    {"AUTHENTICATED BUT NOT CONNECTED", "known.no-mailbox",
     "The name was taken, and then no mailbox could be opened. Reported causes: a password that is "
     "wrong for this mailbox, a token of another user, no full access to a shared mailbox, a "
     "missing OAuth scope, a misspelt mailbox name, throttling.",
     "Check whose credentials these are, and whether the account has a mailbox of its own and "
     "IMAP is switched on for it."},
    {"SERVER UNAVAILABLE. 15", "known.unavailable-15",
     "Exchange says this when a quota is full, and when it throttles.",
     "Look at the mailbox's size, then wait and try again."},
    {"COMMAND ARGUMENT ERROR. 11", "known.argument-11",
     "Exchange says this of anything that it does not like: too large a message, too long a line, "
     "a keyword it does not know.",
     "Look at what the command was about."},
    {"SUGGESTED BACKOFF TIME", "known.throttled",
     "Exchange limits what an account may ask for in a time, and cuts the connection.",
     "Wait as long as it says; let fewer programs ask less often."},
    // Gmail.
    {"PLEASE LOG IN VIA YOUR WEB BROWSER", "known.web-login",
     "Google finds this place or program suspicious.",
     "Sign in at the address given with a browser, and confirm that it was you."},
    {"WEB LOGIN REQUIRED", "known.web-login", "Google finds this place or program suspicious.",
     "Sign in at the address given with a browser, and confirm that it was you."},
    {"APPLICATION-SPECIFIC PASSWORD REQUIRED", "known.app-password",
     "The account has two-step verification, and its password is not taken by mail programs.",
     "Use OAuth (--token), or make a password for this program in the account's settings."},
    {"TOO MANY SIMULTANEOUS CONNECTIONS", "known.connections",
     "Google allows 15 connections for an account, over all programs and devices.",
     "Close mail programs, or let them watch fewer folders."},
    // Coremail (163.com, 126.com).
    {"UNSAFE LOGIN", "known.unsafe-login",
     "The server wants to know the program (ID) before it opens a mailbox.",
     "Use a program that sends ID, or allow IMAP in the account's settings."},
}};

}  // namespace

std::optional<Finding> explain(std::string_view server_text) {
  const std::string text = imap::upper_ascii(server_text);
  for (const KnownText& known : known_texts) {
    if (text.find(known.words) == std::string::npos) continue;
    return Finding{Grade::problem, std::string(known.id), said(server_text),
                   std::string(known.means), std::string(known.todo)};
  }
  return std::nullopt;
}

Task<Result<>> conduct(Examination& exam, Section& section) {
  for (const std::string& alert : exam.alerts) {
    auto known = explain(alert);
    section.find(Grade::warning, "conduct.alert", "The server wants the user to know: " + alert,
                 known ? known->means : "Mail programs have to show this; many do not.",
                 known ? known->todo : "");
  }
  for (const QuirkInfo* quirk : exam.quirks) {
    section.find(Grade::note, fmt::format("conduct.{}", quirk->name),
                 fmt::format("The server {}", quirk->what),
                 fmt::format("Eilpost's tools get by: {}. Seen before with: {}.", quirk->remedy,
                             quirk->where));
  }
  if (exam.signed_in && exam.quirks.empty()) {
    section.find(Grade::good, "conduct.no-quirks", "Nothing against the rules was met");
  }
  co_return Result<>();
}

}  // namespace eilpost::client::checks
