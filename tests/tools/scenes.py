"""The mail that the tests begin with, and reading an account back to compare it: on the bad
server from memory, on real ones over IMAP by the plain client of harness.py."""

import calendar
import random

from harness import Failure, Imap, brief, check_equal, flag_set, message, quoted
from mailboxes import epoch_of, internal_date, sort_key
from wire import from_utf7, to_utf7

BEGIN = calendar.timegm((2022, 2, 7, 21, 52, 25))
UMLAUTS = "Entwürfe & Notizen"
FLAGS = [[], ["\\Seen"], ["\\Seen", "\\Flagged"], ["\\Answered", "\\Draft"], ["$Forwarded"],
         ["\\Seen", "Project", "$MDNSent"]]


def letter(number, lines=3, body=None):
    """Message `number`: distinct, and known by its field X-Number."""
    body = body or "".join(f"{number} line {line} of the letter.\r\n" for line in range(lines))
    return message(f"letter {number}", body=body, headers=f"X-Number: {number}\r\n")


def small():
    """[(mailbox, octets, flags, epoch)]: what every defect is tried on."""
    rows = []
    for number in range(1, 8):
        lines = 80 if number == 3 else 3
        rows.append(("INBOX", letter(number, lines), FLAGS[number % len(FLAGS)],
                     BEGIN + 3600 * number))
    for number in range(8, 11):
        rows.append(("Archive", letter(number), FLAGS[number % len(FLAGS)], BEGIN + 86400 * number))
    rows.append((UMLAUTS, letter(11, body="Grüße\r\n"), ["\\Seen"], BEGIN - 5))
    return rows


STRANGE = {
    "eight bits in the header": b"Subject: \xe4\xf6\xfc \xf0\x9f\x98\x80\r\nX-Number: 101\r\n\r\n"
                                b"x\r\n",
    "no line end at the end": b"Subject: open\r\nX-Number: 102\r\n\r\nno end \xff" + b"y" * 3000,
    "no header": b"\r\nX-Number: 103\r\nonly a body\r\n",
    "no body": b"Subject: no body\r\nX-Number: 104\r\n\r\n",
    "nested": b"Subject: nested\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n."
              b"\r\n..\r\nFrom the start\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: in"
              b"\r\n\r\nin\r\n--x--\r\n",
    "lone LF": b"Subject: lone\r\nX-Number: 105\r\n\r\none\ntwo\r\nthree\n",
}


def mixed(seed, count):
    """More, and stranger: for real servers."""
    chance = random.Random(seed)
    rows = []
    for number in range(1, count + 1):
        lines = chance.choice([0, 1, 3, 10, 40, 400])
        box = chance.choice(["INBOX", "INBOX", "Archive", "Archive/2022", UMLAUTS, "Sent"])
        rows.append((box, letter(1000 + number, lines), chance.choice(FLAGS),
                     BEGIN + chance.randrange(100_000_000)))
    for octets in STRANGE.values():
        rows.append(("INBOX", octets, chance.choice(FLAGS), BEGIN + chance.randrange(1000)))
    rows.append(("Sent", letter(7000, 9000), ["\\Seen"], BEGIN))
    return rows


# --- the bad server ---


def fill_bad(account, rows):
    for box, octets, flags, epoch in rows:
        if account.find(box) is None:
            account.create(box)
        account.append(box, octets, flags, epoch)
    account.find("INBOX").subscribed = True


# --- real servers ---


def connect(peer, number):
    client = Imap(peer.port, timeout=60)
    client.do(f'LOGIN "{peer.name(number)}" "pass"')
    return client


def fill_real(client, rows):
    made = {"INBOX"}
    for box, octets, flags, epoch in rows:
        for name in ancestors(box):
            if name not in made:
                client.command(f"CREATE {quoted(to_utf7(name))}")
                made.add(name)
        reply = client.command(
            f'APPEND {quoted(to_utf7(box))} ({" ".join(flags)}) "{internal_date(epoch)}" {{}}',
            octets)
        if reply.status != "OK":
            yield box, octets, reply.text


def ancestors(name):
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def read_real(client):
    """{mailbox: sorted list of (octets, flags, epoch)} of all that can be opened."""
    out = {}
    for name in client.mailboxes():
        client.do(f"EXAMINE {quoted(name)}")
        found = client.fetch("1:*", "UID FLAGS INTERNALDATE BODY.PEEK[]")
        rows = [(one["BODY[]"], flag_set(one["FLAGS"]), epoch_of(one["INTERNALDATE"].decode()))
                for one in found.values()]
        out[from_utf7(name)] = sorted(rows, key=sort_key)
    return out


def check_same(got, wanted, what):
    """Two accounts as above; mailboxes without messages do not count."""
    got = {name: rows for name, rows in got.items() if rows}
    wanted = {name: rows for name, rows in wanted.items() if rows}
    check_equal(sorted(got), sorted(wanted), f"{what}: mailboxes with messages")
    for name, rows in wanted.items():
        if got[name] != rows:
            raise Failure(f"{what}: messages in {name}: {difference(got[name], rows)}")


def difference(got, wanted):
    """What is too much and what is missing, as far as it can be read."""
    much, missing = list(got), []
    for row in wanted:
        if row in much:
            much.remove(row)
        else:
            missing.append(row)
    out = f"{len(got)} instead of {len(wanted)}"
    for title, rows in (("too much", much), ("missing", missing)):
        out += "".join(f"\n  {title}: {one}" for one in told(rows)[:8])
    if much and missing and told(much[:1]) == told(missing[:1]):
        out += f"\n  octets: {brief(much[0][0])} instead of {brief(missing[0][0])}"
    return out


def told(rows):
    """Short enough to be read in a failure."""
    return [(subject(octets), len(octets), sorted(flags), epoch) for octets, flags, epoch in rows]


def subject(octets):
    for line in octets.split(b"\r\n"):
        if line.lower().startswith(b"subject:"):
            return line[9:].decode("utf-8", "replace")
    return "(none)"
