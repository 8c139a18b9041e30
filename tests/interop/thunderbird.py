#!/usr/bin/env python3
"""Debian's Thunderbird, without a screen, against the server: it synchronizes, shows a message,
moves one, deletes one, and gets a pushed one. What it did is looked at on the server, too.

  thunderbird.py --eilpost build/dev/eilpost

It is driven through Marionette: JSON over a TCP port, scripts in Thunderbird's own context.
Ends with "N passed, N failed".
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cases import by_subject, find_program  # noqa: E402
from harness import (  # noqa: E402
    PASSWORD,
    Count,
    Failure,
    Server,
    check,
    check_equal,
    free_ports,
    message,
    user,
    wait_for,
)

PREFERENCES = {
    "mail.accountmanager.accounts": "account1,account2",
    "mail.accountmanager.defaultaccount": "account1",
    "mail.accountmanager.localfoldersserver": "server2",
    "mail.account.account1.identities": "id1",
    "mail.account.account1.server": "server1",
    "mail.account.account2.server": "server2",
    "mail.identity.id1.fullName": "User One",
    "mail.identity.id1.useremail": user(1),
    "mail.identity.id1.valid": True,
    "mail.server.server1.type": "imap",
    "mail.server.server1.hostname": "localhost",
    "mail.server.server1.userName": user(1),
    "mail.server.server1.name": user(1),
    "mail.server.server1.authMethod": 3,
    "mail.server.server1.login_at_startup": False,
    "mail.server.server1.check_new_mail": False,  # what comes is pushed
    "mail.server.server1.use_idle": True,
    "mail.server.server2.type": "none",
    "mail.server.server2.hostname": "Local Folders",
    "mail.server.server2.userName": "nobody",
    "mail.server.server2.name": "Local Folders",
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.spotlight.firstRunDone": True,
    "mail.winsearch.firstRunDone": True,
    "mail.shell.checkDefaultClient": False,
    "mail.rights.version": 1,
    "mail.chat.enabled": False,
    "mailnews.start_page.enabled": False,
    "mailnews.mark_message_read.auto": True,
    "app.update.enabled": False,
    "app.donation.eoy.version.viewed": 999,
    "browser.safebrowsing.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "toolkit.telemetry.enabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "signon.rememberSignons": True,
}

# In front of every script: what they all need.
COMMON = """
const done = arguments[arguments.length - 1];
const fail = error => done({error: String(error) + " " + (error && error.stack)});
const {MailServices} = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const server = MailServices.accounts.getAccount("account1").incomingServer;
const root = server.rootFolder;
const inbox = () => root.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
const named = name => name == "INBOX" ? inbox() : root.getChildNamed(name);
const headers = folder => Array.from(folder.msgDatabase.enumerateMessages());
const find = (folder, subject) => headers(folder).find(one => one.subject == subject);
const win = Services.wm.getMostRecentWindow("mail:3pane");
"""

LOG_IN = """
(async () => {
  // What the button "Confirm Security Exception" does, for this certificate alone.
  const certificates = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
  const certificate = certificates.constructX509FromBase64(arguments[2]);
  Cc["@mozilla.org/security/certoverride;1"].getService(Ci.nsICertOverrideService)
    .rememberValidityOverride("localhost", arguments[3], {}, certificate, false);
  const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
  login.init("imap://localhost", null, "imap://localhost", arguments[0], arguments[1], "", "");
  await Services.logins.addLoginAsync(login);
  inbox().updateFolder(win.msgWindow);  // which lists the folders, too
  done({value: "asked"});
})().catch(fail);
"""

SUBJECTS = """
try {
  const folder = named(arguments[0]);
  done({value: folder && folder.msgDatabase ? headers(folder).map(one => one.subject) : null});
} catch (error) { done({value: null}); }
"""

OPEN = """
try {
  named(arguments[0]).updateFolder(win.msgWindow);
  done({value: true});
} catch (error) { fail(error); }
"""

DISPLAY = """
(async () => {
  const {MailUtils} = ChromeUtils.importESModule("resource:///modules/MailUtils.sys.mjs");
  MailUtils.displayMessageInFolderTab(find(named(arguments[0]), arguments[1]));
  done({value: true});
})().catch(fail);
"""

BODY = """
try {
  const folder = named(arguments[0]);
  const uri = folder.getUriForMsg(find(folder, arguments[1]));
  const chunks = [];
  const listener = {
    QueryInterface: ChromeUtils.generateQI(["nsIStreamListener", "nsIRequestObserver"]),
    onStartRequest() {},
    onDataAvailable(request, stream, offset, count) {
      const input = Cc["@mozilla.org/binaryinputstream;1"].createInstance(Ci.nsIBinaryInputStream);
      input.setInputStream(stream);
      chunks.push(input.readBytes(count));
    },
    onStopRequest(request, status) { done({value: chunks.join(""), status}); },
  };
  MailServices.messageServiceFromURI(uri).streamMessage(uri, listener, null, null, false, "");
} catch (error) { fail(error); }
"""

MOVE = """
try {
  const from = named(arguments[0]);
  const header = find(from, arguments[1]);
  MailServices.copy.copyMessages(
    from, [header], named(arguments[2]), true, null, win.msgWindow, true);
  done({value: true});
} catch (error) { fail(error); }
"""

DELETE = """
try {
  const from = named(arguments[0]);
  from.deleteMessages([find(from, arguments[1])], win.msgWindow, false, true, null, true);
  done({value: true});
} catch (error) { fail(error); }
"""


class Marionette:
    """One session: commands go out as [0, id, name, parameters] and come back as
    [1, id, error, result], each behind its length and a colon."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=90)
        self.buffer = b""
        self.last = 0
        self.receive()
        self.send("WebDriver:NewSession", {})
        self.send("Marionette:SetContext", {"value": "chrome"})
        self.send("WebDriver:SetTimeouts", {"script": 60000})

    def receive(self):
        while b":" not in self.buffer:
            self._fill()
        size, _, self.buffer = self.buffer.partition(b":")
        while len(self.buffer) < int(size):
            self._fill()
        text, self.buffer = self.buffer[: int(size)], self.buffer[int(size) :]
        return json.loads(text)

    def _fill(self):
        more = self.socket.recv(65536)
        check(more, "Thunderbird closed its Marionette port")
        self.buffer += more

    def send(self, name, parameters):
        self.last += 1
        text = json.dumps([0, self.last, name, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        while True:
            kind, number, error, result = self.receive()
            if kind == 1 and number == self.last:
                check(not error, f"{name}: {error}")
                return result

    def script(self, text, *arguments):
        result = self.send(
            "WebDriver:ExecuteAsyncScript",
            {"script": COMMON + text, "args": list(arguments), "sandbox": "system"},
        )["value"]
        check("error" not in result, f"script: {result.get('error')}")
        return result["value"]


class Thunderbird:
    def __init__(self, server, directory):
        self.server = server
        self.directory = directory
        self.port = free_ports([0], salt=3)
        self.process = None
        self.marionette = None

    def write_profile(self):
        values = dict(PREFERENCES)
        values["marionette.port"] = self.port
        values["mail.server.server1.port"] = self.server.port("imaps")
        values["mail.server.server1.socketType"] = 3  # TLS from the start
        profile = os.path.join(self.directory, "profile")
        os.makedirs(profile)
        for name, folder in (("server1", "ImapMail"), ("server2", "Mail")):
            path = os.path.join(profile, folder, name)
            os.makedirs(path)
            values[f"mail.server.{name}.directory"] = path
        with open(os.path.join(profile, "user.js"), "w", encoding="utf-8") as file:
            for name, value in values.items():
                file.write(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n")
        return profile

    def start(self):
        command = [find_program("thunderbird"), "--marionette", "--remote-allow-system-access"]
        command += ["--no-remote", "--profile", self.write_profile()]
        environment = dict(os.environ, HOME=self.directory, MOZ_HEADLESS="1", LC_ALL="C.UTF-8")
        environment.pop("DISPLAY", None)
        with open(os.path.join(self.directory, "thunderbird.log"), "wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        self.marionette = wait_for(self.connect, 90, "Thunderbird starts")
        wait_for(lambda: self.marionette.script("done({value: !!win});"), 60, "its window opens")

    def connect(self):
        check(self.process.poll() is None, f"Thunderbird ended: {self.log()}")
        try:
            return Marionette(self.port)
        except ConnectionRefusedError:
            return None

    def log(self):
        path = os.path.join(self.directory, "thunderbird.log")
        with open(path, errors="replace", encoding="utf-8") as file:
            lines = [line for line in file if "gtk" not in line.lower() and line.strip()]
        return "".join(lines)[-3000:]

    def subjects(self, folder):
        return self.marionette.script(SUBJECTS, folder)

    def wait_subjects(self, folder, wanted, what, seconds=40):
        seen = []

        def same():
            seen[:] = [self.subjects(folder)]
            return seen[0] is not None and sorted(seen[0]) == sorted(wanted)

        try:
            wait_for(same, seconds, what)
        except Failure as failure:
            raise Failure(f"{failure}; Thunderbird has {seen[0]}") from None

    def stop(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


class Steps:
    """The cases, one after the other: each goes on from where the last one ended."""

    def __init__(self, server, bird):
        self.server = server
        self.bird = bird
        self.client = server.imap(1)
        self.body = "Grüße aus Köln, and a line that is not ASCII.\r\n"
        self.client.do("CREATE Archive")
        for name in ("INBOX", "Archive"):
            self.client.do(f"SUBSCRIBE {name}")  # it shows no others
        headers = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        for subject in ("to read", "to move", "to delete"):
            self.client.append("INBOX", message(subject, body=self.body, headers=headers))

    def there(self, mailbox, subject):
        return by_subject(self.client, mailbox).get(subject)

    def synchronizes(self):
        self.bird.start()
        with open(self.server.certificate, encoding="ascii") as file:
            certificate = "".join(line for line in file if "-" not in line).replace("\n", "")
        port = self.server.port("imaps")
        self.bird.marionette.script(LOG_IN, user(1), PASSWORD, certificate, port)
        # Looking at a folder's messages before that would leave it with two of the name.
        folders = "done({value: root.subFolders.map(one => one.name)});"

        def listed():
            names = self.bird.marionette.script(folders)
            return {"INBOX", "ARCHIVE"} <= {name.upper() for name in names}

        wait_for(listed, 40, "the folders appear")
        self.bird.marionette.script(OPEN, "INBOX")
        self.bird.wait_subjects("INBOX", ["to read", "to move", "to delete"], "INBOX")

    def reads(self):
        got = self.bird.marionette.script(BODY, "INBOX", "to read")
        octets = self.there("INBOX", "to read")[2]
        got = got.encode("latin-1").replace(b"\r\n", b"\n")
        # Thunderbird puts fields of its own in front of what it keeps.
        got = re.sub(rb"(?m)^X-Mozilla-[A-Za-z0-9]+: .*\n", b"", got)
        wanted = octets.replace(b"\r\n", b"\n")
        check_equal(got, wanted, "the message in Thunderbird and on the server")

    def shows(self):
        """Showing a message in its window marks it as read on the server."""
        self.bird.marionette.script(DISPLAY, "INBOX", "to read")
        wait_for(lambda: "\\Seen" in self.there("INBOX", "to read")[1], 40, "\\Seen")
        check("\\Seen" not in self.there("INBOX", "to move")[1], "\\Seen on another message")

    def moves(self):
        octets = self.there("INBOX", "to move")[2]
        self.bird.marionette.script(MOVE, "INBOX", "to move", "Archive")
        wait_for(lambda: self.there("Archive", "to move"), 40, "the message is in Archive")
        check_equal(self.there("Archive", "to move")[2], octets, "what was moved")
        wait_for(lambda: not self.there("INBOX", "to move"), 40, "the message leaves INBOX")
        self.bird.wait_subjects("INBOX", ["to read", "to delete"], "INBOX without what was moved")

    def deletes(self):
        self.bird.marionette.script(DELETE, "INBOX", "to delete")
        wait_for(lambda: not self.there("INBOX", "to delete"), 40, "the message leaves INBOX")
        check(self.there("Trash", "to delete"), "what was deleted is in Trash")
        self.bird.wait_subjects("INBOX", ["to read"], "INBOX without what was deleted")

    def is_pushed(self):
        time.sleep(1)  # it goes to IDLE when it has nothing else to do
        self.server.deliver(1, message("pushed", body=self.body))
        self.bird.wait_subjects("INBOX", ["to read", "pushed"], "the delivery shows in INBOX")

    def sees_changes(self):
        """Another client's flag and expunge show without anything done here."""
        self.client.do("SELECT INBOX")
        uid = self.there("INBOX", "pushed")[0]
        self.client.do("SELECT INBOX")
        self.client.do(f"UID STORE {uid} +FLAGS (\\Flagged)")
        flagged = 'done({value: find(inbox(), "pushed").isFlagged});'
        wait_for(lambda: self.bird.marionette.script(flagged), 40, "the flag shows")
        self.client.do(f"UID STORE {uid} +FLAGS (\\Deleted)")
        self.client.do(f"UID EXPUNGE {uid}")
        self.bird.wait_subjects("INBOX", ["to read"], "what was expunged goes")


STEPS = ["synchronizes", "reads", "shows", "moves", "deletes", "is_pushed", "sees_changes"]


def run(server, directory, count):
    bird = Thunderbird(server, directory)
    name = "starts"
    try:
        steps = Steps(server, bird)
        for name in STEPS:
            start = time.monotonic()
            getattr(steps, name)()
            seconds = time.monotonic() - start
            count.say("passed", f"Thunderbird {name.replace('_', ' ')}", f" ({seconds:.1f} s)")
    except Failure as failure:
        log = bird.log() if bird.process else ""
        count.say("failed", f"Thunderbird {name.replace('_', ' ')}", f": {failure}\n{log}")
    except Exception:  # a defect of the test, or of the connection to Thunderbird
        count.say("failed", f"Thunderbird {name}", f":\n{traceback.format_exc()}")
    finally:
        bird.stop()


def main():
    parser = argparse.ArgumentParser(description="Runs Thunderbird against the server.")
    parser.add_argument("--eilpost", required=True, help="the binary to start")
    parser.add_argument("--engine", default="rocksdb", help="memory or rocksdb")
    options = parser.parse_args()
    count = Count()
    if not find_program("thunderbird"):
        count.say("failed", "Thunderbird", ": there is no thunderbird")
        return count.end()
    server = Server(options.eilpost, options.engine, 1)
    directory = tempfile.mkdtemp(prefix="eilpost-thunderbird-")
    try:
        server.start()
        run(server, directory, count)
        trouble = server.stop()
        count.say("failed" if trouble else "passed", "the server stops", f": {trouble or 'yes'}")
    finally:
        server.remove()
        shutil.rmtree(directory, ignore_errors=True)
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
