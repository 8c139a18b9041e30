// The threading algorithms of RFC 5256 3 (ORDEREDSUBJECT, REFERENCES) and of
// draft-ietf-morg-inthread-01 (REFS), over values: messages are their places in mailbox order, ids
// and subjects are numbers that are equal when those are. Linear, but for the loop checks that the
// RFC asks for, whose sum is bounded: beyond it a link that might close a loop is not made. No
// recursion, so that no chain of replies is too long. Any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace eilpost::search {

inline constexpr uint32_t no_message = UINT32_MAX;
inline constexpr uint32_t no_id = UINT32_MAX;

// Of message i at place i of each vector; all of one size.
struct ThreadInput {
  std::vector<uint32_t> by_sent;  // a permutation: messages by sent date, then as they stand
  std::vector<uint32_t> arrival;  // any numbers that compare as INTERNALDATEs do (REFS)
  std::vector<uint32_t> subject;  // of the base subject
  std::vector<bool> subject_empty;
  std::vector<bool> reply;   // the subject says reply or forward
  std::vector<uint32_t> id;  // of Message-ID, or no_id
  // References, or else the first id of In-Reply-To: of message i what lies before
  // reference_ends[i] and behind that of i - 1.
  std::vector<uint32_t> references;
  std::vector<uint32_t> reference_ends;
  uint32_t ids_end = 0;       // ids are below
  uint32_t subjects_end = 0;  // subjects are below

  size_t size() const { return by_sent.size(); }
  std::span<const uint32_t> references_of(size_t i) const {
    const uint32_t begin = i == 0 ? 0 : reference_ends[i - 1];
    return std::span(references).subspan(begin, reference_ends[i] - begin);
  }
};

// A message with its depth in its thread, in the order of the THREAD response. no_message at depth
// 0 is a parent that is not there, of two threads or more.
struct ThreadNode {
  uint32_t message = no_message;
  uint32_t depth = 0;
  friend bool operator==(const ThreadNode&, const ThreadNode&) = default;
};
using Forest = std::vector<ThreadNode>;

Forest thread_by_subject(const ThreadInput& input);
Forest thread_by_references(const ThreadInput& input);
Forest thread_refs(const ThreadInput& input);

}  // namespace eilpost::search
