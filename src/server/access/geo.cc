#include "server/access/geo.h"

#include <maxminddb.h>

namespace eilpost::server {

struct Geo::Impl {
  MMDB_s database{};
};

namespace {

std::string text_of(MMDB_lookup_result_s& result, const char* const* path) {
  MMDB_entry_data_s data{};
  if (MMDB_aget_value(&result.entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
      data.type != MMDB_DATA_TYPE_UTF8_STRING) {
    return "";
  }
  return {data.utf8_string, data.data_size};
}

}  // namespace

Geo::Geo(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Geo::~Geo() {
  MMDB_close(&impl_->database);
}

Result<std::shared_ptr<const Geo>> Geo::open(const std::string& file) {
  auto impl = std::make_unique<Impl>();
  const int status = MMDB_open(file.c_str(), MMDB_MODE_MMAP, &impl->database);
  if (status != MMDB_SUCCESS) return fail(Code::io, file + ": " + MMDB_strerror(status));
  return std::shared_ptr<const Geo>(new Geo(std::move(impl)));
}

std::optional<Place> Geo::find(const std::string& address) const {
  int lookup_error = 0;
  int database_error = 0;
  MMDB_lookup_result_s result =
      MMDB_lookup_string(&impl_->database, address.c_str(), &lookup_error, &database_error);
  if (lookup_error != 0 || database_error != MMDB_SUCCESS || !result.found_entry) {
    return std::nullopt;
  }
  constexpr const char* code_path[] = {"country", "iso_code", nullptr};
  constexpr const char* name_path[] = {"country", "names", "en", nullptr};
  Place out{text_of(result, code_path), text_of(result, name_path)};
  if (out.code.empty()) return std::nullopt;
  if (out.name.empty()) out.name = out.code;
  return out;
}

}  // namespace eilpost::server
