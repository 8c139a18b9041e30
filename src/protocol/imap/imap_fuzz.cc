// Fuzz targets of protocol/imap: no input crashes, chunks do not matter to the framers, and what is
// printed is read as the same value (parse(print(x)) == x).
#include <algorithm>
#include <limits>
#include <string>

#include "base/check.h"
#include "protocol/imap/response.h"
#include "protocol/imap/test_support.h"
#include "protocol/imap/url.h"
#include "protocol/imap/utf7.h"
#include "tests/fuzz.h"

namespace eilpost::imap {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

// Small limits, so that small inputs reach them.
FramerLimits small_limits() {
  FramerLimits limits;
  limits.line_bytes_max = 64;
  limits.command_bytes_max = 400;
  limits.drain_bytes_max = 128;
  return limits;
}

// Decides by the literal's size, so that the same literals meet the same fate in any chunking.
void decide(Framer& framer, uint64_t size) {
  switch (size % 3) {
    case 0: framer.buffer_literal(); break;
    case 1: framer.stream_literal(); break;
    default: framer.refuse_literal(); break;
  }
}

std::string frame_log(const Frame& frame) {
  std::string log = "command " + frame.text;
  for (const Literal& literal : frame.literals) {
    CHECK(literal.streamed || literal.octets.size() == literal.size);
    CHECK(literal.text_offset < frame.text.size());
    log += "|" + literal.octets;
  }
  return log + "\n";
}

// What the framer says about `data`, fed in pieces of `step` octets.
std::string framer_log(std::string_view data, size_t step) {
  Framer framer(small_limits());
  std::string log;
  bool fatal = false;
  for (size_t at = 0; at < data.size() && !fatal; at += step) {
    framer.feed(data.substr(at, step));
    for (bool more = true; more;) {
      FramerEvent event = framer.next();
      std::visit(Overloaded{
                     [&](const NeedMore&) { more = false; },
                     [&](const CommandFrame& e) { log += frame_log(e.frame); },
                     [&](const LiteralAnnounced& e) {
                       log += "literal\n";
                       decide(framer, e.size);
                     },
                     [&](const LiteralChunk& e) { log += e.octets; },
                     [&](const LiteralEnd&) { log += "end\n"; },
                     [&](const RawLine& e) { log += "raw " + e.line + "\n"; },
                     [&](const TooLong& e) { log += "too long " + e.tag + "\n"; },
                     [&](const BadLine& e) { log += "bad " + e.tag + e.why + "\n"; },
                     [&](const Refused& e) { log += "refused " + e.tag + "\n"; },
                     [&](const Fatal&) {
                       log += "fatal\n";
                       fatal = true;
                       more = false;
                     },
                 },
                 event);
    }
  }
  return log;
}

void check_command(const Frame& frame, ParseOptions options) {
  Result<Command> command = parse_command(frame, options);
  if (!command) {
    CHECK(!command.error().detail.empty());
    return;
  }
  WriteOptions write;
  write.literals = LiteralForm::plus;
  write.utf8 = options.utf8_allowed;
  std::string printed = print_command(*command, write).joined();
  Result<Command> again = test::command_of(printed, options);
  CHECK(again.has_value());
  CHECK(*again == *command);
}

// Printing does not say what was skipped or streamed, and gives text to a status response without
// any.
void drop_unprinted(Response& response) {
  if (auto* fetch = std::get_if<FetchData>(&response)) {
    fetch->skipped.clear();
    for (BodyData& body : fetch->bodies) body.streamed = false;
  }
  if (auto* status = std::get_if<StatusResponse>(&response)) status->text.clear();
}

// Control characters in a status text are printed as spaces, behind which a "[" means something
// else.
bool has_control_text(const Response& response) {
  const auto* status = std::get_if<StatusResponse>(&response);
  return status != nullptr && std::any_of(status->text.begin(), status->text.end(),
                                          [](char c) { return c >= 0 && c < ' '; });
}

void check_response(Response response, ParseOptions options) {
  if (std::holds_alternative<UnknownData>(response)) return;
  if (has_control_text(response)) return;
  std::string printed;
  append_response(printed, response, WriteStyle{.utf8 = options.utf8_allowed});
  std::optional<Response> again = test::response_of(printed, options);
  CHECK(again.has_value());
  drop_unprinted(response);
  drop_unprinted(*again);
  CHECK(*again == response);
}

}  // namespace

FUZZ_TARGET(imap_framer) {
  std::string whole = framer_log(data, std::max<size_t>(data.size(), 1));
  CHECK(whole == framer_log(data, 1));
  CHECK(whole == framer_log(data, 5));
}

FUZZ_TARGET(imap_command) {
  Framer framer;
  framer.feed(data);
  for (;;) {
    FramerEvent event = framer.next();
    if (std::holds_alternative<NeedMore>(event) || std::holds_alternative<Fatal>(event)) return;
    if (auto* announced = std::get_if<LiteralAnnounced>(&event)) {
      (void)parse_append_so_far(framer.pending(), {});
      if (announced->fits) {
        framer.buffer_literal();
      } else {
        framer.refuse_literal();
      }
    }
    if (auto* command = std::get_if<CommandFrame>(&event)) {
      check_command(command->frame, {});
      check_command(command->frame, {.utf8_allowed = true, .rev2 = true});
    }
  }
}

FUZZ_TARGET(imap_response) {
  ClientFramer framer;
  framer.feed(data);
  for (;;) {
    ClientEvent event = framer.next();
    if (std::holds_alternative<NeedMore>(event) || std::holds_alternative<Fatal>(event)) return;
    auto* ready = std::get_if<ResponseFrame>(&event);
    if (ready == nullptr) continue;
    for (bool utf8 : {false, true}) {
      ParseOptions options{.utf8_allowed = utf8};
      Result<Response> response = parse_response(*ready->frame, options);
      if (response) check_response(std::move(*response), options);
    }
  }
}

FUZZ_TARGET(imap_utf7) {
  Result<std::string> decoded = utf7_decode(data);
  if (decoded) {
    CHECK(valid_utf8(*decoded));
    Result<std::string> encoded = utf7_encode(*decoded);
    CHECK(encoded.has_value() && *encoded == data);
  }
  Result<std::string> encoded = utf7_encode(data);
  if (encoded) {
    Result<std::string> again = utf7_decode(*encoded);
    CHECK(again.has_value() && *again == data);
  }
}

FUZZ_TARGET(imap_url) {
  Result<MessageUrl> url = parse_message_url(data);
  if (!url) return;
  Result<MessageUrl> again = parse_message_url(print_message_url(*url));
  CHECK(again.has_value() && *again == *url);
}

FUZZ_TARGET(imap_stored_search) {
  Result<SearchKey> key = parse_stored_search(data);
  if (!key) return;
  WriteOptions write;
  write.literals = LiteralForm::plus;
  write.utf8 = true;
  CommandWriter out(write);
  Search search;
  search.key = *key;
  print_search_words(out, search);
  const std::string printed = out.finish().joined();
  CHECK(printed.size() > 3 && printed.front() == ' ');
  Result<SearchKey> again = parse_stored_search(printed.substr(1, printed.size() - 3));
  CHECK(again.has_value() && *again == *key);
}

FUZZ_TARGET(imap_sequence_set) {
  Result<SequenceSet> set = parse_sequence_set(data);
  if (!set) return;
  Result<SequenceSet> again = parse_sequence_set(print_sequence_set(*set));
  CHECK(again.has_value() && *again == *set);
  for (uint32_t max : {0U, 7U, std::numeric_limits<uint32_t>::max()}) {
    IntervalSet resolved = set->resolve(max);
    CHECK(resolved == SequenceSet::of(resolved).resolve(1));
  }
}

}  // namespace eilpost::imap
