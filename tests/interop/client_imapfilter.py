"""imapfilter: searches, flags, copies, moves and deletes by rules, over TLS, and IDLE."""

import subprocess
import time

from cases import by_subject, case, converse, find_program
from harness import check, check_equal, message

RULES = """
options.timeout = 20
options.create = true
options.subscribe = true
account = IMAP {{ server = 'localhost', port = {port}, username = '{user}',
                 password = 'pass', ssl = 'auto' }}
print(table.concat((account:list_all('')), ','))
inbox = account.INBOX
local exist, unread, unseen, uidnext = inbox:check_status()
print('status', exist, unseen)
lists = inbox:contain_subject('list') * inbox:is_unseen()
lists:move_messages(account['Lists/One'])
inbox:contain_from('boss@example.org'):mark_flagged()
inbox:is_larger(100000):copy_messages(account.Large)
inbox:contain_body('viagra'):delete_messages()
"""

WAITS = """
print('idling')
io.stdout:flush()
print('woken', inbox:enter_idle())
"""


def fill(client):
    client.append("INBOX", message("a list message"))
    client.append("INBOX", message("urgent").replace(b"From: ", b"From: boss@example.org, ", 1))
    client.append("INBOX", message("large", body="x" * 70 + "\r\n", headers=""))
    client.append("INBOX", message("big", body=("y" * 70 + "\r\n") * 2000))
    client.append("INBOX", message("cheap", body="buy viagra\r\n"))


def rules(ctx, kind):
    """On the port without TLS it begins with STARTTLS."""
    text = RULES.format(port=ctx.server.port(kind), user=ctx.user)
    return text if kind == "imaps" else text.replace(", ssl = 'auto'", "")


@case("imapfilter over TLS", "imapfilter")
def filters(ctx):
    client = ctx.imap()
    fill(client)
    path = ctx.write(".imapfilter/config.lua", rules(ctx, "imaps"))
    said = ctx.run("imapfilter", "-t", ctx.server.certificate, "-c", path)
    check("status\t5\t5" in said, said)
    inbox = by_subject(client, "INBOX")
    check_equal(sorted(inbox), ["big", "large", "urgent"], "INBOX")
    check_equal(inbox["urgent"][1], {"\\Flagged"}, "flags of what the boss has sent")
    check_equal(inbox["large"][1], set(), "flags of another")
    check_equal(list(by_subject(client, "Lists/One")), ["a list message"], "what was moved")
    check_equal(list(by_subject(client, "Large")), ["big"], "what was copied")
    client.close()


@case("imapfilter waits in IDLE", "imapfilter")
def waits(ctx):
    client = ctx.imap()
    path = ctx.write(".imapfilter/config.lua", rules(ctx, "imap") + WAITS)
    process = subprocess.Popen(
        [find_program("imapfilter"), "-t", ctx.server.certificate, "-c", path], cwd=ctx.directory,
        env={"HOME": ctx.directory, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )

    def arrives():
        time.sleep(0.2)  # what arrives before IDLE is told as well; both ways are to work
        ctx.server.deliver(ctx.number, message("meanwhile"))

    said = converse(process, {"idling\n": arrives})
    check("woken\ttrue" in said, said)
    client.close()
