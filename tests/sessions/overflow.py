"""NOTIFICATIONOVERFLOW (RFC 5465 5.8): more happens than a client can be told at once.

It happens while a client takes its time to read a large message.
"""

from harness import Imap, check, user

NAMES = 2001  # limits::notify_news_max and one more
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * (1 << 20)  # no socket holds it


def make_many(imap):
    """Mailboxes, a few hundred commands in a packet."""
    for start in range(0, NAMES, 300):
        last = min(start + 300, NAMES)
        imap.send(b"".join(b"m%d CREATE Many/%d\r\n" % (n, n) for n in range(start, last)))
        for n in range(start, last):
            reply = imap.finish(f"m{n}")
            check(reply.status == "OK", f"CREATE: {reply}")


def run(port):
    watcher, maker = Imap(port), Imap(port, timeout=60)
    for imap in (watcher, maker):
        imap.login(user(2))
    wish = "NOTIFY SET (personal (MessageNew MessageExpunge MailboxName))"
    watcher.append("INBOX", LARGE)
    watcher.do("SELECT INBOX")
    watcher.do(wish)
    watcher.send(b"o1 FETCH 1 BODY.PEEK[]\r\n")
    make_many(maker)
    reply = watcher.finish("o1")
    check(reply.status == "OK", f"FETCH: {reply.status}")
    overflows = [r for r in reply.untagged if r.startswith(b"* OK [NOTIFICATIONOVERFLOW]")]
    check(len(overflows) == 1, f"{len(reply.untagged)} responses")
    check(not any(b"Many" in r for r in reply.untagged), "names are told in spite of it")
    # As after NOTIFY NONE: nothing more is told.
    maker.do("CREATE Later")
    check(not watcher.do("NOOP").untagged, "it goes on being told")
    # Until it asks again; what is told then begins there.
    watcher.do(wish)
    maker.do("CREATE Again")
    told = watcher.do("NOOP").untagged or [watcher.receive()]
    check([r for r in told if b"Again" in r] and not any(b"Many" in r for r in told), f"{told[:3]}")
    for imap in (watcher, maker):
        imap.close()
