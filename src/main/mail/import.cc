// eilpost import: Maildir and mbox into an account.

#include <fmt/format.h>

#include <map>

#include "main/admin/admin.h"
#include "main/mail/ledger.h"
#include "main/mail/mail_source.h"
#include "main/mail/stager.h"
#include "main/progress.h"
#include "store/digest.h"

namespace eilpost {

namespace {

// What one commit takes: small enough that a session's own changes do not wait long behind it.
constexpr size_t batch_messages = 100;
constexpr uint64_t batch_bytes = 32ULL * 1024 * 1024;
constexpr size_t examples_max = 5;  // of what was skipped, by reason

struct Skipped {
  uint64_t count = 0;
  std::vector<std::string> examples;
};

class Importer {
 public:
  Importer(AdminContext& context, const Import& command, store::Account& account, Ledger ledger)
      : context_(context),
        command_(command),
        account_(account),
        ledger_(std::move(ledger)),
        progress_(context.output, context.world().clock) {}

  Result<> run(const std::vector<SourceFolder>& folders);
  void print_summary();

 private:
  Result<MailboxId> target_of(const SourceFolder& folder);
  Result<> import_folder(const SourceFolder& folder);
  Result<> import_message(const SourceMessage& message);
  Result<> commit();
  void skip(const std::string& reason, const std::string& what);

  AdminContext& context_;
  const Import& command_;
  store::Account& account_;
  Ledger ledger_;
  Progress progress_;
  // The batch under way, and its keys for the ledger.
  store::AppendRequest batch_;
  std::vector<std::string> keys_;
  uint64_t bytes_in_batch_ = 0;
  uint64_t imported_ = 0;
  uint64_t imported_bytes_ = 0;
  uint64_t known_ = 0;
  uint64_t folders_ = 0;
  std::map<std::string, Skipped> skipped_;
};

const store::MailboxDef* with_use(const store::FolderTree& folders, uint16_t use) {
  for (const auto& entry : folders.entries()) {
    if ((entry.def->special_use & use) != 0) return entry.def;
  }
  return nullptr;
}

// Source folders that are known by another name here go to the mailbox with that special use.
Result<MailboxId> Importer::target_of(const SourceFolder& folder) {
  std::string name = folder.name;
  uint16_t use = 0;
  const bool single = folder.mbox && name == "INBOX";
  if (!command_.mailbox.empty()) {
    name = single || name == "INBOX" ? command_.mailbox : command_.mailbox + "/" + name;
  } else {
    use = special_use_of_name(name);
    const store::MailboxDef* known = use == 0 ? nullptr : with_use(*account_.folders(), use);
    if (known != nullptr) return known->id;
  }
  return ensure_mailbox(account_, {"import", "admin"}, name, use);
}

Result<> Importer::run(const std::vector<SourceFolder>& folders) {
  for (const SourceFolder& folder : folders) {
    ++folders_;
    TRY(import_folder(folder));
  }
  progress_.finish();
  return {};
}

Result<> Importer::import_folder(const SourceFolder& folder) {
  const auto messages = folder.mbox ? mbox_messages(folder) : maildir_messages(folder);
  if (!messages) {
    skip("folder cannot be read", folder.path + ": " + messages.error().detail);
    return {};
  }
  const auto target = target_of(folder);
  if (!target) {
    skip("folder cannot be made", folder.name + ": " + target.error().detail);
    return {};
  }
  batch_.mailbox = *target;
  const std::string label = fmt::format("{} ({})", one_line(folder.name), folders_);
  uint64_t seen = 0;
  for (const SourceMessage& message : *messages) {
    if (!progress_.show(label, seen++, messages->size())) {
      return fail(Code::cancelled, "stopped; a further run goes on from here");
    }
    if (ledger_.contains(message.key)) {
      ++known_;
      continue;
    }
    TRY(import_message(message));
    if (keys_.size() >= batch_messages || bytes_in_batch_ >= batch_bytes) TRY(commit());
  }
  return commit();
}

void Importer::skip(const std::string& reason, const std::string& what) {
  Skipped& skipped = skipped_[reason];
  ++skipped.count;
  if (skipped.examples.size() < examples_max) skipped.examples.push_back(what);
}

std::string shown(const SourceMessage& message) {
  return message.mbox ? fmt::format("{} at octet {}", message.file, message.offset) : message.file;
}

// Errors of the message skip it; errors of the store end the import.
Result<> Importer::import_message(const SourceMessage& message) {
  const uint64_t bytes_max = context_.world().settings.get()->message_bytes_max;
  Stager stager = TRY(Stager::begin(account_, "import"));
  std::optional<Error> store_error;
  const auto sink = [&](std::string_view octets) -> Result<> {
    if (stager.size() + octets.size() > bytes_max) {
      return fail(Code::too_big, "larger than limits.message_bytes");
    }
    auto fed = stager.feed(octets);
    if (!fed && fed.error().code != Code::invalid) store_error = fed.error();
    return fed;
  };
  const auto read = read_message(message, sink);
  if (store_error) return tl::unexpected(*store_error);
  if (!read) {
    const Code code = read.error().code;
    if (code == Code::too_big) {
      skip("larger than limits.message_bytes", shown(message));
    } else if (code == Code::invalid) {
      skip("has NUL octets", shown(message));
    } else {
      skip("cannot be read", read.error().detail);
    }
    return {};
  }
  if (stager.size() == 0) {
    skip("empty", shown(message));
    return {};
  }
  store::NewMessage staged = TRY(stager.finish());
  const auto keys = store::decode_digest_keys(staged.digest.keys);
  store::ZonedTime date{context_.world().clock.now().seconds(), 0};
  if (keys && keys->sent) date = *keys->sent;
  if (message.seconds) date = {*message.seconds, 0};
  staged.cold.internal_date = date;
  staged.flags = message.flags;
  staged.keywords = message.keywords;
  bytes_in_batch_ += staged.cold.size;
  batch_.messages.push_back(std::move(staged));
  keys_.push_back(message.key);
  return {};
}

Result<> Importer::commit() {
  if (keys_.empty()) return {};
  store::AppendRequest request = std::exchange(batch_, {});
  batch_.mailbox = request.mailbox;
  const uint64_t count = request.messages.size();
  const std::string session = TRY(ledger_.begin(keys_, context_.world().random));
  auto appended = append_wait(account_, {session, "admin"}, std::move(request));
  if (!appended) {
    TRY(ledger_.end(Ledger::End::failed));
    return tl::unexpected(appended.error());
  }
  TRY(ledger_.end(Ledger::End::committed));
  imported_ += count;
  imported_bytes_ += bytes_in_batch_;
  bytes_in_batch_ = 0;
  keys_.clear();
  return {};
}

void Importer::print_summary() {
  Output& output = context_.output;
  progress_.finish();
  output.print("imported {} messages, {} octets, from {} folders\n", imported_, imported_bytes_,
               folders_);
  if (known_ > 0) output.print("skipped {}: imported before\n", known_);
  for (const auto& [reason, skipped] : skipped_) {
    output.print("skipped {}: {}\n", skipped.count, reason);
    for (const std::string& example : skipped.examples) {
      output.print("    {}\n", one_line(example));
    }
    if (skipped.count > skipped.examples.size()) output.print("    ...\n");
  }
}

Result<std::vector<SourceFolder>> folders_of(const std::string& path, MailFormat format) {
  if (format != MailFormat::mbox) {
    auto folders = TRY(maildir_folders(path));
    if (!folders.empty() || format == MailFormat::maildir) return folders;
  }
  return mbox_folders(path);
}

Result<> import_into(AdminContext& context, const Import& command, store::Account& account) {
  const std::string path = context.path(command.path);
  const auto folders = TRY(folders_of(path, command.format));
  if (folders.empty()) return fail(Code::not_found, "no mail found in " + path);
  std::string ledger = context.path(command.ledger);
  if (command.ledger.empty()) {
    std::string beside = path;
    while (beside.size() > 1 && beside.back() == '/') beside.pop_back();
    ledger = beside + ".eilpost-import";
  }
  Importer importer(context, command, account, TRY(Ledger::open(ledger, account)));
  auto done = importer.run(folders);
  importer.print_summary();
  return done;
}

}  // namespace

int run_import(AdminContext& context, const Import& command) {
  const auto who = context.resolve(command.account);
  if (!who) return context.failed(command.account, who.error());
  const auto account = context.open(*who);
  if (!account) return context.failed(command.account, account.error());
  const auto done = import_into(context, command, **account);
  return done ? 0 : context.failed("import", done.error());
}

}  // namespace eilpost
