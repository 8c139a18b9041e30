// THREAD and UID THREAD (RFC 5256 3, draft-ietf-morg-inthread-01). What matches is found as SEARCH
// finds it; ids, subjects and dates come from the digests (search/order/sorter.h).

#include "search/order/sorter.h"
#include "server/imap/commands.h"
#include "server/imap/filters.h"
#include "server/imap/search_run.h"
#include "server/imap/sort.h"

namespace eilpost::server {

namespace {

search::Forest forest_of(const search::Sorter& sorter, imap::ThreadAlgorithm algorithm) {
  search::ThreadInput input = sorter.thread_input();
  switch (algorithm) {
    case imap::ThreadAlgorithm::ordered_subject: return search::thread_by_subject(input);
    case imap::ThreadAlgorithm::references: return search::thread_by_references(input);
    case imap::ThreadAlgorithm::refs: break;
  }
  input.arrival = sorter.ranks(search::SortBy::arrival);
  return search::thread_refs(input);
}

// With the numbers of wanted message 0, 1, ... in place of these.
imap::ThreadData numbered(const search::Forest& forest, const std::vector<uint32_t>& numbers) {
  imap::ThreadData data;
  data.nodes.reserve(forest.size());
  for (const search::ThreadNode& node : forest) {
    const uint32_t number = node.message == search::no_message ? 0 : numbers[node.message];
    data.nodes.push_back({number, node.depth});
  }
  return data;
}

}  // namespace

CommandTask run(ImapSession& session, const imap::Thread& command, RunOptions options) {
  auto plain = co_await with_filters(session, command.search);
  if (!plain) co_return std::move(plain.error());
  auto answer = co_await find_messages(session, *plain, options.tag);
  if (!answer) co_return answer.error();
  SortWhat what;
  what.wanted = answer->uids;
  what.keys = {search::SortBy::date, search::SortBy::subject};
  if (command.algorithm == imap::ThreadAlgorithm::refs) {
    what.keys.push_back(search::SortBy::arrival);
  }
  what.references = true;
  what.collation = session.collation;
  what.tag = std::string(options.tag);
  auto ready = co_await ready_sorter(session, std::move(what));
  if (!ready) co_return reply_for(session, ready.error());
  std::shared_ptr<search::Sorter> sorter = std::move(*ready);
  auto job = [sorter, algorithm = command.algorithm]() -> Result<search::Forest> {
    return forest_of(*sorter, algorithm);
  };
  auto forest = co_await session.read(std::move(job));
  if (!forest) co_return reply_for(session, forest.error());
  const std::vector<uint32_t> numbers =
      numbers_of(session.selected()->view, sorter->wanted(), {.uid = options.uid});
  imap::append_thread(session.out(), numbered(*forest, numbers));
  co_return Reply::ok("threaded");
}

}  // namespace eilpost::server
