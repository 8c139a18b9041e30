// Where an address is, by a database in MaxMind's format (GeoLite2-Country, GeoLite2-City and those
// of others). libmaxminddb stands behind geo.cc and nowhere else. Immutable; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"

namespace eilpost::server {

struct Place {
  std::string code;  // ISO 3166-1: "DE"
  std::string name;  // in English; the code where the database has none
};

class Geo {
 public:
  // Code::io: no such database.
  static Result<std::shared_ptr<const Geo>> open(const std::string& file);
  ~Geo();
  Geo(const Geo&) = delete;
  Geo& operator=(const Geo&) = delete;

  // Nothing for what is no address, or unknown.
  std::optional<Place> find(const std::string& address) const;

 private:
  struct Impl;
  explicit Geo(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace eilpost::server
