#include "client/doctor/checks/ground.h"

namespace eilpost::client::checks {

Task<Result<Ground>> find_ground(Examination& exam, Session& session) {
  Ground out;
  out.mailbox = exam.options().mailbox;
  const SelectedMailbox* open = session.selected();
  if (open == nullptr || open->name != out.mailbox) {
    Session::SelectHow how;
    how.read_only = true;
    how.condstore = true;
    std::string name = out.mailbox;
    auto selected = co_await session.select(std::move(name), how);
    if (!selected) co_return wrap(std::move(selected).error(), out.mailbox);
    open = session.selected();
  }
  out.exists = open->exists;
  out.uid_validity = open->uid_validity;
  out.modseq = open->highest_modseq;
  if (out.exists == 0) co_return out;
  auto heard = co_await ask(session, "UID FETCH * (UID)");
  CO_TRY(heard);
  if (const auto* last = heard->find<imap::FetchData>()) out.uid = last->uid.value;
  co_return out;
}

IntervalSet spread(uint32_t exists, uint32_t count) {
  IntervalSet out;
  if (exists <= count) {
    if (exists > 0) out.add(1, exists);
    return out;
  }
  if (count == 1) out.add(exists);
  for (uint32_t i = 0; i < count && count > 1; ++i) {
    const uint64_t step = uint64_t{exists - 1} * i / (count - 1);
    out.add(static_cast<uint32_t>(1 + step));
  }
  return out;
}

}  // namespace eilpost::client::checks
