#include "server/imap/special_use.h"

#include <array>

#include "protocol/imap/values.h"
#include "store/types.h"

namespace eilpost::server {

namespace {
struct Use {
  uint16_t bit;
  std::string_view name;
};
constexpr std::array<Use, 8> uses{{{store::use_all, "\\All"},
                                   {store::use_archive, "\\Archive"},
                                   {store::use_drafts, "\\Drafts"},
                                   {store::use_flagged, "\\Flagged"},
                                   {store::use_junk, "\\Junk"},
                                   {store::use_sent, "\\Sent"},
                                   {store::use_trash, "\\Trash"},
                                   {store::use_important, "\\Important"}}};
}  // namespace

uint16_t special_use_bit(std::string_view name) {
  for (const Use& use : uses) {
    if (imap::equal_nocase(use.name, name)) return use.bit;
  }
  return 0;
}

std::vector<std::string> special_use_names(uint16_t bits) {
  std::vector<std::string> out;
  for (const Use& use : uses) {
    if (bits & use.bit) out.emplace_back(use.name);
  }
  return out;
}

}  // namespace eilpost::server
