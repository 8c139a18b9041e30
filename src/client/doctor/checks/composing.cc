// The claims that only a mailbox of one's own can prove: messages that are put together or replaced
// on the server, and what it tells and finds of them.

#include <fmt/format.h>

#include "client/doctor/checks/writing.h"
#include "protocol/imap/url.h"
#include "protocol/imap/writer.h"

namespace eilpost::client::checks {

namespace {

constexpr std::string_view dead_claim = "Programs that believe the list fail there.";

std::string quoted(const std::string& mailbox) {
  std::string out;
  imap::append_mailbox(out, mailbox, {});
  return out;
}

// One that is sent with its command: the callers see to it that the server takes that.
std::string literal(std::string_view octets) {
  return fmt::format("{{{}+}}\r\n{}", octets.size(), octets);
}

std::string header_of(const std::string& message) {
  return message.substr(0, message.find("\r\n\r\n") + 4);
}

std::string small_message(int number) {
  return header_of(awkward_message(number)) + "small\r\n";
}

// The octets of the last message.
Task<Result<std::string>> last_message(Session& session) {
  auto heard = co_await ask(session, "UID FETCH * (BODY.PEEK[])");
  CO_TRY(heard);
  for (const imap::FetchData* data : heard->all<imap::FetchData>()) {
    for (const imap::BodyData& body : data->bodies) {
      if (body.octets) co_return *body.octets;
    }
  }
  co_return std::string();
}

// "made otherwise than asked for", or the server's refusal.
std::string wrong(Examination& exam, const Heard& heard) {
  return heard.ok() ? "makes another message than was asked for"
                    : "is refused: " + exam.heard(heard.answer.error().detail);
}

// RFC 4469: the header of a message that is there, and a new body; with `partial` only the first
// octets of the header (RFC 5550 3.2).
Task<Result<>> try_catenate(Examination& exam, Section& section, Session& session,
                            const Bench& bench, std::optional<imap::Partial> partial) {
  const std::string name = partial ? "URL-PARTIAL" : "CATENATE";
  if (!session.has("CATENATE") || (partial && !session.has(name))) co_return Result<>();
  imap::MessageUrl url;
  url.mailbox = bench.first;
  url.uid_validity = session.selected()->uid_validity;
  url.uid = bench.uids.back();
  url.section.text = imap::SectionText::header;
  url.partial = partial;
  std::string begin = header_of(awkward_message(static_cast<int>(bench.uids.size())));
  if (partial) begin.resize(static_cast<size_t>(partial->length));
  const std::string rest = partial ? "\r\n\r\ncut\r\n" : "composed\r\n";
  const std::string command =
      fmt::format("APPEND {} CATENATE (URL \"{}\" TEXT {})", quoted(bench.first),
                  imap::print_message_url(url), literal(rest));
  auto made = co_await ask(session, command);
  CO_TRY(made);
  auto octets = co_await last_message(session);
  CO_TRY(octets);
  const bool fine = made->ok() && *octets == begin + rest;
  judge_claim(section, fine, partial ? "writing.url-partial" : "writing.catenate",
              fmt::format("APPEND puts messages together ({})", name),
              fmt::format("{} is listed, and {}", name, wrong(exam, *made)),
              std::string(dead_claim));
  co_return Result<>();
}

// RFC 8508.
Task<Result<>> try_replace(Examination& exam, Section& section, Session& session,
                           const Bench& bench) {
  if (!session.has("REPLACE")) co_return Result<>();
  const std::string command = fmt::format("UID REPLACE {} {} {}", bench.uids.back().value,
                                          quoted(bench.first), literal(small_message(7)));
  auto made = co_await ask(session, command);
  CO_TRY(made);
  auto octets = co_await last_message(session);
  CO_TRY(octets);
  std::string criteria = fmt::format("UID {}", bench.uids.back().value);
  auto left = co_await session.search(std::move(criteria));
  CO_TRY(left);
  const bool fine = made->ok() && *octets == small_message(7) && left->empty();
  judge_claim(section, fine, "writing.replace", "REPLACE puts one message in the place of another",
              "REPLACE is listed, and " + wrong(exam, *made),
              "Programs that save a draft again lose it, or leave the old one.");
  co_return Result<>();
}

bool tells_of_news(const Heard& heard) {
  for (const imap::ESearchData* data : heard.all<imap::ESearchData>()) {
    if (!data->updates.empty()) return true;
  }
  return false;
}

// RFC 5267 4.3: what comes later and matches is told as ADDTO.
Task<Result<>> try_updates(Section& section, Session& session, const Bench& bench) {
  if (!session.has("CONTEXT=SEARCH")) co_return Result<>();
  auto begun = co_await ask(session, "UID SEARCH RETURN (UPDATE COUNT) UNDELETED");
  CO_TRY(begun);
  if (!begun->ok()) co_return Result<>();  // Capabilities has told of it
  const std::string append =
      fmt::format("APPEND {} {}", quoted(bench.first), literal(small_message(8)));
  auto appended = co_await ask(session, append);
  CO_TRY(appended);
  auto after = co_await ask(session, "NOOP");
  CO_TRY(after);
  judge_claim(section, tells_of_news(*appended) || tells_of_news(*after), "writing.context",
              "A search is kept up to date (CONTEXT=SEARCH)",
              "CONTEXT=SEARCH is listed, and a search is not told of a message that came",
              "Programs that rely on it do not show new mail.");
  co_return Result<>();
}

// RFC 5255 4.2: "grÜ" is in "Grüße".
Task<Result<>> try_case(Section& section, Session& session) {
  if (!session.has("I18NLEVEL=1") && !session.has("I18NLEVEL=2")) co_return Result<>();
  auto heard = co_await ask(session, "UID SEARCH CHARSET UTF-8 BODY {4+}\r\ngr\xc3\x9c");
  CO_TRY(heard);
  const auto* found = heard->find<imap::SearchData>();
  judge_claim(section, found != nullptr && !found->numbers.empty(), "writing.case",
              "SEARCH knows no case beyond ASCII either (I18NLEVEL)",
              "I18NLEVEL is listed, and SEARCH does not find \"Gr\xc3\xbc\" by \"gr\xc3\x9c\"",
              "People do not find what they look for.");
  co_return Result<>();
}

// RFC 6154 3: a use that nobody knows is refused, and nothing is made.
Task<Result<>> try_special_use(Examination& exam, Section& section, Session& session,
                               const Bench& bench) {
  if (!session.has("CREATE-SPECIAL-USE")) co_return Result<>();
  const std::string name = bench.first + "-3";
  const std::string create = fmt::format("CREATE {} (USE (\\EilpostDoctor))", quoted(name));
  auto made = co_await ask(session, create);
  CO_TRY(made);
  const bool fine = !made->ok() && made->answer.error().code != Code::invalid;
  std::string bad = "CREATE-SPECIAL-USE is listed, and ";
  bad += made->ok() ? "a use that there is not is taken without a word" : wrong(exam, *made);
  judge_claim(section, fine, "writing.create-special-use",
              "CREATE looks at the special use (CREATE-SPECIAL-USE)", std::move(bad),
              "Programs think that a folder is known as sent mail or junk when it is not.");
  if (!made->ok()) co_return Result<>();
  const std::string remove = "DELETE " + quoted(name);
  auto removed = co_await ask(session, remove);
  CO_TRY(removed);
  co_return Result<>();
}

}  // namespace

Task<Result<>> try_composing(Examination& exam, Section& section, Session& session,
                             const Bench& bench) {
  auto use = co_await try_special_use(exam, section, session, bench);
  CO_TRY(use);
  // What follows sends literals with their command.
  const bool literals = session.has("LITERAL+") || session.has("LITERAL-");
  if (!literals || bench.uids.size() < 3) co_return Result<>();
  auto found = co_await try_case(section, session);
  CO_TRY(found);
  auto whole = co_await try_catenate(exam, section, session, bench, std::nullopt);
  CO_TRY(whole);
  constexpr imap::Partial some{0, 14};  // "From: Eilpost "
  auto part = co_await try_catenate(exam, section, session, bench, some);
  CO_TRY(part);
  auto updated = co_await try_updates(section, session, bench);
  CO_TRY(updated);
  auto replaced = co_await try_replace(exam, section, session, bench);
  co_return replaced;
}

}  // namespace eilpost::client::checks
