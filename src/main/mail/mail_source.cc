#include "main/mail/mail_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "main/mail/mbox_filter.h"
#include "mime/header.h"
#include "net/socket.h"
#include "protocol/imap/utf7.h"
#include "store/types.h"

namespace eilpost {

namespace {
constexpr size_t piece_bytes = 256 * 1024;
}  // namespace

void LineEnds::feed(std::string_view octets, std::string& out) {
  size_t from = 0;
  for (size_t at = octets.find('\n'); at != std::string_view::npos;
       at = octets.find('\n', at + 1)) {
    const bool after_cr = at == 0 ? last_was_cr_ : octets[at - 1] == '\r';
    if (after_cr) continue;
    out.append(octets.substr(from, at - from));
    out.append("\r\n");
    from = at + 1;
  }
  out.append(octets.substr(from));
  if (!octets.empty()) last_was_cr_ = octets.back() == '\r';
}

Result<> read_message(const SourceMessage& message,
                      const std::function<Result<>(std::string_view)>& sink) {
  const net::Fd fd(::open(message.file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno(message.file, errno);
  std::string buffer(piece_bytes, '\0');
  std::string out;
  LineEnds ends;
  MboxFilter filter;
  uint64_t left = message.length;
  uint64_t at = message.offset;
  while (left > 0) {
    const size_t want = static_cast<size_t>(std::min<uint64_t>(left, buffer.size()));
    const ssize_t n = ::pread(fd.get(), buffer.data(), want, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(message.file, errno);
    if (n == 0) break;
    at += static_cast<uint64_t>(n);
    left -= static_cast<uint64_t>(n);
    const std::string_view piece(buffer.data(), static_cast<size_t>(n));
    out.clear();
    if (message.mbox) {
      ends.feed(filter.feed(piece), out);
    } else {
      ends.feed(piece, out);
    }
    TRY(sink(out));
  }
  if (!message.mbox) return {};
  out.clear();
  ends.feed(filter.finish(), out);
  return sink(out);
}

std::string decode_folder_name(std::string_view on_disk) {
  auto decoded = imap::utf7_decode(on_disk);
  std::string name = decoded ? std::move(*decoded) : std::string(on_disk);
  // A level's name cannot hold the delimiter.
  std::replace(name.begin(), name.end(), '/', '_');
  return one_line(name);
}

std::string one_line(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

uint16_t special_use_of_name(std::string_view name) {
  constexpr std::pair<std::string_view, uint16_t> names[] = {
      {"drafts", store::use_drafts},
      {"entwürfe", store::use_drafts},
      {"draft", store::use_drafts},
      {"sent", store::use_sent},
      {"sent items", store::use_sent},
      {"sent messages", store::use_sent},
      {"sent mail", store::use_sent},
      {"gesendet", store::use_sent},
      {"gesendete elemente", store::use_sent},
      {"gesendete objekte", store::use_sent},
      {"junk", store::use_junk},
      {"spam", store::use_junk},
      {"junk e-mail", store::use_junk},
      {"junk mail", store::use_junk},
      {"trash", store::use_trash},
      {"papierkorb", store::use_trash},
      {"deleted items", store::use_trash},
      {"deleted messages", store::use_trash},
      {"gelöschte elemente", store::use_trash},
      {"gelöschte objekte", store::use_trash},
      {"archive", store::use_archive},
      {"archives", store::use_archive},
      {"archiv", store::use_archive}};
  for (const auto& [known, use] : names) {
    if (mime::equals_ignoring_case(known, name)) return use;
  }
  return 0;
}

}  // namespace eilpost
