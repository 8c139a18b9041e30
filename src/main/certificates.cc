#include "main/certificates.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/log.h"

namespace eilpost {

namespace {

const log::Source source{"tls", ""};
constexpr int64_t day_seconds = 86'400;
constexpr int64_t warn_before_seconds = 14 * day_seconds;

int64_t changed_nanos(const std::string& file) {
  struct stat info {};
  if (file.empty() || ::stat(file.c_str(), &info) != 0) return 0;
  return info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
}

}  // namespace

Certificates::Certificates(std::shared_ptr<net::TlsContext> context,
                           net::TlsServerSettings settings)
    : context_(std::move(context)),
      settings_(std::move(settings)),
      change_seen_(newest_change()),
      loaded_seconds_(SystemClock().now().seconds()) {}

int64_t Certificates::newest_change() const {
  int64_t newest =
      std::max(changed_nanos(settings_.client_ca_file), changed_nanos(settings_.client_crl_file));
  for (const net::TlsCertificate& certificate : settings_.certificates) {
    newest = std::max(
        {newest, changed_nanos(certificate.chain_file), changed_nanos(certificate.key_file)});
  }
  return newest;
}

void Certificates::reload(Timestamp now) {
  std::lock_guard lock(mutex_);
  change_seen_ = newest_change();
  loaded_seconds_ = now.seconds();
  const auto reloaded = context_->reload();
  if (!reloaded) {
    source.error("certificates not reloaded: {}", reloaded.error().detail);
    return;
  }
  const int64_t left = context_->expires().seconds() - now.seconds();
  if (left < warn_before_seconds) {
    source.warn("a certificate expires in {} days", left / day_seconds);
  }
  source.info("certificates reloaded");
}

void Certificates::reload_if_due(Timestamp now) {
  {
    std::lock_guard lock(mutex_);
    const bool changed = newest_change() != change_seen_;
    if (!changed && now.seconds() - loaded_seconds_ < day_seconds) return;
  }
  reload(now);
}

}  // namespace eilpost
