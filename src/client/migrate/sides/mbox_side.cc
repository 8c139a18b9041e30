#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <map>

#include "client/mbox/file.h"
#include "client/migrate/sides/file_sides.h"

namespace eilpost::client {

namespace {

class MboxSide {
 public:
  explicit MboxSide(std::string root) : root_(std::move(root)) {}

  Result<NameSide> names() {
    NameSide out;
    paths_.clear();
    auto files = mbox_files(root_);
    if (!files && files.error().code == Code::not_found) return out;
    for (MboxFile& file : TRY(std::move(files))) {
      MailboxInfo info;
      info.name = file.name;
      out.mailboxes.push_back(std::move(info));
      paths_.insert_or_assign(std::move(file.name), std::move(file.path));
    }
    return out;
  }

  Result<> open(const std::string& name) {
    const auto known = paths_.find(name);
    path_ = known == paths_.end() ? mbox_path(root_, name) : known->second;
    messages_.clear();
    equal_.clear();
    std::error_code error;
    if (!std::filesystem::exists(path_, error)) return fail(Code::not_found, path_ + " is missing");
    for (MboxMessage& message : TRY(index_mbox_file(path_))) add(std::move(message));
    return {};
  }
  Result<> create(const std::string& name) {
    TRY(append_to_mbox(mbox_path(root_, name), {}));
    return {};
  }
  // A batch that was torn by a crash goes before anything is looked for.
  Result<> open_to_write(const std::string& name) {
    const auto known = paths_.find(name);
    TRY(repair_mbox(known == paths_.end() ? mbox_path(root_, name) : known->second));
    return open(name);
  }

  size_t count() const { return messages_.size(); }
  std::vector<uint64_t> numbers() const {
    std::vector<uint64_t> out;
    for (const auto& [number, message] : messages_) out.push_back(number);
    return out;
  }

  Result<> rows(const std::vector<uint64_t>& ids, const MailSource::Row& row) const {
    for (const uint64_t id : ids) {
      const auto at = messages_.find(id);
      if (at != messages_.end()) TRY(row(row_of(id, at->second)));
    }
    return {};
  }

  Result<SourceBatch> bodies(const std::vector<uint64_t>& ids) const {
    SourceBatch out;
    for (const uint64_t id : ids) {
      const auto at = messages_.find(id);
      if (at == messages_.end()) continue;
      auto octets = read_mbox_message(path_, at->second);
      if (!octets) {
        out.failed.emplace_back(id, octets.error());
        continue;
      }
      SourceMessage message = row_of(id, at->second);
      message.size.reset();
      message.octets = std::move(*octets);
      out.messages.push_back(std::move(message));
    }
    return out;
  }

  Result<> target_rows(const std::vector<uint64_t>& numbers, const MailTarget::RowsWanted& wanted,
                       const MailTarget::Row& row) const {
    for (const uint64_t number : numbers) {
      const auto at = messages_.find(number);
      if (at == messages_.end()) continue;
      const auto octets = TRY(read_mbox_message(path_, at->second));
      TargetRow one;
      one.number = number;
      one.flags = row_of(number, at->second).flags;
      one.size = octets->size();
      if (wanted.header) one.header = TRY(octets->read(0, header_bytes_max));
      TRY(row(std::move(one)));
    }
    return {};
  }

  Result<std::vector<Result<uint64_t>>> append(const std::vector<AppendItem>& items) {
    std::vector<MboxItem> added;
    for (const AppendItem& item : items) {
      const int64_t seconds = item.date ? item.date->seconds : std::time(nullptr);
      added.push_back({item.flags, seconds, item.octets});
    }
    auto written = TRY(append_to_mbox(path_, added));
    std::vector<Result<uint64_t>> out;
    for (MboxMessage& message : written) out.emplace_back(add(std::move(message)));
    // What reads as fewer messages than were written can only be found by what is in it.
    if (out.size() != items.size()) out.assign(items.size(), Result<uint64_t>(uint64_t{0}));
    return out;
  }

 private:
  static constexpr size_t header_bytes_max = 64 * 1024;

  static SourceMessage row_of(uint64_t id, const MboxMessage& message) {
    SourceMessage out;
    out.id = id;
    out.flags = message.flags;
    out.flags.insert(out.flags.end(), message.keywords.begin(), message.keywords.end());
    out.size = message.length;
    if (message.seconds) {
      out.date.emplace();
      out.date->seconds = *message.seconds;
    }
    return out;
  }
  uint64_t add(MboxMessage message) {
    const std::string name = fmt::format("{}-{}", message.content, equal_[message.content]++);
    const uint64_t number = number_of_name(name);
    messages_.insert_or_assign(number, std::move(message));
    return number;
  }

  std::string root_;
  std::map<std::string, std::string> paths_;  // of the mailboxes that are there
  std::string path_;                          // of the open one
  std::map<uint64_t, MboxMessage> messages_;
  std::map<std::string, int> equal_;
};

Result<SourceMailbox> source_of(const Result<>& opened, const MboxSide& side) {
  TRY(Result<>(opened));
  SourceMailbox out;
  out.messages = static_cast<uint32_t>(side.count());
  return out;
}

}  // namespace

Result<MailSource> mbox_source(const std::string& path) {
  TRY(mbox_files(path));
  // Shared by the functions of the table.
  auto side = std::make_shared<MboxSide>(path);
  MailSource out = plain_source();
  out.names = [side] { return at_once(side->names()); };
  // As many connections, so many sides: each has to know the files.
  TRY(side->names());
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

Result<MailTarget> mbox_target(const std::string& path) {
  // Shared by the functions of the table.
  auto side = std::make_shared<MboxSide>(path);
  TRY(side->names());
  MailTarget out = plain_target();
  out.names = [side] { return at_once(side->names()); };
  out.create = [side](std::string name, std::string) { return at_once(side->create(name)); };
  out.open = [side](std::string name) {
    const Result<> opened = side->open_to_write(name);
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
  const auto cannot = [](const char* what) {
    return at_once(Result<>(fail(Code::cannot, std::string("mbox files: ") + what)));
  };
  out.store = [cannot](std::vector<uint64_t>, MailTarget::Change) {
    return cannot("flags are not changed afterwards");
  };
  out.remove = [cannot](std::vector<uint64_t>) { return cannot("nothing is removed"); };
  out.subscribe = [](std::string) { return at_once(Result<>()); };
  return out;
}

}  // namespace eilpost::client
