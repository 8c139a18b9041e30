// What an examination has found, as values: sections with tables and findings, each finding with
// what it means and what to do about it, for somebody who did not see the examination. Printed as
// text, as JSON and as one HTML page that needs nothing else. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace eilpost::client {

// How bad it is. From `warning` on the exit code says so.
enum class Grade {
  good,     // looked at and found right
  note,     // worth knowing; nothing to be done
  warning,  // works, and should be changed
  problem,  // does not work, or harms
};
std::string_view grade_name(Grade grade);

struct Finding {
  Grade grade = Grade::note;
  std::string id;     // "tls.certificate-expired": stays the same between versions, for scripts
  std::string what;   // what is so
  std::string means;  // what follows from it; "" where that is plain
  std::string todo;   // what to do; "" for nothing
};

struct Table {
  std::string title;  // "" when the section has one table only
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

struct Section {
  std::string id;     // "tls"
  std::string title;  // "TLS and certificates"
  std::vector<Table> tables;
  std::vector<Finding> findings;
  std::string unfinished;  // why not everything could be looked at; "" when it was

  void find(Grade grade, std::string id_, std::string what, std::string means = "",
            std::string todo = "") {
    findings.push_back({grade, std::move(id_), std::move(what), std::move(means), std::move(todo)});
  }
};

struct Report {
  std::string server;   // "imaps://imap.example.org"
  std::string account;  // "" when nobody signed in
  Timestamp begun;
  int64_t seconds = 0;
  int sign_ins = 0;  // how often credentials were sent
  bool connected = false;
  std::vector<Section> sections;

  size_t count(Grade grade) const;
  // 0 nothing to be done, 1 a warning or a problem, 2 could not connect.
  int exit_code() const;
};

// What a server said, for a report: control octets and what is no UTF-8 replaced, cut at 2000
// octets.
std::string said(std::string_view text);

std::string print_text(const Report& report);
std::string print_json(const Report& report);
std::string print_html(const Report& report);

}  // namespace eilpost::client
