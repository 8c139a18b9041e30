"""A Maildir++ as the tests read and write it, by the format's rules and none of the tools' code."""

import itertools
import os
import re

from mailboxes import sort_key
from wire import from_utf7, to_utf7

LETTERS = {"D": "\\Draft", "F": "\\Flagged", "P": "$Forwarded", "R": "\\Answered", "S": "\\Seen",
           "T": "\\Deleted"}
NAMES = itertools.count(1)


class Maildir:
    def __init__(self, root):
        self.root = root

    def folder(self, mailbox):
        if mailbox == "INBOX":
            return self.root
        return os.path.join(self.root, "." + to_utf7(mailbox).replace("/", "."))

    def mailboxes(self):
        yield "INBOX"
        for name in sorted(os.listdir(self.root)):
            if name.startswith(".") and os.path.isdir(os.path.join(self.root, name, "cur")):
                yield from_utf7(name[1:].replace(".", "/"))

    def keywords(self, mailbox):
        """{letter: keyword} of Dovecot's file."""
        try:
            with open(os.path.join(self.folder(mailbox), "dovecot-keywords"),
                      encoding="utf-8") as file:
                rows = [line.split(" ", 1) for line in file.read().splitlines()]
            return {chr(97 + int(number)): word for number, word in rows}
        except FileNotFoundError:
            return {}

    def files(self, mailbox):
        """[(path, flags, octets with CRLF, mtime)]."""
        words = {**LETTERS, **self.keywords(mailbox)}
        out = []
        for sub in ("cur", "new"):
            folder = os.path.join(self.folder(mailbox), sub)
            for name in sorted(os.listdir(folder)):
                path = os.path.join(folder, name)
                letters = name.rsplit(":2,", 1)[1] if ":2," in name and sub == "cur" else ""
                with open(path, "rb") as file:
                    octets = file.read()
                if not re.match(rb"[^\n]*\r\n", octets):
                    octets = octets.replace(b"\n", b"\r\n")
                flags = frozenset(words[letter] for letter in letters)
                out.append((path, flags, octets, int(os.stat(path).st_mtime)))
        return out

    def snapshot(self):
        """{mailbox: sorted list of (octets, flags, epoch)}, as of an account."""
        return {mailbox: sorted(((octets, flags, epoch)
                                 for _, flags, octets, epoch in self.files(mailbox)), key=sort_key)
                for mailbox in self.mailboxes()}

    def find(self, mailbox, octets):
        return next(path for path, _, there, _ in self.files(mailbox) if there == octets)

    # What a mail program does.

    def add(self, mailbox, octets, epoch, letters=None):
        name = f"{epoch}.T{next(NAMES)}P{os.getpid()}.test"
        sub, suffix = ("new", "") if letters is None else ("cur", ":2," + letters)
        path = os.path.join(self.folder(mailbox), sub, name + suffix)
        with open(path, "wb") as file:
            file.write(octets.replace(b"\r\n", b"\n"))
        os.utime(path, (epoch, epoch))

    def remove(self, mailbox, octets):
        os.remove(self.find(mailbox, octets))

    def flag(self, mailbox, octets, letter):
        path = self.find(mailbox, octets)
        name = os.path.basename(path)
        name, _, letters = name.partition(":2,")
        letters = "".join(sorted(set(letters) | {letter}))
        os.rename(path, os.path.join(self.folder(mailbox), "cur", f"{name}:2,{letters}"))

    def move(self, mailbox, octets, target):
        path = self.find(mailbox, octets)
        os.rename(path, os.path.join(self.folder(target), "cur", os.path.basename(path)))
