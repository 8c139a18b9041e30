#include "server/imap/filters.h"

#include <algorithm>

#include "base/limits.h"
#include "mime/charset.h"
#include "server/imap/commands.h"
#include "server/imap/search_run.h"
#include "store/annotations.h"

namespace eilpost::server {

namespace {

using imap::SearchKey;
using imap::SearchOp;

// Whether `entry` is `prefix` and something behind it.
bool is_below(std::string_view prefix, std::string_view entry) {
  return entry.size() > prefix.size() && imap::equal_nocase(entry.substr(0, prefix.size()), prefix);
}

class Expansion {
 public:
  Expansion(const std::vector<store::AnnotationRow>& stored, const std::vector<NamedSearch>& shared)
      : stored_(stored), shared_(shared) {}

  // Replaces FILTER keys in `key`. Code::not_found: missing() is no filter. Code::limit.
  Result<> expand(SearchKey& key, int depth) {
    if (key.op == SearchOp::filter) {
      missing_ = key.text;
      // RFC 5466 3.1: what may be a loop is as if the filter did not exist.
      if (depth == limits::search_filter_depth_max) return fail(Code::not_found, "nested filters");
      const std::string* value = find(key.text);
      if (!value || !mime::is_utf8(*value)) return fail(Code::not_found, "no such filter");
      auto parsed = imap::parse_stored_search(*value);
      if (!parsed) return fail(Code::not_found, "a filter that is no search");
      keys_ += imap::count_keys(*parsed);
      if (keys_ > limits::search_keys_max) return fail(Code::limit, "too many search keys");
      key = std::move(*parsed);
      return expand(key, depth + 1);
    }
    for (SearchKey& child : key.children) TRY(expand(child, depth));
    return {};
  }
  const std::string& missing() const { return missing_; }

 private:
  // RFC 5466 3.1: the private one goes first.
  const std::string* find(const std::string& name) const {
    for (const std::string_view prefix : {private_filters, shared_filters}) {
      for (const store::AnnotationRow& row : stored_) {
        if (!is_below(prefix, row.name)) continue;
        if (imap::equal_nocase(row.name.substr(prefix.size()), name)) return &row.value;
      }
    }
    for (const NamedSearch& search : shared_) {
      if (imap::equal_nocase(search.name, name)) return &search.keys;
    }
    return nullptr;
  }

  const std::vector<store::AnnotationRow>& stored_;
  const std::vector<NamedSearch>& shared_;
  std::string missing_;
  size_t keys_ = 0;
};

bool is_utf8_or_ascii(std::string_view charset) {
  return charset.empty() || imap::equal_nocase(charset, "UTF-8") ||
         imap::equal_nocase(charset, "US-ASCII");
}

Reply refused(ImapSession& session, const Error& error, const std::string& name) {
  if (error.code != Code::not_found) return reply_for(session, error);
  return {imap::Condition::no, imap::ResponseCode::undefined_filter(name),
          "there is no such named search"};
}

}  // namespace

net::Task<tl::expected<imap::Search, Reply>> with_filters(ImapSession& session,
                                                          imap::Search command) {
  using Refused = tl::unexpected<Reply>;
  if (!imap::uses(command.key, SearchOp::filter)) co_return std::move(command);
  if (!is_utf8_or_ascii(command.charset)) {
    // RFC 5466 3.1: BAD, where it is NO otherwise.
    co_return Refused(Reply{imap::Condition::bad, bad_charset(), "named searches are in UTF-8"});
  }
  command.charset.clear();
  auto job = [account = session.account_ptr()] {
    return store::read_annotations(account->engine(), account->partition(), MailboxId(0));
  };
  auto stored = co_await session.read(std::move(job));
  if (!stored) co_return Refused(reply_for(session, stored.error()));
  Expansion expansion(*stored, session.settings().filters);
  const auto expanded = expansion.expand(command.key, 0);
  if (!expanded) co_return Refused(refused(session, expanded.error(), expansion.missing()));
  if (session.uid_only && imap::uses_sequence_numbers(command.key)) {
    co_return Refused(Reply{imap::Condition::bad, imap::ResponseCode(imap::CodeName::uid_required),
                            "a named search has message numbers"});
  }
  co_return std::move(command);
}

bool may_be_filter(std::string_view entry, std::string_view value) {
  if (!is_below(private_filters, entry) && !is_below(shared_filters, entry)) return true;
  return mime::is_utf8(value) && imap::parse_stored_search(value).has_value();
}

}  // namespace eilpost::server
