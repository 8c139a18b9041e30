// One stored message as the text that search sees: the fields of its header, decoded, unfolded and
// folded; and the texts of its body, decoded from transfer encoding and charset. Reads the blob no
// further than asked, no octet twice: a small message at once, a large one in pieces.
// One thread at a time; blocks on the engine. Buffers are kept between messages.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mime/header.h"
#include "mime/part_index.h"
#include "search/match.h"
#include "store/account.h"

namespace eilpost::search {

// Fields that many searches ask for: their folded values are worth keeping (store::HeaderTexts).
// The number of a field (lower case) among them, if it is one.
std::optional<size_t> kept_field(std::string_view field);
// MessageText::header_contains() for a kept field, from what kept_texts() made of the message.
bool kept_contains(std::string_view kept, size_t field, std::string_view needle);

class MessageText {
 public:
  // `bodies`: scan() may be called, so that a small message is best read whole.
  struct Options {
    bool bodies = false;
    mime::Collation collation = mime::Collation::unicode_casemap;  // of header_contains()
  };
  MessageText(store::Account& account, Options options) : account_(account), options_(options) {}

  // The next message; `parts` is its digest column and must outlive the work on it.
  void begin(const store::Cold& cold, std::string_view parts);
  // Whether a field of that name (lower case) has a value that contains the folded needle. Errors:
  // those of the engine; Code::corrupt for a damaged part index or a blob that is too short.
  Result<bool> header_contains(const std::string& field, std::string_view needle);
  // Shows the folded value of each field of that name.
  Result<> each_value(const std::string& field,
                      const std::function<void(std::string_view folded)>& show);
  // The kept fields' values, folded; nothing when they are too long to be kept. Errors: as above.
  Result<std::optional<std::string>> kept_texts();
  enum class Html { source, text };
  // Shows every text to the matcher, until it wants no more; HTML as its source, or as it is read.
  // The header of an attached message belongs to the body; those of the message itself and of its
  // parts are headers (RFC 9051 6.4.4, TEXT).
  Result<> scan(Matcher& matcher, Html html = Html::source);

  // Of blobs, of all messages.
  uint64_t octets_read() const { return octets_read_; }

 private:
  struct ParsedField {
    mime::Field field;
    std::optional<std::string> folded;
  };
  Result<> load_index();
  Result<std::string_view> octets(uint64_t offset, uint64_t size);
  Result<std::string_view> root_header();
  Result<> parse_header();
  const std::string& folded(ParsedField& parsed);
  Result<> scan_part(size_t number, Matcher& matcher, Html html);
  Result<> scan_leaf(const mime::IndexedPart& part, Matcher& matcher);
  Result<> scan_html(const mime::IndexedPart& part, Matcher& matcher);
  Result<> scan_in_pieces(const mime::IndexedPart& part, Matcher& matcher);

  store::Account& account_;
  Options options_;
  store::Cold cold_;
  std::string_view parts_;
  std::optional<mime::PartIndex> index_;
  std::optional<std::string> whole_;   // a small message
  std::optional<std::string> header_;  // of a large one
  bool parsed_ = false;
  std::vector<ParsedField> fields_;
  std::string buffer_;
  std::string text_;
  uint64_t octets_read_ = 0;
};

}  // namespace eilpost::search
