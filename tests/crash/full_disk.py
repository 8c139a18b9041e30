"""A full disk: the store lies on a small file system of its own, which APPEND and LMTP fill.

A tmpfs needs the right to mount, so the case runs this program again within a mount namespace;
where the machine does not allow that, it is skipped and said.
"""

import errno
import os
import re
import subprocess
import sys
import threading

from harness import Failure, Lmtp, Server, brief, check, check_equal, message, user

SIZE_MB = 160
BALLAST_MB = 48


def unshare():
    """The command in front of what is to mount; None when this machine has no such right."""
    tries = [["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]]
    probe = ["sh", "-c", "mount -t tmpfs -o size=1m none /mnt"]
    for command in tries:
        try:
            done = subprocess.run(command + probe, capture_output=True, check=False)
        except FileNotFoundError:
            return None
        if done.returncode == 0:
            return command
    return None


def run(directory, script, binary, count):
    prefix = unshare()
    if prefix is None:
        count.say("skipped", "full disk", ": no right to mount a small file system here")
        return
    command = [sys.executable, script, "--eilpost", binary, "--inside", directory]
    done = subprocess.run(
        prefix + command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False
    )
    lines = done.stdout.splitlines()
    found = re.fullmatch(r"(\d+) passed, (\d+) failed", lines[-1]) if lines else None
    print("\n".join(lines[: -1 if found else None]), flush=True)
    if not found:
        count.say("failed", "full disk", f": it ended with status {done.returncode}")
        return
    count.passed += int(found.group(1))
    count.failed += int(found.group(2))


def run_inside(directory, binary, count):
    """Within the mount namespace, so the file system goes with this process."""
    options = ["-t", "tmpfs", "-o", f"size={SIZE_MB}m", "none", directory]
    subprocess.run(["mount", *options], check=True)
    os.mkdir(os.path.join(directory, "disk"))
    disk = Disk(Server(binary, "rocksdb", 2, os.path.join(directory, "disk")), directory)
    try:
        disk.ballast(BALLAST_MB)
        disk.server.start()
        for name, test in (
            ("answers when full", disk.fill),
            ("reads when full", disk.read),
            ("works when there is space again", disk.recover),
            ("another program takes everything", disk.taken),
            ("killed when full", disk.kill_when_full),
        ):
            count.say("passed", f"full disk: {name}", f" ({test()})")
        trouble = disk.server.stop()
        count.say("failed" if trouble else "passed", "full disk: it stops", f" ({trouble})")
    except (Failure, OSError) as failure:
        count.say("failed", "full disk", f": {failure}\n{disk.server.tail()}")
    finally:
        disk.server.remove()


class Disk:
    def __init__(self, server, directory):
        self.server = server
        self.ballast_file = os.path.join(directory, "ballast")
        self.stored = {}  # uid -> octets that APPEND acknowledged, in INBOX of the first account
        self.flags = {}  # uid -> the flag that STORE acknowledged last
        self.delivered = []  # octets that LMTP acknowledged, in INBOX of the second one
        self.numbers = 0

    def ballast_to_the_end(self):
        """Takes what is left, piece by piece and then octet by octet."""
        with open(self.ballast_file, "wb", buffering=0) as file:
            for piece in (1 << 20, 4096, 1):
                try:
                    while file.write(b"x" * piece):
                        pass
                except OSError as error:
                    check_equal(error.errno, errno.ENOSPC, "the end of the ballast")

    def ballast(self, megabytes):
        with open(self.ballast_file, "wb") as file:
            file.write(b"x" * (megabytes << 20))

    def message(self, size):
        self.numbers += 1
        line = f"{self.numbers} " + "0123456789" * 7 + "\r\n"
        return message(f"number {self.numbers}", body=line * (size // len(line) + 1))

    def append(self, client, size):
        """The answer's status; "OK" is remembered."""
        octets = self.message(size)
        reply = client.command("APPEND INBOX {}", octets)
        if reply.status == "OK":
            self.stored[int(reply.code.split(" ")[2])] = octets
        else:
            check(reply.status == "NO", f"APPEND to a full disk: {reply}")
        return reply

    def deliver(self, lmtp, size):
        octets = self.message(size)
        answer = lmtp.deliver("sender@example.net", [user(2)], octets)[0]
        if answer.startswith("250"):
            self.delivered.append(b"Return-Path: <sender@example.net>\r\n" + octets)
        else:
            check(answer.startswith("4"), f"LMTP to a full disk: {answer}")
        return answer

    def fill(self):
        """Large messages until none fits, then smaller ones; every answer is OK or NO."""
        client = self.server.imap(1)
        lmtp = Lmtp(self.server.port("lmtp"))
        refusals = []
        for size in (1 << 20, 100 << 10, 10 << 10, 100):
            refused = 0
            for _ in range(400):
                reply = self.append(client, size)
                answer = self.deliver(lmtp, size)
                refused += reply.status == "NO" and not answer.startswith("250")
                if refused == 4:
                    break
            if refused:
                refusals.append((size, f"{reply.status} [{reply.code}] {reply.text}", answer))
        check(refusals, "the disk was never full")
        check_equal(self.server.ended(), None, "the server")
        check_equal(client.command("NOOP").status, "OK", "the connection that was refused")
        client.close()
        lmtp.close()
        return brief(refusals[0])

    def read(self):
        """A new session reads all that was acknowledged, exactly once."""
        client = self.server.imap(1)
        rows = client.messages("INBOX")
        found = {uid: octets for uid, (_, octets) in rows.items()}
        lost = [uid for uid in self.stored if uid not in found]
        check(not lost, f"lost: uids {lost}")
        wrong = [uid for uid, octets in self.stored.items() if found[uid] != octets]
        check(not wrong, f"other octets: uids {wrong}")
        more = [brief(found[uid], 200) for uid in found if uid not in self.stored]
        check(not more, f"refused, and there: {more}")
        flags = {uid: sorted(rows[uid][0]) for uid in self.flags}
        check_equal(flags, {uid: [flag] for uid, flag in self.flags.items()}, "flags")
        client.close()
        client = self.server.imap(2)
        found = sorted(octets for _, octets in client.messages("INBOX").values())
        client.close()
        check(found == sorted(self.delivered), f"{len(found)} of {len(self.delivered)} deliveries")
        return f"{len(self.stored) + len(found)} messages"

    def write_again(self):
        client = self.server.imap(1)
        reply = self.append(client, 100 << 10)
        if reply.status == "OK":
            client.do("SELECT INBOX")
            client.do(f"UID STORE {max(self.stored)} +FLAGS (\\Seen)")
            self.flags[max(self.stored)] = "\\Seen"
        client.close()
        return reply.status == "OK"

    def recover(self):
        """Writing goes on as soon as there is space; a restart shows that nothing was lost."""
        os.remove(self.ballast_file)
        check(self.write_again(), "APPEND is still refused although there is space again")
        self.read()
        check_equal(self.server.stop(), None, "stopping")
        self.server.start()
        return self.read()

    def store(self, client):
        """Replaces the flags of a message; they are not known when that was refused."""
        self.numbers += 1
        uid = sorted(self.stored)[self.numbers % len(self.stored)]
        flag = f"flag{self.numbers % 20}"
        reply = client.command(f"UID STORE {uid} FLAGS ({flag})")
        check(reply.status in ("OK", "NO"), f"STORE to a full disk: {reply}")
        if reply.status == "OK":
            self.flags[uid] = flag
        return reply

    def taken(self):
        """The space goes while messages and flags are written; the server's reserve goes, too."""
        client = self.server.imap(1)
        client.do("SELECT INBOX")
        lmtp = Lmtp(self.server.port("lmtp"))
        filler = threading.Thread(target=self.ballast_to_the_end)
        filler.start()
        answers = []
        refused = 0
        while refused < 50 and len(answers) < 3000:
            answers.append(self.append(client, 10 << 10))
            answers.append(self.store(client))
            self.deliver(lmtp, 1 << 10)
            full = not filler.is_alive() and answers[-2].status == "NO"
            refused += full and answers[-1].status == "NO"
        filler.join()
        check(refused == 50, f"still {answers[-2:]} on a disk without a free octet")
        check_equal(self.server.ended(), None, "the server")
        client.close()
        lmtp.close()
        self.read()
        os.remove(self.ballast_file)
        check(self.write_again(), "APPEND is still refused although there is space again")
        self.read()
        stored = sum(answer.status == "OK" for answer in answers)
        return f"{stored} of {len(answers)} acknowledged; then {answers[-1].text!r}"

    def kill_when_full(self):
        free = os.statvfs(os.path.dirname(self.ballast_file))
        self.ballast(max((free.f_bavail * free.f_bsize >> 20) - 24, 1))
        self.fill()
        self.server.kill()
        os.remove(self.ballast_file)
        self.server.start()
        check(self.write_again(), "APPEND after the restart")
        return self.read()
