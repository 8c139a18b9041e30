"""Tools that stay: eilpost watch and eilpost sync --watch on one connection after another, while
the server falls silent, hangs up, or is cut off."""

import contextlib
import json
import os
import signal
import threading
import time

import defects
import scenes
from cases import case
from harness import check, check_equal, wait_for
from maildirs import Maildir
from sides import BadSide, number_of, numbers
from tool import Tool
from wire import Hangup

SECONDS = 40


class Live:
    """A tool that runs, and what it has said."""

    def __init__(self, context, *arguments):
        self.tools = Tool(context.binary, context.directory)
        self.process = self.tools.begin(*arguments)
        self.out, self.err = [], []
        for stream, into in ((self.process.stdout, self.out), (self.process.stderr, self.err)):
            threading.Thread(target=self._read, args=(stream, into), daemon=True).start()

    @staticmethod
    def _read(stream, into):
        for line in stream:
            into.append(line)

    def wait(self, test, what):
        wait_for(lambda: test() or self.process.poll() is not None, SECONDS,
                 f"{what}: {self.out} {self.err[-20:]}")
        check(self.process.poll() is None, f"it ended by itself: {self.out} {self.err[-20:]}")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        check_equal(self.process.wait(30), 0, f"status after SIGTERM, {self.err[-20:]}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def live(context, *arguments):
    tool = Live(context, *arguments)
    try:
        yield tool
    finally:
        tool.kill()


def arrivals(tool):
    events = [json.loads(line) for line in tool.out]
    return sum(event["count"] for event in events
               if event["event"] == "arrived" and event["mailbox"] == "INBOX")


def watch(context, kind=None, carrier="plain"):
    side = BadSide(kind.profile if kind else "rich", carrier)
    server = side.bad
    side.fill(scenes.small())
    try:
        with live(context, "watch", "--json", "--mailbox", "*", "--poll", "5", "--renew", "10",
                  *side.options()) as tool:
            if kind and not kind.tools:
                server.defect = kind()  # of what is said first
            tool.wait(lambda: any("connected" in line for line in tool.err), "it connects")
            if kind and kind.tools:
                server.defect = kind()
            server.account.append("INBOX", scenes.letter(20))
            tool.wait(lambda: arrivals(tool) == 1, "the first message is told")
            server.hang_up()
            server.account.append("INBOX", scenes.letter(21))
            tool.wait(lambda: arrivals(tool) == 2, "a message after the line was lost is told")
            server.account.append("INBOX", scenes.letter(22))
            tool.wait(lambda: arrivals(tool) == 3, "one more message is told")
            tool.end()
    finally:
        side.stop()


class Meanwhile(defects.Defect):
    """One message arrives while a command is answered, and NOTIFY tells of it before the tagged
    response: ahead of the answer to STATUS, behind it, or alone."""

    profile = "notify"

    def __init__(self, name, ahead=False):
        self.waits_for, self.ahead = name, ahead

    def happens(self, session, name):
        """True once: when the command is answered for the first time."""
        if session.told is None or self.waits_for != name:
            return False
        self.waits_for = None
        session.account.append("INBOX", scenes.letter(21))
        return True

    def command(self, session, command):
        if command.name == "NOOP" and self.happens(session, "NOOP"):
            session.notify()
        return False

    def untagged(self, session, kind, line):
        if kind != "status" or not self.happens(session, "STATUS"):
            return [line]
        box = session.account.find("INBOX")
        news = b"* STATUS INBOX (MESSAGES %d UIDNEXT %d)\r\n" % (len(box.messages), box.uid_next)
        session.told = session.news()
        return [news, line] if self.ahead else [line, news]


def watch_meanwhile(context, defect):
    side = BadSide("notify", "plain")
    side.fill(scenes.small())
    try:
        with live(context, "watch", "--json", "--mailbox", "*", "--poll", "1000", "--renew", "10",
                  *side.options()) as tool:
            tool.wait(lambda: any("connected" in line for line in tool.err), "it connects")
            side.bad.defect = defect
            side.bad.account.append("INBOX", scenes.letter(20))
            tool.wait(lambda: arrivals(tool) == 2, "both messages are told")
            tool.end()
            events = {json.loads(line)["event"] for line in tool.out}
            check(events <= {"arrived", "changed"}, f"events: {tool.out}")
    finally:
        side.stop()


def sync(context, kind=None, carrier="plain"):
    side = BadSide(kind.profile if kind else "rich", carrier)
    side.fill(scenes.small())
    if kind:
        side.bad.defect = kind()
    command = ["sync", "--watch", "--poll", "5", "--maildir", context.path("mail"), "--state",
               context.path("state"), *side.options()]
    maildir = Maildir(context.path("mail"))

    def here():
        return numbers(maildir.snapshot()) if os.path.isdir(context.path("mail", "cur")) else set()

    def there(number):
        return any(number_of(one.octets) == number
                   for one in side.account.find("INBOX").messages)

    try:
        for start in (20, 30):
            with live(context, *command) as tool:
                tool.wait(lambda: len(here()) >= 11, "the first run")
                side.fill([("INBOX", scenes.letter(start), [], scenes.BEGIN)])
                tool.wait(lambda: start in here(), "a message of the server arrives")
                maildir.add("INBOX", scenes.letter(start + 1), scenes.BEGIN, "S")
                tool.wait(lambda: there(start + 1), "a message of the Maildir arrives")
                side.bad.hang_up()
                side.fill([("INBOX", scenes.letter(start + 2), [], scenes.BEGIN)])
                tool.wait(lambda: start + 2 in here(), "a message after the line was lost")
                if start == 20:
                    tool.kill()
                else:
                    tool.end()
        scenes.check_same(maildir.snapshot(), side.snapshot(), "the Maildir")
    finally:
        side.stop()


class LostBeside(defects.Defect):
    """The first connection's work is done when another is lost in the middle of its own."""

    def __init__(self):
        self.first = None

    def command(self, session, command):
        if command.name == "FETCH" and command.uid and "BODY" in str(command.arguments).upper():
            if self.first is None:
                self.first = session.number
            elif session.number != self.first:
                time.sleep(3)
                raise Hangup()
        return False


def lost_beside(context):
    side = BadSide()
    side.fill([("INBOX", scenes.letter(number), [], scenes.BEGIN) for number in range(2100)])
    side.bad.defect = LostBeside()
    try:
        Tool(context.binary, context.directory).succeed(
            "sync", "--maildir", context.path("mail"), "--state", context.path("state"),
            *side.options())
        scenes.check_same(Maildir(context.path("mail")).snapshot(), side.snapshot(), "the Maildir")
    finally:
        side.stop()


def register():
    case("sync, a connection beside the first is lost", "sync", weight=4, share=0.3)(lost_beside)
    case("watch stays", "watch", weight=8)(watch)
    case("watch stays, over all of it", "watch", weight=8, share=0.3)(
        lambda context: watch(context, carrier="all of it"))
    for name, defect in (("alone", ("NOOP",)), ("ahead of STATUS's answer", ("STATUS", True)),
                         ("behind STATUS's answer", ("STATUS", False))):
        case(f"watch hears what NOTIFY tells while it asks: {name}", "watch", weight=4)(
            lambda context, defect=defect: watch_meanwhile(context, Meanwhile(*defect)))
    kinds = defects.load()
    for name in ("silence: IDLE tells nothing", "modseq: HIGHESTMODSEQ 0", "uidnext: not said at "
                 "SELECT", "stray: lines that are no IMAP", "words: all in lower case",
                 "stray: EXPUNGE of numbers that do not exist"):
        case(f"watch stays, {name}", "watch", weight=8)(
            lambda context, kind=kinds[name]: watch(context, kind))
    case("sync stays", "sync", weight=8)(sync)
    case("sync stays, over all of it", "sync", weight=8, share=0.3)(
        lambda context: sync(context, carrier="all of it"))
    for name, kind in kinds.items():
        if not kind.tools:
            case(f"watch stays, {name}", "watch", weight=8, share=0.3)(
                lambda context, k=kind: watch(context, k))
            case(f"sync stays, {name}", "sync", weight=8, share=0.3)(
                lambda context, k=kind: sync(context, k))


register()
