// Every limit of the program, in one file, each with the reply that the peer gets when it is
// reached (STYLE.md rule 19). Those that an operator may set have a key in main/config.
#pragma once

#include <cstddef>
#include <cstdint>

namespace eilpost::limits {

// IMAP framing. A longer command line: tagged BAD [TOOBIG] (if a tag was read), the line is
// drained.
inline constexpr size_t command_line_bytes_max = 64 * 1024;
// The sum of a command's line and its non-APPEND literals. Beyond: NO [TOOBIG]; LITERAL+ is
// drained.
inline constexpr size_t command_bytes_max = 1024 * 1024;
// Before login a command with literals may have 16 KiB in all: NO [TOOBIG].
inline constexpr size_t preauth_command_bytes_max = 16 * 1024;
// What is read and dropped of such a command to give that answer; beyond: BYE [TOOBIG] alone.
inline constexpr uint64_t preauth_drain_bytes_max = 256 * 1024;
// A refused non-synchronizing literal is read and dropped up to here; beyond: BYE [TOOBIG].
inline constexpr uint64_t literal_drain_bytes_max = 64ULL * 1024 * 1024;
// A message, by APPEND or LMTP: NO [TOOBIG] / 552 5.3.4. Default; `limits.message_bytes`.
inline constexpr uint64_t message_bytes_max = 100ULL * 1024 * 1024;
// Parentheses within parentheses in a command: BAD.
inline constexpr int command_depth_max = 64;
// Body sections that one FETCH names: NO [LIMIT].
inline constexpr size_t fetch_bodies_max = 256;
// Patterns of one LIST: NO [LIMIT].
inline constexpr size_t list_patterns_max = 64;
// Messages of one APPEND: NO [LIMIT]; their octets together: four times limits.message_bytes.
inline constexpr size_t append_messages_max = 1000;
// UIDBATCHES: a smaller batch is NO [TOOFEW], more messages in all are NO [TOOMANY] (RFC 10022).
inline constexpr uint32_t uid_batch_size_min = 500;
inline constexpr uint64_t uid_batches_messages_max = 100'000;
// Messages that one command works on, for accounts that have opted in to MESSAGELIMIT (RFC 9738):
// [MESSAGELIMIT]. Default; `imap.message_limit`.
inline constexpr uint32_t message_limit = 1000;
// Clients of one account that were seen not to live with a capability: beyond, the oldest goes.
inline constexpr size_t client_masks_max = 200;
// NOTIFY (RFC 5465): groups and mailbox names of one command, NO [NOTIFICATIONOVERFLOW]; what is to
// be told at once of other mailboxes: beyond, OK [NOTIFICATIONOVERFLOW], and nothing is told any
// more.
inline constexpr size_t notify_groups_max = 100;
inline constexpr size_t notify_names_max = 1000;
inline constexpr size_t notify_news_max = 2000;
// Seconds after which a running command tells how far it is (RFC 9585).
inline constexpr int progress_seconds = 10;
// Names in one "mailboxes (...)" of ESEARCH or NOTIFY: NO [LIMIT].
inline constexpr size_t filter_mailboxes_max = 1000;
// SEARCH keys in one command, with those of named searches: NO [LIMIT].
inline constexpr size_t search_keys_max = 4096;
// Named searches within named searches (RFC 5466): NO [UNDEFINED-FILTER].
inline constexpr int search_filter_depth_max = 8;
// Searches of one session that are kept up to date (RFC 5267), and the ranges of uids that these
// have found: the next is not, NO [NOUPDATE].
inline constexpr size_t live_searches_max = 32;
inline constexpr uint64_t live_search_ranges_max = 1'000'000;
// What THREAD's loop checks may walk together, in steps for each id and at least: beyond it a link
// that might close a loop is not made.
inline constexpr uint32_t thread_steps_per_node = 64;
inline constexpr uint64_t thread_steps_min = 1'000'000;
// Languages of one LANGUAGE, comparators of one COMPARATOR: NO [LIMIT].
inline constexpr size_t preferences_max = 64;
// Ranges in one sequence set: BAD [TOOBIG].
inline constexpr size_t set_ranges_max = 65536;
// Bad commands in a row before BYE.
inline constexpr int bad_commands_max = 20;
// Failed logins on one connection before BYE.
inline constexpr int failed_logins_max = 5;

// Mailbox names, in UTF-8 octets: NO [CANNOT]; levels: NO [CANNOT].
inline constexpr size_t mailbox_name_bytes_max = 1000;
inline constexpr int mailbox_levels_max = 30;
// Mailboxes of one account: NO [LIMIT].
inline constexpr size_t mailboxes_max = 50000;
// A keyword's length and how many different ones a mailbox has: NO [LIMIT].
inline constexpr size_t keyword_bytes_max = 255;
inline constexpr size_t keywords_per_mailbox_max = 4096;

// Annotations (METADATA): a name's octets, NO [LIMIT]; a value's, NO [METADATA MAXSIZE]; how many a
// mailbox and an account have and the octets of all together, NO [METADATA TOOMANY].
// First how many entries one GETMETADATA or LIST names, NO [LIMIT].
inline constexpr size_t metadata_entries_max = 250;
inline constexpr size_t annotation_name_bytes_max = 200;
inline constexpr size_t annotation_bytes_max = 64 * 1024;
inline constexpr size_t annotations_per_mailbox_max = 250;
inline constexpr uint64_t annotations_per_account_max = 20'000;
inline constexpr uint64_t annotations_bytes_max = 4ULL * 1024 * 1024;

// MIME. What lies beyond is kept as it is, as one opaque part.
inline constexpr int mime_depth_max = 64;
inline constexpr size_t mime_parts_max = 10000;
inline constexpr size_t mime_header_bytes_max = 1024 * 1024;       // of one header block
inline constexpr size_t mime_headers_bytes_max = 8 * 1024 * 1024;  // of all blocks of a message
inline constexpr size_t mime_capture_bytes_max = 4096;  // of the first text part, for the preview
// What ENVELOPE and BODYSTRUCTURE may grow to. A longer address list or header value is cut there,
// a message with a longer BODYSTRUCTURE is described as one opaque part.
inline constexpr size_t mime_address_list_bytes_max = 256 * 1024;
inline constexpr size_t mime_header_value_bytes_max = 64 * 1024;
inline constexpr size_t mime_bodystructure_bytes_max = 1024 * 1024;
inline constexpr size_t preview_chars_max = 200;  // RFC 8970 recommends 200

// Engine: one batch, one read (design 3.1).
inline constexpr size_t batch_bytes_max = 4 * 1024 * 1024;
inline constexpr size_t read_bytes_max = 1024 * 1024;
// Where storage is elsewhere: how long a commit may be silent before its callers hear
// NO [UNAVAILABLE], and how long a writer may hold a partition's turn, both in milliseconds. A turn
// is far shorter, so that a holder that died is not taken for a cluster that is silent.
inline constexpr int commit_stall_ms = 5000;
inline constexpr int turn_ms = 1000;
// Of one partition, where an engine keeps it as one object: refused with NO [LIMIT].
inline constexpr uint64_t partition_rows_max = 100'000;
inline constexpr uint64_t partition_bytes_max = 64ULL * 1024 * 1024;
// What an account's change log is cut to, oldest first: QRESYNC from before is told every uid that
// is gone. Between two runs of the maintenance it may grow to a quarter more.
inline constexpr uint64_t log_rows_max = 20'000;
inline constexpr uint64_t log_bytes_max = 8ULL * 1024 * 1024;
// Changes of one account that wait for its runner: NO [UNAVAILABLE].
inline constexpr size_t account_jobs_max = 10'000;

// Attachments that helpers read for FUZZY (docs/search.md). A helper's time, and what each of its
// processes may take of memory; then it is killed, and the attachment is not found by its text.
inline constexpr int attachment_helper_seconds = 20;
inline constexpr uint64_t attachment_helper_bytes = 1024ULL * 1024 * 1024;
// An attachment that is larger, decoded, is not read, nor is what comes behind so many of a
// message; of a text that is longer, the rest is left out.
inline constexpr uint64_t attachment_bytes_max = 64ULL * 1024 * 1024;
inline constexpr size_t attachments_per_message_max = 20;
inline constexpr uint64_t attachment_text_bytes = 4ULL * 1024 * 1024;
// The words of all attachments of an account: no more are kept.
inline constexpr uint64_t attachment_words_bytes_max = 256ULL * 1024 * 1024;

// Network deadlines, in seconds.
inline constexpr int preauth_seconds = 60;
inline constexpr int idle_session_seconds = 30 * 60;  // RFC 9051 5.4: at least 30 minutes
inline constexpr int write_stall_seconds = 5 * 60;
inline constexpr int tls_handshake_seconds = 30;

// Connections: * BYE [LIMIT] / 421. Defaults; `limits.*`.
inline constexpr int connections_max = 50000;
inline constexpr int connections_per_address_max = 1000;
inline constexpr int connections_per_account_max = 100;

// Directories. Rows of one kind about an account and the octets of one: NO [LIMIT], NO [TOOBIG].
inline constexpr size_t account_rows_max = 10'000;
inline constexpr size_t account_row_bytes_max = 64 * 1024;
// Grants on one account; directories of one server: refused by the command, by the configuration.
inline constexpr size_t grants_per_account_max = 1000;
inline constexpr size_t directories_max = 16;
// A name that somebody gives at login; longer: it is nobody's, NO [AUTHENTICATIONFAILED].
inline constexpr size_t login_name_bytes_max = 1024;
// What is taken of one entry of a directory elsewhere; more is left out.
inline constexpr size_t entry_addresses_max = 1000;
inline constexpr size_t entry_groups_max = 5000;

// LMTP.
inline constexpr size_t lmtp_line_bytes_max = 4096;
inline constexpr size_t lmtp_recipients_max = 1000;

}  // namespace eilpost::limits
