// Compares what a server says of a message with the message: BODYSTRUCTURE against the parts that
// stand in the octets. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mime/scanner.h"
#include "protocol/imap/bodystructure.h"

namespace eilpost::client::checks {

struct StructureFaults {
  // "part 1.2 has 807 octets, said are 812".
  std::vector<std::string> sizes;
  // "part 2 is text/plain, said is application/octet-stream"; "3 parts, said are 2".
  std::vector<std::string> shapes;
};
StructureFaults compare_structure(const imap::BodyStructure& told, const mime::Message& message);

}  // namespace eilpost::client::checks
