"""eilpost watch: a client like any other, by NOTIFY and by IDLE, across a lost connection."""

import json
import os
import subprocess
import threading

from cases import case
from harness import check, check_equal, message, wait_for


class Watch:
    """A watch that runs, and what it has told."""

    def __init__(self, ctx, *options):
        self.events, self.said = [], []
        self.process = subprocess.Popen(
            [os.path.abspath(ctx.options.eilpost), "watch", "--json", "--silence", "20",
             "--server", f"imap+plain://127.0.0.1:{ctx.server.port('imap')}",
             "--user", ctx.user, "--password", "env:WATCH_SECRET", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={"PATH": "/usr/bin:/bin", "WATCH_SECRET": "pass"}, cwd=ctx.directory,
        )
        for stream, into in ((self.process.stdout, self.events), (self.process.stderr, self.said)):
            threading.Thread(target=self._read, args=(stream, into), daemon=True).start()

    @staticmethod
    def _read(stream, into):
        for line in stream:
            into.append(json.loads(line) if line.startswith("{") else line)

    def says(self, words):
        wait_for(lambda: any(words in line for line in self.said), 30,
                 f"no word of {words!r} in {self.said}")

    def wait(self, **wanted):
        def found():
            return [event for event in self.events
                    if all(event.get(key) == value for key, value in wanted.items())]

        wait_for(found, 30, f"no event {wanted} among {self.events}")
        return found()[0]

    def end(self):
        self.process.terminate()
        check_equal(self.process.wait(30), 0, "exit code of watch")


def events_of_a_day(ctx, *options):
    client = ctx.imap()
    client.do("CREATE Lists")
    watch = Watch(ctx, "--mailbox", "*", *options)
    watch.says("connected")
    client.append("INBOX", message("one"))
    client.append("Lists", message("two"))
    arrived = watch.wait(event="arrived", mailbox="INBOX")
    check_equal((arrived["count"], arrived["first_uid"], arrived["caught_up"]), (1, 1, False),
                "what arrived")
    watch.wait(event="arrived", mailbox="Lists")
    client.do("SELECT INBOX")
    client.do(r"STORE 1 +FLAGS (\Seen)")
    watch.wait(event="changed", mailbox="INBOX", unseen=0)
    client.do(r"STORE 1 +FLAGS (\Deleted)")
    client.do("EXPUNGE")
    check_equal(watch.wait(event="removed", mailbox="INBOX")["count"], 1, "what was removed")
    return client, watch


@case("watch by NOTIFY")
def by_notify(ctx):
    client, watch = events_of_a_day(ctx)
    watch.says("NOTIFY")
    client.do("CREATE Later")
    watch.wait(event="created", mailbox="Later")
    client.do("UNSELECT")
    client.do("DELETE Later")
    watch.wait(event="deleted", mailbox="Later")
    watch.end()


@case("watch by IDLE")
def by_idle(ctx):
    _, watch = events_of_a_day(ctx, "--no-notify", "--connections", "5", "--poll", "5")
    watch.says("IDLE")
    watch.end()


@case("watch tells what it has missed")
def missed(ctx):
    state = ctx.path("state")
    client = ctx.imap()
    client.append("INBOX", message("before"))
    look = [os.path.abspath(ctx.options.eilpost), "watch", "--once", "--state", state, "--json",
            "--server", f"imap+plain://127.0.0.1:{ctx.server.port('imap')}",
            "--user", ctx.user, "--password", "env:S"]
    first = ctx.run(*look, env={"S": "pass"})
    check_equal(first.strip(), "", "what the first look tells")
    client.append("INBOX", message("meanwhile"))
    event = json.loads(ctx.run(*look, env={"S": "pass"}))
    check_equal((event["event"], event["count"], event["first_uid"], event["caught_up"]),
                ("arrived", 1, 2, True), "what the second look tells")


@case("watch runs a command and refuses a wrong password")
def command(ctx):
    client = ctx.imap()
    watch = Watch(ctx, "--exec", 'echo "$EILPOST_EVENT $EILPOST_MAILBOX $EILPOST_COUNT" >> told')
    watch.says("connected")
    client.append("INBOX", message("one"))
    wait_for(lambda: b"arrived INBOX 1" in (ctx.read("told") if _exists(ctx) else b""), 30,
             "the command was not run")
    watch.end()
    said = ctx.run(os.path.abspath(ctx.options.eilpost), "watch", "--server",
                   f"imap+plain://127.0.0.1:{ctx.server.port('imap')}", "--user", ctx.user,
                   "--password", "env:S", env={"S": "wrong"}, status=1)
    check("AUTHENTICATIONFAILED" in said, said)


def _exists(ctx):
    try:
        ctx.read("told")
        return True
    except FileNotFoundError:
        return False
