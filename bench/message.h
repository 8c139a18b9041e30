// Messages to load servers with: they look like people's mail (addresses, threads, multiparts,
// attachments), and message n of a seed is the same for ever, so that what a server gives back can
// be compared octet for octet. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

namespace eilpost::bench {

// About 700 to 1,500 octets: plain text, multipart/alternative, or with a small attachment.
std::string small_message(uint64_t seed, uint64_t number);

// Exactly `bytes` octets (at least 1,000), ending in CRLF: text, and an attachment in base64 when
// it is large.
std::string sized_message(uint64_t seed, uint64_t number, size_t bytes);

}  // namespace eilpost::bench
