#include "server/lmtp/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.h"
#include "base/log.h"
#include "protocol/lmtp/command.h"
#include "protocol/lmtp/framer.h"
#include "protocol/lmtp/reply.h"
#include "server/lmtp/delivery.h"

namespace eilpost::server {

namespace {

using std::chrono::seconds;

// RFC 5321 4.5.3.2.7: a server waits at least 5 minutes for a command.
constexpr seconds command_time{300};
// The client has so long for each further buffer of data (RFC 5321 4.5.3.2.5 gives it 3 minutes).
constexpr seconds data_time{180};
constexpr seconds write_stall{limits::write_stall_seconds};
constexpr size_t read_bytes = 64 * 1024;

constexpr uint32_t wake_lmtp_stop = 1;
constexpr uint32_t wake_lmtp_end = 2;

struct Recipient {
  lmtp::Address address;
  size_t target = 0;  // index into Transaction::targets
};

// From MAIL to the last answer.
struct Transaction {
  std::optional<lmtp::Mail> mail;
  std::vector<Recipient> recipients;
  std::vector<DeliveryTarget> targets;  // each account and mailbox once
  std::unique_ptr<Delivery> delivery;   // while BDAT chunks come
  bool chunks_refused = false;          // further chunks of this message are dropped
};

class LmtpSession {
 public:
  LmtpSession(ServerWorld& world, ListenerPolicy policy, net::Stream stream);
  net::Task<> serve();

 private:
  net::Task<bool> next_line(lmtp::LineFramer::Line& line);
  net::Task<bool> fill(net::Deadline deadline);
  net::Task<bool> send();
  net::Task<> handle(const lmtp::LineFramer::Line& line);
  net::Task<> run(lmtp::Command command);
  net::Task<> run_rcpt(const lmtp::Rcpt& rcpt);
  net::Task<lmtp::Reply> add_recipient(const lmtp::Rcpt& rcpt);
  net::Task<> run_data();
  net::Task<bool> receive_data(Delivery& delivery);
  net::Task<> run_bdat(const lmtp::Bdat& bdat);
  net::Task<bool> receive_chunk(uint64_t octets, Delivery* delivery);
  net::Task<> deliver(Delivery& delivery);
  std::unique_ptr<Delivery> new_delivery();
  void run_mail(const lmtp::Mail& mail);
  void reply(const lmtp::Reply& reply) { out_ += lmtp::print_reply(reply); }
  void count(const Result<>& result);
  lmtp::ParseOptions parse_options() const;

  ServerWorld& world_;
  SettingsPtr settings_;
  net::Stream stream_;
  net::Signal signal_;
  SessionTable::Entry entry_;
  log::Source log_;
  lmtp::LineFramer framer_;
  std::string in_;  // received and not taken yet
  std::string out_;
  bool greeted_ = false;
  bool ended_ = false;
  Transaction transaction_;
};

LmtpSession::LmtpSession(ServerWorld& world, ListenerPolicy policy, net::Stream stream)
    : world_(world),
      settings_(world.settings.get()),
      stream_(std::move(stream)),
      signal_(stream_.executor()) {
  SessionStart start;
  start.protocol = "lmtp";
  start.listener = policy.name;
  start.peer = stream_.peer().to_string();
  start.now = world.clock.now();
  start.signal = signal_.handle();
  start.end_reasons = wake_lmtp_end;
  entry_ = world.sessions.add(std::move(start));
  log_ = log::Source{"lmtp", entry_.id()};
  stream_.on_stop(signal_.handle(), wake_lmtp_stop);
}

net::Task<> LmtpSession::serve() {
  log_.info("connected peer={}", stream_.peer().to_string());
  reply(lmtp::replies::greeting(settings_->hostname));
  lmtp::LineFramer::Line line;
  while (!ended_) {
    const bool got = co_await next_line(line);
    if (!got) break;
    co_await handle(line);
  }
  co_await send();
  co_await stream_.shutdown(net::after(seconds(5)));
  log_.info("disconnected in={} out={}", stream_.bytes_in(), stream_.bytes_out());
}

// Sends what waits; answers may wait as long as further commands are there already (RFC 2920).
net::Task<bool> LmtpSession::send() {
  if (out_.empty()) co_return true;
  const std::string text = std::exchange(out_, {});
  auto written = co_await stream_.write_all(text, write_stall);
  entry_.set_bytes(stream_.bytes_in(), stream_.bytes_out());
  co_return written.has_value();
}

// False when the peer is gone, too slow, or this server stops.
net::Task<bool> LmtpSession::next_line(lmtp::LineFramer::Line& line) {
  const net::Deadline deadline = net::after(command_time);
  for (;;) {
    if (!in_.empty()) {
      std::string_view input = in_;
      auto taken = framer_.take(input);
      in_.erase(0, in_.size() - input.size());
      if (taken) {
        line = std::move(*taken);
        co_return true;
      }
    }
    const bool sent = co_await send();
    if (!sent) co_return false;
    entry_.set_state(transaction_.mail ? "transaction" : "waiting");
    auto wake = co_await stream_.read_append_or_signal(in_, read_bytes, signal_, deadline);
    entry_.set_bytes(stream_.bytes_in(), stream_.bytes_out());
    if (wake == net::Wake::signalled) {
      reply(lmtp::replies::shutting_down(settings_->hostname));
      co_return false;
    }
    if (wake == net::Wake::timeout) {
      reply(lmtp::replies::timed_out(settings_->hostname));
      co_return false;
    }
    if (wake == net::Wake::closed) co_return false;
  }
}

net::Task<bool> LmtpSession::fill(net::Deadline deadline) {
  auto got = co_await stream_.read_append(in_, read_bytes, deadline);
  entry_.set_bytes(stream_.bytes_in(), stream_.bytes_out());
  co_return got.has_value();
}

lmtp::ParseOptions LmtpSession::parse_options() const {
  lmtp::ParseOptions options;
  options.size_max = settings_->message_bytes_max;
  options.binarymime = false;
  options.utf8_transaction = transaction_.mail && transaction_.mail->smtputf8;
  return options;
}

net::Task<> LmtpSession::handle(const lmtp::LineFramer::Line& line) {
  switch (line.kind) {
    case lmtp::LineFramer::Kind::too_long: reply(lmtp::replies::line_too_long()); co_return;
    case lmtp::LineFramer::Kind::bare_end: reply(lmtp::replies::bare_line_feed()); co_return;
    case lmtp::LineFramer::Kind::line: break;
  }
  auto command = lmtp::parse_command(line.text, parse_options());
  if (!command) {
    log_.debug("refused: {}", command.error().detail);
    reply(command.error().reply);
    // Nobody knows how many octets follow a BDAT that cannot be read.
    ended_ = mime::equals_ignoring_case(std::string_view(line.text).substr(0, 4), "BDAT");
    co_return;
  }
  co_await run(std::move(*command));
}

net::Task<> LmtpSession::run(lmtp::Command command) {
  if (const auto* lhlo = std::get_if<lmtp::Lhlo>(&command)) {
    transaction_ = {};
    greeted_ = true;
    entry_.set_client(lhlo->domain);
    lmtp::Extensions extensions;
    extensions.size_max = settings_->message_bytes_max;
    // A binary message may hold NUL, which no IMAP client can fetch as it is (RFC 9051 4.3).
    extensions.binarymime = false;
    reply(lmtp::lhlo_reply(settings_->hostname, extensions));
  } else if (const auto* mail = std::get_if<lmtp::Mail>(&command)) {
    run_mail(*mail);
  } else if (const auto* rcpt = std::get_if<lmtp::Rcpt>(&command)) {
    co_await run_rcpt(*rcpt);
  } else if (std::holds_alternative<lmtp::Data>(command)) {
    co_await run_data();
  } else if (const auto* bdat = std::get_if<lmtp::Bdat>(&command)) {
    co_await run_bdat(*bdat);
  } else if (std::holds_alternative<lmtp::Rset>(command)) {
    transaction_ = {};
    reply(lmtp::replies::ok());
  } else if (std::holds_alternative<lmtp::Quit>(command)) {
    reply(lmtp::replies::closing(settings_->hostname));
    ended_ = true;
  } else if (std::holds_alternative<lmtp::Vrfy>(command)) {
    reply(lmtp::replies::cannot_verify());
  } else {
    reply(lmtp::replies::ok());
  }
}

void LmtpSession::run_mail(const lmtp::Mail& mail) {
  if (!greeted_) return reply(lmtp::replies::bad_sequence("LHLO comes first"));
  if (transaction_.mail) return reply(lmtp::replies::bad_sequence("MAIL was given already"));
  transaction_.mail = mail;
  reply(lmtp::replies::sender_ok());
}

net::Task<> LmtpSession::run_rcpt(const lmtp::Rcpt& rcpt) {
  if (!transaction_.mail || transaction_.delivery) {
    reply(lmtp::replies::bad_sequence("RCPT comes after MAIL"));
    co_return;
  }
  if (transaction_.recipients.size() >= limits::lmtp_recipients_max) {
    reply(lmtp::replies::too_many_recipients());
    co_return;
  }
  auto answer = co_await add_recipient(rcpt);
  reply(answer);
}

// The mailbox of a subaddress, if the account has it; else INBOX.
MailboxId mailbox_for(store::Account& account, const std::string& detail) {
  const store::FoldersPtr folders = account.folders();
  if (detail.empty() || !folders) return store::inbox_id;
  const store::MailboxDef* def = folders->find(detail);
  return def && def->selectable ? def->id : store::inbox_id;
}

bool fits(const store::Account& account, const store::QuotaLimit& quota, uint64_t octets) {
  const auto head = account.head();
  if (!head) return true;
  if (quota.messages != 0 && head->used.messages + 1 > quota.messages) return false;
  return quota.bytes == 0 || head->used.bytes + std::max<uint64_t>(octets, 1) <= quota.bytes;
}

net::Task<lmtp::Reply> LmtpSession::add_recipient(const lmtp::Rcpt& rcpt) {
  std::string name = rcpt.to.local;
  if (!rcpt.to.domain.empty()) name += "@" + rcpt.to.domain;
  auto lookup = [&world = world_, name] {
    return directory::resolve_recipient(world.directory, name, world.names);
  };
  auto found = co_await net::run_on(world_.directory_pool, std::move(lookup));
  const std::string shown = rcpt.to.to_string();
  if (!found) {
    log_.info("rcpt={} refused: {}", shown, found.error().detail);
    const Code code = found.error().code;
    if (code == Code::not_found || code == Code::invalid) {
      co_return lmtp::replies::no_such_user(shown);
    }
    co_return lmtp::replies::try_later();
  }
  const directory::Account& who = found->account;
  if (who.disabled) co_return lmtp::replies::disabled_user(shown);
  auto opened = co_await open_account(world_, who.partition());
  if (!opened) {
    log_.error("rcpt={} account={}: {}", shown, who.id.value, opened.error().detail);
    co_return lmtp::replies::try_later();
  }
  DeliveryTarget target{*opened, store::inbox_id, quota_limit(who.quota, *settings_),
                        who.login_name};
  if (!fits(*target.account, target.quota, transaction_.mail->size.value_or(0))) {
    log_.info("rcpt={} refused: over quota", shown);
    co_return lmtp::replies::over_quota();
  }
  if (settings_->subaddress_folder) target.mailbox = mailbox_for(*target.account, found->detail);
  auto& targets = transaction_.targets;
  const auto same = std::find_if(targets.begin(), targets.end(), [&](const DeliveryTarget& t) {
    return t.account == target.account && t.mailbox == target.mailbox;
  });
  const auto at = static_cast<size_t>(same - targets.begin());
  // Two addresses of one mailbox: one copy, and an answer for each.
  if (same == targets.end()) targets.push_back(std::move(target));
  transaction_.recipients.push_back({rcpt.to, at});
  co_return lmtp::replies::recipient_ok();
}

std::unique_ptr<Delivery> LmtpSession::new_delivery() {
  const auto& from = transaction_.mail->from;
  return std::make_unique<Delivery>(world_, entry_.id(), transaction_.targets,
                                    from ? from->to_string() : std::string());
}

net::Task<> LmtpSession::run_data() {
  if (!transaction_.mail || transaction_.delivery || transaction_.chunks_refused) {
    reply(lmtp::replies::bad_sequence("DATA comes after MAIL and RCPT, and not after BDAT"));
    co_return;
  }
  if (transaction_.recipients.empty()) {
    reply(lmtp::replies::no_valid_recipients());
    co_return;
  }
  reply(lmtp::replies::start_data());
  entry_.set_state("receiving");
  auto delivery = new_delivery();
  const bool received = co_await receive_data(*delivery);
  if (!received) {
    ended_ = true;
    co_return;
  }
  co_await deliver(*delivery);
}

// False when the connection is to end without an answer for the message.
net::Task<bool> LmtpSession::receive_data(Delivery& delivery) {
  lmtp::DotDecoder decoder;
  std::string content;
  while (!decoder.done()) {
    if (in_.empty()) {
      const bool sent = co_await send();
      if (!sent) co_return false;
      const bool filled = co_await fill(net::after(data_time));
      if (!filled) co_return false;
    }
    std::string_view input = in_;
    content.clear();
    decoder.take(input, content);
    in_.erase(0, in_.size() - input.size());
    co_await delivery.add(content);
    if (delivery.size() > settings_->message_bytes_max + limits::literal_drain_bytes_max) {
      reply(lmtp::replies::too_big());
      co_return false;
    }
  }
  co_return true;
}

net::Task<> LmtpSession::run_bdat(const lmtp::Bdat& bdat) {
  const bool fits_here = transaction_.mail && !transaction_.recipients.empty();
  if (fits_here && !transaction_.delivery && !transaction_.chunks_refused) {
    transaction_.delivery = new_delivery();
  }
  entry_.set_state("receiving");
  const bool received = co_await receive_chunk(bdat.octets, transaction_.delivery.get());
  if (!received) {
    ended_ = true;
    co_return;
  }
  if (transaction_.chunks_refused) {
    // The last chunk is answered once per recipient whatever became of the others (RFC 2033 4.2).
    const size_t answers = bdat.last ? transaction_.recipients.size() : 1;
    for (size_t i = 0; i < answers; ++i) reply(lmtp::replies::too_big());
    if (bdat.last) transaction_ = {};
    co_return;
  }
  if (!transaction_.delivery) {
    reply(lmtp::replies::bad_sequence("BDAT comes after MAIL and a valid RCPT"));
    co_return;
  }
  if (transaction_.delivery->too_big() && !bdat.last) {
    // The sender is told at once; what it has sent ahead is dropped.
    transaction_.delivery.reset();
    transaction_.chunks_refused = true;
    reply(lmtp::replies::too_big());
  } else if (bdat.last) {
    auto delivery = std::move(transaction_.delivery);
    co_await deliver(*delivery);
  } else {
    reply(lmtp::replies::chunk_ok(bdat.octets));
  }
}

net::Task<bool> LmtpSession::receive_chunk(uint64_t octets, Delivery* delivery) {
  lmtp::ChunkCounter counter(octets);
  while (!counter.done()) {
    if (in_.empty()) {
      const bool sent = co_await send();
      if (!sent) co_return false;
      const bool filled = co_await fill(net::after(data_time));
      if (!filled) co_return false;
    }
    std::string_view input = in_;
    const std::string content(counter.take(input));
    in_.erase(0, in_.size() - input.size());
    if (delivery != nullptr) co_await delivery->add(content);
    // A chunk that nobody wants is drained up to a limit.
    const bool wanted = delivery != nullptr && !delivery->too_big();
    if (!wanted && counter.left() > limits::literal_drain_bytes_max) {
      reply(lmtp::replies::too_big());
      co_return false;
    }
  }
  co_return true;
}

// One answer per recipient, in the order of RCPT (RFC 2033 4.2).
net::Task<> LmtpSession::deliver(Delivery& delivery) {
  entry_.set_state("delivering");
  const int64_t begin = world_.clock.steady_micros();
  auto results = co_await delivery.finish();
  for (const Recipient& recipient : transaction_.recipients) {
    const Result<>& result = results[recipient.target];
    const std::string shown = recipient.address.to_string();
    if (result) {
      reply(lmtp::replies::delivered(shown));
      log_.info("delivered rcpt={} bytes={}", shown, delivery.size());
    } else {
      reply(lmtp::reply_for(result.error().code));
      log_.warn("rcpt={} not delivered: {}", shown, result.error().detail);
    }
    count(result);
  }
  const double seconds_taken =
      static_cast<double>(world_.clock.steady_micros() - begin) / 1'000'000;
  world_.metrics
      .histogram("eilpost_lmtp_commit_seconds", "from the last octet to the answers",
                 {.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 5})
      .observe(seconds_taken);
  transaction_ = {};
}

void LmtpSession::count(const Result<>& result) {
  const std::string outcome = result ? "delivered" : std::string(code_name(result.error().code));
  world_.metrics
      .counter("eilpost_lmtp_deliveries_total", "recipients answered after DATA or BDAT",
               {{"outcome", outcome}})
      .add();
}

}  // namespace

net::Task<> lmtp_session(ServerWorld& world, ListenerPolicy policy, net::Stream stream) {
  LmtpSession session(world, std::move(policy), std::move(stream));
  co_await session.serve();
}

}  // namespace eilpost::server
