// What untagged responses carry, as values: the server fills them and prints them (response.h), the
// client's parser gives them (response_parser.h). RFC 9051 7.2 to 7.5. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/interval_set.h"
#include "protocol/imap/bodystructure.h"
#include "protocol/imap/comparator.h"
#include "protocol/imap/language.h"
#include "protocol/imap/partial.h"
#include "protocol/imap/response_code.h"
#include "protocol/imap/thread.h"
#include "protocol/imap/values.h"

namespace eilpost::imap {

struct CapabilityData {
  std::vector<std::string> names;
  friend bool operator==(const CapabilityData&, const CapabilityData&) = default;
};

struct EnabledData {
  std::vector<std::string> names;
  friend bool operator==(const EnabledData&, const EnabledData&) = default;
};

struct FlagsData {
  FlagList flags;
  friend bool operator==(const FlagsData&, const FlagsData&) = default;
};

// LIST, LSUB and XLIST.
struct ListData {
  bool lsub = false;
  bool xlist = false;
  std::vector<std::string> attributes;  // "\HasNoChildren", "\Sent"
  char delimiter = '/';                 // 0: NIL
  std::string mailbox;                  // UTF-8
  std::vector<std::string> child_info;  // CHILDINFO: "SUBSCRIBED"
  std::optional<std::string> old_name;  // OLDNAME, UTF-8 (RFC 9051 6.3.9.7)
  friend bool operator==(const ListData&, const ListData&) = default;
};

struct StatusValue {
  StatusItem item = StatusItem::messages;
  uint64_t number = 0;
  std::string text;  // MAILBOXID
  bool nil = false;  // APPENDLIMIT NIL
  friend bool operator==(const StatusValue&, const StatusValue&) = default;
};
struct StatusData {
  std::string mailbox;
  std::vector<StatusValue> values;
  friend bool operator==(const StatusData&, const StatusData&) = default;
};

struct SearchData {
  std::vector<uint32_t> numbers;
  std::optional<uint64_t> modseq;
  friend bool operator==(const SearchData&, const SearchData&) = default;
};

// RFC 5256 4; MODSEQ by RFC 7162 3.1.6.
struct SortData {
  std::vector<uint32_t> numbers;  // in order
  std::optional<uint64_t> modseq;
  friend bool operator==(const SortData&, const SortData&) = default;
};

// PARTIAL of an ESEARCH response; no set: NIL, nothing is in that range.
struct PartialResult {
  PartialRange range;
  std::optional<SequenceSet> set;
  friend bool operator==(const PartialResult&, const PartialResult&) = default;
};
// A pair of ADDTO or REMOVEFROM (RFC 5267 4.3.2). Position 0: wherever the messages belong.
struct ContextUpdate {
  bool removed = false;
  uint32_t position = 0;
  SequenceSet set;
  friend bool operator==(const ContextUpdate&, const ContextUpdate&) = default;
};

struct ESearchData {
  std::string tag;  // the correlator; "" for none
  // Of MULTISEARCH (RFC 7377 2.1): where the messages are.
  std::optional<std::string> mailbox;  // UTF-8
  uint32_t uid_validity = 0;           // 0: not said
  bool uid = false;
  std::optional<uint32_t> min;
  std::optional<uint32_t> max;
  std::optional<uint64_t> count;
  std::optional<SequenceSet> all;
  std::optional<PartialResult> partial;
  std::optional<uint64_t> modseq;
  std::vector<ContextUpdate> updates;  // to be done in this order
  std::vector<uint8_t> relevancy;      // 1 to 100, in the order of the messages (RFC 6203)
  friend bool operator==(const ESearchData&, const ESearchData&) = default;
};

struct ExistsData {
  uint32_t count = 0;
  friend bool operator==(const ExistsData&, const ExistsData&) = default;
};
struct RecentData {
  uint32_t count = 0;
  friend bool operator==(const RecentData&, const RecentData&) = default;
};
struct ExpungeData {
  Seq seq;
  friend bool operator==(const ExpungeData&, const ExpungeData&) = default;
};

struct VanishedData {
  bool earlier = false;
  IntervalSet uids;
  friend bool operator==(const VanishedData&, const VanishedData&) = default;
};

// UIDBATCHES (RFC 10022): from the highest uids to the lowest.
struct UidBatchesData {
  struct Batch {
    uint32_t high = 0;
    uint32_t low = 0;
    friend bool operator==(const Batch&, const Batch&) = default;
  };
  std::string tag;
  std::vector<Batch> batches;
  friend bool operator==(const UidBatchesData&, const UidBatchesData&) = default;
};

// One BODY[...], BINARY[...], RFC822.* of a FETCH response.
struct BodyData {
  enum class Kind : uint8_t { body, binary, rfc822, rfc822_header, rfc822_text };
  Kind kind = Kind::body;
  Section section;
  std::optional<uint64_t> origin;     // <n>
  std::optional<std::string> octets;  // nullopt: NIL
  bool streamed = false;              // the octets were streamed past (client_framer.h)
  uint64_t size = 0;                  // of octets or of what was streamed
  friend bool operator==(const BodyData&, const BodyData&) = default;
};
struct BinarySize {
  std::vector<uint32_t> part;
  uint64_t size = 0;
  friend bool operator==(const BinarySize&, const BinarySize&) = default;
};

struct FetchData {
  Seq seq;
  Uid uid;  // 0: not given
  // UIDFETCH (RFC 9586): `uid` stands in front, there is no `seq`.
  bool uid_only = false;
  std::optional<FlagList> flags;
  std::optional<DateTime> internal_date;
  std::optional<uint64_t> rfc822_size;
  std::optional<uint64_t> modseq;
  std::optional<std::string> email_id;
  std::optional<std::string> thread_id;  // "" for NIL
  std::optional<DateTime> save_date;
  bool save_date_nil = false;
  std::optional<std::string> preview;
  bool preview_nil = false;
  std::optional<Envelope> envelope;
  std::optional<BodyStructure> body;  // of BODY and of BODYSTRUCTURE
  bool body_extended = false;         // it was BODYSTRUCTURE
  std::vector<BodyData> bodies;
  std::vector<BinarySize> binary_sizes;
  // Items that could not be understood ("BODYSTRUCTURE"), skipped.
  std::vector<std::string> skipped;
  friend bool operator==(const FetchData&, const FetchData&) = default;
};

struct IdData {
  IdParameters parameters;
  friend bool operator==(const IdData&, const IdData&) = default;
};

struct NamespaceEntry {
  std::string prefix;  // UTF-8
  char delimiter = '/';
  friend bool operator==(const NamespaceEntry&, const NamespaceEntry&) = default;
};
struct NamespaceData {
  std::vector<NamespaceEntry> personal;
  std::vector<NamespaceEntry> other_users;
  std::vector<NamespaceEntry> shared;
  friend bool operator==(const NamespaceData&, const NamespaceData&) = default;
};

// RFC 5464. A value of its own is "", NIL is none.
struct MetadataEntry {
  std::string name;
  std::optional<std::string> value;
  friend bool operator==(const MetadataEntry&, const MetadataEntry&) = default;
};
struct MetadataData {
  std::string mailbox;  // UTF-8; "": the server
  std::vector<MetadataEntry> entries;
  bool values = true;  // false: names of what has changed
  friend bool operator==(const MetadataData&, const MetadataData&) = default;
};

// RFC 9208.
struct QuotaResource {
  std::string name;  // "STORAGE"
  uint64_t usage = 0;
  uint64_t limit = 0;
  friend bool operator==(const QuotaResource&, const QuotaResource&) = default;
};
struct QuotaData {
  std::string root;
  std::vector<QuotaResource> resources;
  friend bool operator==(const QuotaData&, const QuotaData&) = default;
};
struct QuotaRootData {
  std::string mailbox;  // UTF-8
  std::vector<std::string> roots;
  friend bool operator==(const QuotaRootData&, const QuotaRootData&) = default;
};

// RFC 4314 3.8.
struct MyRightsData {
  std::string mailbox;  // UTF-8
  std::string rights;
  friend bool operator==(const MyRightsData&, const MyRightsData&) = default;
};

// OK, NO, BAD, BYE, PREAUTH; `tag` is "" for untagged.
struct StatusResponse {
  std::string tag;
  Condition condition = Condition::ok;
  ResponseCode code;
  std::string text;
  friend bool operator==(const StatusResponse&, const StatusResponse&) = default;
};

// "+ text": the text is a SASL challenge in base64 or plain words.
struct Continuation {
  std::string text;
  friend bool operator==(const Continuation&, const Continuation&) = default;
};

// A response that this library does not know, or that could not be read.
struct UnknownData {
  std::string text;
  friend bool operator==(const UnknownData&, const UnknownData&) = default;
};

using Response =
    std::variant<StatusResponse, Continuation, CapabilityData, EnabledData, FlagsData, ListData,
                 StatusData, SearchData, SortData, ThreadData, ESearchData, ExistsData, RecentData,
                 ExpungeData, VanishedData, UidBatchesData, FetchData, IdData, NamespaceData,
                 MetadataData, QuotaData, QuotaRootData, MyRightsData, ComparatorData, LanguageData,
                 UnknownData>;

}  // namespace eilpost::imap
