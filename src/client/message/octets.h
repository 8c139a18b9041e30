// A message's octets on their way from one place to another: in memory up to a size, above it in a
// file without a name in the temporary directory, so that a mailbox of any size passes through
// bounded memory. Written once, then read; one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "client/session/connection.h"

namespace eilpost::client {

class Octets {
 public:
  static constexpr size_t memory_bytes_max = 1024 * 1024;

  Octets() = default;
  Octets(const Octets&) = delete;
  Octets& operator=(const Octets&) = delete;
  ~Octets();
  static std::shared_ptr<Octets> of(std::string octets);

  // Code::io: the file could not be made or written.
  Result<> add(std::string_view octets);
  // Nothing at all, as at first: the server begins again.
  void clear();

  uint64_t size() const { return size_; }
  // At most `bytes` from `offset`; "" at the end.
  Result<std::string> read(uint64_t offset, size_t bytes) const;
  // Everything; for messages that are known to be small or have to be whole.
  Result<std::string> all() const;
  // Sees a NUL anywhere in it: such a message needs BINARY to be appended (RFC 3516 4.4).
  bool has_nul() const { return has_nul_; }

 private:
  Result<> spill();

  std::string memory_;
  int file_ = -1;  // once spilled
  uint64_t size_ = 0;
  bool has_nul_ = false;
};

// How send_append() is given it. The octets live as long as the message.
OutgoingMessage outgoing_message(std::shared_ptr<const Octets> octets);

}  // namespace eilpost::client
