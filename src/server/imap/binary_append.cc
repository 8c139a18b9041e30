#include "server/imap/binary_append.h"

#include <algorithm>

#include "mime/decode.h"
#include "mime/header.h"
#include "store/digest.h"

namespace eilpost::server {

namespace {

constexpr uint64_t piece_bytes = 256 * 1024;

// Writes the message again, feeding a new scan along.
class Rewriter {
 public:
  Rewriter(store::Account& account, engine::BlobId source, engine::BlobWriter& target)
      : account_(account), source_(source), target_(target) {}

  Result<> put(std::string_view octets) {
    size_ += octets.size();
    scanner_.feed(octets);
    return target_.append(octets);
  }

  Result<> copy(uint64_t from, uint64_t to) {
    return pieces(from, to, [&](std::string_view piece) -> Result<> {
      if (piece.find('\0') != std::string_view::npos) {
        return fail(Code::unknown_cte, "NUL outside of a leaf part's body");
      }
      return put(piece);
    });
  }

  Result<> encode(uint64_t from, uint64_t to) {
    mime::Base64Encoder encoder;
    std::string out;
    TRY(pieces(from, to, [&](std::string_view piece) -> Result<> {
      out.clear();
      encoder.feed(piece, out);
      return put(out);
    }));
    out.clear();
    encoder.finish(out);
    return put(out);
  }

  Result<bool> has_nul(uint64_t from, uint64_t to) {
    bool found = false;
    TRY(pieces(from, to, [&](std::string_view piece) -> Result<> {
      found = found || piece.find('\0') != std::string_view::npos;
      return {};
    }));
    return found;
  }

  Result<std::string> read(uint64_t from, uint64_t to) {
    return account_.engine().read_blob(source_, from, to - from);
  }

  uint64_t size() const { return size_; }
  mime::Scanner& scanner() { return scanner_; }

 private:
  template <class F>
  Result<> pieces(uint64_t from, uint64_t to, F f) {
    for (uint64_t at = from; at < to; at += piece_bytes) {
      const std::string piece =
          TRY(account_.engine().read_blob(source_, at, std::min(piece_bytes, to - at)));
      TRY(f(std::string_view(piece)));
    }
    return {};
  }

  store::Account& account_;
  engine::BlobId source_;
  engine::BlobWriter& target_;
  mime::Scanner scanner_;
  uint64_t size_ = 0;
};

// The header block with base64 as its encoding.
std::string base64_header(std::string_view header) {
  std::string out =
      mime::select_fields(header, {"Content-Transfer-Encoding"}, mime::Select::not_listed);
  const bool blank = out.size() >= 2 && out.compare(out.size() - 2, 2, "\r\n") == 0;
  if (blank) out.resize(out.size() - 2);
  return out + "Content-Transfer-Encoding: base64\r\n\r\n";
}

}  // namespace

Result<store::NewMessage> without_nul(store::Account& account, store::NewMessage message,
                                      const mime::Message& scanned) {
  auto target = TRY(account.stage("re-encoded"));
  Rewriter rewriter(account, message.cold.blob, *target);
  const mime::PartIndex index = mime::make_part_index(scanned);
  uint64_t done = 0;
  for (const mime::IndexedPart& part : index.parts) {
    if (part.kind != mime::PartKind::leaf) continue;
    const uint64_t body = part.body_offset();
    const uint64_t end = body + part.body_size;
    if (!TRY(rewriter.has_nul(body, end))) continue;
    const bool plain = part.encoding == mime::Encoding::binary ||
                       part.encoding == mime::Encoding::eight_bit ||
                       part.encoding == mime::Encoding::seven_bit;
    if (!plain) return fail(Code::unknown_cte, "NUL in a part that is encoded already");
    TRY(rewriter.copy(done, part.header_offset));
    TRY(rewriter.put(base64_header(TRY(rewriter.read(part.header_offset, body)))));
    TRY(rewriter.encode(body, end));
    done = end;
  }
  TRY(rewriter.copy(done, message.cold.size));
  const engine::BlobId before = message.cold.blob;
  message.cold.blob = TRY(target->finish());
  message.cold.size = rewriter.size();
  message.digest = store::make_digest(rewriter.scanner().finish());
  TRY(account.engine().remove_blob(before));
  return message;
}

}  // namespace eilpost::server
