"""Python's imaplib: every command that it has, and by hand the extensions that it lacks."""

import imaplib
import ssl
import time

from cases import case
from harness import check, check_equal, message, utf7

UMLAUTS = "Größe & Maß"


def ok(answer, what=""):
    status, data = answer
    check(status == "OK", f"{what}: {status} {data}")
    return data


def connect(ctx, kind="imap"):
    if kind == "imap":
        return imaplib.IMAP4("localhost", ctx.server.port("imap"), timeout=20)
    context = ssl.create_default_context(cafile=ctx.server.certificate)
    port = ctx.server.port("imaps")
    return imaplib.IMAP4_SSL("localhost", port, ssl_context=context, timeout=20)


def refused(ctx, client, method, *arguments):
    try:
        status, data = getattr(client, method)(*arguments)
    except client.error:
        return
    check(status == "NO", f"{method} {arguments}: {status} {data}")


def by_hand(client, command):
    """Sends a command that imaplib does not know; its untagged responses."""
    tag = client._new_tag()
    client.send(tag + b" " + command.encode() + b"\r\n")
    untagged = []
    while True:
        line = client.readline().rstrip(b"\r\n")
        if line.startswith(tag):
            check(line.startswith(tag + b" OK"), f"{command}: {line}")
            return untagged, line
        untagged.append(line)


@case("imaplib: logging in")
def login(ctx):
    context = ssl.create_default_context(cafile=ctx.server.certificate)
    client = connect(ctx)
    ok(client.starttls(context), "STARTTLS")
    check("STARTTLS" not in client.capabilities, "STARTTLS is offered again under TLS")
    refused(ctx, client, "login", ctx.user, "wrong")
    ok(client.login(ctx.user, "pass"), "LOGIN")
    check_equal(client.logout()[0], "BYE", "LOGOUT")
    for kind in ("imap", "imaps"):
        client = connect(ctx, kind)
        secret = f"\0{ctx.user}\0pass".encode()
        ok(client.authenticate("PLAIN", lambda _: secret), "AUTHENTICATE")
        check_equal(client.state, "AUTH", "state")
        client.logout()
    with connect(ctx) as client:
        refused(ctx, client, "login_cram_md5", ctx.user, "pass")


@case("imaplib: mailboxes")
def mailboxes(ctx):
    client = connect(ctx, "imaps")
    client.login(ctx.user, "pass")
    coded = f'"{utf7(UMLAUTS)}"'
    ok(client.create("Work/2022"), "CREATE")
    ok(client.create(coded), "CREATE")
    refused(ctx, client, "create", "Work/2022")
    ok(client.subscribe("Work/2022"), "SUBSCRIBE")
    check(b"Work/2022" in ok(client.lsub())[0], "LSUB")
    ok(client.unsubscribe("Work/2022"), "UNSUBSCRIBE")
    check_equal(ok(client.lsub('""', "W*")), [None], "LSUB of nothing")
    ok(client.rename("Work/2022", "Work/2023"), "RENAME")
    listed = b"\n".join(ok(client.list('""', "*")))
    check(b"Work/2023" in listed and b"Work/2022" not in listed, f"LIST: {listed}")
    check(utf7(UMLAUTS).encode() in listed, f"LIST: {listed}")
    check(ok(client.namespace())[0].startswith(b'((""'), "NAMESPACE")
    counts = ok(client.status("Work/2023", "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN RECENT)"))[0]
    check(b"MESSAGES 0" in counts and b"UIDNEXT 1" in counts, f"STATUS: {counts}")
    ok(client.delete("Work/2023"), "DELETE")
    refused(ctx, client, "select", "Work/2023")
    refused(ctx, client, "delete", "INBOX")
    check_equal(client.enable("CONDSTORE")[0], "OK", "ENABLE")
    known = ok(client.capability())[0].decode().split(" ")
    check("CONDSTORE" in known and "STARTTLS" not in known, f"CAPABILITY: {known}")
    # Under UTF8=ACCEPT or IMAP4rev2, names are UTF-8 (RFC 9051 5.1).
    ok(client.enable("IMAP4rev2"), "ENABLE IMAP4rev2")
    untagged, _ = by_hand(client, 'LIST "" "G*"')
    check(any(f'"{UMLAUTS}"'.encode() in line for line in untagged), f"LIST: {untagged}")
    client.logout()


def fill(client):
    """Four messages in INBOX; the last one is large, so that it goes out in pieces."""
    texts = [message(f"number {n}", body=f"body {n}\r\n" * n) for n in (1, 2, 3)]
    texts.append(message("large", body=("0123456789" * 7 + "\r\n") * 30000))
    when = time.mktime((2022, 2, 7, 12, 0, 0, 0, 0, -1))
    for text in texts:
        ok(client.append("INBOX", "(\\Flagged)", imaplib.Time2Internaldate(when), text), "APPEND")
    return texts


@case("imaplib: messages")
def messages(ctx):
    client = connect(ctx)
    client.login(ctx.user, "pass")
    texts = fill(client)
    check_equal(ok(client.select()), [b"4"], "SELECT")
    check_equal(client.response("UIDVALIDITY")[0], "UIDVALIDITY", "UIDVALIDITY")
    check_equal(ok(client.search(None, "ALL")), [b"1 2 3 4"], "SEARCH ALL")
    client.literal = "number 2".encode()
    check_equal(ok(client.search("UTF-8", "SUBJECT")), [b"2"], "SEARCH with a literal")
    check_equal(ok(client.uid("SEARCH", "FROM", '"ada"', "LARGER", "100000")), [b"4"], "UID SEARCH")
    for number, text in enumerate(texts, 1):
        check_equal(ok(client.fetch(str(number), "(BODY.PEEK[])"))[0][1], text, "BODY[]")
    check_equal(ok(client.fetch("2", "(RFC822.SIZE)")), [b"2 (RFC822.SIZE %d)" % len(texts[1])], "")
    piece = ok(client.fetch("4", "(BODY[TEXT]<72.10>)"))[0][1]
    check_equal(piece, b"0123456789", "a piece of a section")
    check_equal(ok(client.fetch("4", "(FLAGS)"))[0].count(b"\\Seen"), 1, "\\Seen by BODY[TEXT]")
    flags = ok(client.store("1:2", "+FLAGS", "(\\Answered $Work)"))
    check(all(b"\\Answered" in one and b"$Work" in one for one in flags), f"STORE: {flags}")
    check_equal(ok(client.uid("STORE", "2", "-FLAGS.SILENT", "$Work")), [None], "silent STORE")
    ok(client.create("Copies"))
    ok(client.copy("1:3", "Copies"), "COPY")
    check(client.response("COPYUID")[1][0].endswith(b" 1:3 1:3"), "COPYUID")
    ok(client.uid("COPY", "4", "Copies"), "UID COPY")
    ok(client.store("3", "+FLAGS", "\\Deleted"))
    check_equal(ok(client.expunge()), [b"3"], "EXPUNGE")
    ok(client.noop(), "NOOP")
    ok(client.check(), "CHECK")
    ok(client.store("1", "+FLAGS", "\\Deleted"))
    ok(client.close(), "CLOSE")
    check_equal(ok(client.select("Copies", readonly=True)), [b"4"], "EXAMINE")
    refused(ctx, client, "store", "1", "+FLAGS", "\\Seen")
    ok(client.unselect(), "UNSELECT")
    check_equal(ok(client.select()), [b"2"], "after CLOSE")
    ok(client._simple_command("MOVE", "1", "Copies"), "MOVE")
    check_equal(ok(client.status("Copies", "(MESSAGES)")), [b'Copies (MESSAGES 5)'], "moved")
    client.logout()


@case("imaplib: literals, MULTIAPPEND and IDLE by hand")
def extensions(ctx):
    client = connect(ctx)
    client.send(b"a LOGIN {%d}\r\n" % len(ctx.user))
    check(client.readline().startswith(b"+ "), "no invitation for a literal")
    client.send(ctx.user.encode() + b" {4+}\r\npass\r\n")
    check(client.readline().startswith(b"a OK"), "LOGIN with literals")
    client.state = "AUTH"
    client.select()
    one, two = message("first of two"), message("second of two")
    octets = b"b APPEND INBOX (\\Seen) {%d+}\r\n%s" % (len(one), one)
    client.send(octets + b' () "07-Feb-2022 12:00:00 +0100" {%d+}\r\n%s\r\n' % (len(two), two))
    lines = [client.readline()]
    while not lines[-1].startswith(b"b "):
        lines.append(client.readline())
    check(b"b OK [APPENDUID" in lines[-1] and b" 1:2]" in lines[-1], f"MULTIAPPEND: {lines}")
    check(any(line.startswith(b"* 2 EXISTS") for line in lines), f"no EXISTS: {lines}")
    check_equal(ok(client.fetch("2", "(BODY.PEEK[])"))[0][1], two, "the second message")
    refused(ctx, client, "append", "No/Such", "", "", one)
    idle(ctx, client)
    untagged, _ = by_hand(client, 'ID ("name" "imaplib")')
    check(untagged[0].startswith(b'* ID ("name"'), f"ID: {untagged}")
    untagged, _ = by_hand(client, "UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1)")
    check(all(b"MODSEQ" in line for line in untagged), f"CHANGEDSINCE: {untagged}")
    untagged, _ = by_hand(client, "SEARCH RETURN (COUNT MAX) ALL")
    check(b"COUNT 3" in untagged[0] and b"MAX 3" in untagged[0], f"ESEARCH: {untagged}")
    client.logout()


def idle(ctx, client):
    """RFC 2177: deliveries and another session's flags are told at once; DONE ends it."""
    client.send(b"i IDLE\r\n")
    check(client.readline().startswith(b"+ "), "no invitation to IDLE")
    ctx.server.deliver(ctx.number, message("pushed"))
    check_equal(client.readline(), b"* 3 EXISTS\r\n", "a delivery")
    other = ctx.imap()
    other.do("SELECT INBOX")
    other.do("STORE 1 +FLAGS (\\Answered)")
    line = client.readline()
    while line.endswith(b"RECENT\r\n"):
        line = client.readline()
    check(line.startswith(b"* 1 FETCH (") and b"\\Answered" in line, f"a flag: {line}")
    other.close()
    client.send(b"DONE\r\n")
    check(client.readline().startswith(b"i OK"), "DONE")
