#include "bench/client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "net/signal.h"
#include "protocol/imap/response_parser.h"

namespace eilpost::bench {

namespace {

constexpr auto stall = std::chrono::seconds(120);
constexpr size_t read_bytes = 256 * 1024;

// A connected socket from 127.0.x.y. On loopback connect() does not wait.
Result<int> connect_from(const Target& target, uint16_t port, uint16_t source) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail_errno("socket", errno);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(0x7f000000U | source);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  const int one = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const bool good = ::inet_pton(AF_INET, target.host.c_str(), &to.sin_addr) == 1 &&
                    ::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) == 0 &&
                    ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 &&
                    ::fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
  if (good) return fd;
  const int error = errno;
  ::close(fd);
  return fail_errno("connecting to " + target.host, error);
}

Task<Result<net::Stream>> open_stream(const Target& target, ImapOptions options) {
  const uint16_t port = options.tls ? target.imaps_port : target.imap_port;
  net::ConnectOptions connect;
  connect.deadline = net::after(stall);
  if (options.tls) connect.tls = target.tls;
  if (options.source == 0) {
    auto stream = co_await net::connect_tcp(target.host, port, connect);
    co_return stream;
  }
  auto fd = connect_from(target, port, options.source);
  CO_TRY(fd);
  auto executor = co_await net::this_executor();
  net::Stream stream(executor, *fd, net::Address(), net::Address());
  if (options.tls) {
    net::TlsStart start;
    start.deadline = connect.deadline;
    start.server_name = target.host;
    auto secured = co_await stream.start_tls(target.tls, std::move(start));
    CO_TRY(secured);
  }
  co_return stream;
}

std::string line_of(const imap::StatusResponse& status) {
  return fmt::format("{} {}", imap::condition_name(status.condition), status.text);
}

// The answer ends with the line that begins with the tag. Only the end is looked at.
bool ends_with_tagged(std::string_view octets, std::string_view tag) {
  if (octets.size() < 2 || octets.substr(octets.size() - 2) != "\r\n") return false;
  constexpr size_t status_line_bytes_max = 1024;
  std::string_view tail =
      octets.substr(octets.size() - std::min(octets.size(), status_line_bytes_max));
  tail.remove_suffix(2);
  const size_t before = tail.rfind('\n');
  if (before != std::string_view::npos) tail.remove_prefix(before + 1);
  return tail.substr(0, tag.size()) == tag && tail.substr(tag.size(), 1) == " ";
}

}  // namespace

std::string Target::user(int account) const {
  return fmt::format("user{}@{}", first_account + account % accounts + 1, domain);
}

Task<Result<std::unique_ptr<ImapClient>>> ImapClient::login(const Target& target,
                                                            ImapOptions options) {
  auto client = std::make_unique<ImapClient>();
  auto stream = co_await open_stream(target, options);
  CO_TRY(stream);
  client->stream_ = std::move(*stream);
  auto greeting = co_await client->next_response(net::after(stall));
  CO_TRY(greeting);
  const auto* status = std::get_if<imap::StatusResponse>(&*greeting);
  if (status == nullptr || status->condition != imap::Condition::ok) {
    co_return fail(Code::cannot, "the greeting is not OK");
  }
  imap::Login login_command;
  login_command.user = target.user(options.account);
  login_command.password = target.password;
  imap::CommandBody body = std::move(login_command);
  auto logged_in = co_await client->run(std::move(body));
  CO_TRY(logged_in);
  imap::CommandBody capability = imap::Capability();
  auto told = co_await client->run(std::move(capability));
  CO_TRY(told);
  if (const auto* data = told->first<imap::CapabilityData>()) client->capabilities_ = data->names;
  if (client->has("LITERAL+")) client->write_.literals = imap::LiteralForm::plus;
  co_return client;
}

bool ImapClient::has(std::string_view capability) const {
  return std::find(capabilities_.begin(), capabilities_.end(), capability) != capabilities_.end();
}

std::string ImapClient::next_tag() {
  return fmt::format("t{}", ++tags_);
}

Task<Result<>> ImapClient::fill(net::Deadline deadline) {
  input_.clear();
  auto read = co_await stream_.read_append(input_, read_bytes, deadline);
  CO_TRY(read);
  framer_.feed(input_);
  // An idling client keeps no buffer, since there are thousands of them.
  if (input_.capacity() > 4096) std::string().swap(input_);
  co_return Result<>();
}

Task<Result<imap::Response>> ImapClient::next_response(net::Deadline deadline) {
  for (;;) {
    auto event = framer_.next();
    if (const auto* whole = std::get_if<imap::ResponseFrame>(&event)) {
      auto response = imap::parse_response(*whole->frame, imap::ParseOptions());
      CO_TRY(response);
      count_message(*response);
      co_return std::move(*response);
    }
    if (!std::holds_alternative<imap::NeedMore>(event)) {
      co_return fail(Code::invalid, "a literal or line larger than expected");
    }
    auto filled = co_await fill(deadline);
    CO_TRY(filled);
  }
}

void ImapClient::count_message(const imap::Response& response) {
  if (const auto* exists = std::get_if<imap::ExistsData>(&response)) exists_ = exists->count;
  if (std::holds_alternative<imap::ExpungeData>(response) && exists_ > 0) --exists_;
}

Task<Result<>> ImapClient::send(imap::Command& command) {
  imap::WireCommand wire = imap::print_command(command, write_);
  for (size_t i = 0; i < wire.pieces.size(); ++i) {
    auto written = co_await stream_.write_all(wire.pieces[i], stall);
    CO_TRY(written);
    if (i + 1 == wire.pieces.size()) break;
    for (;;) {
      auto response = co_await next_response(net::after(stall));
      CO_TRY(response);
      if (std::holds_alternative<imap::Continuation>(*response)) break;
      const auto* status = std::get_if<imap::StatusResponse>(&*response);
      if (status != nullptr && !status->tag.empty()) {
        co_return fail(Code::cannot, "a literal was refused: " + line_of(*status));
      }
    }
  }
  co_return Result<>();
}

Task<Result<Answer>> ImapClient::answer(std::string tag) {
  Answer out;
  for (;;) {
    auto response = co_await next_response(net::after(stall));
    CO_TRY(response);
    auto* status = std::get_if<imap::StatusResponse>(&*response);
    if (status != nullptr && status->tag == tag) {
      out.tagged = std::move(*status);
      co_return out;
    }
    if (status != nullptr && status->condition == imap::Condition::bye) {
      co_return fail(Code::closed, line_of(*status));
    }
    out.untagged.push_back(std::move(*response));
  }
}

Task<Result<Answer>> ImapClient::run_allowing_gone(imap::Command command) {
  command.tag = next_tag();
  auto sent = co_await send(command);
  CO_TRY(sent);
  auto answered = co_await answer(command.tag);
  CO_TRY(answered);
  const auto& tagged = answered->tagged;
  const bool gone = tagged.code.name == imap::CodeName::expunge_issued;
  if (tagged.condition != imap::Condition::ok && !gone) {
    co_return fail(Code::cannot,
                   fmt::format("{}: {}", imap::command_name(command), line_of(tagged)));
  }
  co_return std::move(*answered);
}

Task<Result<Answer>> ImapClient::run(imap::Command command) {
  auto answered = co_await run_allowing_gone(std::move(command));
  CO_TRY(answered);
  if (answered->tagged.condition != imap::Condition::ok) {
    co_return fail(Code::cannot, line_of(answered->tagged));
  }
  co_return std::move(*answered);
}

Task<Result<Answer>> ImapClient::run(imap::CommandBody body) {
  imap::Command command;
  command.body = std::move(body);
  auto answered = co_await run(std::move(command));
  co_return answered;
}

Task<Result<std::string_view>> ImapClient::run_bulk(imap::CommandBody body, size_t expected_bytes) {
  imap::Command command;
  command.tag = next_tag();
  command.body = std::move(body);
  if (bulk_.size() < expected_bytes + read_bytes) bulk_.resize(expected_bytes + read_bytes);
  auto sent = co_await send(command);
  CO_TRY(sent);
  size_t size = 0;
  while (!ends_with_tagged(std::string_view(bulk_).substr(0, size), command.tag)) {
    if (bulk_.size() - size < read_bytes) bulk_.resize(bulk_.size() * 2);
    std::span<char> into(bulk_.data() + size, bulk_.size() - size);
    auto read = co_await stream_.read_some(into, net::after(stall));
    CO_TRY(read);
    size += *read;
  }
  const std::string_view octets = std::string_view(bulk_).substr(0, size);
  const std::string_view last = octets.substr(octets.rfind(command.tag + " "));
  if (last.substr(command.tag.size(), 4) != " OK ") {
    co_return fail(Code::cannot, std::string(last.substr(0, last.size() - 2)));
  }
  co_return octets;
}

Task<Result<>> ImapClient::compress() {
  imap::Compress command;
  command.algorithm = "DEFLATE";
  auto answered = co_await run(imap::CommandBody(std::move(command)));
  CO_TRY(answered);
  stream_.start_deflate();
  co_return Result<>();
}

Task<Result<>> ImapClient::idle_begin() {
  imap::Command command;
  command.tag = next_tag();
  command.body = imap::Idle();
  idle_tag_ = command.tag;
  auto sent = co_await send(command);
  CO_TRY(sent);
  for (;;) {
    auto response = co_await next_response(net::after(stall));
    CO_TRY(response);
    if (std::holds_alternative<imap::Continuation>(*response)) co_return Result<>();
    const auto* status = std::get_if<imap::StatusResponse>(&*response);
    if (status != nullptr && !status->tag.empty()) {
      co_return fail(Code::cannot, "IDLE: " + line_of(*status));
    }
  }
}

Task<Result<Answer>> ImapClient::idle_end() {
  const std::string_view done = "DONE\r\n";
  auto written = co_await stream_.write_all(done, stall);
  CO_TRY(written);
  auto answered = co_await answer(idle_tag_);
  CO_TRY(answered);
  if (answered->tagged.condition != imap::Condition::ok) {
    co_return fail(Code::cannot, "IDLE: " + line_of(answered->tagged));
  }
  co_return std::move(*answered);
}

Task<Result<std::unique_ptr<LmtpClient>>> LmtpClient::connect(const Target& target) {
  auto client = std::make_unique<LmtpClient>();
  net::ConnectOptions options;
  options.deadline = net::after(stall);
  auto stream = co_await net::connect_tcp(target.host, target.lmtp_port, options);
  CO_TRY(stream);
  client->stream_ = std::move(*stream);
  auto greeting = co_await client->expect(220);
  CO_TRY(greeting);
  const std::string_view lhlo = "LHLO load.example.net\r\n";
  auto written = co_await client->stream_.write_all(lhlo, stall);
  CO_TRY(written);
  auto answered = co_await client->reply();
  CO_TRY(answered);
  for (const std::string& line : answered->lines) {
    if (line.substr(0, 4) == "SIZE") client->size_ = true;
  }
  co_return client;
}

Task<Result<lmtp::Reply>> LmtpClient::reply() {
  lmtp::ReplyParser parser;
  for (;;) {
    if (auto line = framer_.take(rest_)) {
      auto parsed = parser.line(line->text);
      CO_TRY(parsed);
      if (*parsed) co_return std::move(**parsed);
      continue;
    }
    input_.clear();
    auto read = co_await stream_.read_append(input_, read_bytes, net::after(stall));
    CO_TRY(read);
    rest_ = input_;
  }
}

Task<Result<>> LmtpClient::expect(int code) {
  auto answered = co_await reply();
  CO_TRY(answered);
  if (answered->code != code) {
    co_return fail(Code::cannot, fmt::format("{} {}", answered->code, answered->lines[0]));
  }
  co_return Result<>();
}

Task<Result<>> LmtpClient::deliver(const std::string& recipient, std::string_view message) {
  const std::string size = size_ ? fmt::format(" SIZE={}", message.size()) : "";
  const std::string envelope =
      fmt::format("MAIL FROM:<sender@example.net>{}\r\nRCPT TO:<{}>\r\nDATA\r\n", size, recipient);
  auto written = co_await stream_.write_all(envelope, stall);
  CO_TRY(written);
  for (const int code : {250, 250, 354}) {
    auto answered = co_await expect(code);
    CO_TRY(answered);
  }
  output_.clear();
  lmtp::DotEncoder encoder;
  encoder.put(message, output_);
  encoder.finish(output_);
  auto sent = co_await stream_.write_all(output_, stall);
  CO_TRY(sent);
  auto delivered = co_await expect(250);
  co_return delivered;
}

Task<> run_all(std::vector<Task<>> tasks) {
  if (tasks.empty()) co_return;
  auto executor = co_await net::this_executor();
  net::Signal done(executor);
  size_t left = tasks.size();
  for (Task<>& task : tasks) {
    net::spawn(executor, std::move(task), [&left, &done] {
      if (--left == 0) done.notify();
    });
  }
  co_await done.wait_until(net::no_deadline);
}

}  // namespace eilpost::bench
