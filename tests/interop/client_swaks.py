"""swaks: LMTP deliveries by a program that shows the dialogue."""

from cases import by_subject, case
from harness import check, check_equal, message


def swaks(ctx, *arguments, status=0):
    port = ctx.server.port("lmtp")
    return ctx.run(
        *["swaks", "--protocol", "LMTP", "--server", "127.0.0.1", "--port", port],
        *["--helo", "client.example", "--from", "sender@example.net"],
        *arguments,
        status=status,
    )


@case("swaks delivers by LMTP", "swaks")
def deliver(ctx):
    watcher = ctx.imap()
    watcher.do("SELECT INBOX")
    watcher.start_idle()
    octets = message("by swaks", body=".dot\r\n..two\r\nend\r\n")
    ctx.write("mail", octets.replace(b"\r\n", b"\n"))
    both = f"{ctx.user},{ctx.user2}"
    swaks(ctx, "--to", both, "--data", f"@{ctx.path('mail')}")
    watcher.wait_untagged(rb"\* 1 EXISTS", 10)
    for client in (ctx.imap(), ctx.server.imap(ctx.number + 1)):
        stored = by_subject(client, "INBOX")["by swaks"][2]
        # swaks puts an empty line behind the message.
        wanted = b"Return-Path: <sender@example.net>\r\n" + octets + b"\r\n"
        check_equal(stored, wanted, "what arrived")
        client.close()
    watcher.close()


@case("swaks gets an answer for each recipient", "swaks")
def recipients(ctx):
    said = swaks(ctx, "--to", "nobody@example.org", status=24)
    check("550 5.1.1" in said, f"an unknown user:\n{said}")
    said = swaks(ctx, "--to", f"nobody@example.org,{ctx.user}", "--h-Subject", "one of two")
    check("550 5.1.1" in said, f"an unknown user among others:\n{said}")
    client = ctx.imap()
    check_equal(list(by_subject(client, "INBOX")), ["one of two"], "INBOX")
    client.close()
