// eilpost index: what the accounts' text indexes hold, making one anew, taking one away.

#include <chrono>
#include <thread>

#include "main/admin/admin.h"
#include "main/progress.h"
#include "search/attachments/read_attachments.h"
#include "search/index/text_indexes.h"

namespace eilpost {

namespace {

constexpr int tries_max = 600;
constexpr std::chrono::milliseconds try_every{100};
constexpr std::chrono::milliseconds attachments_slice{1000};

const Error no_index{Code::cannot, "this server keeps no text indexes (search.index)"};

void print_status(AdminContext& context, const directory::Account& who, bool json) {
  const store::AccountPtr account = context.world().store.account(who.partition());
  search::TextIndex& index = *context.world().indexes->find(who.partition());
  // An account without mail so far has no index.
  if (!store::refresh_wait(*account) || !index.open(*account)) return;
  const search::IndexStatus status = index.status();
  const auto head = account->head();
  const uint64_t last = head ? head->last_modseq.value : 0;
  const uint64_t behind = last > status.cursor.value ? last - status.cursor.value : 0;
  if (json) {
    context.output.print(
        "{{\"name\":{},\"indexed\":{},\"waiting\":{},\"always\":{},\"segments\":{},\"blocks\":{},"
        "\"bytes\":{},\"text_bytes\":{},\"attachments\":{},"
        "\"behind\":{}}}\n",
        json_string(who.login_name), status.indexed, status.waiting, status.always, status.segments,
        status.blocks, status.bytes, status.text_bytes, status.attachments, behind);
    return;
  }
  const uint64_t percent =
      status.text_bytes == 0 ? 0 : (status.bytes * 100 + status.text_bytes / 2) / status.text_bytes;
  context.output.print("{:>9} {:>9} {:>9} {:>9} {:>12} {:>7}% {:>11} {:>8}  {}\n", status.indexed,
                       status.waiting, status.always, status.segments, status.bytes, percent,
                       status.attachments, behind, who.login_name);
}

// Waits for the job that may be working on it.
Result<> patiently(const AdminContext& context, const std::function<Result<>()>& work) {
  for (int tries = 0;; ++tries) {
    auto done = work();
    const bool busy = !done && done.error().code == Code::in_use;
    if (!busy || tries == tries_max || context.output.abandoned()) return done;
    std::this_thread::sleep_for(try_every);
  }
}

// Behind a rebuild: what attachments say.
Result<> read_all_attachments(AdminContext& context, search::TextIndex& index,
                              store::Account& account) {
  const search::Helpers& helpers = context.world().indexes->helpers();
  Result<bool> more = !helpers.empty();
  while (more && *more && !context.output.abandoned()) {
    more = search::read_attachments(index, helpers, account, attachments_slice);
  }
  if (!more) return tl::unexpected(more.error());
  return {};
}

}  // namespace

int run_index_status(AdminContext& context, const IndexStatusCommand& command) {
  if (context.world().indexes == nullptr) return context.failed("index", no_index);
  if (!command.json) {
    context.output.print("{:>9} {:>9} {:>9} {:>9} {:>12} {:>8} {:>11} {:>8}  {}\n", "INDEXED",
                         "WAITING", "ALWAYS", "SEGMENTS", "BYTES", "OF TEXT", "ATTACHMENTS",
                         "BEHIND", "ACCOUNT");
  }
  if (!command.account.empty()) {
    const auto who = context.resolve(command.account);
    if (!who) return context.failed(command.account, who.error());
    print_status(context, *who, command.json);
    return 0;
  }
  const auto all = for_each_account(context.node.accounts(), [&](const directory::Account& who) {
    print_status(context, who, command.json);
    context.world().store.shed();
    context.world().indexes->shed();
    return !context.output.abandoned();
  });
  return all ? 0 : context.failed("index", all.error());
}

int run_index_rebuild(AdminContext& context, const IndexRebuild& command) {
  if (context.world().indexes == nullptr) return context.failed("index", no_index);
  const auto who = context.resolve(command.account);
  if (!who) return context.failed(command.account, who.error());
  const store::AccountPtr account = context.world().store.account(who->partition());
  const search::TextIndexPtr index = context.world().indexes->find(who->partition());
  Progress progress(context.output, context.world().clock);
  search::BringUp options;
  options.all = true;
  options.anew = true;
  options.stop = [&](const search::IndexStatus& status) {
    progress.show(who->login_name, status.indexed, status.indexed + status.waiting);
    return context.output.abandoned();
  };
  const auto done =
      patiently(context, [&] { return search::bring_up_to_date(*index, account, options); });
  progress.finish();
  if (!done) return context.failed(command.account, done.error());
  const auto read = patiently(context, [&]() -> Result<> {
    if (!index->take()) return fail(Code::in_use, "the index is being worked on");
    auto all = read_all_attachments(context, *index, *account);
    index->release();
    return all;
  });
  if (!read) return context.failed(command.account, read.error());
  const search::IndexStatus status = index->status();
  context.output.print("{}: {} messages indexed, {} waiting, {} with attachments, {} octets\n",
                       who->login_name, status.indexed, status.waiting, status.attachments,
                       status.bytes);
  return 0;
}

int run_index_drop(AdminContext& context, const IndexDrop& command) {
  if (context.world().indexes == nullptr) return context.failed("index", no_index);
  const auto who = context.resolve(command.account);
  if (!who) return context.failed(command.account, who.error());
  const search::TextIndexPtr index = context.world().indexes->find(who->partition());
  const auto done = patiently(context, [&]() -> Result<> {
    if (!index->take()) return fail(Code::in_use, "the index is being worked on");
    auto dropped = index->drop();
    index->release();
    return dropped;
  });
  if (!done) return context.failed(command.account, done.error());
  context.output.print("{}: the index is gone\n", who->login_name);
  return 0;
}

}  // namespace eilpost
