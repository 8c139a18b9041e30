// No octets crash it; the pieces in which a message comes, its line ends and blank lines at its end
// make no difference.
#include "client/message/fingerprint.h"

#include "base/check.h"
#include "tests/fuzz.h"

namespace eilpost::client {

FUZZ_TARGET(client_fingerprint) {
  const Fingerprint whole = fingerprint_of(data);
  for (const size_t piece : {size_t{1}, size_t{7}}) {
    Fingerprinter printer;
    for (size_t at = 0; at < data.size(); at += piece) printer.add(data.substr(at, piece));
    CHECK(printer.finish() == whole);
  }
  header_key(data);
  const size_t body = data.find("\n\n");
  if (body != std::string_view::npos) CHECK(fingerprint_of(std::string(data) + "\n\n") == whole);
}

}  // namespace eilpost::client
