// Puts messages into a Maildir so that none is ever seen by halves: each is written into tmp/, all
// of a batch are made durable together, then they are renamed into new/ (without any flag) or cur/.
// What was not committed is taken away again. Lines end with LF, as local programs expect; a
// message where that could not be undone exactly (bare LF, CR CR LF) is kept as it came. Blocks;
// one thread at a time, with some of its own while commit() runs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/maildir/maildir.h"
#include "client/message/octets.h"

namespace eilpost::client {

class MaildirDelivery {
 public:
  struct Options {
    // Off: the operating system writes it in its own time, and a power cut may leave empty files.
    bool durable = true;
  };
  MaildirDelivery(const MaildirMailbox& mailbox, Options options);
  MaildirDelivery(const MaildirDelivery&) = delete;
  MaildirDelivery& operator=(const MaildirDelivery&) = delete;
  ~MaildirDelivery();

  // `date`: the internal date in seconds. The answer is the message's unique name. Code::io.
  Result<std::string> add(const Octets& message, MaildirFlags flags, int64_t date);
  size_t waiting() const { return files_.size(); }
  // Afterwards all that were added are there and durable, under the names that add() gave. After an
  // Error some may be there without being durable, and the others are taken away.
  Result<> commit();

 private:
  struct File {
    std::string unique;
    MaildirFlags flags = 0;
  };
  Result<> sync_files(const std::string& tmp);
  Result<> place();
  void drop();

  const MaildirMailbox& mailbox_;
  Options options_;
  std::vector<File> files_;
};

// A name that no other message has, on this machine or another.
std::string unique_message_name();

}  // namespace eilpost::client
