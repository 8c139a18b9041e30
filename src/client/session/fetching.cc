#include "client/session/fetching.h"

#include <fmt/format.h>

#include <algorithm>

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
  if (wanted.email_id && session.has("OBJECTID")) items += " EMAILID";
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

}  // namespace

Task<Result<>> fetch_rows(Session& session, const std::optional<UidSet>& uids, RowsWanted wanted,
                          std::function<Result<>(MessageRow)> row) {
  if (uids && uids->empty()) co_return Result<>();
  const std::string items = items_of(session, wanted);
  // Long sets go in pieces: many servers take no line above 8 KiB.
  constexpr size_t ranges_per_command = 300;
  std::vector<std::string> sets;
  if (!uids) {
    sets.emplace_back("1:*");
  } else {
    const std::vector<Interval>& all = uids->raw().intervals();
    for (size_t at = 0; at < all.size(); at += ranges_per_command) {
      IntervalSet part;
      for (size_t i = at; i < std::min(all.size(), at + ranges_per_command); ++i) {
        part.add(all[i].first, all[i].last);
      }
      sets.push_back(part.to_string());
    }
  }
  for (const std::string& set : sets) {
    Expect expect;
    expect.untagged = [&session, &row](imap::Response response) -> Result<> {
      auto* data = std::get_if<imap::FetchData>(&response);
      if (data == nullptr) return {};
      if (data->uid.value == 0) {
        // A change of flags that the server tells in passing, or a server that forgets the uid.
        session.quirks().note(Quirk::fetch_without_uid);
        return {};
      }
      return row(row_of(std::move(*data)));
    };
    std::string text = fmt::format("UID FETCH {} {}", set, items);
    auto answer = co_await session.text_command(std::move(text), std::move(expect));
    CO_TRY(answer);
  }
  co_return Result<>();
}

Expect message_expect(std::function<Result<>(imap::FetchData, std::string_view octets)> whole,
                      std::function<Result<>(const imap::Frame& so_far, uint64_t size)> begin,
                      std::function<Result<>(std::string_view octets)> octets) {
  Expect out;
  out.literal_begin = [begin = std::move(begin)](uint64_t size, const imap::Frame& so_far) {
    return begin(so_far, size);
  };
  out.literal_octets = std::move(octets);
  out.untagged = [whole = std::move(whole)](imap::Response response) -> Result<> {
    auto* data = std::get_if<imap::FetchData>(&response);
    if (data == nullptr) return {};
    std::string held;
    for (imap::BodyData& body : data->bodies) {
      if (body.octets) held = std::move(*body.octets);
    }
    return whole(std::move(*data), held);
  };
  return out;
}

Task<Result<FetchedMessage>> fetch_message(Session& session, Uid uid, MessageSink sink) {
  for (int tries = 1;; ++tries) {
    FetchedMessage got;
    bool came = false;
    auto begin = [&](const imap::Frame&, uint64_t size) -> Result<> {
      came = true;
      got.octets = size;
      return sink.begin(size);
    };
    auto whole = [&](imap::FetchData data, std::string_view octets) -> Result<> {
      if (data.rfc822_size) got.size = data.rfc822_size;
      const bool has_body =
          std::any_of(data.bodies.begin(), data.bodies.end(),
                      [](const imap::BodyData& body) { return body.octets && !body.streamed; });
      if (!has_body || came) return {};
      came = true;
      got.octets = octets.size();
      TRY(sink.begin(octets.size()));
      return sink.octets(octets);
    };
    Expect expect = message_expect(whole, begin, sink.octets);
    std::string text = fmt::format("UID FETCH {} (UID RFC822.SIZE BODY.PEEK[])", uid.value);
    auto answer = co_await session.text_command(std::move(text), std::move(expect));
    CO_TRY(answer);
    if (came) {
      got.size_differs = got.size && *got.size != got.octets;
      if (got.size_differs) session.quirks().note(Quirk::size_mismatch);
      co_return got;
    }
    // Nothing at all: it may have been expunged, or the server says OK and sends nothing.
    auto there = co_await session.search(fmt::format("UID {}", uid.value));
    CO_TRY(there);
    if (there->empty()) co_return fail(Code::expunge_issued, "the message is gone");
    session.quirks().note(Quirk::fetch_without_data);
    if (tries == tries_max) {
      co_return fail(Code::corrupt,
                     fmt::format("the server says OK to UID FETCH {} and sends no message, {} "
                                 "times",
                                 uid.value, tries));
    }
  }
}

}  // namespace eilpost::client
