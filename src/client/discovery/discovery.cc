#include "client/discovery/discovery.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "client/session/session.h"
#include "net/http_client.h"
#include "net/io_pool.h"

namespace eilpost::client {

namespace {

constexpr int redirects_max = 3;
constexpr auto answer_seconds = std::chrono::seconds(6);

// The domain itself or a name below it.
bool is_within(const std::string& host, const std::string& domain) {
  if (host.size() < domain.size()) return false;
  const size_t at = host.size() - domain.size();
  return imap::equal_nocase(std::string_view(host).substr(at), domain) &&
         (at == 0 || host[at - 1] == '.');
}

// One search: its steps, and what the first usable one has given.
class Search {
 public:
  Search(MailAddress address, const DiscoverySources& sources)
      : address_(std::move(address)), sources_(sources) {}

  std::optional<Discovery> run() {
    const std::string& domain = address_.domain;
    const std::string query = "emailaddress=" + net::form_encoded(whole());
    if (autoconfig("https://autoconfig." + domain + "/mail/config-v1.1.xml?" + query))
      return found_;
    if (autoconfig("https://" + domain + "/.well-known/autoconfig/mail/config-v1.1.xml?" + query)) {
      return found_;
    }
    // TLS from the first octet comes before STARTTLS (RFC 8314 3).
    if (srv("_imaps._tcp." + domain, Security::tls)) return found_;
    if (srv("_imap._tcp." + domain, Security::starttls)) return found_;
    for (const char* host : {"imap.", "mail."}) {
      if (guess({host + domain, 993, Security::tls})) return found_;
    }
    for (const char* host : {"imap.", "mail."}) {
      if (guess({host + domain, 143, Security::starttls})) return found_;
    }
    return std::nullopt;
  }
  std::vector<DiscoveryStep>& steps() { return steps_; }
  const std::string& advice() const { return advice_; }

 private:
  std::string whole() const { return address_.local + "@" + address_.domain; }

  bool note(std::string where, std::string what) {
    steps_.push_back({std::move(where), std::move(what), false});
    return false;
  }
  bool take(std::string where, const Endpoint& endpoint, std::string user) {
    steps_.push_back({where, print_endpoint(endpoint), true});
    found_ = {endpoint, std::move(user), std::move(where)};
    return true;
  }
  // Something is there, and the user has to decide about it.
  bool leave(std::string where, const Endpoint& endpoint, const std::string& why) {
    const std::string at = print_endpoint(endpoint);
    if (advice_.empty()) {
      advice_ =
          fmt::format("{} names {}, {}; if that is right, say --server {}", where, at, why, at);
    }
    return note(std::move(where), fmt::format("not taken: {}, {}", at, why));
  }

  bool autoconfig(const std::string& url) {
    const std::string where = url.substr(0, url.find('?'));
    const auto body = sources_.fetch(url);
    if (!body) return note(where, body.error().detail);
    const auto servers = parse_autoconfig(*body, address_);
    if (!servers) return note(where, servers.error().detail);
    for (const AutoconfigServer& server : *servers) {
      if (server.endpoint.security == Security::none) continue;
      return take(where, server.endpoint, server.user.empty() ? whole() : server.user);
    }
    if (servers->empty()) return note(where, "names no IMAP server");
    return leave(where, servers->front().endpoint, "which would take the password in the clear");
  }

  bool srv(const std::string& name, Security security) {
    const std::string where = "SRV " + name;
    const auto records = sources_.srv(name);
    if (!records) return note(where, records.error().detail);
    if (records->empty()) return note(where, "nothing");
    for (const SrvRecord& record : *records) {
      if (record.target.empty()) return note(where, "says that there is no such service");
      const Endpoint endpoint{record.target, record.port, security};
      if (is_within(record.target, address_.domain)) return take(where, endpoint, whole());
      leave(where, endpoint, "which is outside of " + address_.domain + " and not proven by DNS");
    }
    return false;
  }

  bool guess(const Endpoint& endpoint) {
    const std::string where = "a guess, " + print_endpoint(endpoint);
    const auto reached = sources_.reach(endpoint);
    if (!reached) {
      std::string why = reached.error().detail;
      const std::string before = print_endpoint(endpoint) + ": ";
      if (why.substr(0, before.size()) == before) why.erase(0, before.size());
      return note(where, std::move(why));
    }
    return take(where, endpoint, whole());
  }

  MailAddress address_;
  const DiscoverySources& sources_;
  std::vector<DiscoveryStep> steps_;
  std::string advice_;
  Discovery found_;
};

// Redirects are followed as long as they stay with https: what comes is as true as its first host.
Result<std::string> fetch_https(const net::HttpClient& http, std::string url) {
  for (int i = 0; i <= redirects_max; ++i) {
    if (url.substr(0, 8) != "https://") return fail(Code::invalid, "leads away from https");
    net::HttpCall call;
    call.url = url;
    auto answer = TRY(http.fetch_wait(std::move(call)));
    if (answer.status == 200) return std::move(answer.body);
    const bool moved = answer.status >= 301 && answer.status <= 308 && answer.status != 304;
    if (!moved) return fail(Code::not_found, fmt::format("answers {}", answer.status));
    url = std::string(answer.header("Location"));
  }
  return fail(Code::invalid, "leads from one address to the next");
}

Task<Result<>> open_once(SessionOptions options) {
  auto session = co_await Session::open(std::move(options));
  CO_TRY(session);
  (*session)->connection().close();
  co_return Result<>();
}

Result<> reach_server(const Endpoint& endpoint, std::shared_ptr<net::TlsContext> tls) {
  SessionOptions options;
  options.endpoint = endpoint;
  options.tls = std::move(tls);
  options.connect = answer_seconds;
  options.silence = answer_seconds;
  net::IoPool io(1);
  auto reached = net::block_on(io.executor(0), open_once(std::move(options)));
  io.stop();
  return reached;
}

}  // namespace

Result<DiscoverySources> system_sources(const std::string& ca_file) {
  net::HttpClientOptions how;
  how.ca_file = ca_file;
  how.timeout = answer_seconds;
  // Shared by the copies of the functions.
  std::shared_ptr<net::HttpClient> http = TRY(net::HttpClient::create(std::move(how)));
  net::TlsClientSettings settings;
  settings.ca_file = ca_file;
  std::shared_ptr<net::TlsContext> tls = TRY(net::TlsContext::client(std::move(settings)));
  DiscoverySources out;
  out.fetch = [http](const std::string& url) { return fetch_https(*http, url); };
  out.srv = query_srv;
  out.reach = [tls](const Endpoint& endpoint) { return reach_server(endpoint, tls); };
  return out;
}

Result<Discovery> discover(const std::string& address, const DiscoverySources& sources,
                           std::vector<DiscoveryStep>* steps) {
  Search search(TRY(parse_mail_address(address)), sources);
  auto found = search.run();
  if (steps != nullptr) *steps = search.steps();
  if (found) return std::move(*found);
  std::string detail = "no mail server is known for " + address;
  if (!search.advice().empty()) return fail(Code::not_found, detail + ": " + search.advice());
  for (const DiscoveryStep& step : search.steps()) {
    detail += fmt::format("\n  {}: {}", step.where, step.found);
  }
  return fail(Code::not_found, detail + "\nName it with --server");
}

}  // namespace eilpost::client
