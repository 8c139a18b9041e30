#include "client/session/fetching.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/session/uid_sets.h"

namespace eilpost::client {

namespace {

constexpr int tries_max = 3;

std::string items_of(const Session& session, const RowsWanted& wanted) {
  std::string items = "(UID";
  if (wanted.flags) items += " FLAGS";
  if (wanted.date) items += " INTERNALDATE";
  if (wanted.size) items += " RFC822.SIZE";
  const bool condstore = session.has("CONDSTORE") || session.has("QRESYNC");
  if (wanted.modseq && condstore) items += " MODSEQ";
  if (wanted.email_id && session.has("OBJECTID")) {
    items += " EMAILID";
  } else if (wanted.email_id && session.has("X-GM-EXT-1")) {
    items += " X-GM-MSGID";
  }
  if (!wanted.header_fields.empty()) {
    items += fmt::format(" BODY.PEEK[HEADER.FIELDS ({})]", fmt::join(wanted.header_fields, " "));
  }
  items += ")";
  if (wanted.changed_since && condstore) {
    items += fmt::format(" (CHANGEDSINCE {})", *wanted.changed_since);
  }
  return items;
}

MessageRow row_of(imap::FetchData data) {
  MessageRow row;
  row.uid = data.uid;
  row.seq = data.seq;
  if (data.flags) {
    for (std::string& flag : *data.flags) {
      if (!imap::equal_nocase(flag, "\\Recent")) row.flags.push_back(std::move(flag));
    }
  }
  row.internal_date = data.internal_date;
  row.size = data.rfc822_size;
  row.modseq = data.modseq;
  if (data.email_id) row.email_id = std::move(*data.email_id);
  for (imap::BodyData& body : data.bodies) {
    if (body.octets) row.header = std::move(*body.octets);
  }
  return row;
}

// The octets that came whole with it; null when they were streamed or are missing.
const std::string* body_of(const imap::FetchData& data) {
  for (const imap::BodyData& body : data.bodies) {
    if (body.octets && !body.streamed) return &*body.octets;
  }
  return nullptr;
}

// No octets of a message that has some.
bool empty_by_mistake(uint64_t octets, const std::optional<uint64_t>& size) {
  return octets == 0 && size.value_or(0) > 0;
}

// Collects the messages of one FETCH.
class BodyCollector {
 public:
  BodyCollector(Session& session, const UidSet& asked, FetchedBatch& batch)
      : session_(session), asked_(asked), batch_(batch) {}

  Result<> begin(uint64_t) {
    streamed_ = std::make_shared<Octets>();
    return {};
  }
  Result<> octets(std::string_view piece) { return streamed_->add(piece); }
  Result<> take(imap::FetchData data) {
    std::shared_ptr<Octets> octets = std::move(streamed_);
    streamed_.reset();
    for (imap::BodyData& body : data.bodies) {
      if (body.octets && !body.streamed) octets = Octets::of(std::move(*body.octets));
    }
    if (octets == nullptr) return {};  // a change of flags that is told in passing
    data.bodies.clear();
    if (data.uid.value == 0) {
      session_.note(Quirk::fetch_without_uid);
      return {};
    }
    // Nobody has room for what was not asked for.
    if (!asked_.contains(data.uid)) return {};
    if (empty_by_mistake(octets->size(), data.rfc822_size)) {
      session_.note(Quirk::fetch_without_data);
      return {};
    }
    if (got_.contains(data.uid)) {
      session_.note(Quirk::duplicate_uid);
      return {};
    }
    got_.add(data.uid);
    if (data.rfc822_size && *data.rfc822_size != octets->size()) {
      session_.note(Quirk::size_mismatch);
    }
    batch_.bodies.push_back({row_of(std::move(data)), std::move(octets)});
    return {};
  }
  const UidSet& got() const { return got_; }

 private:
  Session& session_;
  const UidSet& asked_;
  FetchedBatch& batch_;
  UidSet got_;
  std::shared_ptr<Octets> streamed_;
};

}  // namespace

Task<Result<>> fetch_rows(Session& session, const std::optional<UidSet>& uids, RowsWanted wanted,
                          std::function<Result<>(MessageRow)> row) {
  if (uids && uids->empty()) co_return Result<>();
  const std::string items = items_of(session, wanted);
  std::vector<std::string> sets;
  if (!uids) {
    sets.emplace_back("1:*");
  } else {
    for (const UidSet& piece : in_pieces(*uids)) sets.push_back(piece.to_string());
  }
  bool nameless = false;
  for (const std::string& set : sets) {
    Expect expect;
    expect.untagged = [&nameless, &row](imap::Response response) -> Result<> {
      auto* data = std::get_if<imap::FetchData>(&response);
      if (data == nullptr) return {};
      if (data->uid.value == 0) {
        // A change of flags that the server tells in passing has nothing else.
        nameless = nameless || data->rfc822_size || data->internal_date || !data->bodies.empty();
        return {};
      }
      return row(row_of(std::move(*data)));
    };
    std::string text = fmt::format("UID FETCH {} {}", set, items);
    auto answer = co_await session.text_command(std::move(text), std::move(expect));
    CO_TRY(answer);
  }
  if (nameless) {
    // A row less would be a message less to whoever compares.
    session.note(Quirk::fetch_without_uid);
    co_return fail(Code::corrupt, "the server answers UID FETCH without UID");
  }
  co_return Result<>();
}

Task<Result<FetchedMessage>> fetch_message(Session& session, Uid uid, MessageSink sink) {
  for (int tries = 1;; ++tries) {
    FetchedMessage got;
    bool came = false;
    Expect expect;
    expect.literal_begin = [&](uint64_t size, const imap::Frame&) -> Result<> {
      came = true;
      got.octets = size;
      return sink.begin(size);
    };
    expect.literal_octets = sink.octets;
    expect.untagged = [&](imap::Response response) -> Result<> {
      const auto* data = std::get_if<imap::FetchData>(&response);
      if (data == nullptr) return {};
      if (data->rfc822_size) got.size = data->rfc822_size;
      const std::string* octets = body_of(*data);
      if (octets == nullptr || came) return {};
      came = true;
      got.octets = octets->size();
      TRY(sink.begin(octets->size()));
      return sink.octets(*octets);
    };
    std::string text = fmt::format("UID FETCH {} (UID RFC822.SIZE BODY.PEEK[])", uid.value);
    auto answer = co_await session.text_command(std::move(text), std::move(expect));
    CO_TRY(answer);
    if (came && !empty_by_mistake(got.octets, got.size)) {
      got.size_differs = got.size && *got.size != got.octets;
      if (got.size_differs) session.note(Quirk::size_mismatch);
      co_return got;
    }
    // Nothing at all: it may have been expunged, or the server says OK and sends nothing.
    auto there = co_await session.search(fmt::format("UID {}", uid.value));
    CO_TRY(there);
    if (there->empty()) co_return fail(Code::expunge_issued, "the message is gone");
    session.note(Quirk::fetch_without_data);
    if (tries == tries_max) {
      co_return fail(Code::corrupt,
                     fmt::format("the server says OK to UID FETCH {} and sends no message, {} "
                                 "times",
                                 uid.value, tries));
    }
  }
}

Task<Result<FetchedBatch>> fetch_bodies(Session& session, UidSet uids) {
  FetchedBatch out;
  BodyCollector collector(session, uids, out);
  for (const UidSet& piece : in_pieces(uids)) {
    Expect expect;
    expect.literal_begin = [&](uint64_t size, const imap::Frame&) { return collector.begin(size); };
    expect.literal_octets = [&](std::string_view octets) { return collector.octets(octets); };
    expect.untagged = [&](imap::Response response) -> Result<> {
      auto* data = std::get_if<imap::FetchData>(&response);
      return data == nullptr ? Result<>() : collector.take(std::move(*data));
    };
    std::string text = fmt::format("UID FETCH {} (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])",
                                   piece.to_string());
    auto answer = co_await session.text_command(std::move(text), std::move(expect));
    if (!answer && !session.is_alive()) co_return tl::unexpected(std::move(answer).error());
  }
  // What did not come is gone, or was passed over.
  const IntervalSet missing = uids.raw().subtract(collector.got().raw());
  if (missing.empty()) co_return out;
  RowsWanted wanted;
  std::vector<MessageRow> rows;
  auto row = [&rows](MessageRow one) -> Result<> {
    rows.push_back(std::move(one));
    return {};
  };
  const UidSet asked(missing);
  auto there = co_await fetch_rows(session, asked, wanted, row);
  CO_TRY(there);
  for (MessageRow& one : rows) {
    if (!asked.contains(one.uid)) continue;
    auto octets = std::make_shared<Octets>();
    MessageSink sink;
    sink.begin = [&octets](uint64_t) -> Result<> {
      octets->clear();
      return {};
    };
    sink.octets = [&octets](std::string_view piece) { return octets->add(piece); };
    auto got = co_await fetch_message(session, one.uid, std::move(sink));
    if (got) {
      out.bodies.push_back({std::move(one), std::move(octets)});
    } else if (!session.is_alive()) {
      co_return tl::unexpected(std::move(got).error());
    } else if (got.error().code != Code::expunge_issued) {
      out.failed.emplace_back(one.uid, std::move(got).error());
    }
  }
  co_return out;
}

}  // namespace eilpost::client
