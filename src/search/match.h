// Looks for several folded needles in UTF-8 text at once, whatever the case. ASCII text takes a
// path without ICU; other text is folded in stretches, so that only what is not ASCII pays. A long
// text may come in pieces: memory stays bounded by the piece and the longest needle, and a needle
// across two pieces is found. One thread at a time; buffers are kept between texts.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mime/collation.h"

namespace eilpost::search {

// Appends what a collation that has substrings compares by: for i;unicode-casemap, the default,
// mime::fold_for_search(utf8).
void fold_append(std::string_view utf8, std::string& out,
                 mime::Collation collation = mime::Collation::unicode_casemap);
// A folded needle in folded text.
bool contains(std::string_view folded, std::string_view needle);

// Which needles a text is for: every needle is looked for in the body, some in headers too.
enum class Where { header, body };

class Matcher {
 public:
  // How texts are folded; the needles are, already. Before the first text.
  void use(mime::Collation collation) { collation_ = collation; }
  // The number of the needle, which must be folded. `where` header: in headers and the body.
  size_t add(std::string needle, Where where);
  bool empty() const { return needles_.empty(); }

  // For the next message: nothing is found.
  void reset();
  bool found(size_t number) const { return needles_[number].found; }
  // Some needle for that place has not been found, or there is a listener.
  bool wants(Where where) const;

  // Every text is shown to `listener` too, folded as needles are looked for; of a text in pieces
  // each piece begins with the last `overlap` octets before it. While it answers true, every text
  // is wanted.
  using Listener = std::function<bool(std::string_view folded, Where where)>;
  void listen(Listener listener, size_t overlap);

  // A whole text.
  void text(std::string_view utf8, Where where);
  // One text of the body in pieces, which may cut lines but no characters; end() ends it.
  void feed(std::string_view utf8);
  void end();

 private:
  struct Needle {
    std::string text;
    bool in_headers = false;
    bool found = false;
  };
  void look(std::string_view folded, Where where);
  void fold_piece(size_t size);

  mime::Collation collation_ = mime::Collation::unicode_casemap;
  std::vector<Needle> needles_;
  size_t longest_ = 0;  // of the needles and what a listener wants to see again
  Listener listener_;
  bool listening_ = false;
  std::string folded_;
  std::string pending_;  // what feed() has not folded
  std::string window_;   // the end of what was folded, as long as a needle's begin may be
};

}  // namespace eilpost::search
