"""Cyrus' imtest, whose SASL library knows most mechanisms. Its package would replace the machine's
IMAP server, so it is only unpacked."""

import os
import subprocess

from harness import check, check_equal
from served import Served

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNPACKED = os.path.join(ROOT, "build", "directories", "cyrus")
IMTEST = os.path.join(UNPACKED, "usr/lib/cyrus/bin/imtest")
LIBRARIES = os.path.join(UNPACKED, "usr/lib/x86_64-linux-gnu")
PACKAGES = ["cyrus-clients", "cyrus-common"]


def missing():
    if os.path.exists(IMTEST):
        return None
    os.makedirs(UNPACKED, exist_ok=True)
    done = subprocess.run(["apt-get", "-q", "download", *PACKAGES], cwd=UNPACKED, check=False,
                          capture_output=True, text=True, timeout=120)
    for name in os.listdir(UNPACKED):
        if name.endswith(".deb"):
            subprocess.run(["dpkg", "-x", name, "."], cwd=UNPACKED, check=True)
    return None if os.path.exists(IMTEST) else f"no imtest: {done.stderr.strip()[-200:]}"


class World:
    def __init__(self, binary, pki):
        self.pki = pki
        self.server = Served(binary, pki, "scram_sha_1 = true",
                             tls=f'client_ca = "{pki.file("ca.pem")}"').start()
        self.server.run("account", "add", "anna@example.org", password="anna-pw\n")
        self.both = pki.file("upn-both.pem")
        with open(self.both, "w", encoding="ascii") as out:
            for name in ("upn.pem", "upn.key"):
                with open(pki.file(name), encoding="ascii") as part:
                    out.write(part.read())

    def close(self):
        self.server.stop()

    def imtest(self, *options, kind="imap"):
        """Whether it says that it is in."""
        tls = ["-s"] if kind == "imaps" else [] if "-t" in options else ["-t", ""]
        done = subprocess.run(
            [IMTEST, "-p", str(self.server.port(kind)), *tls, *options, "localhost"],
            input=". logout\n", capture_output=True, text=True, check=False, timeout=30,
            env={**os.environ, "LD_LIBRARY_PATH": LIBRARIES},
        )
        said = done.stdout + done.stderr
        check("Authenticat" in said, said)
        return "\nAuthenticated." in said


def passwords(world):
    for mechanism in ("PLAIN", "LOGIN", "SCRAM-SHA-1", "SCRAM-SHA-256"):
        for kind in ("imap", "imaps"):
            for password in ("anna-pw", "wrong"):
                came_in = world.imtest("-m", mechanism, "-a", "anna@example.org", "-w", password,
                                       kind=kind)
                check_equal(came_in, password == "anna-pw", f"{mechanism} {kind} {password}")


def certificate(world):
    check_equal(world.imtest("-m", "EXTERNAL", "-t", world.both), True, "EXTERNAL")


CASES = [passwords, certificate]
