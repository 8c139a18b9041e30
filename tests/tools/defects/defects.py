"""What servers were seen to do against the RFCs, one class each, to be switched on in
bad_server.py.

A Defect overrides some of the hooks of the base class; every hook has the session or what it is
about, and gives back what the server then says or does. An object belongs to one server and may
count. `where` names who was seen to do it (exchange.md, peers.md: the project's research; or the
server itself). What a class claims is held by run.py:
  harmless    a tool gets everything right although it is on
  wrong       while it is on, nobody can tell that what is copied is not what was sent
  renumbers   known uids become worthless: of what has gone from one place nobody can tell
              whether it was removed there, so that it may come back (docs/sync.md)
Where neither is set, a tool may fail, but does no harm, and is right once the defect is gone.
"""

import importlib

DEFECTS = {}


class Defect:
    name = ""
    where = ""
    harmless = False
    wrong = False
    renumbers = False
    tools = ("migrate", "sync", "cleanup", "watch", "doctor")
    tells_capabilities = True
    profile = "rich"      # of the server that has it
    carrier = "plain"     # under which it shows (carriers.py)
    certificate = "good"  # as certificates.py has them

    def __init_subclass__(cls):
        if cls.name:
            DEFECTS[cls.name] = cls

    # What the server says.
    def greeting(self, session, line):
        return line

    def capabilities(self, session, names):
        return names

    def untagged(self, session, kind, line):
        return [line]

    def tagged(self, session, command, condition, code, text):
        return condition, code, text

    def fetch(self, session, message, values):
        """{item: octets} of a FETCH response; None: there is none."""
        return values

    def searched(self, session, command, found):
        return found

    def octets_out(self, session, octets):
        return octets

    # What the server does.
    def command(self, session, command):
        """True: this defect has answered it."""
        return False

    def signing_in(self, session):
        pass

    def consent(self, session):
        """A literal is about to be asked for with "+"."""

    def created(self, session, name):
        pass

    def storing(self, session, flags):
        return flags

    def copies(self, session, message):
        return True

    def expunging(self, session, messages):
        return messages

    def appending(self, session, target, messages):
        return messages

    def idle_tells(self, session):
        return True

    def vanished(self, box, uids):
        """The uids of VANISHED (EARLIER)."""
        return uids

    def notifying(self, session):
        """NOTIFY was taken: its answer, None for OK."""

    def notify_tells(self, session):
        return True

    # The layers below.
    def before_tls(self, session):
        """The handshake is about to begin; what is sent here is in the clear."""

    def deflating(self, session):
        """COMPRESS was just answered."""

    # The numbers it shows.
    def uid(self, message):
        return message.uid

    def uid_next(self, box):
        return box.uid_next

    def uid_validity(self, box):
        return box.uid_validity

    def highest_modseq(self, box):
        return box.highest_modseq

    def repair(self, server):
        """What changes when the server's operator has put things right."""

    def check(self, server, outcome):
        """What a tool must not have done while it was on, besides harm to mail."""


def body_item(values):
    """The item of a FETCH response that holds a whole message, or None."""
    return next((name for name in values if name in ("BODY[]", "RFC822", "BINARY[]")), None)


def is_third(message):
    """The third message of the scenes, by what it is rather than where it lies."""
    return b"\r\nX-Number: 3\r\n" in message.octets


def load():
    """{name: class} of all."""
    for kind in ("messages", "numbers", "changes", "words", "ends", "layers", "tokens", "news"):
        importlib.import_module(f"defects_{kind}")
    return DEFECTS
