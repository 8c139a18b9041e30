// What attachments say: which parts of a message a helper can read, and the text that it makes of
// them. Helpers are programs that the administrator names for media types (docs/search.md); they
// run confined (confined.h). Blocks; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "mime/part_index.h"
#include "search/attachments/confined.h"
#include "store/account.h"

namespace eilpost::search {

struct Helper {
  std::vector<std::string> types;  // lower case: "application/pdf"
  std::vector<std::string> command;
};

struct AttachmentMetrics {
  explicit AttachmentMetrics(Metrics& metrics);
  Counter& read;       // a helper made text of it, or said that there is none
  Counter& failed;     // the helper failed at it
  Counter& timed_out;  // or took too long
  Counter& too_large;
  Counter& not_run;  // helpers that could not be begun
};

class Helpers {
 public:
  Helpers(std::vector<Helper> helpers, Confinement confinement, Metrics& metrics);

  bool empty() const { return helpers_.empty(); }
  // Changes when another helper would be asked, or the same otherwise.
  const std::string& rules() const { return rules_; }
  // The words (words_of) of all attachments of a message that helpers read, each once; nothing when
  // it has no such attachment. What a helper fails at is counted and left out. Code::corrupt,
  // Code::not_found: the message cannot be read. Any other error is none of the message's: a helper
  // cannot be begun.
  using Words = std::vector<std::string>;
  Result<std::optional<Words>> words_in(store::Account& account, const store::Cold& cold,
                                        std::string_view parts) const;
  // The text that the helper for this type makes of some octets. Code::not_found: there is none;
  // else those of run_confined().
  Result<std::string> text_of(std::string_view type, std::string_view octets) const;

 private:
  const Helper* find(std::string_view type) const;
  bool may_be_read(const mime::IndexedPart& part) const;
  Result<std::string> text_of_part(store::Account& account, const store::Cold& cold,
                                   const mime::IndexedPart& part) const;

  std::vector<Helper> helpers_;
  Confinement confinement_;
  mutable AttachmentMetrics metrics_;
  std::string rules_;
};

}  // namespace eilpost::search
