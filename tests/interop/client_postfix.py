"""Postfix as the mail server in front: it takes mail by SMTP and by sendmail, and delivers by LMTP.

Debian's package need not be installed, which would replace the machine's mail server: it runs from
where its package lies unpacked (--postfix-root), with a configuration, a queue and a port of its
own. Its master process wants to be root.
"""

import os
import pwd
import re
import signal
import smtplib
import subprocess

from cases import HERE, Skipped, by_subject, case, find_program
from harness import Failure, check, check_equal, free_ports, message, wait_for

UNPACKED = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "interop", "postfix")

MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/state
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {home}/config
import_environment = LD_LIBRARY_PATH={root}/usr/lib/postfix MAIL_CONFIG={home}/config
export_environment = LD_LIBRARY_PATH={root}/usr/lib/postfix
mail_owner = {owner}
setgid_group = {group}
default_privs = nobody
maillog_file_prefixes = {home}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_transport = error:none here
virtual_mailbox_domains = example.org
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
smtputf8_enable = yes
smtpd_recipient_restrictions = permit_mynetworks, reject
biff = no
maillog_file = {home}/mail.log
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
lmtp unix - - n - - lmtp
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    def __init__(self, ctx):
        if os.getuid() != 0:
            raise Skipped("Postfix's master process wants to be root")
        installed = find_program("postfix")
        self.root = ctx.options.postfix_root or ("" if installed else UNPACKED)
        self.program = f"{self.root}/usr/lib/postfix/sbin/master"
        if not os.path.exists(self.program):
            raise Failure(f"there is no {self.program}")
        self.ctx = ctx
        self.port = free_ports([25], salt=7) + 25
        self.config = ctx.path("config")
        self.process = None
        libraries = f"{self.root}/usr/lib/postfix"
        self.env = {"MAIL_CONFIG": self.config, "LD_LIBRARY_PATH": libraries}
        self.configure()

    def configure(self):
        ctx = self.ctx
        # Of the accounts of the base system, since "postfix" may not be there.
        values = {"home": ctx.directory, "root": self.root, "owner": "uucp", "group": "news"}
        values["lmtp"] = ctx.server.port("lmtp")
        ctx.write("config/main.cf", MAIN.format(**values), 0o644)
        ctx.write("config/master.cf", MASTER.format(port=self.port), 0o644)
        for path in (ctx.directory, self.config):
            os.chmod(path, 0o755)
        owner = pwd.getpwnam("uucp")
        queues = "active bounce corrupt defer deferred flush hold incoming private public"
        for name in queues.split() + ["maildrop", "saved", "trace", "pid"]:
            os.makedirs(ctx.path("queue", name))
            if name != "pid":
                os.chown(ctx.path("queue", name), owner.pw_uid, owner.pw_gid)
        for name in ("public", "maildrop"):
            os.chmod(ctx.path("queue", name), 0o730)
        os.makedirs(ctx.path("state"))
        os.chown(ctx.path("state"), owner.pw_uid, owner.pw_gid)

    def start(self):
        with open(self.ctx.path("master.out"), "wb") as out:
            self.process = subprocess.Popen(
                [self.program, "-d", "-c", self.config],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=dict(os.environ, **self.env),
                start_new_session=True,
            )
        wait_for(self.answers, 15, "Postfix starts")

    def answers(self):
        if self.process.poll() is not None:
            raise Failure(f"Postfix ended: {self.log()}")
        try:
            smtplib.SMTP("127.0.0.1", self.port, timeout=5).close()
            return True
        except OSError:
            return False

    def log(self):
        text = ""
        for name in ("master.out", "mail.log"):
            if os.path.exists(self.ctx.path(name)):
                text += self.ctx.read(name).decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-25:])

    def stop(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def send(self, sender, recipients, octets, options=()):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client:
            client.sendmail(sender, recipients, octets, mail_options=list(options))


def arrived(client, subject, postfix):
    def look():
        return by_subject(client, "INBOX").get(subject)

    try:
        return wait_for(look, 20, f"{subject} arrives")
    except Failure as failure:
        raise Failure(f"{failure}\n{postfix.log()}") from None


def check_delivery(ctx, postfix):
    """To two accounts at once; what Postfix adds stands on top, and the rest is as it was sent."""
    watcher = ctx.imap()
    watcher.do("SELECT INBOX")
    watcher.start_idle()
    octets = message("by Postfix", body="Grüße\r\n.\r\n..\r\nFrom here\r\n" + "x" * 900 + "\r\n")
    recipients = [ctx.user, ctx.user2]
    postfix.send("sender@example.net", recipients, octets, ["BODY=8BITMIME"])
    watcher.wait_untagged(rb"^\* 1 EXISTS", 20)
    watcher.close()
    for number, name in ((ctx.number, ctx.user), (ctx.number + 1, ctx.user2)):
        client = ctx.server.imap(number)
        stored = arrived(client, "by Postfix", postfix)[2]
        client.close()
        top, _, rest = stored.partition(b"From: Ada")
        check_equal(b"From: Ada" + rest, octets, "what Postfix was given")
        check(top.startswith(b"Return-Path: <sender@example.net>\r\n"), f"the first line: {top}")
        check_equal(top.count(b"Return-Path:"), 1, "Return-Path fields")
        check(b"\r\nReceived: from " in top and b"mx.example.org" in top, f"{name}: {top}")


def check_bounces(ctx, postfix):
    """RFC 2033 4.2: of two recipients one is unknown; its sender gets a bounce, the other mail."""
    recipients = ["nobody@example.org", ctx.user]
    postfix.send(ctx.user2, recipients, message("one unknown"))
    client = ctx.imap()
    arrived(client, "one unknown", postfix)
    client.close()
    client = ctx.server.imap(ctx.number + 1)
    bounce = arrived(client, "Undelivered Mail Returned to Sender", postfix)[2]
    client.close()
    check(bounce.startswith(b"Return-Path: <>\r\n"), f"the bounce begins {bounce[:80]}")
    check(re.search(rb"Final-Recipient: rfc822; *nobody@example.org", bounce), "the bounce's who")
    check(b"Status: 5.1.1" in bounce, "the bounce's status is the LMTP answer's")


@case("Postfix delivers by LMTP")
def postfix_delivers(ctx):
    postfix = Postfix(ctx)
    try:
        postfix.start()
        check_delivery(ctx, postfix)
        check_bounces(ctx, postfix)
        postfix.send("größe@example.net", [ctx.user], message("utf8 sender"), ["SMTPUTF8"])
        client = ctx.imap()
        stored = arrived(client, "utf8 sender", postfix)[2]
        client.close()
        path = "Return-Path: <größe@example.net>\r\n".encode()
        check(stored.startswith(path), f"the first line: {stored[:60]}")
    finally:
        postfix.stop()
