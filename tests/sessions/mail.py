"""The messages of the session test and what a search, an order or a thread of them has to be: a
second implementation, of RFC 9051 6.4.4 for some keys, of RFC 5256 for SORT and THREAD. Its
messages are such that the hard corners (dates without time, loops) do not occur; those have tests
of their own.
"""

import re

FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "\\Draft", "\\Deleted", "$Label", "Work"]
WORDS = ["amber", "basalt", "cedar", "dahlia", "ember", "fjord", "grüße", "Καλημέρα", "電子郵件"]
NAMES = ["ada", "bob", "carol", "dora"]


class Message:
    """What the test knows of a message: it never changes. Copies share it."""

    def __init__(self, number, topic, parents, rng):
        self.key = f"{number}@sessions.example"
        self.topic = topic
        self.references = parents  # keys, the root first
        self.replies = len(parents)
        self.sender = rng.choice(NAMES)
        self.words = rng.sample(WORDS, 3)
        self.date = 1_600_000_000 + rng.randrange(10_000_000)
        self.subject = ("Re: " if parents else "") + f"Topic {topic} {self.words[0]}"
        body = " ".join(self.words * rng.randrange(1, 40)) + "\r\n"
        headers = "".join(f"{name}: {value}\r\n" for name, value in self._fields())
        self.octets = (headers + "\r\n" + body).encode()

    def _fields(self):
        from email.header import Header
        from email.utils import formatdate

        subject = self.subject
        if not subject.isascii():
            subject = Header(subject, "utf-8", maxlinelen=900).encode()
        yield "From", f"{self.sender.title()} <{self.sender}@example.net>"
        yield "To", "everybody@example.org"
        yield "Subject", subject
        yield "Date", formatdate(self.date)
        yield "Message-ID", f"<{self.key}>"
        if self.references:
            yield "References", " ".join(f"<{key}>" for key in self.references)
        yield "MIME-Version", "1.0"
        yield "Content-Type", "text/plain; charset=utf-8"
        yield "Content-Transfer-Encoding", "8bit"


class Mail:
    """All messages that were ever made."""

    def __init__(self, rng):
        self.rng = rng
        self.by_key = {}
        self.topics = []  # of messages, the root first

    def make(self):
        number = len(self.by_key)
        if self.topics and self.rng.random() < 0.6:
            parent = self.rng.choice(self.rng.choice(self.topics[-12:]))
            topic = parent.topic
            parents = [*parent.references, parent.key]
        else:
            topic = len(self.topics)
            parents = []
            self.topics.append([])
        message = Message(number, topic, parents, self.rng)
        self.topics[topic].append(message)
        self.by_key[message.key] = message
        return message

    def of_header(self, octets):
        return self.by_key[re.search(rb"<([^>]*)>", octets).group(1).decode()]


# --- searches: the key as it is sent, and what it means of (message, flags, uid) ---


def folded(text):
    return text.casefold()


def flag_key(name, flag, wanted):
    return name, lambda m, flags, uid: (flag in flags) == wanted


def search_keys(rng, mail, ascii_only):
    """A key and its meaning. `ascii_only`: the client may send nothing else."""
    word = rng.choice([w for w in WORDS if w.isascii()] if ascii_only else WORDS)
    date = rng.randrange(1_600_000_000, 1_610_000_000) // 86400
    day = format_day(date)
    size = rng.randrange(300, 2000)
    topic = rng.randrange(max(1, len(mail.topics)))
    simple = [
        flag_key("SEEN", "\\Seen", True),
        flag_key("UNSEEN", "\\Seen", False),
        flag_key("FLAGGED", "\\Flagged", True),
        flag_key("UNANSWERED", "\\Answered", False),
        flag_key("UNDELETED", "\\Deleted", False),
        flag_key("KEYWORD $Label", "$Label", True),
        flag_key("UNKEYWORD Work", "Work", False),
        (f'SUBJECT "{word}"', lambda m, f, u: folded(word) in folded(m.subject)),
        (f'BODY "{word}"', lambda m, f, u: word in m.words),
        (f'TEXT "{word}"', lambda m, f, u: word in m.words),
        (f'SUBJECT "topic {topic} "', lambda m, f, u: m.topic == topic),
        (f"FROM {NAMES[0]}", lambda m, f, u: m.sender == NAMES[0]),
        (f"LARGER {size}", lambda m, f, u: len(m.octets) > size),
        (f"SENTSINCE {day}", lambda m, f, u: m.date // 86400 >= date),
        ("ALL", lambda m, f, u: True),
    ]
    one, meaning = rng.choice(simple)
    other, other_meaning = rng.choice(simple)
    shape = rng.randrange(5)
    if shape == 0:
        return f"NOT {one}", lambda m, f, u: not meaning(m, f, u)
    if shape == 1:
        return f"OR {one} {other}", lambda m, f, u: meaning(m, f, u) or other_meaning(m, f, u)
    if shape == 2:
        return f"({one} {other})", lambda m, f, u: meaning(m, f, u) and other_meaning(m, f, u)
    return one, meaning


def format_day(day):
    import datetime

    date = datetime.date(1970, 1, 1) + datetime.timedelta(days=day)
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    return f"{date.day}-{months[date.month - 1]}-{date.year}"


# --- orders: of (uid, message) in the order of uids ---

SORT_KEYS = {
    "DATE": lambda m: m.date,
    "SUBJECT": lambda m: f"Topic {m.topic} {m.words[0]}".upper(),
    "FROM": lambda m: m.sender.upper(),
    "SIZE": lambda m: len(m.octets),
}


def criteria(rng):
    names = rng.sample(sorted(SORT_KEYS), rng.randrange(1, 3))
    return [(name, rng.random() < 0.3) for name in names]


def print_criteria(chosen):
    return " ".join(("REVERSE " if backward else "") + name for name, backward in chosen)


def ordered(chosen, messages):
    """uids; what is the same by all keys stays in the order of uids (RFC 5256 3)."""
    out = sorted(messages)
    for name, backward in reversed(chosen):
        key = SORT_KEYS[name]
        # Reversing keeps the order of what is the same.
        out.sort(key=lambda one: key(one[1]), reverse=backward)
    return [uid for uid, _ in out]


# --- threads ---


def by_subject(messages):
    """THREAD=ORDEREDSUBJECT: [[first, later...]...] of uids."""
    threads = {}
    for uid, message in sorted(messages, key=lambda one: (one[1].date, one[0])):
        subject = SORT_KEYS["SUBJECT"](message)
        threads.setdefault(subject, []).append((message.date, uid))
    return [[uid for _, uid in thread] for thread in sorted(threads.values())]


class Node:
    def __init__(self):
        self.uid = None
        self.date = None
        self.children = []
        self.parent = None


def by_references(messages):
    """THREAD=REFERENCES as nested tuples (uid or None, children), or None where the steps that this
    leaves out would count: the same Message-ID twice, or two threads of one subject."""
    keys = [message.key for _, message in messages]
    if len(set(keys)) != len(keys):
        return None
    nodes = {}
    for uid, message in messages:
        chain = [nodes.setdefault(key, Node()) for key in [*message.references, message.key]]
        for parent, child in zip(chain, chain[1:]):
            if child.parent is None:
                child.parent = parent
                parent.children.append(child)
        chain[-1].uid, chain[-1].date = uid, message.date
    roots = prune([node for node in nodes.values() if node.parent is None], True)
    subjects = [subject_of(root, messages) for root in roots]
    if len(set(subjects)) != len(subjects):
        return None
    return sort_nodes(roots)


def prune(nodes, top):
    out = []
    for node in nodes:
        node.children = prune(node.children, False)
        if node.uid is not None:
            out.append(node)
        elif node.children and (not top or len(node.children) == 1):
            out += node.children
        elif node.children:
            out.append(node)
    return out


def first_of(node):
    return node if node.uid is not None else sort_first(node.children)


def sort_first(nodes):
    return min(nodes, key=lambda node: (node.date, node.uid))


def subject_of(root, messages):
    uid = first_of(root).uid
    return next(SORT_KEYS["SUBJECT"](message) for u, message in messages if u == uid)


def sort_nodes(nodes):
    made = [(first_of(node).date, first_of(node).uid, node) for node in nodes]
    made.sort(key=lambda one: one[:2])
    return [(node.uid, sort_nodes(node.children)) for _, _, node in made]


def parsed_threads(fields):
    """The lists of a THREAD response in the form of by_references()."""
    return [parsed_thread(one) for one in fields]


def parsed_thread(fields):
    if isinstance(fields[0], list):
        return (None, [parsed_thread(one) for one in fields])
    rest = fields[1:]
    if not rest:
        children = []
    elif isinstance(rest[0], list):
        children = [parsed_thread(one) for one in rest]
    else:
        children = [parsed_thread(rest)]
    return (int(fields[0]), children)
