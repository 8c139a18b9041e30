#include "client/session/connection.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "protocol/imap/response_parser.h"

namespace eilpost::client {

namespace {

constexpr size_t read_bytes = 64 * 1024;
// Octets of messages are gathered up to here before they are written.
constexpr size_t write_bytes = 128 * 1024;
// What a response counts for besides its octets: it costs work and memory however short it is.
constexpr uint64_t response_overhead_bytes = 256;

imap::ClientFramerLimits framer_limits(const ConnectionOptions& options) {
  imap::ClientFramerLimits out;
  out.buffered_literal_bytes_max = options.held_literal_bytes_max;
  return out;
}

bool is_secret(const imap::CommandBody& body) {
  return std::holds_alternative<imap::Login>(body) ||
         std::holds_alternative<imap::Authenticate>(body);
}

}  // namespace

Connection::Connection(net::Stream stream, ConnectionOptions options)
    : stream_(std::move(stream)), options_(std::move(options)), framer_(framer_limits(options_)) {
  parse_.tolerant = true;
}

void Connection::set_utf8(bool utf8) {
  parse_.utf8_allowed = utf8;
  write_.utf8 = utf8;
}

net::Deadline Connection::silence() const {
  return net::after(options_.silence);
}

Connection::Running* Connection::find(std::string_view tag) {
  for (Running& running : running_) {
    if (running.tag == tag) return &running;
  }
  return nullptr;
}

Connection::Running* Connection::oldest() {
  for (Running& running : running_) {
    if (!running.answer) return &running;
  }
  return nullptr;
}

std::string Connection::next_tag() {
  return fmt::format("E{}", ++tags_);
}

Connection::Running& Connection::begin(std::string tag, Expect expect) {
  return running_.emplace_back(Running{std::move(tag), std::move(expect), std::nullopt});
}

Result<Answer> Connection::take(const std::string& tag) {
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [&](const Running& running) { return running.tag == tag; });
  CHECK(found != running_.end() && found->answer.has_value());
  Answer answer{std::move(*found->answer)};
  running_.erase(found);
  return answer;
}

void Connection::trace_sent(std::string_view octets) {
  if (!options_.trace) return;
  while (octets.substr(octets.size() - std::min<size_t>(octets.size(), 2)) == "\r\n") {
    octets.remove_suffix(2);
  }
  options_.trace(ConnectionOptions::Way::to_server, octets);
}

Task<Result<>> Connection::write(std::string_view octets) {
  auto written = co_await stream_.write_all(octets, options_.silence);
  broken_ = broken_ || !written;
  if (written || bye_.empty()) co_return written;
  co_return fail(Code::closed, "the server ended the connection: " + bye_);
}

// --- sending ---

Task<Result<bool>> Connection::consent(std::string tag) {
  for (;;) {
    if (continuation_) {
      continuation_.reset();
      co_return true;
    }
    const Running* running = find(tag);
    CHECK(running != nullptr);
    if (running->answer) co_return false;
    auto handled = co_await handle_next(silence(), nullptr);
    CO_TRY(handled);
    if (!*handled) co_return fail(Code::timeout, "the server does not answer");
  }
}

Task<Result<>> Connection::send_pieces(std::string tag, imap::WireCommand wire) {
  for (size_t i = 0; i < wire.pieces.size(); ++i) {
    if (i > 0) {
      auto agreed = co_await consent(tag);
      CO_TRY(agreed);
      if (!*agreed) break;
    }
    auto written = co_await write(wire.pieces[i]);
    CO_TRY(written);
  }
  co_return Result<>();
}

Task<Result<Connection::Ticket>> Connection::send(imap::Command command, Expect expect) {
  command.tag = next_tag();
  begin(command.tag, std::move(expect));
  imap::WireCommand wire = imap::print_command(command, write_);
  if (is_secret(command.body)) {
    trace_sent(fmt::format("{} {} ***", command.tag, imap::command_name(command)));
  } else {
    trace_sent(wire.pieces.front());
  }
  auto sent = co_await send_pieces(command.tag, std::move(wire));
  CO_TRY(sent);
  co_return Ticket{command.tag};
}

Task<Result<Connection::Ticket>> Connection::send_text(std::string text, Expect expect) {
  Ticket ticket{next_tag()};
  begin(ticket.tag, std::move(expect));
  const std::string line = fmt::format("{} {}\r\n", ticket.tag, text);
  trace_sent(line);
  auto written = co_await write(line);
  CO_TRY(written);
  co_return ticket;
}

Task<Result<>> Connection::send_octets(OutgoingMessage& message) {
  uint64_t left = message.size;
  std::string gathered;
  for (;;) {
    auto piece = co_await message.next();
    CO_TRY(piece);
    if (piece->size() > left) {
      co_return fail(Code::invalid, fmt::format("a message is longer than its {} octets; the "
                                                "connection cannot be used further",
                                                message.size));
    }
    left -= piece->size();
    const bool end = piece->empty();
    gathered += *piece;
    if (gathered.size() >= write_bytes || (end && !gathered.empty())) {
      auto written = co_await write(gathered);
      CO_TRY(written);
      gathered.clear();
    }
    if (end) break;
  }
  if (left > 0) {
    co_return fail(Code::invalid,
                   fmt::format("a message is {} octets shorter than its {}; the connection cannot "
                               "be used further",
                               left, message.size));
  }
  co_return Result<>();
}

Task<Result<Connection::Ticket>> Connection::send_append(std::string mailbox,
                                                         std::vector<OutgoingMessage> messages,
                                                         Expect expect) {
  Ticket ticket{next_tag()};
  begin(ticket.tag, std::move(expect));
  const bool plus = write_.literals == imap::LiteralForm::plus;
  imap::CommandWriter head(write_);
  head.raw(ticket.tag).raw(" APPEND ").mailbox(mailbox);
  imap::WireCommand wire = head.finish();
  std::string& line = wire.pieces.back();
  line.resize(line.size() - 2);  // the line goes on behind the name
  auto sent = co_await send_pieces(ticket.tag, std::move(wire));
  CO_TRY(sent);
  for (OutgoingMessage& message : messages) {
    std::string announced = " ";
    if (!message.flags.empty()) {
      imap::append_flag_list(announced, message.flags);
      announced += ' ';
    }
    if (message.date) {
      imap::append_date_time(announced, *message.date);
      announced += ' ';
    }
    if (message.utf8) announced += "UTF8 (";
    announced += fmt::format("{}{{{}{}}}\r\n", message.literal8 || message.utf8 ? "~" : "",
                             message.size, plus ? "+" : "");
    trace_sent(announced);
    auto written = co_await write(announced);
    CO_TRY(written);
    if (!plus) {
      auto agreed = co_await consent(ticket.tag);
      CO_TRY(agreed);
      if (!*agreed) co_return ticket;
    }
    auto streamed = co_await send_octets(message);
    CO_TRY(streamed);
    if (message.utf8) {
      auto closed = co_await write(")");
      CO_TRY(closed);
    }
  }
  auto ended = co_await write("\r\n");
  CO_TRY(ended);
  co_return ticket;
}

Task<Result<>> Connection::send_line(std::string line, LineKind kind) {
  trace_sent(kind.secret ? "***" : line);
  line += "\r\n";
  auto written = co_await write(line);
  co_return written;
}

// --- waiting ---

Task<Result<Answer>> Connection::wait(Ticket ticket) {
  for (;;) {
    const Running* running = find(ticket.tag);
    CHECK(running != nullptr);
    if (running->answer) break;
    auto handled = co_await handle_next(silence(), nullptr);
    broken_ = broken_ || !handled || !*handled;
    CO_TRY(handled);
    if (!*handled) {
      co_return fail(Code::timeout,
                     fmt::format("the server has been silent for {} s", options_.silence.count()));
    }
  }
  continuation_.reset();
  auto answer = take(ticket.tag);
  co_return answer;
}

Task<Result<Answer>> Connection::run(imap::Command command, Expect expect) {
  auto ticket = co_await send(std::move(command), std::move(expect));
  CO_TRY(ticket);
  auto answer = co_await wait(*ticket);
  co_return answer;
}

Task<Result<Connection::Turn>> Connection::wait_turn(const Ticket& ticket) {
  auto agreed = [this]() -> std::optional<Turn> {
    if (!continuation_) return std::nullopt;
    Turn turn = std::move(*continuation_);
    continuation_.reset();
    return turn;
  };
  for (;;) {
    if (auto turn = agreed()) co_return std::move(*turn);
    const Running* running = find(ticket.tag);
    CHECK(running != nullptr);
    if (running->answer) break;
    auto handled = co_await handle_next(silence(), nullptr);
    CO_TRY(handled);
    if (!*handled) co_return fail(Code::timeout, "the server does not answer");
  }
  auto answer = take(ticket.tag);
  CO_TRY(answer);
  co_return Turn(std::move(*answer));
}

Task<Result<imap::StatusResponse>> Connection::greeting() {
  while (!greeting_) {
    auto handled = co_await handle_next(silence(), nullptr);
    CO_TRY(handled);
    if (!*handled) co_return fail(Code::timeout, "the server sends no greeting");
  }
  greeted_ = true;
  imap::StatusResponse greeting = std::move(*greeting_);
  greeting_.reset();
  if (greeting.condition == imap::Condition::bye) {
    co_return fail(Code::closed, "the server refuses the connection: " + greeting.text);
  }
  co_return greeting;
}

Task<Result<bool>> Connection::wait_untagged(net::Deadline deadline) {
  const uint64_t before = untagged_;
  while (untagged_ == before) {
    auto handled = co_await handle_next(deadline, nullptr);
    CO_TRY(handled);
    if (!*handled) co_return false;
  }
  co_return true;
}

Task<Result<bool>> Connection::wait_untagged(net::Deadline deadline, net::Signal& signal) {
  const uint64_t before = untagged_;
  while (untagged_ == before) {
    auto handled = co_await handle_next(deadline, &signal);
    CO_TRY(handled);
    if (!*handled) co_return false;
  }
  co_return true;
}

Task<Result<>> Connection::start_tls(std::shared_ptr<net::TlsContext> context,
                                     std::string server_name) {
  if (framer_.buffered() > 0) {
    co_return fail(Code::invalid,
                   "the server has sent more than its answer to STARTTLS: somebody "
                   "on the way may have put it there");
  }
  net::TlsStart start;
  start.deadline = silence();
  start.server_name = std::move(server_name);
  auto secured = co_await stream_.start_tls(std::move(context), std::move(start));
  co_return secured;
}

Result<> Connection::start_deflate() {
  if (framer_.buffered() > 0) {
    return fail(Code::invalid,
                "the server has sent more than its answer to COMPRESS; --compress never does "
                "without");
  }
  stream_.start_deflate();
  return {};
}

// --- responses ---

Task<Result<std::optional<imap::ClientEvent>>> Connection::next_event(net::Deadline deadline,
                                                                      net::Signal* signal) {
  using Event = std::optional<imap::ClientEvent>;
  for (;;) {
    imap::ClientEvent event = framer_.next();
    if (!std::holds_alternative<imap::NeedMore>(event)) co_return Event(std::move(event));
    input_.clear();
    if (signal != nullptr) {
      const auto wake =
          co_await stream_.read_append_or_signal(input_, read_bytes, *signal, deadline);
      if (wake == net::Wake::signalled || wake == net::Wake::timeout) co_return Event();
      if (wake == net::Wake::closed) {
        co_return fail(Code::closed, bye_.empty() ? "the server has closed the connection"
                                                  : "the server ended the connection: " + bye_);
      }
    } else {
      auto got = co_await stream_.read_append(input_, read_bytes, deadline);
      if (!got && got.error().code == Code::timeout) co_return Event();
      if (!got && !bye_.empty()) {
        co_return fail(Code::closed, "the server ended the connection: " + bye_);
      }
      CO_TRY(got);
    }
    framer_.feed(input_);
    std::string().swap(input_);
  }
}

Task<Result<bool>> Connection::handle_next(net::Deadline deadline, net::Signal* signal) {
  for (;;) {
    auto event = co_await next_event(deadline, signal);
    broken_ = broken_ || !event;
    CO_TRY(event);
    if (!*event) co_return false;
    if (const auto* fatal = std::get_if<imap::Fatal>(&**event)) {
      broken_ = true;
      co_return fail(Code::invalid, "the server's response is not IMAP: " + fatal->why);
    }
    if (const auto* whole = std::get_if<imap::ResponseFrame>(&**event)) {
      auto handled = handle(*whole->frame);
      CO_TRY(handled);
      co_return true;
    }
    auto handled = handle_literal(**event);
    CO_TRY(handled);
    // A long literal may take its time, as long as it goes on; nothing else ends its wait.
    deadline = silence();
    signal = nullptr;
  }
}

Result<> Connection::handle_literal(const imap::ClientEvent& event) {
  Running* running = oldest();
  if (const auto* begin = std::get_if<imap::LiteralBegin>(&event)) {
    if (begin->size > options_.literal_bytes_max) {
      return fail(Code::too_big, fmt::format("the server announces {} octets; no message is larger "
                                             "than {}",
                                             begin->size, options_.literal_bytes_max));
    }
    if (running == nullptr || !running->expect.literal_begin) {
      return fail(Code::too_big,
                  fmt::format("the server sends a literal of {} octets that nobody asked for",
                              begin->size));
    }
    return running->expect.literal_begin(begin->size, *begin->frame);
  }
  CHECK(running != nullptr);
  if (const auto* chunk = std::get_if<imap::LiteralChunk>(&event)) {
    return running->expect.literal_octets ? running->expect.literal_octets(chunk->octets)
                                          : Result<>();
  }
  return running->expect.literal_end ? running->expect.literal_end() : Result<>();
}

Result<> Connection::count(const imap::Frame& frame) {
  heard_bytes_ += frame.text.size() + response_overhead_bytes;
  for (const imap::Literal& literal : frame.literals) heard_bytes_ += literal.octets.size();
  if (heard_bytes_ <= options_.response_bytes_max) return {};
  broken_ = true;
  return fail(Code::too_big,
              fmt::format("the server's answer to one command has no end: {} octets and more",
                          options_.response_bytes_max));
}

Result<> Connection::handle(const imap::Frame& frame) {
  TRY(count(frame));
  if (options_.trace) options_.trace(ConnectionOptions::Way::from_server, frame.text);
  Result<imap::Response> parsed = imap::parse_response(frame, parse_);
  if (!parsed) {
    ++unreadable_;
    return {};
  }
  if (auto* status = std::get_if<imap::StatusResponse>(&*parsed); status && !status->tag.empty()) {
    // A tag that is not ours, or an answer that comes twice: some servers do that.
    Running* running = find(status->tag);
    if (running == nullptr || running->answer) {
      ++unreadable_;
    } else {
      running->answer = std::move(*status);
      heard_bytes_ = 0;
    }
    return {};
  }
  if (auto* more = std::get_if<imap::Continuation>(&*parsed)) {
    continuation_ = std::move(*more);
    return {};
  }
  return handle_untagged(std::move(*parsed));
}

Result<> Connection::handle_untagged(imap::Response response) {
  ++untagged_;
  if (std::holds_alternative<imap::UnknownData>(response)) ++unreadable_;
  if (options_.observer) options_.observer(response);
  if (const auto* status = std::get_if<imap::StatusResponse>(&response)) {
    if (status->condition == imap::Condition::bye) bye_ = status->text;
    if (!greeted_ && !greeting_) {
      greeting_ = *status;
      return {};
    }
  }
  Running* running = oldest();
  const bool asked = running != nullptr && running->expect.untagged;
  const auto& hear = asked ? running->expect.untagged : unasked_;
  return hear ? hear(std::move(response)) : Result<>();
}

}  // namespace eilpost::client
