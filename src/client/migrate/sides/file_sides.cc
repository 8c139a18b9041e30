#include "client/migrate/sides/file_sides.h"

#include "base/bytes.h"
#include "protocol/sasl/crypto.h"

namespace eilpost::client {

namespace {

Task<> nothing_to_close() {
  co_return;
}

}  // namespace

uint64_t number_of_name(std::string_view name) {
  const uint64_t number = load_u64be(sasl::sha256(name)) >> 1;
  return number == 0 ? 1 : number;
}

MailSource plain_source() {
  MailSource out;
  out.acl = [](std::string) { return at_once(Result<Acl>(Acl())); };
  out.metadata = [](std::string) {
    return at_once(Result<std::vector<imap::MetadataEntry>>(std::vector<imap::MetadataEntry>()));
  };
  out.is_alive = [] { return true; };
  out.close = [] { return nothing_to_close(); };
  return out;
}

MailTarget plain_target() {
  MailTarget out;
  const auto cannot = [](std::string_view what) {
    return at_once(Result<>(fail(Code::cannot, "files have no " + std::string(what))));
  };
  out.set_acl = [cannot](std::string, AclEntry) { return cannot("ACL"); };
  out.set_metadata = [cannot](std::string, std::vector<imap::MetadataEntry>) {
    return cannot("METADATA");
  };
  // Files are not copied within themselves: the caller reads and sends.
  out.is_alive = [] { return true; };
  out.close = [] { return nothing_to_close(); };
  return out;
}

}  // namespace eilpost::client
