// Replies: code, enhanced status (RFC 2034, RFC 3463) and text lines; printed by the server, parsed
// by clients. Values only; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace eilpost::lmtp {

// class "." subject "." detail; all zero: none.
struct EnhancedStatus {
  int klass = 0;
  int subject = 0;
  int detail = 0;
  friend bool operator==(const EnhancedStatus&, const EnhancedStatus&) = default;
  explicit operator bool() const { return klass != 0; }
};

struct Reply {
  int code = 0;  // 200 to 599
  EnhancedStatus status;
  std::vector<std::string> lines;  // at least one; no CR, LF
  friend bool operator==(const Reply&, const Reply&) = default;
  bool positive() const { return code >= 200 && code < 400; }
};

Reply make_reply(int code, EnhancedStatus status, std::string text);
// With CRLF at the end of each line. Control characters in a text become "?" so that nothing that a
// peer or a mailbox name brought in can forge a reply line.
std::string print_reply(const Reply& reply);

// Reply for an error of the store or the directory, as a recipient's answer after DATA or to RCPT.
Reply reply_for(Code code);

namespace replies {
Reply greeting(std::string_view hostname);              // 220
Reply closing(std::string_view hostname);               // 221 2.0.0
Reply ok();                                             // 250 2.0.0
Reply sender_ok();                                      // 250 2.1.0
Reply recipient_ok();                                   // 250 2.1.5
Reply delivered(std::string_view recipient);            // 250 2.0.0, one per recipient
Reply chunk_ok(uint64_t octets);                        // 250 2.0.0 to BDAT
Reply start_data();                                     // 354
Reply cannot_verify();                                  // 252 2.0.0 to VRFY
Reply shutting_down(std::string_view hostname);         // 421 4.3.2
Reply timed_out(std::string_view hostname);             // 421 4.4.2
Reply too_many_connections(std::string_view hostname);  // 421 4.7.0
Reply line_too_long();                                  // 500 5.5.6
Reply bare_line_feed();                                 // 500 5.5.2
Reply unknown_command();                                // 500 5.5.1
Reply not_implemented();                                // 502 5.5.1
Reply bad_sequence(std::string_view what);              // 503 5.5.1
Reply no_valid_recipients();                            // 503 5.5.1
Reply too_many_recipients();                            // 452 4.5.3
Reply too_big();                                        // 552 5.3.4
Reply over_quota();                                     // 552 5.2.2
Reply no_such_user(std::string_view recipient);         // 550 5.1.1
Reply disabled_user(std::string_view recipient);        // 550 5.2.1
Reply try_later();                                      // 451 4.3.0
}  // namespace replies

// The answer to LHLO: 250 with hostname and keywords.
struct Extensions {
  uint64_t size_max = 0;  // octets; 0: no fixed maximum
  bool smtputf8 = true;
  bool chunking = true;
  bool binarymime = true;  // with chunking
};
Reply lhlo_reply(std::string_view hostname, const Extensions& extensions);

// Client side: feed lines without CRLF until a Reply comes out.
class ReplyParser {
 public:
  // Nothing yet when the line was "250-...". Code::invalid: not a reply, or codes that differ.
  Result<std::optional<Reply>> line(std::string_view text);

 private:
  Reply reply_;
};

}  // namespace eilpost::lmtp
