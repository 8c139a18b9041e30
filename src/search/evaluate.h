// Runs a Program over a mailbox snapshot by looking at what must be looked at: what is in the
// snapshot first, then cold entries, then the Date field's digest, then headers, then bodies; of
// each message only as far as its answer is open, every blob octet at most once, large bodies in
// pieces. Exact in the sense of RFC 9051 6.4.4: a case-insensitive substring of decoded text, HTML
// as its source; fuzzy keys take HTML as it is read, and attachments' words with it. Blocks on the
// engine: call step() on a pool thread, by one thread at a time, any thread each time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "search/program.h"
#include "store/account.h"
#include "store/page.h"

namespace eilpost::search {

class TextIndexes;
// Whether keys that are marked fuzzy are answered as such, with a score each (RFC 6203).
inline constexpr bool evaluates_fuzzy = true;

struct Context {
  int64_t now_seconds = 0;  // for older and younger, since 1970
  // Polled for each message; nullptr: nobody cancels. Must outlive the Evaluator.
  const std::atomic<bool>* cancelled = nullptr;
  // Of all accounts; nullptr: every text is looked into. Must outlive the Evaluator.
  TextIndexes* indexes = nullptr;
};

// How far one step() may go; whichever comes first ends it.
struct Slice {
  size_t pages_max = 64;
  uint64_t octets_max = 8 * 1024 * 1024;  // of blobs
};

struct Answer {
  UidSet uids;
  // Modseqs of matches (RFC 7162 3.1.10): the highest, that of the lowest uid, that of the highest
  // uid; 0 when nothing matched.
  ModSeq highest_modseq;
  ModSeq first_modseq;
  ModSeq last_modseq;
  // How well messages match fuzzy keys: 1 to 100, ascending by uid; messages that are not there
  // match as well as can be.
  struct Score {
    Uid uid;
    uint8_t score = 100;
  };
  std::vector<Score> relevancy;
  // Messages whose stored octets are damaged or gone since the snapshot; they match nothing.
  UidSet unreadable;
};

class Evaluator {
 public:
  Evaluator(store::AccountPtr account, store::SnapshotPtr snapshot, const Program& program,
            Context context);
  ~Evaluator();
  Evaluator(Evaluator&&) noexcept;
  Evaluator& operator=(Evaluator&&) noexcept;

  // Goes on; true when the whole mailbox has been looked at. Code::cancelled, or what the engine
  // says (not for a single damaged message); after an error only destruction.
  Result<bool> step(Slice slice);
  // True when the program asks for what only the engine has: else step() never blocks and may be
  // called anywhere.
  bool reads() const;
  // True when the next step() of that slice finds all it needs in memory: it will not block then.
  bool in_memory(Slice slice);
  // What has been found so far; whole once step() said true.
  const Answer& answer() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// All steps in one.
Result<Answer> evaluate(store::AccountPtr account, store::SnapshotPtr snapshot,
                        const Program& program, Context context);

}  // namespace eilpost::search
