// A message that came as literal8 with NUL in it (RFC 3516 4.4): stored re-encoded, since the rest
// of the world cannot carry NUL. Parts with NUL get base64; their sizes and everything else count
// the stored octets. Blocks; disk pool.
#pragma once

#include "mime/scanner.h"
#include "store/account.h"

namespace eilpost::server {

// `message` is staged as it came and scanned. Answers it staged again without NUL; the first blob
// is removed. Code::unknown_cte when NUL stands outside of the bodies of leaf parts or under an
// encoding that cannot hold it.
Result<store::NewMessage> without_nul(store::Account& account, store::NewMessage message,
                                      const mime::Message& scanned);

}  // namespace eilpost::server
