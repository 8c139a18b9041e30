#include "protocol/imap/quota.h"

namespace eilpost::imap {
namespace {

// resource-name = "STORAGE" / "MESSAGE" / "MAILBOX" / "ANNOTATION-STORAGE" / resource-name-ext
Result<std::string> parse_resource(Cursor& cursor) {
  return upper_ascii(TRY(cursor.atom("a resource like STORAGE")));
}

// quota-root-name = astring
Result<std::string> parse_root(Cursor& cursor) {
  TRY(cursor.space());
  return cursor.astring("a quota root");
}

}  // namespace

// getquota = "GETQUOTA" SP quota-root-name
Result<GetQuota> parse_getquota(Cursor& cursor) {
  return GetQuota{TRY(parse_root(cursor))};
}

void print_getquota(CommandWriter& out, const GetQuota& command) {
  out.raw("GETQUOTA ").astring(command.root);
}

// getquotaroot = "GETQUOTAROOT" SP mailbox
Result<GetQuotaRoot> parse_getquotaroot(Cursor& cursor) {
  TRY(cursor.space());
  return GetQuotaRoot{TRY(cursor.mailbox())};
}

void print_getquotaroot(CommandWriter& out, const GetQuotaRoot& command) {
  out.raw("GETQUOTAROOT ").mailbox(command.mailbox);
}

// setquota = "SETQUOTA" SP quota-root-name SP setquota-list
Result<SetQuota> parse_setquota(Cursor& cursor) {
  SetQuota command;
  command.root = TRY(parse_root(cursor));
  TRY(cursor.space());
  TRY(cursor.list([&]() -> Result<> {
    SetQuota::Limit limit;
    limit.resource = TRY(parse_resource(cursor));
    TRY(cursor.space());
    limit.limit = TRY(cursor.number64("a limit"));
    command.limits.push_back(std::move(limit));
    return {};
  }));
  return command;
}

void print_setquota(CommandWriter& out, const SetQuota& command) {
  out.raw("SETQUOTA ").astring(command.root).raw(" (");
  for (size_t i = 0; i < command.limits.size(); ++i) {
    if (i > 0) out.raw(" ");
    out.raw(command.limits[i].resource).raw(" ").number(command.limits[i].limit);
  }
  out.raw(")");
}

// quota-response = "QUOTA" SP quota-root-name SP quota-list
Result<QuotaData> parse_quota_data(Cursor& cursor) {
  QuotaData data;
  data.root = TRY(parse_root(cursor));
  TRY(cursor.space());
  TRY(cursor.list([&]() -> Result<> {
    QuotaResource resource;
    resource.name = TRY(parse_resource(cursor));
    TRY(cursor.space());
    resource.usage = TRY(cursor.number64("a usage"));
    TRY(cursor.space());
    resource.limit = TRY(cursor.number64("a limit"));
    data.resources.push_back(std::move(resource));
    return {};
  }));
  return data;
}

void append_quota(std::string& out, const QuotaData& data, WriteStyle style) {
  out += "* QUOTA ";
  append_astring(out, data.root, style);
  out += " (";
  for (size_t i = 0; i < data.resources.size(); ++i) {
    if (i > 0) out += ' ';
    out += data.resources[i].name;
    out += ' ';
    append_number(out, data.resources[i].usage);
    out += ' ';
    append_number(out, data.resources[i].limit);
  }
  out += ")\r\n";
}

// quotaroot-response = "QUOTAROOT" SP mailbox *(SP quota-root-name)
Result<QuotaRootData> parse_quotaroot_data(Cursor& cursor) {
  QuotaRootData data;
  TRY(cursor.space());
  data.mailbox = TRY(cursor.mailbox());
  cursor.skip_spaces();
  while (!cursor.at_end()) {
    data.roots.push_back(TRY(cursor.astring("a quota root")));
    if (!cursor.at_end()) TRY(cursor.space());
  }
  return data;
}

void append_quotaroot(std::string& out, const QuotaRootData& data, WriteStyle style) {
  out += "* QUOTAROOT ";
  append_mailbox(out, data.mailbox, style);
  for (const std::string& root : data.roots) {
    out += ' ';
    append_astring(out, root, style);
  }
  out += "\r\n";
}

}  // namespace eilpost::imap
