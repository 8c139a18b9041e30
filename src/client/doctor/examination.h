// What the checks of one examination share: what was asked for, the connections, who may sign in
// how often, and what servers said in passing. Connections that only look take any certificate and
// are never given credentials; credentials go where TLS was verified, unless the user wants it
// otherwise, and every time they are sent is counted. Belongs to one executor and one coroutine.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "client/discovery/discovery.h"
#include "client/doctor/report.h"
#include "client/session/session.h"

namespace eilpost::client {

struct DoctorOptions {
  Endpoint endpoint;
  std::vector<Endpoint> also;  // further ports of the same server
  net::TlsClientSettings tls;
  std::optional<SignIn> sign_in;   // nothing: only what is seen from outside
  std::vector<std::string> names;  // login names to try besides those that can be derived
  std::string windows_domain;      // to derive DOMAIN\user
  std::string mailbox = "INBOX";
  int messages = 20;                 // how many to compare
  bool write = false;                // may make a mailbox of its own
  std::chrono::seconds patience{0};  // how long to sit in IDLE
  std::chrono::seconds silence{30};
  std::vector<DiscoveryStep> discovery;  // how the server was looked for, if it was
};

struct DoctorHooks {
  std::function<void(const std::string& what)> progress;
  // How many times of `times` credentials may be sent further; `why` says what for. Empty: not
  // once.
  std::function<int(int times, const std::string& why)> consent;
  std::function<void(ConnectionOptions::Way way, std::string_view line)> trace;
};

// An endpoint as it is seen before anybody signs in.
struct PortLook {
  Endpoint endpoint;
  bool tls = false;  // what follows was said under TLS
  std::string greeting;
  std::vector<std::string> capabilities;
  bool has(std::string_view capability) const;
  std::vector<std::string> mechanisms() const;  // listed as AUTH=
};

class Examination {
 public:
  Examination(DoctorOptions options, DoctorHooks hooks, Random& random, const Clock& clock,
              const std::atomic<bool>& stopping);
  // Code::invalid, Code::io: the certificates of the options cannot be used.
  Result<> prepare();

  // The endpoint, its twin (143 for 993), and those asked for.
  std::vector<Endpoint> endpoints() const;
  // Connected and greeted, under any certificate; for looking only.
  Task<Result<std::unique_ptr<Session>>> look(Endpoint endpoint);

  struct Attempt {
    Endpoint endpoint;
    SignIn sign_in;
    bool tell_id = true;
  };
  Task<Result<std::unique_ptr<Session>>> sign_in(Attempt attempt);
  Attempt usual_attempt() const;
  // The signed-in session that checks share, made again when it was dropped; when that fails once,
  // it is not tried again. Code::cannot: nobody can sign in.
  Task<Result<Session*>> session();
  // Nobody signs in any more: the server has shown signs of a lock-out.
  void forbid_sign_ins() { forbidden_ = true; }
  bool forbidden() const { return forbidden_; }
  void use_name(std::string name) { options_.sign_in->name = std::move(name); }
  // After an error that may have left it in the middle of something.
  void drop_session() { session_.reset(); }
  void keep_session(std::unique_ptr<Session> session) { session_ = std::move(session); }

  // What a server said, fit for a report: said(), and without the secret.
  std::string heard(std::string_view text) const;
  void progress(const std::string& what) const {
    if (hooks_.progress) hooks_.progress(what);
  }
  int consent(int times, const std::string& why) const {
    return hooks_.consent ? std::clamp(hooks_.consent(times, why), 0, times) : 0;
  }

  const DoctorOptions& options() const { return options_; }
  Random& random() { return random_; }
  const Clock& clock() const { return clock_; }
  // The user wants it to end: long waits are given up.
  bool stopping() const { return stopping_; }

  std::vector<PortLook> looks;  // of the ports that answer
  bool signed_in = false;       // it has worked once
  int sign_ins = 0;
  std::vector<std::string> alerts;
  std::vector<const QuirkInfo*> quirks;

 private:
  SessionOptions session_options(const Endpoint& endpoint,
                                 const std::shared_ptr<net::TlsContext>& tls);
  std::string without_secret(std::string_view text) const;

  DoctorOptions options_;
  DoctorHooks hooks_;
  Random& random_;
  const Clock& clock_;
  const std::atomic<bool>& stopping_;
  std::shared_ptr<net::TlsContext> verifying_;  // shared with the sessions' streams
  std::shared_ptr<net::TlsContext> looking_;    // likewise
  std::unique_ptr<Session> session_;
  bool forbidden_ = false;
};

// The untagged responses of one command, and how it ended.
struct Heard {
  Result<imap::StatusResponse> answer;
  std::vector<imap::Response> responses;
  bool ok() const { return answer.has_value(); }
  // The first of that type; null when there is none.
  template <class T>
  const T* find() const {
    for (const imap::Response& response : responses) {
      if (const auto* data = std::get_if<T>(&response)) return data;
    }
    return nullptr;
  }
  template <class T>
  std::vector<const T*> all() const {
    std::vector<const T*> out;
    for (const imap::Response& response : responses) {
      if (const auto* data = std::get_if<T>(&response)) out.push_back(data);
    }
    return out;
  }
};
// Runs `text` and keeps what comes. An Error only when the connection is lost; a refusal is in
// `answer`. `text` lives until the answer is there.
Task<Result<Heard>> ask(Session& session, std::string_view text);

// Whether the connection is of no more use after this.
bool is_lost(const Error& error);

}  // namespace eilpost::client
