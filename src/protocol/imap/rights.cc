#include "protocol/imap/rights.h"

namespace eilpost::imap {

// myrights-data = "MYRIGHTS" SP mailbox SP rights
Result<MyRightsData> parse_myrights_data(Cursor& cursor) {
  MyRightsData data;
  TRY(cursor.space());
  data.mailbox = TRY(cursor.mailbox());
  TRY(cursor.space());
  data.rights = TRY(cursor.astring("rights"));
  return data;
}

void append_myrights(std::string& out, const MyRightsData& data, WriteStyle style) {
  out += "* MYRIGHTS ";
  append_mailbox(out, data.mailbox, style);
  out += ' ';
  append_astring(out, data.rights, style);
  out += "\r\n";
}

}  // namespace eilpost::imap
