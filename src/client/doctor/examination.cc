#include "client/doctor/examination.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/sasl/base64.h"

namespace eilpost::client {

namespace {

constexpr uint16_t imaps_port = 993;
constexpr uint16_t imap_port = 143;
// A lying size must not fill the memory; what is larger is looked at in a stream.
constexpr uint64_t held_bytes_max = 8 * 1024 * 1024;
// What a command brings is kept until it has been judged.
constexpr uint64_t response_bytes_max = 256 * 1024 * 1024;

}  // namespace

bool PortLook::has(std::string_view capability) const {
  return std::any_of(capabilities.begin(), capabilities.end(),
                     [&](const std::string& name) { return imap::equal_nocase(name, capability); });
}

std::vector<std::string> PortLook::mechanisms() const {
  std::vector<std::string> out;
  for (const std::string& name : capabilities) {
    if (imap::equal_nocase(std::string_view(name).substr(0, 5), "AUTH=")) {
      out.push_back(imap::upper_ascii(name.substr(5)));
    }
  }
  return out;
}

Examination::Examination(DoctorOptions options, DoctorHooks hooks, Random& random,
                         const Clock& clock, const std::atomic<bool>& stopping)
    : options_(std::move(options)),
      hooks_(std::move(hooks)),
      random_(random),
      clock_(clock),
      stopping_(stopping) {}

Result<> Examination::prepare() {
  verifying_ = TRY(net::TlsContext::client(options_.tls));
  net::TlsClientSettings any;
  any.verify = false;
  looking_ = TRY(net::TlsContext::client(std::move(any)));
  return {};
}

std::vector<Endpoint> Examination::endpoints() const {
  std::vector<Endpoint> out = {options_.endpoint};
  const auto add = [&out](const Endpoint& endpoint) {
    const bool known = std::any_of(out.begin(), out.end(), [&](const Endpoint& other) {
      return other.host == endpoint.host && other.port == endpoint.port;
    });
    if (!known) out.push_back(endpoint);
  };
  const Endpoint& main = options_.endpoint;
  if (main.port == imaps_port) add({main.host, imap_port, Security::starttls});
  if (main.port == imap_port) add({main.host, imaps_port, Security::tls});
  for (const Endpoint& endpoint : options_.also) add(endpoint);
  return out;
}

SessionOptions Examination::session_options(const Endpoint& endpoint,
                                            const std::shared_ptr<net::TlsContext>& tls) {
  SessionOptions out;
  out.endpoint = endpoint;
  out.tls = tls;
  out.silence = options_.silence;
  out.held_literal_bytes_max = held_bytes_max;
  out.response_bytes_max = response_bytes_max;
  out.compression = Compression::never;  // it is put to the test by itself
  out.hooks.alert = [this](std::string_view, std::string_view text) {
    std::string clean = heard(text);
    if (std::find(alerts.begin(), alerts.end(), clean) == alerts.end()) {
      alerts.push_back(std::move(clean));
    }
  };
  out.hooks.quirk = [this](std::string_view, const QuirkInfo& quirk) {
    if (std::find(quirks.begin(), quirks.end(), &quirk) == quirks.end()) quirks.push_back(&quirk);
  };
  if (hooks_.trace) {
    out.hooks.trace = [this](ConnectionOptions::Way way, std::string_view line) {
      hooks_.trace(way, without_secret(line));
    };
  }
  return out;
}

Task<Result<std::unique_ptr<Session>>> Examination::look(Endpoint endpoint) {
  SessionOptions options = session_options(endpoint, looking_);
  // Where TLS was meant, what is said in the clear may be anybody's.
  const bool clear =
      endpoint.security == Security::none && options_.endpoint.security != Security::none;
  if (clear) options.hooks.alert = nullptr;
  auto session = co_await Session::open(std::move(options));
  co_return session;
}

Examination::Attempt Examination::usual_attempt() const {
  Attempt out;
  out.endpoint = options_.endpoint;
  out.sign_in = *options_.sign_in;
  return out;
}

Task<Result<std::unique_ptr<Session>>> Examination::sign_in(Attempt attempt) {
  if (forbidden_) {
    co_return fail(Code::cannot, "nobody signs in any more after the sign of a lock-out");
  }
  SessionOptions options = session_options(attempt.endpoint, verifying_);
  options.tell_id = attempt.tell_id;
  auto session = co_await Session::open(std::move(options));
  CO_TRY(session);
  ++sign_ins;
  auto done = co_await (*session)->sign_in(std::move(attempt.sign_in), random_);
  CO_TRY(done);
  signed_in = true;
  co_return session;
}

Task<Result<Session*>> Examination::session() {
  if (!session_) {
    if (!signed_in) co_return fail(Code::cannot, "nobody could sign in");
    Attempt usual = usual_attempt();
    auto made = co_await sign_in(std::move(usual));
    signed_in = made.has_value();
    CO_TRY(made);
    session_ = std::move(*made);
  }
  co_return session_.get();
}

// As it stands, and as AUTHENTICATE sends it: servers repeat what they do not understand.
std::string Examination::without_secret(std::string_view text) const {
  std::string out(text);
  if (!options_.sign_in || options_.sign_in->secret.empty()) return out;
  const SignIn& own = *options_.sign_in;
  const std::string plain = std::string(1, '\0') + own.name + std::string(1, '\0') + own.secret;
  for (const std::string& secret :
       {sasl::base64_encode(own.authzid + plain), sasl::base64_encode(own.secret), own.secret}) {
    for (size_t at = out.find(secret); at != std::string::npos; at = out.find(secret, at + 3)) {
      out.replace(at, secret.size(), "***");
    }
  }
  return out;
}

std::string Examination::heard(std::string_view text) const {
  return said(without_secret(text));
}

bool is_lost(const Error& error) {
  switch (error.code) {
    case Code::closed:
    case Code::timeout:
    case Code::io:
    case Code::too_big: return true;
    default: return false;
  }
}

Task<Result<Heard>> ask(Session& session, std::string_view text) {
  Heard out;
  std::string command(text);
  Expect expect;
  expect.untagged = [&out](imap::Response response) -> Result<> {
    out.responses.push_back(std::move(response));
    return {};
  };
  out.answer = co_await session.text_command(std::move(command), std::move(expect));
  if (!out.answer && is_lost(out.answer.error())) {
    co_return tl::unexpected(out.answer.error());
  }
  co_return out;
}

}  // namespace eilpost::client
