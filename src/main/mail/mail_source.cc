#include "main/mail/mail_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "client/mbox/text.h"
#include "client/names/special.h"
#include "net/socket.h"
#include "protocol/imap/utf7.h"
#include "store/types.h"

namespace eilpost {

namespace {
constexpr size_t piece_bytes = 256 * 1024;
}  // namespace

Result<> read_message(const SourceMessage& message,
                      const std::function<Result<>(std::string_view)>& sink) {
  const net::Fd fd(::open(message.file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno(message.file, errno);
  std::string buffer(piece_bytes, '\0');
  std::string out;
  client::LineEnds ends;
  client::MboxFilter filter;
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
  const std::string_view use = client::special_use_of_name(name);
  if (use == "\\Drafts") return store::use_drafts;
  if (use == "\\Sent") return store::use_sent;
  if (use == "\\Junk") return store::use_junk;
  if (use == "\\Trash") return store::use_trash;
  if (use == "\\Archive") return store::use_archive;
  return 0;
}

}  // namespace eilpost
