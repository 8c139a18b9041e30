// Time passes between the look and the change: what was a duplicate may be the last copy by now.
#include <algorithm>
#include <map>
#include <utility>

#include "client/cleanup/changer.h"

namespace eilpost::client {

// Opens a mailbox to look, not to change anything. Code::not_found: it was made anew.
Task<Result<>> Changer::look_into(std::string mailbox, uint32_t uid_validity) {
  const SelectedMailbox* selected = session_->selected();
  if (selected == nullptr || selected->name != mailbox) {
    Session::SelectHow how;
    how.read_only = true;
    auto opened = co_await session_->select(std::move(mailbox), std::move(how));
    CO_TRY(opened);
  }
  if (session_->selected()->uid_validity != uid_validity) {
    co_return fail(Code::not_found, "it was made anew");
  }
  co_return Result<>();
}

Task<Result<>> Changer::drop_last_copies(const Share& share, std::vector<Message>& fitting) {
  using Mailbox = std::pair<std::string, uint32_t>;
  const auto mailbox_of = [](const Place& place) {
    return Mailbox(place.mailbox, place.uid_validity);
  };
  std::map<Mailbox, UidSet> wanted;
  for (const Message& message : fitting) {
    const Place& original = share.originals.at(message.uid.value);
    wanted[mailbox_of(original)].add(original.uid);
  }
  // What is still there, and whether it is marked \Deleted.
  std::map<Mailbox, std::map<uint32_t, bool>> there;
  for (const auto& entry : wanted) {
    auto opened = co_await look_into(entry.first.first, entry.first.second);
    if (!opened && !is_lost(opened.error()) && !throttle_of(opened.error())) continue;
    CO_TRY(opened);
    auto found = co_await messages(entry.second);
    CO_TRY(found);
    for (const Message& message : *found) there[entry.first][message.uid.value] = message.marked;
  }
  auto opened = co_await open(share.mailbox, share.uid_validity);
  CO_TRY(opened);
  const auto is_last = [&](const Message& message) {
    const Place& place = share.originals.at(message.uid.value);
    const auto& stays = there[mailbox_of(place)];
    const auto original = stays.find(place.uid.value);
    return original == stays.end() || (original->second && !message.marked);
  };
  fitting.erase(std::remove_if(fitting.begin(), fitting.end(), is_last), fitting.end());
  co_return Result<>();
}

}  // namespace eilpost::client
