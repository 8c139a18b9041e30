#include <algorithm>
#include <ctime>
#include <filesystem>
#include <map>
#include <optional>

#include "client/maildir/delivery.h"
#include "client/maildir/maildir.h"
#include "client/migrate/sides/file_sides.h"

namespace eilpost::client {

namespace {

// Maildir++ where it is one, or nothing that tells; else directories within directories.
Result<MaildirTree> open_tree(const std::string& path) {
  auto plus = MaildirTree::open(path, MaildirLayout::plus);
  if (plus || plus.error().code != Code::invalid) return plus;
  return MaildirTree::open(path, MaildirLayout::nested);
}

class MaildirSide {
 public:
  explicit MaildirSide(MaildirTree tree) : tree_(std::move(tree)) {}

  Result<NameSide> names() const {
    NameSide out;
    const auto subscribed = TRY(tree_.subscriptions());
    for (std::string& name : TRY(tree_.mailboxes())) {
      MailboxInfo info;
      info.subscribed = std::find(subscribed.begin(), subscribed.end(), name) != subscribed.end();
      info.name = std::move(name);
      out.mailboxes.push_back(std::move(info));
    }
    return out;
  }

  // Reads the whole directory: a message that comes later is for the next run.
  Result<> open(const std::string& name) {
    mailbox_ = TRY(tree_.mailbox(name));
    entries_.clear();
    for (MaildirEntry& entry : TRY(mailbox_->entries())) {
      const uint64_t number = number_of_name(entry.unique);
      entries_.emplace(number, std::move(entry));
    }
    return {};
  }

  size_t count() const { return entries_.size(); }
  std::vector<uint64_t> numbers() const {
    std::vector<uint64_t> out;
    for (const auto& [number, entry] : entries_) out.push_back(number);
    return out;
  }

  Result<> rows(const std::vector<uint64_t>& ids, const MailSource::Row& row) const {
    for (const uint64_t id : ids) {
      const auto at = entries_.find(id);
      if (at == entries_.end()) continue;
      SourceMessage message;
      message.id = id;
      message.flags = mailbox_->keywords().flags_of(at->second.flags);
      std::error_code gone;
      const auto size = std::filesystem::file_size(file_of(at->second), gone);
      // Line ends are still to become CRLF: near enough to tell how much is read at once.
      if (!gone) message.size = size;
      TRY(row(std::move(message)));
    }
    return {};
  }

  Result<SourceBatch> bodies(const std::vector<uint64_t>& ids) const {
    SourceBatch out;
    for (const uint64_t id : ids) {
      const auto at = entries_.find(id);
      if (at == entries_.end()) continue;
      // Another program may have given it other flags meanwhile.
      auto entry = mailbox_->find(at->second.unique, at->second.flags);
      if (!entry) continue;
      auto octets = mailbox_->read(*entry);
      if (!octets) {
        if (octets.error().code != Code::not_found) out.failed.emplace_back(id, octets.error());
        continue;
      }
      SourceMessage message;
      message.id = id;
      message.flags = mailbox_->keywords().flags_of(entry->flags);
      imap::DateTime date;
      date.seconds = TRY(mailbox_->date(*entry));
      message.date = date;
      message.octets = std::move(*octets);
      out.messages.push_back(std::move(message));
    }
    return out;
  }

  Result<> target_rows(const std::vector<uint64_t>& numbers, const MailTarget::RowsWanted& wanted,
                       const MailTarget::Row& row) const {
    for (const uint64_t number : numbers) {
      const auto at = entries_.find(number);
      if (at == entries_.end()) continue;
      const auto octets = mailbox_->read(at->second);
      if (!octets) continue;
      TargetRow one;
      one.number = number;
      one.flags = mailbox_->keywords().flags_of(at->second.flags);
      one.size = (*octets)->size();
      if (wanted.header) one.header = TRY((*octets)->read(0, header_bytes_max));
      TRY(row(std::move(one)));
    }
    return {};
  }

  // All of them durable together, then seen together.
  Result<std::vector<Result<uint64_t>>> append(const std::vector<AppendItem>& items) {
    MaildirDelivery delivery(*mailbox_, MaildirDelivery::Options());
    std::vector<Result<uint64_t>> out;
    std::vector<std::pair<uint64_t, MaildirEntry>> added;
    for (const AppendItem& item : items) {
      MaildirEntry entry;
      entry.flags = TRY(mailbox_->bits_for(item.flags));
      const int64_t date = item.date ? item.date->seconds : std::time(nullptr);
      entry.unique = TRY(delivery.add(*item.octets, entry.flags, date));
      const uint64_t number = number_of_name(entry.unique);
      out.emplace_back(number);
      added.emplace_back(number, std::move(entry));
    }
    TRY(delivery.commit());
    for (auto& [number, entry] : added) {
      entries_[number] = TRY(mailbox_->find(entry.unique, entry.flags));
    }
    return out;
  }

  Result<> store(const std::vector<uint64_t>& numbers, const MailTarget::Change& change) {
    const MaildirFlags bits = TRY(mailbox_->bits_for(change.flags));
    for (const uint64_t number : numbers) {
      const auto at = entries_.find(number);
      if (at == entries_.end()) continue;
      const auto entry = mailbox_->find(at->second.unique, at->second.flags);
      if (!entry) continue;
      const MaildirFlags flags = change.add ? entry->flags | bits : entry->flags & ~bits;
      at->second = TRY(mailbox_->set_flags(*entry, flags));
    }
    return {};
  }

  Result<> remove(const std::vector<uint64_t>& numbers) {
    for (const uint64_t number : numbers) {
      const auto at = entries_.find(number);
      if (at == entries_.end()) continue;
      const auto entry = mailbox_->find(at->second.unique, at->second.flags);
      if (entry) TRY(mailbox_->remove(*entry));
      entries_.erase(at);
    }
    return {};
  }

  Result<> create(const std::string& name) {
    TRY(tree_.create(name));
    return {};
  }
  Result<> subscribe(const std::string& name) {
    auto names = TRY(tree_.subscriptions());
    if (std::find(names.begin(), names.end(), name) != names.end()) return {};
    names.push_back(name);
    return tree_.subscribe(names);
  }

 private:
  static constexpr size_t header_bytes_max = 64 * 1024;

  std::string file_of(const MaildirEntry& entry) const {
    return mailbox_->path() + "/" + entry.file;
  }

  MaildirTree tree_;
  std::optional<MaildirMailbox> mailbox_;
  std::map<uint64_t, MaildirEntry> entries_;
};

Result<SourceMailbox> source_of(const Result<>& opened, const MaildirSide& side) {
  TRY(Result<>(opened));
  SourceMailbox out;
  out.messages = static_cast<uint32_t>(side.count());
  return out;
}

}  // namespace

Result<MailSource> maildir_source(const std::string& path) {
  // Shared by the functions of the table.
  auto side = std::make_shared<MaildirSide>(TRY(open_tree(path)));
  MailSource out = plain_source();
  out.names = [side] { return at_once(side->names()); };
  const auto open = [side](std::string name) {
    return at_once(source_of(side->open(name), *side));
  };
  out.peek = open;
  out.open = open;
  out.ids = [side] { return at_once(Result<std::vector<uint64_t>>(side->numbers())); };
  out.rows = [side](std::vector<uint64_t> ids, MailSource::Row row) {
    return at_once(side->rows(ids, row));
  };
  out.flags = [side](MailSource::FlagsOf which, MailSource::Row row) {
    return at_once(side->rows(which.ids, row));
  };
  out.bodies = [side](std::vector<uint64_t> ids) { return at_once(side->bodies(ids)); };
  return out;
}

Result<MailTarget> maildir_target(const std::string& path) {
  auto tree = open_tree(path);
  if (!tree && tree.error().code == Code::not_found) {
    tree = MaildirTree::make(path, MaildirLayout::plus);
  }
  // Shared by the functions of the table.
  auto side = std::make_shared<MaildirSide>(TRY(std::move(tree)));
  MailTarget out = plain_target();
  out.names = [side] { return at_once(side->names()); };
  out.create = [side](std::string name, std::string) { return at_once(side->create(name)); };
  out.open = [side](std::string name) {
    const Result<> opened = side->open(name);
    if (!opened) return at_once(Result<TargetMailbox>(tl::unexpected(opened.error())));
    TargetMailbox mailbox;
    mailbox.messages = static_cast<uint32_t>(side->count());
    return at_once(Result<TargetMailbox>(std::move(mailbox)));
  };
  out.numbers = [side](uint64_t) {
    return at_once(Result<std::vector<uint64_t>>(side->numbers()));
  };
  out.rows = [side](std::vector<uint64_t> numbers, MailTarget::RowsWanted wanted,
                    MailTarget::Row row) {
    return at_once(side->target_rows(numbers, wanted, row));
  };
  out.bodies = [side](std::vector<uint64_t> numbers) { return at_once(side->bodies(numbers)); };
  out.append = [side](std::vector<AppendItem> items) { return at_once(side->append(items)); };
  out.store = [side](std::vector<uint64_t> numbers, MailTarget::Change change) {
    return at_once(side->store(numbers, change));
  };
  out.remove = [side](std::vector<uint64_t> numbers) { return at_once(side->remove(numbers)); };
  out.subscribe = [side](std::string name) { return at_once(side->subscribe(name)); };
  return out;
}

}  // namespace eilpost::client
