// GETQUOTA, GETQUOTAROOT, SETQUOTA and the QUOTA and QUOTAROOT responses (RFC 9208, RFC 2087).
// Resource names are in upper case; a client's that are not known stay as they are. Values only;
// any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/data.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct GetQuota {
  std::string root;
  friend bool operator==(const GetQuota&, const GetQuota&) = default;
};
Result<GetQuota> parse_getquota(Cursor& cursor);
void print_getquota(CommandWriter& out, const GetQuota& command);

struct GetQuotaRoot {
  std::string mailbox;  // UTF-8; need not exist
  friend bool operator==(const GetQuotaRoot&, const GetQuotaRoot&) = default;
};
Result<GetQuotaRoot> parse_getquotaroot(Cursor& cursor);
void print_getquotaroot(CommandWriter& out, const GetQuotaRoot& command);

struct SetQuota {
  struct Limit {
    std::string resource;
    uint64_t limit = 0;  // STORAGE in units of 1024 octets
    friend bool operator==(const Limit&, const Limit&) = default;
  };
  std::string root;
  std::vector<Limit> limits;  // none: every limit is taken away
  friend bool operator==(const SetQuota&, const SetQuota&) = default;
};
Result<SetQuota> parse_setquota(Cursor& cursor);
void print_setquota(CommandWriter& out, const SetQuota& command);

// "* QUOTA ..." and "* QUOTAROOT ..." without their names, and as they are sent.
Result<QuotaData> parse_quota_data(Cursor& cursor);
void append_quota(std::string& out, const QuotaData& data, WriteStyle style);
Result<QuotaRootData> parse_quotaroot_data(Cursor& cursor);
void append_quotaroot(std::string& out, const QuotaRootData& data, WriteStyle style);

}  // namespace eilpost::imap
