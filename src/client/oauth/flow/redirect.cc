#include "client/oauth/flow/redirect.h"

#include <fmt/format.h>

#include <mutex>

#include "net/http.h"
#include "net/http_client.h"
#include "net/listener.h"

namespace eilpost::client::oauth {

namespace {

// Where to listen, and the redirect around the port.
struct Place {
  std::string address;
  uint16_t port = 0;
  std::string before;  // "http://127.0.0.1:"
  std::string path;    // as written: "" or "/cb"
};

Result<Place> place_of(const std::string& redirect) {
  auto url = net::parse_url(redirect);
  if (!url) return wrap(std::move(url).error(), "the redirect");
  const bool loopback = url->host == "127.0.0.1" || url->host == "::1" || url->host == "localhost";
  if (url->tls || !loopback || url->target.find('?') != std::string::npos) {
    return fail(Code::invalid,
                "the redirect: expected http://127.0.0.1, http://[::1] or "
                "http://localhost, a port and a path if need be");
  }
  Place out;
  out.address = url->host == "localhost" ? "127.0.0.1" : url->host;
  const std::string host = url->host == "::1" ? "[::1]" : url->host;
  if (url->authority.size() > host.size()) out.port = url->port;
  out.before = "http://" + host + ":";
  out.path = redirect.substr(std::string("http://").size() + url->authority.size());
  return out;
}

constexpr std::string_view page =
    "<!DOCTYPE html><meta charset=\"utf-8\"><title>Eilpost</title><p>{}</p>\n";

}  // namespace

struct RedirectListener::State {
  net::HttpResponse answer(const net::HttpRequest& request) {
    net::HttpResponse out;
    out.content_type = "text/html; charset=utf-8";
    if (request.path != path) {
      out.status = 404;
      out.body = fmt::format(page, "There is nothing here.");
      return out;
    }
    auto code = parse_redirect(request.query, expected);
    const bool foreign = !code && code.error().code == Code::invalid;
    out.status = foreign ? 400 : 200;
    out.body = fmt::format(page, foreign ? "This is not the answer that is waited for."
                                 : code  ? "Signed in. This window can be closed."
                                         : "Not signed in. This window can be closed.");
    const std::lock_guard lock(mutex);
    if (!foreign && !taken) taken = std::move(code);
    return out;
  }

  std::string uri;
  std::string path;
  ExpectedRedirect expected;
  std::mutex mutex;
  std::optional<Result<std::string>> taken;
  // In this order: the listener ends first.
  net::IoPool io{1};
  net::Connections connections{{.total = 20, .per_address = 20}};
  std::unique_ptr<net::Listener> listener;
};

RedirectListener::RedirectListener(std::unique_ptr<State> state) : state_(std::move(state)) {}

RedirectListener::~RedirectListener() {
  state_->listener->stop();
  state_->connections.drain(std::chrono::seconds(1), std::chrono::seconds(1));
  state_->io.stop();
}

Result<std::unique_ptr<RedirectListener>> RedirectListener::open(const std::string& redirect,
                                                                 std::string state,
                                                                 std::string issuer) {
  const Place place = TRY(place_of(redirect));
  auto inside = std::make_unique<State>();
  net::ListenerSettings settings;
  settings.name = "redirect";
  settings.address = place.address;
  settings.port = place.port;
  inside->listener = TRY(net::Listener::open(std::move(settings), inside->io, inside->connections));
  inside->uri = fmt::format("{}{}{}", place.before, inside->listener->local().port, place.path);
  inside->path = place.path.empty() ? "/" : place.path;
  inside->expected = {std::move(state), std::move(issuer)};
  State* raw = inside.get();
  inside->listener->start([raw](net::Stream stream) {
    return net::serve_http(std::move(stream),
                           [raw](const net::HttpRequest& request) { return raw->answer(request); });
  });
  return std::unique_ptr<RedirectListener>(new RedirectListener(std::move(inside)));
}

const std::string& RedirectListener::uri() const {
  return state_->uri;
}

std::optional<Result<std::string>> RedirectListener::taken() const {
  const std::lock_guard lock(state_->mutex);
  return state_->taken;
}

}  // namespace eilpost::client::oauth
