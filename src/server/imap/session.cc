#include "server/imap/session.h"

#include <array>
#include <span>
#include <utility>
#include <variant>

#include "protocol/imap/capability.h"
#include "server/imap/append_state.h"
#include "server/imap/commands.h"
#include "server/imap/metadata.h"
#include "server/imap/notify.h"

namespace eilpost::server {

namespace {

constexpr size_t read_bytes = 32 * 1024;
constexpr size_t large_bytes = 64 * 1024;
constexpr auto write_stall = std::chrono::seconds(limits::write_stall_seconds);
constexpr auto goodbye = std::chrono::seconds(2);

Needs needs_of(const imap::Capability&) {
  return Needs::any;
}
Needs needs_of(const imap::Noop&) {
  return Needs::any;
}
Needs needs_of(const imap::Logout&) {
  return Needs::any;
}
Needs needs_of(const imap::Id&) {
  return Needs::any;
}
Needs needs_of(const imap::Language&) {
  return Needs::any;
}
Needs needs_of(const imap::StartTls&) {
  return Needs::not_authenticated;
}
Needs needs_of(const imap::Authenticate&) {
  return Needs::not_authenticated;
}
Needs needs_of(const imap::Login&) {
  return Needs::not_authenticated;
}
Needs needs_of(const imap::Check&) {
  return Needs::selected;
}
Needs needs_of(const imap::Close&) {
  return Needs::selected;
}
Needs needs_of(const imap::Unselect&) {
  return Needs::selected;
}
Needs needs_of(const imap::Expunge&) {
  return Needs::selected;
}
Needs needs_of(const imap::Search&) {
  return Needs::selected;
}
Needs needs_of(const imap::Sort&) {
  return Needs::selected;
}
Needs needs_of(const imap::Thread&) {
  return Needs::selected;
}
Needs needs_of(const imap::Fetch&) {
  return Needs::selected;
}
Needs needs_of(const imap::Store&) {
  return Needs::selected;
}
Needs needs_of(const imap::Copy&) {
  return Needs::selected;
}
Needs needs_of(const imap::Move&) {
  return Needs::selected;
}
Needs needs_of(const imap::Replace&) {
  return Needs::selected;
}
Needs needs_of(const imap::UidBatches&) {
  return Needs::selected;
}
Needs needs_of(const imap::CancelUpdate&) {
  return Needs::selected;
}
template <class T>
Needs needs_of(const T&) {
  return Needs::authenticated;
}

std::optional<std::string_view> wrong_state(Needs needs, SessionState state) {
  switch (needs) {
    case Needs::any: return std::nullopt;
    case Needs::not_authenticated:
      if (state == SessionState::not_authenticated) return std::nullopt;
      return "you are logged in already";
    case Needs::authenticated:
      if (state != SessionState::not_authenticated) return std::nullopt;
      return "log in first";
    case Needs::selected:
      if (state == SessionState::selected) return std::nullopt;
      return state == SessionState::not_authenticated ? "log in first" : "select a mailbox first";
  }
  return std::nullopt;
}

// What cannot be read, or is beyond a limit of the grammar. The detail is made for the peer.
Reply reply_to_syntax(const Error& error) {
  if (error.code == Code::invalid) return Reply::bad(error.detail);
  const imap::ErrorReply answer = imap::error_reply(error.code);
  return {answer.condition, imap::ResponseCode(answer.code), error.detail};
}

}  // namespace

net::Task<> imap_session(ServerWorld& world, ListenerPolicy policy, net::Stream stream) {
  // On the heap once, not in a coroutine frame that moves.
  auto session = std::make_unique<ImapSession>(world, std::move(policy), std::move(stream));
  co_await session->serve();
}

ImapSession::ImapSession(ServerWorld& world, ListenerPolicy policy, net::Stream stream)
    : world_(world),
      settings_(world.settings.get()),
      policy_(std::move(policy)),
      stream_(std::move(stream)),
      signal_(stream_.executor()),
      framer_(imap::preauth_framer_limits()),
      login_by_(net::after(std::chrono::seconds(settings_->preauth_seconds))) {
  SessionStart start;
  start.protocol = "imap";
  start.listener = policy_.name;
  start.peer = stream_.peer().to_string();
  start.now = world_.clock.now();
  start.signal = signal_.handle();
  start.end_reasons = wake_end;
  start.policy_reasons = wake_policy;
  entry_ = world_.sessions.add(std::move(start));
  entry_.set_tls(stream_.is_tls());
  log_ = {"imap", entry_.id()};
  stream_.on_stop(signal_.handle(), wake_stop);
}

ImapSession::~ImapSession() = default;

net::Task<> ImapSession::serve() {
  bool going = co_await greeted();
  while (going && !broken_) going = co_await next_event();
  co_await end();
}

net::Task<bool> ImapSession::greeted() {
  log_.info("connected peer={} listener={} tls={}", stream_.peer().to_string(), policy_.name,
            stream_.is_tls());
  greet();
  auto sent = co_await send();
  if (!sent) broken_ = true;
  co_return state_ != SessionState::logout;
}

net::Task<> ImapSession::end() {
  co_await drop_append();
  if (stream_.is_broken_deflate()) {
    // The other direction still works.
    bye(imap::CodeName::client_bug, "what came is not DEFLATE");
    if (identity_) co_await learn("COMPRESS=DEFLATE", "sent what is no DEFLATE after COMPRESS");
  }
  auto sent = co_await send();
  if (!sent) broken_ = true;
  co_await deselect();
  log_end();
  const net::Deadline until = net::after(goodbye);
  co_await stream_.shutdown(until);
}

void ImapSession::log_end() {
  entry_.set_bytes(stream_.bytes_in(), stream_.bytes_out());
  log_.info("ended in={} out={} wire_in={} wire_out={}", stream_.bytes_in(), stream_.bytes_out(),
            stream_.wire_in(), stream_.wire_out());
}

void ImapSession::greet() {
  imap::ResponseCode code(imap::CodeName::capability, capabilities());
  imap::append_untagged(out_, imap::Condition::ok, code, settings_->hostname + " Eilpost is ready");
}

std::vector<std::string> ImapSession::capabilities() const {
  imap::CapabilityState state;
  const directory::ConnectionSecurity connection = security();
  const directory::Offer offer = directory::offer(offered(), connection);
  state.authenticated = state_ != SessionState::not_authenticated;
  state.tls = stream_.is_tls();
  state.starttls_offered = policy_.starttls != nullptr && !stream_.is_tls();
  state.plaintext_allowed = !offer.login_disabled;
  for (const auto mechanism : offer.mechanisms) {
    state.mechanisms.emplace_back(sasl::mechanism_name(mechanism));
  }
  state.append_limit_bytes = settings_->message_bytes_max;
  if (identity_) {
    state.admin = identity_->admin;
    state.uid_only = opted_in("UIDONLY");
    state.message_limit = message_limit();
    state.hidden = settings_->hidden_capabilities;
    const auto& hidden = identity_->hidden_capabilities;
    state.hidden.insert(state.hidden.end(), hidden.begin(), hidden.end());
    for (const directory::ClientMask& mask : masks_) {
      if (mask.client == client_name.value_or("")) state.hidden.push_back(mask.capability);
    }
  }
  return imap::capabilities(state);
}

directory::ConnectionSecurity ImapSession::security() const {
  directory::ConnectionSecurity out;
  out.tls = stream_.is_private();
  out.can_bind = stream_.is_tls();
  out.directory_has_scram = world_.directory.holds_verifiers();
  out.directory_has_scram_sha_1 = world_.directory.holds_sha_1_verifiers();
  if (const auto mechanisms = world_.authenticator.mechanisms()) {
    out.working = mechanisms->working();
  }
  if (out.working.certificates) {
    const auto tls = stream_.tls_info();
    out.client_certificate = tls && tls->peer && tls->peer->verified;
  }
  return out;
}

imap::ParseOptions ImapSession::parse_options() const {
  imap::ParseOptions options;
  options.utf8_allowed = utf8_on();
  options.rev2 = rev2;
  return options;
}

net::Deadline ImapSession::deadline() const {
  // Before login the whole time is bounded, not the pause between two commands.
  if (state_ == SessionState::not_authenticated) return login_by_;
  return net::after(std::chrono::seconds(settings_->idle_session_seconds));
}

bool ImapSession::ending() const {
  return broken_ || (signal_.pending() & (wake_stop | wake_end)) != 0;
}

void ImapSession::bye(imap::CodeName code, std::string_view text) {
  imap::append_untagged(out_, imap::Condition::bye, imap::ResponseCode(code),
                        text_in(language, text));
  state_ = SessionState::logout;
}

// What NOTIFY asked for, while no command runs (RFC 5465 3.1). False when the session is over.
net::Task<bool> ImapSession::push() {
  if (!notify->subscription) co_return true;
  if (selected_ && tells_selected(*this)) {
    auto synced = co_await sync(!notify->delayed);
    if (!synced) log_.info("notify: {}", synced.error().detail);
  }
  if (state_ != SessionState::logout) co_await announce_notified(*this);
  auto sent = co_await send();
  stream_.rest();
  co_return sent.has_value() && state_ != SessionState::logout;
}

// Waits for octets and feeds them. False when the session is over.
net::Task<bool> ImapSession::fill() {
  const net::Deadline until = deadline();
  std::string chunk;
  while (true) {
    if (notify) {
      const bool open = co_await push();
      if (!open) co_return false;
    }
    const net::Wake wake =
        co_await stream_.read_append_or_signal(chunk, read_bytes, signal_, until);
    if (wake == net::Wake::readable) break;
    if (wake == net::Wake::signalled) {
      const uint32_t reasons = signal_.take();
      if (reasons & wake_stop) bye(imap::CodeName::unavailable, "the server is going down");
      if (reasons & wake_end) bye(imap::CodeName::none, "this session was ended by the server");
      if (reasons & wake_policy) co_await renew_policy();
      if (state_ == SessionState::logout) co_return false;
      continue;  // without NOTIFY, a change is announced with the next command
    }
    if (wake == net::Wake::timeout) bye(imap::CodeName::none, "idle for too long");
    co_return false;
  }
  framer_.feed(chunk);
  entry_.set_bytes(stream_.bytes_in(), stream_.bytes_out());
  co_return true;
}

void ImapSession::bad_command(std::string_view tag, std::string_view why, imap::CodeName code) {
  if (tag.empty()) {
    imap::append_untagged(out_, imap::Condition::bad, imap::ResponseCode(code), why);
  } else {
    imap::append_tagged(out_, tag, imap::Condition::bad, imap::ResponseCode(code), why);
  }
  if (++bad_commands_ >= limits::bad_commands_max) {
    bye(imap::CodeName::client_bug, "too many bad commands");
  }
}

// One event of the framer. False ends the session.
net::Task<bool> ImapSession::next_event() {
  imap::FramerEvent event = framer_.next();
  if (std::holds_alternative<imap::NeedMore>(event)) return need_more();
  if (auto* command = std::get_if<imap::CommandFrame>(&event)) {
    return handle_frame(std::move(command->frame));
  }
  return handle_event(std::move(event));
}

net::Task<bool> ImapSession::need_more() {
  auto sent = co_await send();
  if (!sent) co_return false;
  const bool filled = co_await fill();
  co_return filled;
}

// What is neither a command nor its want of octets.
net::Task<bool> ImapSession::handle_event(imap::FramerEvent event) {
  if (auto* literal = std::get_if<imap::LiteralAnnounced>(&event)) {
    const imap::LiteralAnnounced announced = *literal;
    co_await handle_literal(announced);
  } else if (auto* chunk = std::get_if<imap::LiteralChunk>(&event)) {
    const std::string_view octets = chunk->octets;
    co_await message_chunk(*this, *append_, octets);
    if (append_->failure) framer_.refuse_literal();
  } else if (std::holds_alternative<imap::LiteralEnd>(event)) {
    co_await message_end(*this, *append_);
  } else if (auto* too_long = std::get_if<imap::TooLong>(&event)) {
    co_await drop_append();
    bad_command(too_long->tag, "the command is longer than this server takes",
                imap::CodeName::too_big);
    if (state_ == SessionState::not_authenticated) bye(imap::CodeName::none, "log in first");
  } else if (auto* bad = std::get_if<imap::BadLine>(&event)) {
    co_await drop_append();
    bad_command(bad->tag, bad->why, imap::CodeName::none);
  } else if (auto* refused = std::get_if<imap::Refused>(&event)) {
    Reply reply =
        Reply::no(imap::CodeName::too_big, "the literal is larger than this server takes");
    if (append_ && append_->failure) reply = *append_->failure;
    co_await drop_append();
    std::string tag = std::move(refused->tag);
    co_await finish(std::move(tag), std::move(reply), false);
  } else if (auto* fatal = std::get_if<imap::Fatal>(&event)) {
    bye(imap::CodeName::too_big, fatal->why);
  }
  co_return state_ != SessionState::logout;
}

net::Task<> ImapSession::handle_literal(imap::LiteralAnnounced literal) {
  if (!append_) fresh_ = false;
  if (append_ && append_->failure) {
    // The command has failed already: what still comes is not staged.
    framer_.refuse_literal();
    co_return;
  }
  if (framer_.pending().literals.size() > limits::append_messages_max + 1) {
    if (!append_) append_ = std::make_unique<AppendState>();
    append_->failure = Reply::no(imap::CodeName::limit, "too many literals in one command");
    framer_.refuse_literal();
    co_return;
  }
  auto parsed = imap::parse_append_so_far(framer_.pending(), parse_options());
  const bool is_append = parsed && parsed->has_value();
  if (!parsed || (!is_append && !literal.fits)) {
    if (!parsed) {
      if (!append_) append_ = std::make_unique<AppendState>();
      append_->failure = reply_to_syntax(parsed.error());
    } else if (imap::equal_nocase(framer_.pending().name(), "SETMETADATA") && identity_) {
      append_ = std::make_unique<AppendState>();
      append_->failure = metadata_too_long();
    }
    framer_.refuse_literal();
    co_return;
  }
  if (!is_append) {
    framer_.buffer_literal();
  } else {
    if (!append_) append_ = std::make_unique<AppendState>();
    const imap::AppendSoFar so_far = std::move(**parsed);
    auto refusal = co_await begin_message(*this, *append_, so_far);
    if (refusal) {
      append_->failure = std::move(refusal);
      framer_.refuse_literal();
      co_return;
    }
    framer_.stream_literal();
  }
  if (!literal.synchronizing) co_return;
  imap::append_continuation(out_, "go ahead");
  auto sent = co_await send();
  if (!sent) broken_ = true;
}

// Forgets an APPEND; the blobs of messages that no commit has taken are removed.
net::Task<> ImapSession::drop_append() {
  if (!append_) co_return;
  std::vector<engine::BlobId> staged = std::move(append_->staged);
  append_.reset();
  if (staged.empty()) co_return;
  auto job = [account = account_, staged = std::move(staged)] {
    for (const engine::BlobId blob : staged) (void)account->engine().remove_blob(blob);
  };
  auto removed = co_await read(std::move(job));
  if (!removed) log_.warn("staged messages are left to the sweep: {}", removed.error().detail);
}

net::Task<bool> ImapSession::handle_frame(imap::Frame frame) {
  follow_traces();
  if (trace_) trace_->command(frame);
  std::string tag(frame.tag());
  auto command = imap::parse_command(frame, parse_options());
  if (!command) {
    co_await drop_append();
    if (command.error().code == Code::invalid) {
      bad_command(tag, command.error().detail, imap::CodeName::none);
    } else {
      Reply reply = reply_to_syntax(command.error());
      co_await finish(std::move(tag), std::move(reply), false);
    }
    co_return state_ != SessionState::logout;
  }
  if (state_ != SessionState::not_authenticated) bad_commands_ = 0;
  Reply reply = co_await dispatch(*command);
  co_await drop_append();
  const bool expunges = !imap::forbids_expunge(*command) && pipeline_allows_expunge();
  co_await finish(std::move(tag), std::move(reply), expunges);
  co_return state_ != SessionState::logout;
}

net::Task<Reply> ImapSession::dispatch(const imap::Command& command) {
  const Needs needs = std::visit([](const auto& body) { return needs_of(body); }, command.body);
  if (const auto why = wrong_state(needs, state_)) {
    co_return Reply::bad(std::string(*why));
  }
  uid_command_ = command.uid;
  fresh_ = false;
  if (uid_only && imap::uses_sequence_numbers(command)) {
    co_await learn("UIDONLY", "used a message number after ENABLE UIDONLY");
    co_return Reply{imap::Condition::bad, imap::ResponseCode(imap::CodeName::uid_required),
                    "message numbers are of no use once UIDONLY is enabled"};
  }
  // RFC 5465 5.3: with SELECTED, message numbers may have another meaning at any time.
  if (notify && notify->selected_events != 0 && !notify->delayed &&
      imap::uses_sequence_numbers(command)) {
    co_await learn("NOTIFY", "used a message number although NOTIFY tells expunges at once");
  }
  const RunOptions options{command.uid, command.tag};
  CommandTask task = std::visit(
      [this, options](const auto& body) { return run(*this, body, options); }, command.body);
  Reply reply = co_await std::move(task);
  co_return reply;
}

AppendState& ImapSession::append_state() {
  if (!append_) append_ = std::make_unique<AppendState>();
  return *append_;
}

bool ImapSession::pipeline_allows_expunge() const {
  // Octets of a literal that look like a command only put the news off.
  constexpr int lines_max = 64;
  std::string_view waiting = framer_.buffered_text();
  for (int lines = 0; !waiting.empty(); ++lines) {
    if (lines == lines_max) return false;
    const size_t end = waiting.find('\n');
    if (imap::line_forbids_expunge(waiting.substr(0, end))) return false;
    if (end == std::string_view::npos) break;
    waiting.remove_prefix(end + 1);
  }
  return true;
}

// Announces what has happened, then the tagged answer.
net::Task<> ImapSession::finish(std::string tag, Reply reply, bool expunges) {
  // What the command itself has changed is told even to those who want no news.
  if (selected_ && state_ != SessionState::logout && (changed_ || tells_selected(*this))) {
    auto synced = co_await sync(expunges);
    // What could not be looked at is announced with a later command; the answer stands.
    if (!synced) log_.info("sync: {}", synced.error().detail);
  }
  changed_ = false;
  // RFC 5465 3: from the first NOTIFY on, its events say what is told of annotations, too, whatever
  // ENABLE METADATA has asked for.
  if (notify) {
    co_await announce_notified(*this);
  } else if (metadata_news.subscription) {
    co_await announce_metadata(*this);
  }
  if (!reply.printed) {
    imap::append_tagged(out_, tag, reply.condition, reply.code, text(reply.text));
  }
  // What is pipelined behind answers in the same packet.
  if (framer_.buffered() > 0 && out_.size() < large_bytes) co_return;
  auto sent = co_await send();
  if (!sent) broken_ = true;
}

net::Task<Result<>> ImapSession::send() {
  if (out_.empty()) co_return Result<>();
  std::string octets = std::move(out_);
  out_ = std::string();
  if (trace_) trace_->response(octets, secret_exchange);
  auto sent = co_await stream_.write_all(octets, write_stall);
  if (!sent) broken_ = true;
  co_return sent;
}

net::Task<Result<>> ImapSession::send_with(std::string_view octets) {
  const std::string before = std::move(out_);
  out_ = std::string();
  if (trace_) {
    trace_->response(before, false);
    trace_->response(octets, false);
  }
  const std::array<std::string_view, 2> pieces{before, octets};
  const std::span<const std::string_view> both(pieces);
  auto sent = co_await stream_.write_pieces(both, write_stall);
  if (!sent) broken_ = true;
  co_return sent;
}

bool ImapSession::wants_send() const {
  return out_.size() >= large_bytes;
}

net::Task<Result<>> ImapSession::send_if_large() {
  if (!wants_send()) co_return Result<>();
  auto sent = co_await send();
  co_return sent;
}

Reply limited(ImapSession& session, Uid lowest) {
  return Reply::ok(imap::ResponseCode::message_limit(session.message_limit(), lowest),
                   "done with the highest uids");
}

Reply reply_for(ImapSession& session, const Error& error) {
  session.log().info("refused code={} detail={}", code_name(error.code), error.detail);
  const imap::ErrorReply answer = imap::error_reply(error.code);
  return {answer.condition, imap::ResponseCode(answer.code), std::string(answer.text)};
}

}  // namespace eilpost::server
