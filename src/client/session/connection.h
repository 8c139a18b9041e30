// One connection to an IMAP server below any meaning: commands out, responses in, several commands
// under way at once (RFC 9051 5.5). Whoever waits for an answer reads; untagged responses go to the
// handler of the oldest command that is not answered, and to the observer. Literals above a size
// are streamed past instead of being held. Every wait has a deadline: a server that is silent for
// `silence` is given up with Code::timeout. After an Error other than a refusal the connection is
// of no more use. It belongs to one executor and one coroutine at a time.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "net/stream.h"
#include "protocol/imap/client_framer.h"
#include "protocol/imap/command.h"
#include "protocol/imap/data.h"

namespace eilpost::client {

using net::Task;

// The tagged end of a command: OK, NO or BAD.
struct Answer {
  imap::StatusResponse tagged;
  bool ok() const { return tagged.condition == imap::Condition::ok; }
};

// What a command does with what comes before its tagged answer. An Error ends the connection.
struct Expect {
  std::function<Result<>(imap::Response)> untagged;
  // A literal that is too large to hold: begin() with its size and the response so far, its octets,
  // end(). Its response comes to `untagged` afterwards, marked as streamed. Without these such a
  // literal is Code::too_big.
  std::function<Result<>(uint64_t size, const imap::Frame& so_far)> literal_begin;
  std::function<Result<>(std::string_view octets)> literal_octets;
  std::function<Result<>()> literal_end;
};

// A message on its way to the server: next() gives its octets piece by piece, "" at the end,
// exactly `size` of them in all.
struct OutgoingMessage {
  imap::FlagList flags;
  std::optional<imap::DateTime> date;
  uint64_t size = 0;
  bool literal8 = false;  // it may hold NUL: the server has BINARY
  bool utf8 = false;      // its header holds UTF-8: UTF8=ACCEPT is enabled
  std::function<Task<Result<std::string>>()> next;
};

struct ConnectionOptions {
  std::chrono::seconds silence{120};
  // Larger literals are streamed.
  uint64_t held_literal_bytes_max = 1024 * 1024;
  // No message is larger; a literal that is said to be ends the connection.
  uint64_t literal_bytes_max = uint64_t{1} << 31;
  // More than one command may bring, messages that are streamed not counted, each response as some
  // octets more than it has: a server must not talk for ever, least of all one that compresses.
  uint64_t response_bytes_max = uint64_t{1} << 31;
  // Sees each untagged response first; nothing it is given may be kept by reference.
  std::function<void(const imap::Response&)> observer;
  // Each line either way, without line end, secrets masked; for the user's protocol trace.
  enum class Way { to_server, from_server };
  std::function<void(Way way, std::string_view line)> trace;
};

class Connection {
 public:
  Connection(net::Stream stream, ConnectionOptions options);

  // The server's first response. Code::closed: BYE instead, with its text.
  Task<Result<imap::StatusResponse>> greeting();

  // A command that was sent. Waiting for it twice is a bug.
  struct Ticket {
    std::string tag;
  };
  // Sends it, waiting only where a literal needs the server's consent. `command.tag` is chosen
  // here.
  Task<Result<Ticket>> send(imap::Command command, Expect expect);
  // A command that no type exists for: the text behind the tag.
  Task<Result<Ticket>> send_text(std::string text, Expect expect);
  // APPEND of one or several messages (several: MULTIAPPEND), whose octets stream by.
  Task<Result<Ticket>> send_append(std::string mailbox, std::vector<OutgoingMessage> messages,
                                   Expect expect);
  Task<Result<Answer>> wait(Ticket ticket);
  // Both.
  Task<Result<Answer>> run(imap::Command command, Expect expect);

  // The next "+" or the command's end, for AUTHENTICATE and IDLE.
  using Turn = std::variant<imap::Continuation, Answer>;
  Task<Result<Turn>> wait_turn(const Ticket& ticket);
  // A line that belongs to a command under way (a SASL response, DONE). A secret is not traced.
  struct LineKind {
    bool secret = false;
  };
  Task<Result<>> send_line(std::string line, LineKind kind);

  // Reads responses until something untagged has come or `deadline` passes: true when it has. For
  // IDLE and NOTIFY.
  Task<Result<bool>> wait_untagged(net::Deadline deadline);
  // wait_untagged() returns early when `signal` is signalled.
  Task<Result<bool>> wait_untagged(net::Deadline deadline, net::Signal& signal);

  // TLS in place, after STARTTLS was answered OK. Code::invalid when the server had sent more
  // already: that would be taken as if it had come under TLS.
  Task<Result<>> start_tls(std::shared_ptr<net::TlsContext> context, std::string server_name);

  // From the OK to COMPRESS on (RFC 4978). Code::invalid when more had come with it.
  Result<> start_deflate();

  // Who gets what comes while no command runs, or one that expects nothing (NOTIFY); null: only the
  // observer.
  void set_unasked(std::function<Result<>(imap::Response)> unasked) {
    unasked_ = std::move(unasked);
  }
  // Hands on what a command's handler was given and did not ask for.
  Result<> hear_unasked(imap::Response response) {
    return unasked_ ? unasked_(std::move(response)) : Result<>();
  }

  net::Stream& stream() { return stream_; }
  imap::WriteOptions& write_options() { return write_; }
  // IMAP4rev2 or UTF8=ACCEPT is enabled: names are UTF-8.
  void set_utf8(bool utf8);
  // "" unless the server has said BYE.
  const std::string& bye() const { return bye_; }
  // It has ended, or a command was given up in the middle: what comes cannot be told apart.
  bool is_broken() const { return broken_; }
  size_t under_way() const { return running_.size(); }
  // Responses that could not be understood.
  uint64_t unreadable() const { return unreadable_; }
  void close() { stream_.close(); }

 private:
  struct Running {
    std::string tag;
    Expect expect;
    std::optional<imap::StatusResponse> answer;
  };
  Running* find(std::string_view tag);
  Running* oldest();
  std::string next_tag();
  Running& begin(std::string tag, Expect expect);
  Result<Answer> take(const std::string& tag);
  Task<Result<>> write(std::string_view octets);
  // Sends the pieces, with a "+" between each two; stops when the command is answered before.
  Task<Result<>> send_pieces(std::string tag, imap::WireCommand wire);
  // Waits for "+" or for the command's answer: true for "+".
  Task<Result<bool>> consent(std::string tag);
  Task<Result<>> send_octets(OutgoingMessage& message);
  // Takes one event off the framer, reading when it is empty. nullopt: the deadline has passed.
  Task<Result<std::optional<imap::ClientEvent>>> next_event(net::Deadline deadline,
                                                            net::Signal* signal);
  // Reads until a response has been handled; false when the deadline passed or `signal` came.
  Task<Result<bool>> handle_next(net::Deadline deadline, net::Signal* signal);
  Result<> count(const imap::Frame& frame);
  Result<> handle(const imap::Frame& frame);
  Result<> handle_untagged(imap::Response response);
  Result<> handle_literal(const imap::ClientEvent& event);
  void trace_sent(std::string_view octets);
  net::Deadline silence() const;

  net::Stream stream_;
  ConnectionOptions options_;
  imap::ClientFramer framer_;
  imap::WriteOptions write_;
  imap::ParseOptions parse_;
  std::deque<Running> running_;
  std::function<Result<>(imap::Response)> unasked_;
  std::optional<imap::Continuation> continuation_;
  std::optional<imap::StatusResponse> greeting_;
  std::string input_;
  std::string bye_;
  uint64_t tags_ = 0;
  uint64_t unreadable_ = 0;
  uint64_t untagged_ = 0;
  uint64_t heard_bytes_ = 0;  // since a command was last answered
  bool greeted_ = false;
  bool broken_ = false;
};

}  // namespace eilpost::client
