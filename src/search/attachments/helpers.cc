#include "search/attachments/helpers.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "mime/charset.h"
#include "mime/decode.h"
#include "search/fuzzy.h"

namespace eilpost::search {

namespace {

const log::Source source{"index", ""};

// Rises whenever other words are made of the same text.
constexpr int rules_version = 1;
constexpr size_t word_bytes_max = 128;
constexpr uint64_t piece_bytes = 256 * 1024;

// Mail programs send files of which they know nothing as octets; a PDF says what it is.
constexpr std::string_view unknown_type = "application/octet-stream";
constexpr std::string_view pdf_type = "application/pdf";
constexpr std::string_view pdf_begin = "%PDF-";

std::string type_of(const mime::IndexedPart& part) {
  return part.type + "/" + part.subtype;
}

std::string rules_of(const std::vector<Helper>& helpers) {
  std::string out = fmt::format("{} {}", rules_version, mime::charset_tables());
  for (const Helper& helper : helpers) {
    for (const std::string& type : helper.types) out += fmt::format(" {}", type);
    for (const std::string& word : helper.command) out += fmt::format(" {:?}", word);
  }
  return out;
}

// Some helpers take a file apart without reading its markup.
bool is_markup(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '<';
}

Result<std::string> decoded(store::Account& account, const store::Cold& cold,
                            const mime::IndexedPart& part) {
  mime::Decoder decoder(part.encoding);
  std::string out;
  for (uint64_t at = 0; at < part.body_size; at += piece_bytes) {
    const uint64_t size = std::min(piece_bytes, part.body_size - at);
    const std::string piece = TRY(account.read_blob(cold, part.body_offset() + at, size));
    if (piece.size() != size) return fail(Code::corrupt, "a message's blob is too short");
    decoder.feed(piece, out);
  }
  decoder.finish(out);
  return out;
}

bool is_of_input(Code code) {
  return code == Code::invalid || code == Code::timeout;
}

}  // namespace

AttachmentMetrics::AttachmentMetrics(Metrics& metrics)
    : read(metrics.counter("eilpost_attachments_read_total",
                           "attachments that a helper made text of")),
      failed(metrics.counter("eilpost_attachments_failed_total",
                             "attachments that their helper failed at")),
      timed_out(metrics.counter("eilpost_attachments_timed_out_total",
                                "attachments that their helper took too long for")),
      too_large(metrics.counter("eilpost_attachments_too_large_total",
                                "attachments that are too large for a helper")),
      not_run(metrics.counter("eilpost_helpers_not_run_total",
                              "attempts to begin a helper that the system refused")) {}

Helpers::Helpers(std::vector<Helper> helpers, Confinement confinement, Metrics& metrics)
    : helpers_(std::move(helpers)),
      confinement_(confinement),
      metrics_(metrics),
      rules_(rules_of(helpers_)) {}

const Helper* Helpers::find(std::string_view type) const {
  for (const Helper& helper : helpers_) {
    const auto at = std::find(helper.types.begin(), helper.types.end(), type);
    if (at != helper.types.end()) return &helper;
  }
  return nullptr;
}

bool Helpers::may_be_read(const mime::IndexedPart& part) const {
  if (part.kind != mime::PartKind::leaf || part.body_size == 0) return false;
  if (part.encoding == mime::Encoding::unknown) return false;
  const std::string type = type_of(part);
  return find(type) != nullptr || (type == unknown_type && find(pdf_type) != nullptr);
}

Result<std::string> Helpers::text_of(std::string_view type, std::string_view octets) const {
  if (type == unknown_type && octets.substr(0, pdf_begin.size()) == pdf_begin) type = pdf_type;
  const Helper* helper = find(type);
  if (helper == nullptr) return fail(Code::not_found, fmt::format("no helper reads {}", type));
  const std::string made = TRY(run_confined(helper->command, octets, confinement_));
  std::string text = mime::to_utf8("utf-8", made);
  return is_markup(text) ? mime::html_to_text(text) : text;
}

// Empty where the helper can make nothing of it.
Result<std::string> Helpers::text_of_part(store::Account& account, const store::Cold& cold,
                                          const mime::IndexedPart& part) const {
  // Base64 takes four octets for three.
  if (part.body_size > limits::attachment_bytes_max / 3 * 4) {
    metrics_.too_large.add();
    return std::string();
  }
  const std::string octets = TRY(decoded(account, cold, part));
  const bool is_pdf = octets.compare(0, pdf_begin.size(), pdf_begin) == 0;
  if (type_of(part) == unknown_type && !is_pdf && find(unknown_type) == nullptr) {
    return std::string();
  }
  auto text = text_of(type_of(part), octets);
  if (text) {
    metrics_.read.add();
    return text;
  }
  const Error& error = text.error();
  if (!is_of_input(error.code)) {
    metrics_.not_run.add();
    return fail(Code::unavailable, error.detail);
  }
  (error.code == Code::timeout ? metrics_.timed_out : metrics_.failed).add();
  source.debug("account={} an attachment has no text: {}", account.partition().value, error.detail);
  return std::string();
}

Result<std::optional<Helpers::Words>> Helpers::words_in(store::Account& account,
                                                        const store::Cold& cold,
                                                        std::string_view parts) const {
  const mime::PartIndex index = TRY(mime::decode_part_index(parts));
  if (index.size != cold.size) return fail(Code::corrupt, "the part index is of another message");
  std::set<std::string> words;
  size_t count = 0;
  for (const mime::IndexedPart& part : index.parts) {
    if (!may_be_read(part) || count == limits::attachments_per_message_max) continue;
    ++count;
    const std::string text = TRY(text_of_part(account, cold, part));
    for (std::string& word : words_of(text)) {
      if (word.size() <= word_bytes_max) words.insert(std::move(word));
    }
  }
  if (count == 0) return std::nullopt;
  return Words(words.begin(), words.end());
}

}  // namespace eilpost::search
