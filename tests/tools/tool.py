"""Running one of the tools: with a deadline, never with a secret on its command line, and never
to a crash."""

import os
import signal
import subprocess
import time

from carriers import TOKEN
from harness import PASSWORD, Failure

DEADLINE = 300  # with --silence 5: some tries, and the waits between them, on a busy machine
CRASHES = {134, 135, 136, 139}  # 128 and a signal, as a shell tells it


class Outcome:
    def __init__(self, command, status, out, err, seconds):
        self.command, self.status, self.out, self.err = command, status, out, err
        self.seconds = seconds

    def __str__(self):
        said = "".join(f"    {line}\n" for line in (self.out + self.err).splitlines()[-30:])
        return f"{' '.join(self.command)}: status {self.status}\n{said}"


class Tool:
    """How the tools are started in one directory."""

    def __init__(self, binary, directory):
        self.binary = os.path.abspath(binary)
        self.directory = directory
        self.deadline = DEADLINE

    def begin(self, *arguments):
        command = [self.binary, *map(str, arguments)]
        environment = {"PATH": "/usr/bin:/bin", "HOME": self.directory, "LC_ALL": "C.UTF-8",
                       "SECRET": PASSWORD, "TOKEN": TOKEN}
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, errors="replace",
                                cwd=self.directory, env=environment)

    def end(self, process, killed=False):
        deadline = self.deadline
        begin = time.monotonic()
        try:
            out, err = process.communicate(timeout=deadline)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            outcome = Outcome(process.args, "none", out, err, deadline)
            raise Failure(f"no end after {deadline} s: {outcome}") from None
        outcome = Outcome(process.args, process.returncode, out, err, time.monotonic() - begin)
        ended = -process.returncode if process.returncode < 0 else 0
        if (ended and not (killed and ended == signal.SIGKILL)) or process.returncode in CRASHES:
            raise Failure(f"it crashed: {outcome}")
        return outcome

    def run(self, *arguments):
        return self.end(self.begin(*arguments))

    def succeed(self, *arguments):
        outcome = self.run(*arguments)
        if outcome.status != 0:
            raise Failure(f"it failed: {outcome}")
        return outcome


def has_command(binary, name):
    done = subprocess.run([os.path.abspath(binary), name, "--help"], capture_output=True,
                          check=False, timeout=30)
    return done.returncode == 0
