// The clients that load a server: IMAP and LMTP over net's streams, one command at a time each, as
// protocol/ prints and parses them. They hold every server to its answers: a tagged NO or BAD is an
// Error unless the caller allows it. A client belongs to one executor and one coroutine at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/connect.h"
#include "net/io_pool.h"
#include "net/stream.h"
#include "net/tls.h"
#include "protocol/imap/client_framer.h"
#include "protocol/imap/command.h"
#include "protocol/imap/data.h"
#include "protocol/lmtp/framer.h"
#include "protocol/lmtp/reply.h"

namespace eilpost::bench {

using net::Task;

// The server under load. Its accounts are "user1@example.org" and so on, all with one password.
struct Target {
  std::string host = "127.0.0.1";
  uint16_t imap_port = 143;
  uint16_t imaps_port = 993;
  uint16_t lmtp_port = 24;
  int accounts = 64;
  int first_account = 0;  // of those that this run uses; more than 0: others load the ones before
  std::string domain = "example.org";
  std::string password = "pass";
  uint64_t seed = 1;
  pid_t pid = 0;     // of the server's first process; 0: its costs are not looked at
  std::string disk;  // a path on the disk that it writes to; empty: not known
  std::shared_ptr<net::TlsContext> tls;  // shared by all connections

  // Accounts are counted from 0 and come round again behind the last.
  std::string user(int account) const;
};

struct ImapOptions {
  int account = 0;
  bool tls = false;
  // The last two octets of the 127.0.x.y to connect from, so that a server's limit of connections
  // per address is not what is measured; 0: the system chooses.
  uint16_t source = 0;
};

struct Answer {
  imap::StatusResponse tagged;
  std::vector<imap::Response> untagged;
  // The first of its kind, or nullptr.
  template <class T>
  const T* first() const {
    for (const auto& response : untagged) {
      if (const T* found = std::get_if<T>(&response)) return found;
    }
    return nullptr;
  }
  template <class T>
  size_t count() const {
    size_t out = 0;
    for (const auto& response : untagged) out += std::holds_alternative<T>(response) ? 1 : 0;
    return out;
  }
};

class ImapClient {
 public:
  // Connected and logged in, with LITERAL+ where the server has it.
  static Task<Result<std::unique_ptr<ImapClient>>> login(const Target& target, ImapOptions options);

  // Any tagged OK; NO and BAD are Code::cannot with the server's line as detail.
  Task<Result<Answer>> run(imap::Command command);
  Task<Result<Answer>> run(imap::CommandBody body);
  // The same with the tagged NO of an expunged message as an Answer (RFC 5530 EXPUNGEISSUED).
  Task<Result<Answer>> run_allowing_gone(imap::Command command);

  // Sends the command and gathers the octets of its whole answer unread, so that the client is not
  // what is measured. Valid until the next call. `expected_bytes` spares the buffer's growing.
  Task<Result<std::string_view>> run_bulk(imap::CommandBody body, size_t expected_bytes);

  // COMPRESS DEFLATE; Code::cannot where the server does not have it.
  Task<Result<>> compress();

  // IDLE: sent and answered with "+"; then next_response() as they come, then the end of it.
  Task<Result<>> idle_begin();
  Task<Result<Answer>> idle_end();
  Task<Result<imap::Response>> next_response(net::Deadline deadline);
  // A whole response is buffered, next_response() will not wait.
  net::Stream& stream() { return stream_; }

  uint32_t exists() const { return exists_; }  // of the selected mailbox, as told so far
  bool has(std::string_view capability) const;

 private:
  Task<Result<>> fill(net::Deadline deadline);
  Task<Result<>> send(imap::Command& command);
  Task<Result<Answer>> answer(std::string tag);
  void count_message(const imap::Response& response);
  std::string next_tag();

  net::Stream stream_;
  imap::ClientFramer framer_;
  imap::WriteOptions write_;
  std::vector<std::string> capabilities_;
  std::string input_;
  std::string bulk_;
  std::string idle_tag_;
  uint64_t tags_ = 0;
  uint32_t exists_ = 0;
};

class LmtpClient {
 public:
  static Task<Result<std::unique_ptr<LmtpClient>>> connect(const Target& target);
  // 250 for the one recipient; anything else is an Error.
  Task<Result<>> deliver(const std::string& recipient, std::string_view message);

 private:
  Task<Result<lmtp::Reply>> reply();
  Task<Result<>> expect(int code);

  net::Stream stream_;
  lmtp::LineFramer framer_;
  bool size_ = false;  // the server knows MAIL's SIZE (RFC 1870)
  std::string input_;
  std::string output_;
  std::string_view rest_;
};

// Runs them side by side on the calling coroutine's executor until all have ended.
Task<> run_all(std::vector<Task<>> tasks);

}  // namespace eilpost::bench
