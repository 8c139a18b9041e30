"""What a case of the interop tests is given, and how it says that it is one.

Every client has a module client_NAME.py here, which registers its cases with @case. A case has two
accounts of its own and an empty folder, and raises Failure. Cases run several at once.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from harness import Failure, Imap, user  # noqa: E402

CASES = []


class Skipped(Exception):
    """This machine cannot run the case; the text says why."""


def case(name, *programs):
    """Registers a function of a Context; without one of the programs it cannot run."""

    def register(function):
        CASES.append((name, programs, function))
        return function

    return register


def find_program(name):
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which(name, path=path)


class Context:
    """The surroundings of one case."""

    def __init__(self, server, number, directory, options):
        self.server = server
        self.number = 2 * number + 1
        self.user = user(self.number)
        self.user2 = user(self.number + 1)
        self.directory = directory
        self.options = options

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w" if isinstance(text, str) else "wb") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def imap(self, **options):
        return self.server.imap(self.number, **options)

    def imap_without_login(self, kind="imap"):
        return Imap(self.server.port(kind), tls=kind == "imaps")

    def run(self, *command, seconds=40, status=0, stdin=None, env=None):
        """Runs a program in the case's folder with that as its home; what it printed, as text."""
        environment = dict(os.environ, HOME=self.directory, LC_ALL="C.UTF-8", TERM="xterm")
        environment.pop("MAIL", None)
        environment.update(env or {})
        program = [find_program(command[0]) or command[0], *map(str, command[1:])]
        process = subprocess.Popen(
            program,
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            env=environment,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(stdin, timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            raise Failure(f"{shown(command)}: no end after {seconds} s\n{indent(output)}") from None
        if status is not None and process.returncode != status:
            raise Failure(f"{shown(command)}: status {process.returncode}\n{indent(output)}")
        return output.decode("utf-8", "replace")


def converse(process, cues, seconds=40):
    """What a program prints up to its end, which has to be good and to come in time. `cues`: what
    is done when it prints one of these lines."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    said = ""
    try:
        for line in process.stdout:
            said += line
            if line in cues:
                cues[line]()
        status = process.wait(5)
    finally:
        timer.cancel()
        if process.poll() is None:
            process.kill()
    if status != 0:
        raise Failure(f"{shown(process.args)}: status {status}\n{indent(said)}")
    return said


def shown(command):
    return " ".join(map(str, command))[:300]


def indent(octets):
    text = octets.decode("utf-8", "replace") if isinstance(octets, bytes) else octets
    return "".join(f"    {line}\n" for line in text.splitlines()[-40:])


# --- Maildir ---


def maildir_files(folder):
    """{path: octets} of the messages in cur and new."""
    out = {}
    for part in ("cur", "new"):
        directory = os.path.join(folder, part)
        for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
            with open(os.path.join(directory, name), "rb") as file:
                out[os.path.join(directory, name)] = file.read()
    return out


def maildir_flags(path):
    found = re.search(r":2,([A-Za-z]*)$", path)
    return "".join(sorted(found.group(1))) if found else ""


def maildir_by_subject(folder):
    """{subject: (path, octets with CRLF line ends)}"""
    out = {}
    for path, octets in maildir_files(folder).items():
        octets = re.sub(rb"\r?\n", b"\r\n", octets)
        subject = re.search(rb"(?m)^Subject: (.*?)\r$", octets).group(1).decode()
        if subject in out:
            raise Failure(f"{subject} lies twice in {folder}")
        out[subject] = (path, octets)
    return out


def maildir_rename(path, flags):
    """Gives a file its flags as a mail reader does; the path it has then."""
    folder = os.path.dirname(os.path.dirname(path))
    name = os.path.basename(path).split(":2,")[0]
    target = os.path.join(folder, "cur", f"{name}:2,{''.join(sorted(flags))}")
    os.rename(path, target)
    return target


def maildir_add(folder, name, octets, flags=""):
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(folder, part), exist_ok=True)
    path = os.path.join(folder, "cur", f"{name}:2,{flags}")
    with open(path, "wb") as file:
        file.write(octets.replace(b"\r\n", b"\n"))
    return path


# --- the server's side ---


def by_subject(client, mailbox):
    """{subject: (uid, flags, octets)} of a mailbox on the server."""
    out = {}
    for uid, (flags, octets) in client.messages(mailbox).items():
        subject = re.search(rb"(?m)^Subject: (.*?)\r$", octets).group(1).decode()
        if subject in out:
            raise Failure(f"{subject} is twice in {mailbox}")
        out[subject] = (uid, flags, octets)
    return out
