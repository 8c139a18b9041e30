// Helpers for this folder's tests and fuzz targets: octets to frames and commands in one call.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/imap/client_framer.h"
#include "protocol/imap/command.h"
#include "protocol/imap/response_parser.h"

namespace eilpost::imap::test {

// The first command in `octets`, with every literal buffered; nullopt when there is none.
inline std::optional<Frame> frame_of(std::string_view octets) {
  Framer framer;
  framer.feed(octets);
  for (;;) {
    FramerEvent event = framer.next();
    if (auto* command = std::get_if<CommandFrame>(&event)) return std::move(command->frame);
    if (!std::holds_alternative<LiteralAnnounced>(event)) return std::nullopt;
    framer.buffer_literal();
  }
}

inline Result<Command> command_of(std::string_view octets, ParseOptions options = {}) {
  std::optional<Frame> frame = frame_of(octets);
  if (!frame) return fail(Code::invalid, "no frame");
  return parse_command(*frame, options);
}

// The command as text, printed with LITERAL+ and without the line end; or the error's text.
inline std::string reprinted(std::string_view octets, ParseOptions options = {}) {
  Result<Command> command = command_of(std::string(octets) + "\r\n", options);
  if (!command) return command.error().detail;
  WriteOptions write;
  write.literals = LiteralForm::plus;
  write.utf8 = options.utf8_allowed;
  std::string out = print_command(*command, write).joined();
  return out.substr(0, out.size() - 2);
}

template <class Body>
Body body_of(std::string_view line, ParseOptions options = {}) {
  Result<Command> command = command_of(std::string(line) + "\r\n", options);
  if (!command || !std::holds_alternative<Body>(command->body)) return Body{};
  return std::get<Body>(command->body);
}

// The first response in `octets`; nullopt when it is not complete.
inline std::optional<Response> response_of(std::string_view octets, ParseOptions options = {}) {
  ClientFramer framer;
  framer.feed(octets);
  ClientEvent event = framer.next();
  auto* ready = std::get_if<ResponseFrame>(&event);
  if (ready == nullptr) return std::nullopt;
  Result<Response> response = parse_response(*ready->frame, options);
  if (!response) return std::nullopt;
  return std::move(*response);
}

}  // namespace eilpost::imap::test
