#include "search/order/references.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/check.h"

namespace eilpost::search {

namespace {

uint64_t mix(uint64_t a, uint64_t b) {
  __extension__ typedef unsigned __int128 Wide;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

uint64_t IdNumbers::hash(std::string_view id) const {
  constexpr uint64_t odd = 0x9e3779b97f4a7c15ULL;
  uint64_t out = mix(seed_ ^ odd, id.size() + odd);
  while (!id.empty()) {
    uint64_t word = 0;
    const size_t size = std::min<size_t>(8, id.size());
    std::memcpy(&word, id.data(), size);
    out = mix(out ^ word, seed_ | 1) + odd;
    id.remove_prefix(size);
  }
  return mix(out, odd);
}

void IdNumbers::grow() {
  const size_t size = std::max<size_t>(64, table_.size() * 2);
  table_.assign(size, 0);
  for (uint32_t number = 0; number < ids_.size(); ++number) {
    size_t at = hash(ids_.text(number)) & (size - 1);
    while (table_[at] != 0) at = (at + 1) & (size - 1);
    table_[at] = number + 1;
  }
}

uint32_t IdNumbers::number(std::string_view id) {
  if (table_.size() < 2 * (ids_.size() + 1)) grow();
  size_t at = hash(id) & (table_.size() - 1);
  for (; table_[at] != 0; at = (at + 1) & (table_.size() - 1)) {
    if (ids_.text(table_[at] - 1) == id) return table_[at] - 1;
  }
  ids_.add(id);
  table_[at] = static_cast<uint32_t>(ids_.size());
  return table_[at] - 1;
}

// RFC 5256 3: <"a"@x> and <a@x> are one id.
uint32_t References::number(std::string_view id) {
  if (id.find_first_of("\"\\") == std::string_view::npos) return ids_.number(id);
  std::string plain;
  for (size_t i = 0; i < id.size(); ++i) {
    if (id[i] == '"') continue;
    if (id[i] == '\\' && i + 1 < id.size()) ++i;
    plain.push_back(id[i]);
  }
  return ids_.number(plain);
}

void References::add(uint32_t uid, const store::DigestKeysView* keys) {
  CHECK(uids_.empty() || uids_.back() < uid);
  static const store::DigestKeysView nothing;
  if (!keys) keys = &nothing;
  uids_.push_back(uid);
  id_.push_back(keys->message_id.empty() ? no_id : number(keys->message_id));
  bits_.push_back(static_cast<uint8_t>((keys->reply_or_forward ? reply : 0) |
                                       (keys->base_subject.empty() ? no_subject : 0)));
  Reader in(keys->references);
  while (!in.done()) {
    const auto reference = in.bytes();
    if (!reference) break;
    references_.push_back(number(*reference));
  }
  // RFC 5256 3: without References, the first id of In-Reply-To.
  if (keys->reference_count == 0 && !keys->in_reply_to.empty()) {
    references_.push_back(number(keys->in_reply_to));
  }
  reference_ends_.push_back(static_cast<uint32_t>(references_.size()));
}

size_t References::bytes() const {
  return sizeof(References) + ids_.bytes() + bits_.capacity() +
         sizeof(uint32_t) * (uids_.capacity() + id_.capacity() + references_.capacity() +
                             reference_ends_.capacity());
}

void References::describe(const std::vector<uint32_t>& uids, ThreadInput& out) const {
  auto at = uids_.begin();
  for (const uint32_t uid : uids) {
    if (at == uids_.end() || *at != uid) at = std::lower_bound(at, uids_.end(), uid);
    CHECK(at != uids_.end() && *at == uid);
    const auto i = static_cast<size_t>(at - uids_.begin());
    out.id.push_back(id_[i]);
    out.reply.push_back((bits_[i] & reply) != 0);
    out.subject_empty.push_back((bits_[i] & no_subject) != 0);
    const uint32_t begin = i == 0 ? 0 : reference_ends_[i - 1];
    for (uint32_t r = begin; r < reference_ends_[i]; ++r) out.references.push_back(references_[r]);
    out.reference_ends.push_back(static_cast<uint32_t>(out.references.size()));
    ++at;
  }
  out.ids_end = ids_.size();
}

}  // namespace eilpost::search
