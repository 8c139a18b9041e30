#include "net/stream.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "base/check.h"
#include "net/stream_core.h"

namespace eilpost::net {

namespace asio = boost::asio;

namespace {

using Status = TlsSession::Status;
using Step = TlsSession::Step;

// A TLS record's plaintext (RFC 8446 5.1), and what is read from a plain socket at a time.
constexpr size_t record_bytes = 16384;
constexpr size_t scratch_bytes = 32768;
constexpr size_t pieces_per_call_max = 64;
// What is compressed, or fed to the decompressor, between two turns; and how much of it is read
// from the peer at a time, which is kept until it has been inflated.
constexpr size_t deflate_turn_bytes = 64 * 1024;
constexpr size_t wire_bytes = 8192;
// A peer that is silent for so long lets go of what compressing takes.
constexpr auto deflate_rest_after = std::chrono::seconds(1);
// After so many octets without a wait, the other connections of the thread get a turn.
constexpr size_t turn_bytes = 512 * 1024;
// shutdown() drops what the peer still sends, for at most so long and so much.
constexpr auto linger_time = std::chrono::seconds(2);
constexpr size_t linger_bytes = 1024 * 1024;

// Used only between two suspensions, so one a thread is enough.
std::span<char> scratch() {
  thread_local std::array<char, scratch_bytes> buffer;
  return buffer;
}

Step failed_step() {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {Status::want_read, 0};
  return {Status::closed, 0};
}

Step receive(int fd, std::span<char> into, int flags) {
  ssize_t got = 0;
  do {
    got = ::recv(fd, into.data(), into.size(), flags | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got > 0) return {Status::done, static_cast<size_t>(got)};
  if (got == 0) return {Status::closed, 0};
  return failed_step();
}

Step read_wire(Stream::Core& core, std::span<char> into) {
  Step step = core.tls ? core.tls->read(into) : receive(core.fd(), into, 0);
  core.wire_in += step.octets;
  return step;
}

// Octets may come without any that they hold, and they may come without end: after a while that
// counts as a wait, so that the thread's other connections get their turn.
Step read_deflated(Stream::Core& core, std::span<char> into) {
  for (size_t fed = 0;;) {
    const auto inflated = core.deflate->inflate(into);
    if (!inflated) return {Status::failed, 0};
    if (*inflated > 0) return {Status::done, *inflated};
    if (fed >= deflate_turn_bytes) return {Status::want_read, 0};
    std::array<char, wire_bytes> wire;
    const Step step = read_wire(core, wire);
    if (step.status != Status::done) return step;
    core.deflate->feed({wire.data(), step.octets});
    fed += step.octets;
  }
}

Step read_step(Stream::Core& core, std::span<char> into) {
  if (core.closed) return {Status::closed, 0};
  Step step = core.deflate ? read_deflated(core, into) : read_wire(core, into);
  core.bytes_in += step.octets;
  return step;
}

// Only inflating tells whether what has come holds anything.
Step peek_deflated(Stream::Core& core) {
  std::array<char, 64> some;
  const Step step = read_deflated(core, some);
  core.deflate->unread({some.data(), step.octets});
  return step;
}

Step peek_step(Stream::Core& core) {
  if (core.closed) return {Status::closed, 0};
  if (core.deflate) return peek_deflated(core);
  if (core.tls) return core.tls->peek();
  char octet = 0;
  return receive(core.fd(), std::span<char>(&octet, 1), MSG_PEEK);
}

// What is left to write: pieces in order, the first of them from `offset` on.
struct Cursor {
  std::string_view single;  // used when `many` is empty
  std::span<const std::string_view> many;
  size_t index = 0;
  size_t offset = 0;

  size_t count() const { return many.empty() ? 1 : many.size(); }
  std::string_view piece(size_t i) const {
    std::string_view whole = many.empty() ? single : many[i];
    return i == index ? whole.substr(offset) : whole;
  }
  bool done() {
    while (index < count() && piece(index).empty()) {
      ++index;
      offset = 0;
    }
    return index == count();
  }
  void advance(size_t octets) {
    while (octets > 0) {
      size_t here = std::min(octets, piece(index).size());
      offset += here;
      octets -= here;
      if (piece(index).empty()) {
        ++index;
        offset = 0;
      }
    }
  }
};

Step send_plain(int fd, Cursor& cursor) {
  std::array<iovec, pieces_per_call_max> vectors;
  size_t used = 0;
  for (size_t i = cursor.index; i < cursor.count() && used < vectors.size(); ++i) {
    std::string_view piece = cursor.piece(i);
    if (piece.empty()) continue;
    vectors[used++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = used;
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return {Status::done, static_cast<size_t>(sent)};
  Step step = failed_step();
  if (step.status == Status::want_read) step.status = Status::want_write;
  return step;
}

// The next record's plaintext: a part of a long piece where it lies, else short pieces gathered. A
// repeated call gathers the same again, as OpenSSL wants it after want_write.
std::string_view next_record(const Cursor& cursor) {
  std::string_view first = cursor.piece(cursor.index);
  bool last = cursor.index + 1 == cursor.count();
  if (first.size() >= record_bytes || last) return first.substr(0, record_bytes);
  auto buffer = scratch();
  size_t filled = 0;
  for (size_t i = cursor.index; i < cursor.count() && filled < record_bytes; ++i) {
    std::string_view part = cursor.piece(i).substr(0, record_bytes - filled);
    std::copy(part.begin(), part.end(), buffer.begin() + static_cast<ptrdiff_t>(filled));
    filled += part.size();
  }
  return {buffer.data(), filled};
}

Step write_step(Stream::Core& core, Cursor& cursor) {
  if (core.closed) return {Status::closed, 0};
  Step step = core.tls ? core.tls->write(next_record(cursor)) : send_plain(core.fd(), cursor);
  cursor.advance(step.octets);
  core.wire_out += step.octets;
  if (!core.deflates) core.bytes_out += step.octets;
  return step;
}

Ready wanted(Status status) {
  return status == Status::want_write ? Ready::write : Ready::read;
}

bool blocked(Status status) {
  return status == Status::want_read || status == Status::want_write;
}

tl::unexpected<Error> step_error(const Stream::Core& core, Status status) {
  std::string detail = core.tls ? core.tls->detail() : std::string("closed by the peer");
  if (status == Status::failed && core.deflate)
    detail = "not what COMPRESS makes, or TLS: " + detail;
  if (detail.empty()) detail = "closed";
  return fail(status == Status::failed ? Code::invalid : Code::closed, std::move(detail));
}

Result<> outcome_result(Outcome outcome, std::string_view what) {
  if (outcome == Outcome::timeout) return fail(Code::timeout, std::string(what));
  if (outcome == Outcome::closed) return fail(Code::closed, std::string(what));
  return {};
}

Task<Result<>> write_loop(Stream::Core& core, Cursor cursor,
                          std::chrono::steady_clock::duration stall) {
  size_t turn = 0;
  while (!cursor.done()) {
    Step step = write_step(core, cursor);
    if (step.status == Status::done) {
      turn += step.octets;
      if (turn < turn_bytes) continue;
      turn = 0;
      co_await yield_now();
      continue;
    }
    if (!blocked(step.status)) co_return step_error(core, step.status);
    Deadline deadline = after(stall);
    auto outcome = co_await wait_ready(core, wanted(step.status), nullptr, deadline);
    auto ready = outcome_result(outcome, "write stalled");
    CO_TRY(ready);
    turn = 0;
  }
  co_return Result<>();
}

// Compressed piece by piece: neither all of it in memory nor the thread for long.
Task<Result<>> write_deflated(Stream::Core& core, Cursor cursor,
                              std::chrono::steady_clock::duration stall) {
  while (!cursor.done()) {
    std::string packed;
    size_t taken = 0;
    while (taken < deflate_turn_bytes && !cursor.done()) {
      const std::string_view some =
          cursor.piece(cursor.index).substr(0, deflate_turn_bytes - taken);
      core.deflate->deflate(some, packed);
      taken += some.size();
      cursor.advance(some.size());
    }
    const bool all = cursor.done();
    if (all) core.deflate->flush(packed);
    Cursor wire;
    wire.single = packed;
    auto sent = co_await write_loop(core, wire, stall);
    CO_TRY(sent);
    core.bytes_out += taken;
    if (!all) co_await yield_now();
  }
  co_return Result<>();
}

Task<Result<>> write(Stream::Core& core, Cursor cursor, std::chrono::steady_clock::duration stall) {
  return core.deflates ? write_deflated(core, cursor, stall) : write_loop(core, cursor, stall);
}

// When to look up from a wait for the peer: sooner where there is memory to give back.
Deadline first_look(const Stream::Core& core, Deadline deadline) {
  if (!core.deflate || core.deflate->resting()) return deadline;
  return std::min(deadline, after(deflate_rest_after));
}
// That was what ended the wait; it goes on.
bool rests_instead(Stream::Core& core, Outcome outcome, Deadline deadline) {
  if (outcome != Outcome::timeout || !core.deflate || core.deflate->resting()) return false;
  if (std::chrono::steady_clock::now() >= deadline) return false;
  core.deflate->rest();
  return true;
}

Task<Wake> wait_loop(Stream::Core& core, Signal::State* signal, Deadline deadline) {
  for (;;) {
    if (signal != nullptr && signal->reasons.load() != 0) co_return Wake::signalled;
    Step step = peek_step(core);
    if (step.status == Status::done) co_return Wake::readable;
    if (!blocked(step.status)) co_return Wake::closed;
    const Deadline look = first_look(core, deadline);
    auto outcome = co_await wait_ready(core, wanted(step.status), signal, look);
    if (rests_instead(core, outcome, deadline)) continue;
    if (outcome == Outcome::signalled) co_return Wake::signalled;
    if (outcome == Outcome::timeout) co_return Wake::timeout;
    if (outcome == Outcome::closed) co_return Wake::closed;
  }
}

}  // namespace

Stream::Core::Core(const Executor& executor, int fd)
    : descriptor(*executor.target<Loop>(), fd), timer(*executor.target<Loop>()) {}

void Stream::Core::arm(Ready what) {
  bool Core::*armed = what == Ready::read ? &Core::read_armed : &Core::write_armed;
  bool Core::*ready = what == Ready::read ? &Core::read_ready : &Core::write_ready;
  if (this->*armed) return;
  this->*armed = true;
  auto kind = what == Ready::read ? asio::posix::descriptor_base::wait_read
                                  : asio::posix::descriptor_base::wait_write;
  descriptor.async_wait(kind, [self = shared_from_this(), armed, ready](boost::system::error_code) {
    (*self).*armed = false;
    // An error shows in the next system call, which says which one it is.
    (*self).*ready = true;
    self->wake();
  });
}

void Stream::Core::close() {
  if (closed) return;
  closed = true;
  tls.reset();
  boost::system::error_code ignored;
  descriptor.close(ignored);
  wake();
}

void Stream::Core::break_off() {
  if (closed) return;
  ::shutdown(fd(), SHUT_RDWR);
  read_ready = true;
  write_ready = true;
  wake();
}

Task<Outcome> wait_ready(Stream::Core& core, Ready what, Signal::State* signal, Deadline deadline) {
  bool& ready = what == Ready::read ? core.read_ready : core.write_ready;
  for (;;) {
    if (core.closed) co_return Outcome::closed;
    if (signal != nullptr && signal->reasons.load() != 0) co_return Outcome::signalled;
    if (ready) {
      ready = false;
      co_return Outcome::ready;
    }
    if (std::chrono::steady_clock::now() >= deadline) co_return Outcome::timeout;
    core.arm(what);
    core.timer.expires_at(deadline);
    WaiterScope scope(signal, &core);
    boost::system::error_code ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    co_await core.timer.async_wait(token);
  }
}

Stream::Stream(Executor executor, int fd, Address peer, Address local)
    : core_(std::make_shared<Core>(executor, fd)) {
  core_->peer = std::move(peer);
  core_->local = std::move(local);
}

Stream::Stream(Stream&& other) noexcept = default;

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    close();
    core_ = std::move(other.core_);
  }
  return *this;
}

Stream::~Stream() {
  close();
}

void Stream::close() {
  if (core_) core_->close();
}

Task<Result<size_t>> Stream::read_some(std::span<char> into, Deadline deadline) {
  Core& core = *core_;
  for (;;) {
    Step step = read_step(core, into);
    if (step.status == Status::done) co_return step.octets;
    if (!blocked(step.status)) co_return step_error(core, step.status);
    const Deadline look = first_look(core, deadline);
    auto outcome = co_await wait_ready(core, wanted(step.status), nullptr, look);
    if (rests_instead(core, outcome, deadline)) continue;
    auto ready = outcome_result(outcome, "read");
    CO_TRY(ready);
  }
}

Task<Result<size_t>> Stream::read_append(std::string& into, size_t octets_max, Deadline deadline) {
  Core& core = *core_;
  for (;;) {
    auto buffer = scratch();
    Step step = read_step(core, buffer.first(std::min(octets_max, buffer.size())));
    if (step.status == Status::done) {
      into.append(buffer.data(), step.octets);
      co_return step.octets;
    }
    if (!blocked(step.status)) co_return step_error(core, step.status);
    const Deadline look = first_look(core, deadline);
    auto outcome = co_await wait_ready(core, wanted(step.status), nullptr, look);
    if (rests_instead(core, outcome, deadline)) continue;
    auto ready = outcome_result(outcome, "read");
    CO_TRY(ready);
  }
}

Task<Result<>> Stream::write_all(std::string_view octets,
                                 std::chrono::steady_clock::duration stall) {
  Cursor cursor;
  cursor.single = octets;
  return write(*core_, cursor, stall);
}

Task<Result<>> Stream::write_pieces(std::span<const std::string_view> pieces,
                                    std::chrono::steady_clock::duration stall) {
  Cursor cursor;
  cursor.many = pieces;
  return write(*core_, cursor, stall);
}

Task<Wake> Stream::wait_readable_or_signal(Signal& signal, Deadline deadline) {
  return wait_loop(*core_, SignalInside::state(signal), deadline);
}

Task<Wake> Stream::wait_readable(Deadline deadline) {
  return wait_loop(*core_, nullptr, deadline);
}

Task<Wake> Stream::read_append_or_signal(std::string& into, size_t octets_max, Signal& signal,
                                         Deadline deadline) {
  Core& core = *core_;
  Signal::State* state = SignalInside::state(signal);
  for (;;) {
    if (state->reasons.load() != 0) co_return Wake::signalled;
    auto buffer = scratch();
    Step step = read_step(core, buffer.first(std::min(octets_max, buffer.size())));
    if (step.status == Status::done) {
      into.append(buffer.data(), step.octets);
      co_return Wake::readable;
    }
    if (!blocked(step.status)) co_return Wake::closed;
    const Deadline look = first_look(core, deadline);
    auto outcome = co_await wait_ready(core, wanted(step.status), state, look);
    if (rests_instead(core, outcome, deadline)) continue;
    if (outcome == Outcome::signalled) co_return Wake::signalled;
    if (outcome == Outcome::timeout) co_return Wake::timeout;
    if (outcome == Outcome::closed) co_return Wake::closed;
  }
}

bool Stream::readable_now() {
  return peek_step(*core_).status == Status::done;
}

Task<Result<>> Stream::start_tls(std::shared_ptr<TlsContext> context, TlsStart start) {
  Core& core = *core_;
  if (core.closed || core.tls) co_return fail(Code::internal, "start_tls on such a stream");
  auto session = TlsSession::create(*context, core.fd(), start.server_name);
  CO_TRY(session);
  core.tls = std::move(*session);
  for (;;) {
    Step step = core.closed ? Step{Status::closed, 0} : core.tls->handshake();
    if (step.status == Status::done) co_return Result<>();
    if (!blocked(step.status)) co_return step_error(core, step.status);
    auto outcome = co_await wait_ready(core, wanted(step.status), nullptr, start.deadline);
    auto ready = outcome_result(outcome, "TLS handshake");
    CO_TRY(ready);
  }
}

void Stream::start_deflate() {
  auto layer = std::make_unique<DeflateLayer>();
  if (core_->deflate) layer->feed(core_->deflate->take_input());
  core_->deflate = std::move(layer);
  core_->deflates = true;
}

void Stream::end_deflate() {
  if (core_->deflate) core_->deflate->end();
  core_->deflates = false;
}

bool Stream::is_deflated() const {
  return core_->deflates;
}

bool Stream::is_broken_deflate() const {
  return core_->deflate && core_->deflate->failed();
}

void Stream::rest() {
  if (core_->deflate) core_->deflate->rest();
}

Task<> Stream::shutdown(Deadline deadline) {
  Core& core = *core_;
  deadline = std::min(deadline, after(linger_time));
  while (core.tls && !core.closed) {
    Step step = core.tls->close_notify();
    if (!blocked(step.status)) break;
    auto outcome = co_await wait_ready(core, wanted(step.status), nullptr, deadline);
    if (outcome != Outcome::ready) break;
  }
  if (!core.closed) ::shutdown(core.fd(), SHUT_WR);
  size_t dropped = 0;
  while (!core.closed && dropped < linger_bytes) {
    Step step = receive(core.fd(), scratch(), 0);
    dropped += step.octets;
    if (step.status == Status::done) continue;
    if (!blocked(step.status)) break;
    auto outcome = co_await wait_ready(core, Ready::read, nullptr, deadline);
    if (outcome != Outcome::ready) break;
  }
  core.close();
}

Executor Stream::executor() const {
  return core_->descriptor.get_executor();
}

const Address& Stream::peer() const {
  return core_->peer;
}

const Address& Stream::local() const {
  return core_->local;
}

bool Stream::is_tls() const {
  return core_->tls != nullptr;
}

bool Stream::is_private() const {
  return is_tls() || core_->private_before;
}

std::optional<TlsInfo> Stream::tls_info() const {
  if (!core_->tls) return std::nullopt;
  return core_->tls->info();
}

std::optional<std::string> Stream::channel_binding(ChannelBinding kind) const {
  if (!core_->tls) return std::nullopt;
  return core_->tls->channel_binding(kind);
}

uint64_t Stream::bytes_in() const {
  return core_->bytes_in;
}

uint64_t Stream::bytes_out() const {
  return core_->bytes_out;
}

uint64_t Stream::wire_in() const {
  return core_->wire_in;
}

uint64_t Stream::wire_out() const {
  return core_->wire_out;
}

void Stream::on_stop(Signal::Handle handle, uint32_t reasons) {
  if (core_->ticket) core_->ticket->set_stop(std::move(handle), reasons);
}

}  // namespace eilpost::net
