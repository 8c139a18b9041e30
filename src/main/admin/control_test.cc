#include "main/admin/control.h"

#include <sys/stat.h>

#include <thread>

#include "main/admin/session_lines.h"
#include "main/testing.h"

namespace eilpost {
namespace {

using testing::TempDir;

Output caught(std::string& out, std::string& err) {
  Output output;
  output.write = [&](Channel channel, std::string_view text) {
    (channel == Channel::out ? out : err).append(text);
    return true;
  };
  return output;
}

TEST(Control, RequestRoundTrip) {
  ControlRequest request;
  request.arguments = {"account", "add", "ä b", ""};
  request.directory = "/x";
  request.password = "p\0q";
  request.terminal = true;
  request.columns = 132;
  const auto parsed = parse_request(print_request(request));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->arguments, request.arguments);
  EXPECT_EQ(parsed->password, request.password);
  EXPECT_TRUE(parsed->terminal);
  EXPECT_EQ(parsed->columns, 132);
  EXPECT_FALSE(parse_request(print_request(request).substr(0, 9)));
}

TEST(Control, OutputAndExitCodeComeBack) {
  const TempDir dir;
  auto server = ControlServer::open(dir.path(), [](const ControlRequest& request, Output& output) {
    output.print("{} of {}\n", request.arguments.at(0), request.directory);
    output.error("careful\n");
    output.put(Channel::out, std::string(3'000'000, 'x'));
    return 7;
  });
  ASSERT_TRUE(server) << server.error().detail;
  struct stat info {};
  ASSERT_EQ(::stat(control_path(dir.path()).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  std::string out, err;
  Output output = caught(out, err);
  ControlRequest list;
  list.arguments = {"list"};
  list.directory = "/d";
  const auto code = control_call(dir.path(), list, output);
  ASSERT_TRUE(code) << code.error().detail;
  EXPECT_EQ(*code, 7);
  EXPECT_EQ(out.substr(0, 11), "list of /d\n");
  EXPECT_EQ(out.size(), 3'000'011U);
  EXPECT_EQ(err, "careful\n");
}

TEST(Control, NoServer) {
  const TempDir dir;
  std::string out, err;
  Output output = caught(out, err);
  EXPECT_EQ(control_call(dir.path(), {}, output).error().code, Code::not_found);
  EXPECT_EQ(control_call(dir / "nowhere", {}, output).error().code, Code::not_found);
}

TEST(Control, StopEndsWhatRuns) {
  const TempDir dir;
  std::atomic<bool> begun{false};
  auto server = ControlServer::open(dir.path(), [&](const ControlRequest&, Output& output) {
    begun = true;
    while (!output.abandoned()) std::this_thread::yield();
    return 0;
  });
  ASSERT_TRUE(server);
  std::thread caller([&] {
    std::string out, err;
    Output output = caught(out, err);
    EXPECT_FALSE(control_call(dir.path(), {}, output));
  });
  while (!begun) std::this_thread::yield();
  (*server)->stop();
  caller.join();
}

TEST(Control, AdminCommandsThroughTheSocket) {
  const TempDir dir;
  const auto node = testing::open_node(dir.path(), EngineKind::memory);
  auto server = ControlServer::open(dir.path(), [&](const ControlRequest& request, Output& output) {
    return run_control_request(*node, request, output);
  });
  ASSERT_TRUE(server);
  const auto call = [&](std::vector<std::string> arguments, std::string password) {
    std::string out, err;
    Output output = caught(out, err);
    ControlRequest request;
    request.arguments = std::move(arguments);
    request.password = std::move(password);
    const auto code = control_call(dir.path(), request, output);
    return std::to_string(code.value_or(-1)) + " " + out + err;
  };
  EXPECT_EQ(call({"account", "add", "Anna@Example.org"}, "geheim"), "0 added anna@example.org\n");
  EXPECT_EQ(call({"account", "add", "anna@example.org"}, "geheim").substr(0, 2), "1 ");
  // RFC 9051 11.7.
  EXPECT_NE(call({"account", "add", "b@example.org"}, "123456").find("everybody guesses"),
            std::string::npos);
  EXPECT_EQ(call({"account", "passwd", "anna@example.org"}, "Anna").substr(0, 2), "1 ");
  EXPECT_EQ(call({"account", "alias", "anna@example.org", "a@example.org"}, ""), "0 ");
  EXPECT_EQ(call({"account", "list"}, ""), "0 anna@example.org  also a@example.org\n");
  EXPECT_TRUE(node->accounts().check_password({"a@example.org", "geheim"}));
  EXPECT_EQ(call({"account", "passwd", "anna@example.org"}, "anders"), "0 ");
  EXPECT_FALSE(node->accounts().check_password({"a@example.org", "geheim"}));
  EXPECT_TRUE(node->accounts().check_password({"a@example.org", "anders"}));
  EXPECT_NE(call({"mailbox", "list", "anna@example.org"}, "").find("drafts     Drafts"),
            std::string::npos);
  EXPECT_EQ(call({"account", "set", "anna@example.org", "--admin", "--hide", "qresync", "--hide",
                  "Unauthenticate", "--quota-mailboxes", "7"},
                 ""),
            "0 ");
  EXPECT_EQ(call({"account", "set", "anna@example.org", "--hide", "(x"}, "").substr(0, 2), "1 ");
  std::string shown = call({"account", "show", "a@example.org"}, "");
  EXPECT_NE(shown.find("admin         yes\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("mailboxes     6 of 7\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("hidden        QRESYNC\nhidden        UNAUTHENTICATE\n"), std::string::npos)
      << shown;
  EXPECT_EQ(call({"account", "set", "anna@example.org", "--no-admin", "--show", "QRESYNC"}, ""),
            "0 ");
  shown = call({"account", "show", "anna@example.org"}, "");
  EXPECT_NE(shown.find("admin         no\n"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("QRESYNC"), std::string::npos) << shown;
  EXPECT_EQ(call({"account", "set", "anna@example.org", "--disable"}, ""), "0 ");
  EXPECT_EQ(call({"account", "list"}, "").find("(disabled)") != std::string::npos, true);
  EXPECT_EQ(call({"account", "remove", "a@example.org"}, ""), "0 removed anna@example.org\n");
  EXPECT_EQ(call({"account", "list"}, ""), "0 ");
  EXPECT_EQ(call({"account", "add"}, "x").substr(0, 2), "2 ");
  EXPECT_EQ(call({"serve"}, "").substr(0, 2), "2 ");
}

TEST(SessionLines, RoundTrip) {
  server::SessionInfo session;
  session.id = "abc";
  session.protocol = "imap";
  session.listener = "imaps";
  session.peer = "[2001:db8::1]:1";
  session.tls = true;
  session.account = AccountId(100);
  session.login_name = "a@b";
  session.client = "Mutt\t1";
  session.state = "idle";
  session.mailbox = "Größe";
  session.bytes_in = 1;
  session.bytes_out = UINT64_MAX;
  session.since = Timestamp{5};
  std::string line = print_session_line(session);
  line.pop_back();
  const auto parsed = parse_session_line(line);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->client, "Mutt 1");
  EXPECT_EQ(parsed->mailbox, session.mailbox);
  EXPECT_EQ(parsed->bytes_out, session.bytes_out);
  EXPECT_EQ(parsed->since, session.since);
  EXPECT_TRUE(parsed->tls);
  EXPECT_FALSE(parse_session_line("a\tb"));
}

}  // namespace
}  // namespace eilpost
