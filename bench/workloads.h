// What the load generator can do to a server, one function for each subcommand. Each prints JSON
// lines and counts errors and wrong answers in `problems`; an Error is what kept it from going on.
// They run as the first coroutine of an IoPool with one thread, and stay on it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/client.h"
#include "bench/report.h"

namespace eilpost::bench {

struct World {
  Target target;
  Problems problems;
};

// A folder of one account.
struct Place {
  int account = 0;
  std::string mailbox = "INBOX";
};

// Durable deliveries, one after the other on each connection, each into an account of its own.
struct DeliverOptions {
  bool lmtp = false;  // else APPEND
  int connections = 1;
  int seconds = 10;
  size_t bytes = 16384;
};
Task<Result<>> run_deliver(World& world, DeliverOptions options);

// Makes the folder if need be and appends messages to it until it holds `messages`.
struct FillOptions {
  Place place;
  uint64_t messages = 0;
  size_t bytes = 0;  // 0: small ones of differing sizes (message.h)
  size_t batch = 100;
};
Task<Result<>> run_fill(World& world, FillOptions options);
// The same without a word.
Task<Result<>> run_fill_quietly(World& world, FillOptions options);

// SELECT in `sessions` sessions that stay, then in `repeat` that do not.
struct SelectOptions {
  Place place;
  int sessions = 1;
  int repeat = 5;
};
Task<Result<>> run_select(World& world, SelectOptions options);

struct FetchOptions {
  Place place;
  uint32_t messages = 0;       // the first so many; 0: all
  std::string item = "flags";  // flags, envelope, bodystructure
  int repeat = 5;
};
Task<Result<>> run_fetch(World& world, FetchOptions options);

// SORT by date or subject, or THREAD=REFERENCES, of a whole folder.
struct OrderOptions {
  Place place;
  std::string by = "date";  // date, subject, references
  int repeat = 5;
};
Task<Result<>> run_order(World& world, OrderOptions options);

// STORE of one flag on messages all over the folder, by turns set and taken away.
struct FlagOptions {
  Place place;
  int repeat = 200;
};
Task<Result<>> run_flag(World& world, FlagOptions options);

// STORE of one flag at a time on each of many connections, over the INBOXes of all accounts.
// Several runs side by side on one account say how many writers there are in all and which is their
// first, so that no two change the same message.
struct FlagsOptions {
  int connections = 1;
  int seconds = 10;
  uint64_t messages = 128;  // in each INBOX
  int first_writer = 0;
  int writers_in_all = 0;  // 0: as many as connections
};
Task<Result<>> run_flags(World& world, FlagsOptions options);

// BODY.PEEK[] of the folder's messages over TLS, which run_fill made with the same size.
struct BodyOptions {
  Place place;
  size_t bytes = 0;
  int seconds = 10;
};
Task<Result<>> run_body(World& world, BodyOptions options);

// Reads what a plain TLS server on `port` sends until it closes: the pace of bulk SSL_write.
struct SinkOptions {
  uint16_t port = 0;
};
Task<Result<>> run_sink(World& world, SinkOptions options);

struct MixedOptions {
  int sessions = 100;
  int seconds = 20;
  int messages = 200;  // in each INBOX at the beginning
  size_t bytes = 4096;
};
Task<Result<>> run_mixed(World& world, MixedOptions options);

struct IdleOptions {
  int sessions = 1000;
  int settle_seconds = 2;  // between the last IDLE and the look at memory
  int seconds = 10;        // of deliveries
  int per_second = 500;
  int deliverers = 16;
  bool compress = false;  // with COMPRESS=DEFLATE (RFC 4978)
};
Task<Result<>> run_idle(World& world, IdleOptions options);

// Whether they run over TLS is each workload's own: idle and body do.
Task<Result<std::unique_ptr<ImapClient>>> login(World& world, int account);
// CREATE where LIST does not name it, and SELECT.
Task<Result<>> select_folder(ImapClient& client, const std::string& mailbox);
Task<Result<>> ensure_folder(ImapClient& client, const std::string& mailbox);
Task<Result<uint64_t>> count_messages(ImapClient& client, const std::string& mailbox);

}  // namespace eilpost::bench
