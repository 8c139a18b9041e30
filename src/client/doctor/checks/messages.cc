// Whether what the server says of messages is true: sizes, structure, sections and SEARCH against
// the octets of a sample, and that looking changes nothing.

#include <fmt/format.h>

#include <algorithm>

#include "client/doctor/checks/checks.h"
#include "client/doctor/checks/ground.h"
#include "client/doctor/checks/structure.h"
#include "client/session/fetching.h"
#include "mime/header.h"
#include "mime/part_index.h"

namespace eilpost::client::checks {

namespace {

constexpr uint64_t message_bytes_max = 4 * 1024 * 1024;
constexpr size_t examples_max = 3;
constexpr int searches_max = 5;

// What one kind of fault has met: how many messages, and some of them in words.
struct Faults {
  size_t count = 0;
  std::string examples;
  void add(uint32_t uid, const std::string& what) {
    if (++count > examples_max) return;
    examples += fmt::format("{}uid {}: {}", examples.empty() ? "" : "; ", uid, what);
  }
};

struct Tally {
  size_t looked_at = 0, too_large = 0;
  Faults missing, sizes, structures, shapes, unreadable, sections, searches, placeholders, seen;
  uint64_t octets = 0;
};

bool is_seen(const imap::FetchData& data) {
  return data.flags && std::any_of(data.flags->begin(), data.flags->end(), [](const auto& flag) {
           return imap::equal_nocase(flag, "\\Seen");
         });
}

// What Exchange sends in the place of an item that it cannot convert.
bool is_placeholder(std::string_view subject) {
  constexpr std::string_view begin = "Retrieval using the IMAP4 protocol failed";
  return imap::equal_nocase(subject.substr(0, begin.size()), begin);
}

// --- one message ---

// The octets of a message, as long as they are not too many to be held.
Task<Result<std::string>> octets_of(Session& session, Uid uid, Tally& tally) {
  std::string octets;
  bool whole = true;
  MessageSink sink;
  sink.begin = [&](uint64_t) -> Result<> {
    octets.clear();
    whole = true;
    return {};
  };
  sink.octets = [&](std::string_view piece) -> Result<> {
    whole = whole && octets.size() + piece.size() <= 2 * message_bytes_max;
    if (whole) octets += piece;
    return {};
  };
  auto fetched = co_await fetch_message(session, uid, std::move(sink));
  if (!fetched && fetched.error().code == Code::corrupt) {
    tally.missing.add(uid.value, "OK, and no octets");
    co_return std::string();
  }
  CO_TRY(fetched);
  tally.octets += fetched->octets;
  if (fetched->size_differs) {
    tally.sizes.add(uid.value,
                    fmt::format("RFC822.SIZE {}, octets {}", *fetched->size, fetched->octets));
  }
  if (!whole) octets.clear();
  co_return octets;
}

// Asks for pieces that can be cut out of the whole as well.
Task<Result<>> compare_sections(Session& session, uint32_t uid, std::string_view octets,
                                const mime::PartIndex& index, Tally& tally) {
  const std::string command =
      fmt::format("UID FETCH {} (BODY.PEEK[HEADER] BODY.PEEK[1] BODY.PEEK[]<10.100>)", uid);
  auto heard = co_await ask(session, command);
  CO_TRY(heard);
  if (!heard->ok()) {
    tally.sections.add(uid, "refused: " + heard->answer.error().detail);
    co_return Result<>();
  }
  for (const imap::FetchData* data : heard->all<imap::FetchData>()) {
    for (const imap::BodyData& body : data->bodies) {
      const auto text = body.section.text == imap::SectionText::header ? mime::SectionText::header
                                                                       : mime::SectionText::whole;
      std::string_view wanted;
      if (body.origin) {
        wanted = octets.substr(std::min<size_t>(octets.size(), 10), 100);
      } else if (const auto range = mime::locate(index, body.section.part, text)) {
        wanted = octets.substr(range->offset, range->size);
      }
      if (body.octets.value_or("") == wanted) continue;
      std::string name;
      imap::append_section(name, body.section);
      tally.sections.add(uid, fmt::format("BODY[{}]{} is not what stands in the message", name,
                                          body.origin ? "<10.100>" : ""));
    }
  }
  co_return Result<>();
}

void compare_structures(const imap::FetchData& told, const mime::Message& message, Tally& tally) {
  const bool skipped =
      std::find(told.skipped.begin(), told.skipped.end(), "BODYSTRUCTURE") != told.skipped.end();
  if (skipped || !told.body) {
    tally.unreadable.add(told.uid.value,
                         skipped ? "BODYSTRUCTURE is malformed" : "no BODYSTRUCTURE");
    return;
  }
  const StructureFaults faults = compare_structure(*told.body, message);
  if (!faults.sizes.empty()) tally.structures.add(told.uid.value, faults.sizes.front());
  if (!faults.shapes.empty()) tally.shapes.add(told.uid.value, faults.shapes.front());
}

// SEARCH has to find a message by its own Message-ID.
Task<Result<>> search_for(Session& session, uint32_t uid, const std::string& header, Tally& tally) {
  const std::string id = mime::field_value(header, "Message-ID");
  const bool plain = !id.empty() && std::all_of(id.begin(), id.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '\\';
  });
  if (!plain) co_return Result<>();
  std::string criteria = fmt::format("HEADER MESSAGE-ID \"{}\"", id);
  auto found = co_await session.search(std::move(criteria));
  if (!found && is_lost(found.error())) co_return tl::unexpected(std::move(found).error());
  if (!found || !found->contains(Uid(uid))) {
    tally.searches.add(uid, found ? "not found by its Message-ID" : found.error().detail);
  }
  co_return Result<>();
}

Task<Result<>> compare_message(Session& session, const imap::FetchData& told, Tally& tally) {
  if (told.rfc822_size && *told.rfc822_size > message_bytes_max) {
    ++tally.too_large;
    co_return Result<>();
  }
  ++tally.looked_at;
  auto octets = co_await octets_of(session, told.uid, tally);
  if (!octets && octets.error().code == Code::expunge_issued) co_return Result<>();
  CO_TRY(octets);
  if (octets->empty()) co_return Result<>();
  const mime::Message message = mime::scan(*octets);
  compare_structures(told, message, tally);
  const std::string header = octets->substr(0, message.parts.front().header_size);
  if (is_placeholder(mime::field_value(header, "Subject"))) {
    tally.placeholders.add(told.uid.value, mime::field_value(header, "Subject"));
  }
  const mime::PartIndex index = mime::make_part_index(message);
  auto sections = co_await compare_sections(session, told.uid.value, *octets, index, tally);
  CO_TRY(sections);
  if (tally.looked_at > searches_max) co_return Result<>();
  auto searched = co_await search_for(session, told.uid.value, header, tally);
  co_return searched;
}

// --- all of them ---

struct Kind {
  const Faults& faults;
  Grade grade;
  std::string_view id, what, means, todo;
};

void judge(Examination& exam, Section& section, const Tally& tally) {
  const Kind kinds[] = {
      {tally.missing, Grade::problem, "messages.no-octets",
       "messages are answered with OK and nothing",
       "Programs show them empty, and a copy to another server loses them.",
       "Look at these messages in another way (web mail); repair or remove them there."},
      {tally.sizes, Grade::warning, "messages.size", "messages have another size than is said",
       "Programs that trust it cut messages off, or refuse to take them over.",
       "Let the server tell exact sizes (Exchange: EnableExactRFC822Size, for the mailbox "
       "ImapEnableExactRFC822Size with ImapUseProtocolDefaults off)."},
      {tally.unreadable, Grade::warning, "messages.structure-unreadable",
       "messages come with a structure that cannot be read",
       "Programs show them without text or attachments, or crash.", "Report it to the maker."},
      {tally.structures, Grade::warning, "messages.structure-sizes",
       "messages have parts of another size than is said",
       "Programs that fetch single parts cut them off or wait for more.",
       "Report it to the maker."},
      {tally.shapes, Grade::note, "messages.structure-differs",
       "messages are taken apart in another way than their octets say",
       "Rarely more than a difference of opinion about malformed mail.", ""},
      {tally.sections, Grade::warning, "messages.sections",
       "messages come in pieces that do not fit the whole",
       "Programs that fetch header and parts show something else than those that fetch all; "
       "signatures do not verify.",
       "Report it to the maker."},
      {tally.searches, Grade::warning, "messages.search", "messages are not found by SEARCH",
       "Programs that look for a message by its Message-ID make doubles.",
       "Build the server's index anew."},
      {tally.placeholders, Grade::problem, "messages.placeholders",
       "messages were replaced by a notice that they cannot be had",
       "What was there (mostly calendar items) is missing in every IMAP program, and in every "
       "copy.",
       "Open them in Outlook or on the web; do not take the notices for mail."},
      {tally.seen, Grade::problem, "messages.seen", "messages became \\Seen by looking at them",
       "Whoever uses a program that looks ahead loses sight of new mail.",
       "Report it to the maker: BODY.PEEK must not set \\Seen (RFC 9051 6.4.5)."},
  };
  bool fine = true;
  for (const Kind& kind : kinds) {
    if (kind.faults.count == 0) continue;
    fine = false;
    section.find(kind.grade, std::string(kind.id),
                 fmt::format("{} of {} {}: {}", kind.faults.count, tally.looked_at, kind.what,
                             exam.heard(kind.faults.examples)),
                 std::string(kind.means), std::string(kind.todo));
  }
  if (fine && tally.looked_at > 0) {
    section.find(Grade::good, "messages.honest",
                 fmt::format("Sizes, structure, sections and SEARCH of {} messages ({} octets) "
                             "are true",
                             tally.looked_at, tally.octets));
  }
}

}  // namespace

Task<Result<>> messages(Examination& exam, Section& section) {
  auto shared = co_await exam.session();
  CO_TRY(shared);
  Session& session = **shared;
  auto ground = co_await find_ground(exam, session);
  CO_TRY(ground);
  const auto wanted = static_cast<uint32_t>(exam.options().messages);
  if (ground->exists == 0 || wanted == 0) {
    section.find(Grade::note, "messages.none",
                 exam.heard(ground->mailbox) + ": there is no message to look at", "",
                 "Name a mailbox with mail (--mailbox).");
    co_return Result<>();
  }
  const std::string set = spread(ground->exists, wanted).to_string();
  const std::string items = " (UID FLAGS RFC822.SIZE BODYSTRUCTURE)";
  const std::string command = "FETCH " + set + items;
  auto heard = co_await ask(session, command);
  CO_TRY(heard);
  CO_TRY(heard->answer);
  Tally tally;
  IntervalSet unseen;
  for (const imap::FetchData* told : heard->all<imap::FetchData>()) {
    if (told->uid.value == 0 || exam.stopping()) continue;
    if (told->flags && !is_seen(*told)) unseen.add(told->uid.value);
    auto compared = co_await compare_message(session, *told, tally);
    CO_TRY(compared);
  }
  if (!unseen.empty()) {
    const std::string again = fmt::format("UID FETCH {} (FLAGS)", unseen.to_string());
    auto flags = co_await ask(session, again);
    CO_TRY(flags);
    for (const imap::FetchData* data : flags->all<imap::FetchData>()) {
      if (is_seen(*data)) tally.seen.add(data->uid.value, "unseen before");
    }
  }
  judge(exam, section, tally);
  if (tally.too_large > 0) {
    section.find(Grade::note, "messages.left-out",
                 fmt::format("{} messages above 4 MiB were left out", tally.too_large));
  }
  co_return Result<>();
}

}  // namespace eilpost::client::checks
