#include "client/migrate/copy/prepare.h"

#include <algorithm>

#include "mime/header.h"

namespace eilpost::client {

namespace {

constexpr size_t piece_bytes = 256 * 1024;
constexpr size_t header_bytes_max = 64 * 1024;

// What a message begins with, its whole header as a rule.
Result<std::string> beginning(const Octets& octets) {
  std::string out = TRY(octets.read(0, header_bytes_max));
  const size_t crlf = out.find("\r\n\r\n");
  const size_t end = crlf != std::string::npos ? crlf + 4 : out.find("\n\n");
  if (end != std::string::npos) out.resize(std::min(out.size(), end + 2));
  return out;
}

}  // namespace

Result<Fingerprint> fingerprint_of(const Octets& octets) {
  Fingerprinter printer;
  uint64_t at = 0;
  while (at < octets.size()) {
    const std::string piece = TRY(octets.read(at, piece_bytes));
    printer.add(piece);
    at += piece.size();
  }
  return printer.finish();
}

// Seen since 2007: no address in From, no Message-ID, and always this subject.
bool is_placeholder(std::string_view header) {
  const std::string subject = mime::field_value(header, "subject");
  return subject.rfind("Retrieval using the IMAP4 protocol failed for the following message:", 0) ==
             0 &&
         mime::field_value(header, "message-id").empty();
}

Result<std::vector<PreparedMessage>> prepare_messages(std::vector<SourceMessage> messages) {
  std::vector<PreparedMessage> out;
  out.reserve(messages.size());
  for (SourceMessage& message : messages) {
    PreparedMessage prepared;
    const std::string header = TRY(beginning(*message.octets));
    prepared.fingerprint = TRY(fingerprint_of(*message.octets)).text();
    prepared.header_key = header_key(header);
    prepared.placeholder = is_placeholder(header);
    prepared.size_differs = message.size && *message.size != message.octets->size();
    prepared.message = std::move(message);
    out.push_back(std::move(prepared));
  }
  return out;
}

}  // namespace eilpost::client
