#include "client/oauth/token_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/json.h"

namespace eilpost::client::oauth {

namespace {

constexpr size_t file_bytes_max = 1024 * 1024;
constexpr int lock_tries = 300;  // a tenth of a second each

Json text(std::string value) {
  return Json{std::move(value)};
}

Json print_login(const Login& login) {
  return Json{Json::Object{
      {"provider", text(login.provider)},
      {"user", text(login.user)},
      {"client_id", text(login.client_id)},
      {"client_secret", text(login.client_secret)},
      {"token_endpoint", text(login.token_endpoint)},
      {"revocation_endpoint", text(login.revocation_endpoint)},
      {"ca_file", text(login.ca_file)},
      {"scope", text(login.tokens.scope)},
      {"access_token", text(login.tokens.access)},
      {"refresh_token", text(login.tokens.refresh)},
      {"obtained", Json{login.tokens.obtained}},
      {"expires", Json{login.tokens.expires}},
  }};
}

Result<Login> parse_login(const Json& json) {
  Login out;
  out.provider = json.text_at("provider");
  out.user = json.text_at("user");
  out.client_id = json.text_at("client_id");
  out.client_secret = json.text_at("client_secret");
  out.token_endpoint = json.text_at("token_endpoint");
  out.revocation_endpoint = json.text_at("revocation_endpoint");
  out.ca_file = json.text_at("ca_file");
  out.tokens.scope = json.text_at("scope");
  out.tokens.access = json.text_at("access_token");
  out.tokens.refresh = json.text_at("refresh_token");
  out.tokens.obtained = json.integer_at("obtained").value_or(0);
  out.tokens.expires = json.integer_at("expires").value_or(0);
  if (out.provider.empty() || out.user.empty() || out.token_endpoint.empty()) {
    return fail(Code::invalid, "expected provider, user and token_endpoint in each login");
  }
  return out;
}

Result<> write_all(int fd, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t written = ::write(fd, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno("write", errno);
    octets.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(fd) != 0) return fail_errno("fsync", errno);
  return {};
}

// The directories that are missing, for nobody else.
Result<> make_directories(const std::filesystem::path& path) {
  const std::filesystem::path above = path.parent_path();
  if (above.empty() || ::access(above.c_str(), F_OK) == 0) return {};
  TRY(make_directories(above));
  if (::mkdir(above.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(above.native(), errno);
  return {};
}

}  // namespace

std::string print_logins(const std::vector<Login>& logins) {
  Json::Array all;
  for (const Login& login : logins) all.push_back(print_login(login));
  return print_json(Json{Json::Object{{"version", Json{int64_t{1}}}, {"logins", Json{all}}}}) +
         "\n";
}

Result<std::vector<Login>> parse_logins(std::string_view text) {
  const Json json = TRY(parse_json(text));
  const Json::Array* all = json.array_at("logins");
  if (json.integer_at("version") != 1 || all == nullptr) {
    return fail(Code::invalid, "expected version 1 and logins");
  }
  std::vector<Login> out;
  for (const Json& login : *all) out.push_back(TRY(parse_login(login)));
  return out;
}

Result<std::string> default_cache_path() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache != nullptr && *cache == '/') return std::string(cache) + "/eilpost/tokens.json";
  if (home != nullptr && *home == '/') return std::string(home) + "/.cache/eilpost/tokens.json";
  return fail(Code::invalid, "--token-cache: must be given where there is no HOME");
}

Result<std::unique_ptr<TokenCache>> TokenCache::open(std::string path) {
  TRY(make_directories(path));
  const std::string lock_path = path + ".lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return fail_errno(lock_path, errno);
  std::unique_ptr<TokenCache> cache(new TokenCache(std::move(path), lock));
  for (int tries = 0; ::flock(lock, LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fail_errno(lock_path, errno);
    if (tries == lock_tries) {
      return fail(Code::in_use, cache->path_ + ": another process keeps the tokens locked");
    }
    ::usleep(100'000);
  }
  TRY(cache->load());
  return cache;
}

TokenCache::~TokenCache() {
  ::close(lock_);
}

Result<> TokenCache::load() {
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return {};
  if (fd < 0) return fail_errno(path_, errno);
  struct stat status {};
  const bool known = ::fstat(fd, &status) == 0;
  std::string octets(file_bytes_max, '\0');
  const ssize_t got = known ? ::read(fd, octets.data(), octets.size()) : -1;
  const int error = errno;
  ::close(fd);
  if (got < 0) return fail_errno(path_, error);
  octets.resize(static_cast<size_t>(got));
  if ((status.st_mode & 077) != 0 || status.st_uid != ::geteuid()) {
    return fail(Code::permission,
                path_ +
                    ": others may read these tokens, so that they are as good as lost: sign "
                    "out at the provider, and remove the file or chmod 600 it");
  }
  auto logins = parse_logins(octets);
  if (!logins) return wrap(std::move(logins).error(), path_);
  logins_ = std::move(*logins);
  return {};
}

Result<> TokenCache::save() const {
  const std::string beside = path_ + ".new";
  ::unlink(beside.c_str());  // of a process that was killed
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return fail_errno(beside, errno);
  auto written = write_all(fd, print_logins(logins_));
  ::close(fd);
  if (!written) return wrap(std::move(written).error(), beside);
  if (std::rename(beside.c_str(), path_.c_str()) != 0) return fail_errno(path_, errno);
  return {};
}

const Login* TokenCache::find(std::string_view provider, std::string_view user) const {
  const auto found = std::find_if(logins_.begin(), logins_.end(), [&](const Login& login) {
    return login.provider == provider && login.user == user;
  });
  return found == logins_.end() ? nullptr : &*found;
}

Result<> TokenCache::put(Login login) {
  for (Login& there : logins_) {
    if (there.provider != login.provider || there.user != login.user) continue;
    there = std::move(login);
    return save();
  }
  logins_.push_back(std::move(login));
  return save();
}

Result<> TokenCache::remove(std::string_view provider, std::string_view user) {
  logins_.erase(std::remove_if(logins_.begin(), logins_.end(),
                               [&](const Login& login) {
                                 return login.provider == provider && login.user == user;
                               }),
                logins_.end());
  return save();
}

}  // namespace eilpost::client::oauth
