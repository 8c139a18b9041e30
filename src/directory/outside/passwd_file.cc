#include "directory/outside/passwd_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <fstream>

#include "base/log.h"
#include "directory/outside/crypt_hash.h"
#include "protocol/sasl/crypto.h"

namespace eilpost::directory {

namespace {
const log::Source source_log{"directory", "passwd-file"};
}  // namespace

std::optional<PasswdLine> parse_passwd_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty() || line.front() == '#') return std::nullopt;
  std::vector<std::string_view> fields;
  while (fields.size() < 6) {
    const size_t end = line.find(':');
    fields.push_back(line.substr(0, end));
    if (end == std::string_view::npos) break;
    line.remove_prefix(end + 1);
  }
  PasswdLine out;
  out.user = fields[0];
  if (out.user.empty()) return std::nullopt;
  if (fields.size() > 1) out.password = fields[1];
  // The full name ends at the first comma (passwd(5)).
  if (fields.size() > 4) out.display_name = fields[4].substr(0, fields[4].find(','));
  return out;
}

PasswdFileSource::PasswdFileSource(PasswdFileOptions options, PasswordHasher& argon2)
    : options_(std::move(options)), argon2_(argon2) {}

Result<PasswdFileSource::LinesPtr> PasswdFileSource::read() const {
  std::ifstream in(options_.path, std::ios::binary);
  if (!in) return fail(Code::unavailable, options_.path + " cannot be read");
  auto out = std::make_shared<Lines>();
  std::string line;
  size_t number = 0;
  while (std::getline(in, line)) {
    ++number;
    const auto parsed = parse_passwd_line(line);
    if (!parsed) continue;
    const auto user = fold_name(parsed->user, {});
    if (!user || !out->emplace(*user, *parsed).second) {
      source_log.warn("{}:{}: a user that cannot be one, or is there twice", options_.path, number);
    }
  }
  if (in.bad()) return fail(Code::unavailable, options_.path + " cannot be read");
  return LinesPtr(std::move(out));
}

Result<PasswdFileSource::LinesPtr> PasswdFileSource::lines() {
  struct stat found {};
  if (::stat(options_.path.c_str(), &found) != 0) {
    return fail(Code::unavailable, fail_errno(options_.path, errno).value().detail);
  }
  const Stamp stamp{found.st_mtim.tv_sec, found.st_mtim.tv_nsec,
                    static_cast<uint64_t>(found.st_size), found.st_ino};
  const std::lock_guard lock(mutex_);
  if (lines_ && stamp == stamp_) return lines_;
  lines_ = TRY(read());
  stamp_ = stamp;
  return lines_;
}

Entry PasswdFileSource::entry_of(const std::string& user, const PasswdLine& line) const {
  Entry out;
  out.key = user;
  out.display_name = line.display_name;
  out.stamp = sasl::sha256(line.password);
  const size_t at = user.rfind('@');
  out.user = user.substr(0, at);
  const std::string& domain = options_.names.default_domain;
  if (at != std::string::npos) {
    out.primary_address = user;
    // Only in the default domain is the bare name the user's.
    if (user.substr(at + 1) != domain) out.user.clear();
  } else if (!domain.empty()) {
    out.primary_address = user + "@" + domain;
  }
  out.login_name = out.primary_address.empty() ? user : out.primary_address;
  return out;
}

Result<std::vector<Entry>> PasswdFileSource::find(const Query& query) {
  const auto all = TRY(lines());
  std::vector<Entry> out;
  const auto add = [&](const std::string& user) {
    const auto at = all->find(user);
    if (at != all->end()) out.push_back(entry_of(at->first, at->second));
  };
  if (query.by == Query::By::key) add(query.text);
  if (query.by != Query::By::name) return out;
  const Spelling& name = query.name;
  for (const auto* user : {&name.address, &name.local, &name.user}) {
    if (!user->empty()) add(*user);
  }
  return out;
}

Result<> PasswdFileSource::check_password(const Entry& entry, std::string_view password) {
  const auto all = TRY(lines());
  const auto at = all->find(entry.key);
  if (at == all->end()) return fail(Code::auth_failed, "the account is gone: " + entry.key);
  const auto right =
      verify_stored({.stored = at->second.password, .default_scheme = options_.default_scheme},
                    password, argon2_);
  if (!right) {
    // Of one line, so nobody else is locked out; the log tells the administrator.
    source_log.warn("{}: {}: {}", options_.path, entry.key, right.error().detail);
    return fail(Code::auth_failed, entry.key + ": " + right.error().detail);
  }
  if (!*right) return fail(Code::auth_failed, "wrong password: " + entry.key);
  return {};
}

}  // namespace eilpost::directory
