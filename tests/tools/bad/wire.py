"""Reading commands and printing responses, as a server does: octets, literals, sequence sets,
patterns of LIST, and SEARCH. Knows nothing of defects."""

import base64
import email.utils
import re
import time

from harness import parse_response
from mailboxes import MONTHS

LITERAL_END = re.compile(rb"(~?)\{(\d+)(\+?)\}\r\n$")


class Bad(Exception):
    """The command is no IMAP: BAD with this text."""


class No(Exception):
    """The command is refused: NO with this code and text."""

    def __init__(self, text, code=""):
        super().__init__(text)
        self.text, self.code = text, code


class Hangup(Exception):
    """The connection ends here; with a reset instead of an orderly end when `reset`."""

    def __init__(self, reset=False):
        super().__init__()
        self.reset = reset


class Silence(Exception):
    """Nothing is said any more, and the connection stays."""


def text_of(value):
    """An astring as text."""
    if value is None:
        return "NIL"
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def to_utf7(name):
    """Modified UTF-7 (RFC 3501 5.1.3)."""

    def coded(run):
        octets = base64.b64encode(run.group().encode("utf-16-be"))
        return f"&{octets.decode().rstrip('=').replace('/', ',')}-"

    return re.sub(r"[^ -~]+", coded, name.replace("&", "&-"))


def from_utf7(name):
    def plain(run):
        if run.group(1) == "":
            return "&"
        octets = run.group(1).replace(",", "/")
        return base64.b64decode(octets + "=" * (-len(octets) % 4)).decode("utf-16-be")

    return re.sub(r"&([^-]*)-", plain, name)


def quote(text):
    """A string, quoted where it can be."""
    octets = text if isinstance(text, bytes) else text.encode()
    if re.search(rb"[\r\n\0\x80-\xff]", octets):
        return literal(octets)
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", octets) + b'"'


def literal(octets):
    return b"{%d}\r\n%s" % (len(octets), octets)


def print_set(numbers):
    """"1:3,7" of numbers in their order."""
    out = []
    for number in numbers:
        if out and out[-1][1] + 1 == number:
            out[-1][1] = number
        else:
            out.append([number, number])
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in out)


def parse_set(text, largest):
    """Ranges of a sequence set as (low, high); "*" is the largest."""
    out = []
    for part in text.split(","):
        ends = [largest if end == "*" else int(end) for end in part.split(":")]
        out.append((min(ends), max(ends)))
    return out


def in_set(ranges, number):
    return any(low <= number <= high for low, high in ranges)


def list_matches(pattern, name):
    """LIST's "*" and "%" (RFC 9051 6.3.9)."""
    translated = "".join(".*" if c == "*" else "[^/]*" if c == "%" else re.escape(c)
                         for c in pattern)
    if re.fullmatch(translated, name, re.DOTALL):
        return True
    return name == "INBOX" and re.fullmatch(translated, name, re.I | re.DOTALL) is not None


def parse_command(octets):
    """[tag, name, arguments ...] as harness.parse_response has them; Bad when it is none."""
    try:
        fields = parse_response(octets)
    except Exception as error:
        raise Bad(f"not understood: {error}") from None
    if len(fields) < 2 or not isinstance(fields[0], str) or not isinstance(fields[1], str):
        raise Bad("expected a tag and a command")
    return fields


# --- messages ---


def split_message(octets):
    """(header with its empty line, body)."""
    at = octets.find(b"\r\n\r\n")
    return (octets, b"") if at < 0 else (octets[: at + 4], octets[at + 4:])


def header_fields(octets):
    """[(lower case name, whole field with line ends)]."""
    fields = []
    for line in split_message(octets)[0].splitlines(keepends=True):
        if line[:1] in b" \t" and fields and line.strip():
            fields[-1][1] += line
        elif b":" in line:
            fields.append([line.split(b":", 1)[0].strip().lower(), line])
    return [(name.decode("latin-1"), field) for name, field in fields]


def header_value(octets, name):
    for field, text in header_fields(octets):
        if field == name.lower():
            return text.split(b":", 1)[1].strip().decode("utf-8", "replace")
    return None


def section_of(octets, section):
    """The octets of BODY[section]; only what a message without parts has."""
    header, body = split_message(octets)
    upper = section.upper()
    if upper == "":
        return octets
    if upper == "HEADER":
        return header
    if upper in ("TEXT", "1"):
        return body
    found = re.match(r"HEADER\.FIELDS(\.NOT)? \((.*)\)$", section, re.I)
    if not found:
        return b""
    wanted = {name.strip('"').lower() for name in found.group(2).split()}
    inside = found.group(1) is None
    kept = [field for name, field in header_fields(octets) if (name in wanted) == inside]
    return b"".join(kept) + b"\r\n"


def address_list(value):
    addresses = email.utils.getaddresses([value]) if value else []
    if not addresses:
        return b"NIL"
    out = b""
    for name, address in addresses:
        local, _, domain = address.partition("@")
        out += b"(%s NIL %s %s)" % (quote(name) if name else b"NIL", quote(local), quote(domain))
    return b"(" + out + b")"


def envelope(octets):
    def nstring(name):
        value = header_value(octets, name)
        return b"NIL" if value is None else quote(value)

    def addresses(name, instead=None):
        value = header_value(octets, name) or (header_value(octets, instead) if instead else None)
        return address_list(value)

    return b"(" + b" ".join([
        nstring("date"), nstring("subject"), addresses("from"), addresses("sender", "from"),
        addresses("reply-to", "from"), addresses("to"), addresses("cc"), addresses("bcc"),
        nstring("in-reply-to"), nstring("message-id")]) + b")"


def body_structure(octets):
    body = split_message(octets)[1]
    return (b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "8BIT" %d %d NIL NIL NIL NIL)'
            % (len(body), body.count(b"\n")))


# --- SEARCH ---

FLAG_KEYS = {"ANSWERED": "\\answered", "DELETED": "\\deleted", "DRAFT": "\\draft",
             "FLAGGED": "\\flagged", "SEEN": "\\seen"}
HEADER_KEYS = {"BCC", "CC", "FROM", "SUBJECT", "TO"}


def day_of(text):
    day, month, year = text.strip().split("-")
    return int(year), MONTHS.index(month.title()) + 1, int(day)


class Search:
    """A SEARCH program, over messages that tell their number, uid and the rest."""

    def __init__(self, arguments, seq_max, uid_max):
        self.rest = list(arguments)
        self.seq_max, self.uid_max = seq_max, uid_max
        self.uses_modseq = False
        if self.rest and text_of(self.rest[0]).upper() == "CHARSET":
            self.rest = self.rest[2:]
        tests = []
        while self.rest:
            tests.append(self.key())
        self.tests = tests

    def matches(self, message, seq, uid):
        return all(test(message, seq, uid) for test in self.tests)

    def take(self):
        if not self.rest:
            raise Bad("SEARCH: an argument is missing")
        return self.rest.pop(0)

    def key(self):
        first = self.take()
        if isinstance(first, list):
            inner = Search(first, self.seq_max, self.uid_max)
            self.uses_modseq |= inner.uses_modseq
            return inner.matches
        name = text_of(first).upper()
        if re.match(r"[\d*]", name):
            ranges = parse_set(name, self.seq_max)
            return lambda message, seq, uid: in_set(ranges, seq)
        if name == "NOT":
            inner = self.key()
            return lambda *which: not inner(*which)
        if name == "OR":
            left, right = self.key(), self.key()
            return lambda *which: left(*which) or right(*which)
        return self.flag_key(name) or self.text_key(name) or self.number_key(name)

    def flag_key(self, name):
        if name in ("ALL", "OLD"):
            return lambda *_: True
        if name in ("NEW", "RECENT"):
            return lambda *_: False
        without = name.startswith("UN")
        flag = FLAG_KEYS.get(name[2:] if without else name)
        if name in ("KEYWORD", "UNKEYWORD"):
            flag = text_of(self.take()).lower()
        if flag is None:
            return None
        return lambda message, *_: (flag in {f.lower() for f in message.flags}) != without

    def text_key(self, name):
        if name in HEADER_KEYS or name == "HEADER":
            field = text_of(self.take()) if name == "HEADER" else name
            wanted = text_of(self.take()).lower()

            def has(message, *_):
                value = header_value(message.octets, field)
                return value is not None and wanted in value.lower()

            return has
        if name in ("BODY", "TEXT"):
            wanted = text_of(self.take()).lower().encode()
            whole = name == "TEXT"
            return lambda message, *_: wanted in (
                message.octets if whole else split_message(message.octets)[1]).lower()
        if name == "EMAILID":
            wanted = text_of(self.take())
            return lambda message, *_: message.email_id == wanted
        return None

    def number_key(self, name):
        if name == "UID":
            ranges = parse_set(text_of(self.take()), self.uid_max)
            return lambda message, seq, uid: in_set(ranges, uid)
        if name in ("LARGER", "SMALLER"):
            limit = int(text_of(self.take()))
            sign = 1 if name == "LARGER" else -1
            return lambda message, *_: sign * (len(message.octets) - limit) > 0
        if name == "MODSEQ":
            self.uses_modseq = True
            limit = self.take()
            if isinstance(limit, bytes):  # MODSEQ "/flags/\\seen" all 5
                self.take()
                limit = self.take()
            return lambda message, *_: message.modseq >= int(limit)
        if name in ("SINCE", "BEFORE", "ON", "SENTSINCE", "SENTBEFORE", "SENTON"):
            return self.date_key(name)
        raise Bad(f"SEARCH: unknown key {name}")

    def date_key(self, name):
        wanted = day_of(text_of(self.take()))
        sent = name.startswith("SENT")

        def test(message, *_):
            day = time.gmtime(message.epoch)
            if sent:
                day = email.utils.parsedate(header_value(message.octets, "date") or "")
            if day is None:
                return False
            have = tuple(day[:3])
            if name.endswith("SINCE"):
                return have >= wanted
            return have < wanted if name.endswith("BEFORE") else have == wanted

        return test
