#include "protocol/imap/values.h"

#include <gtest/gtest.h>

#include "protocol/imap/writer.h"

namespace eilpost::imap {
namespace {

std::string printed(DateTime at) {
  std::string out;
  append_date_time(out, at);
  return out;
}

TEST(Values, DaysBothWays) {
  EXPECT_EQ(0, days_since_epoch(Date{1970, 1, 1}));
  EXPECT_EQ(19782, days_since_epoch(Date{2024, 2, 29}));
  EXPECT_EQ(-719162, days_since_epoch(Date{1, 1, 1}));
  for (int64_t days = -719162; days < 2932896; days += 97) {
    EXPECT_EQ(days, days_since_epoch(date_of_days(days)));
  }
}

TEST(Values, DateTimePrint) {
  EXPECT_EQ("\"17-Jul-1996 02:44:25 -0700\"", printed({837596665, -420}));
  EXPECT_EQ("\" 1-Jan-1970 00:00:00 +0000\"", printed({0, 0}));
  EXPECT_EQ("\"31-Dec-1969 23:59:59 +0000\"", printed({-1, 0}));
  EXPECT_EQ("\"31-Dec-9999 23:59:59 +0000\"", printed({INT64_MAX, 0}));
  EXPECT_EQ("\" 1-Jan-0001 00:00:00 +0000\"", printed({INT64_MIN, 0}));
}

TEST(Values, SystemFlags) {
  EXPECT_EQ(flag_seen, system_flag("\\sEEN"));
  EXPECT_EQ(0, system_flag("Seen"));
  EXPECT_EQ("\\Draft", system_flag_name(flag_draft));
}

TEST(Values, StatusItems) {
  for (int i = 0; i <= static_cast<int>(StatusItem::deleted_storage); ++i) {
    auto item = static_cast<StatusItem>(i);
    EXPECT_EQ(item, status_item(status_item_name(item)));
  }
  EXPECT_FALSE(status_item("FOO"));
}

}  // namespace
}  // namespace eilpost::imap
