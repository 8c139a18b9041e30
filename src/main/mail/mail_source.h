// Where imported mail comes from, and how exported mail is laid out: folders with their messages,
// each a stretch of a file with flags and a date. maildir.cc and mbox.cc make these. Values only;
// reading blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace eilpost {

struct SourceMessage {
  std::string key;  // the same at the next run; one line of text
  std::string file;
  uint64_t offset = 0;
  uint64_t length = UINT64_MAX;  // to the end of the file
  uint8_t flags = 0;             // store::SystemFlag
  std::vector<std::string> keywords;
  std::optional<int64_t> seconds;  // internal date; nothing: unknown
  bool mbox = false;               // ">From " is to be unquoted, Status fields to be left out
};

struct SourceFolder {
  std::string name;  // UTF-8, levels parted by '/'; "INBOX" for the top of a Maildir
  std::string path;
  bool mbox = false;
};

// maildir.cc: the folders of a Maildir, Maildir++ (".Lists.C++") or nested ones. Empty when `path`
// is none.
Result<std::vector<SourceFolder>> maildir_folders(const std::string& path);
Result<std::vector<SourceMessage>> maildir_messages(const SourceFolder& folder);

// mbox.cc: one file, or a directory of files (Thunderbird's NAME.sbd directories hold inferiors).
Result<std::vector<SourceFolder>> mbox_folders(const std::string& path);
// Reads the file once to find where its messages begin.
Result<std::vector<SourceMessage>> mbox_messages(const SourceFolder& folder);

// Gives the octets of a message piece by piece, with bare LF made CRLF: mail has no other line end.
// What `sink` answers ends the reading when it is an error.
Result<> read_message(const SourceMessage& message,
                      const std::function<Result<>(std::string_view)>& sink);

// Modified UTF-7 as folders on disk carry it; what is none is taken as UTF-8.
std::string decode_folder_name(std::string_view on_disk);
// One line: blanks for control characters, so that a key cannot forge another.
std::string one_line(std::string_view text);
// The special use that a name stands for in the wild ("Gesendet", "Sent Items"), 0 for none.
uint16_t special_use_of_name(std::string_view name);

}  // namespace eilpost
