"""App passwords and SCRAM-SHA-1, with our own octets, curl and gsasl."""

import shutil
import subprocess

from harness import check, check_equal, quoted
from served import Served, once


def missing():
    return None


class World:
    def __init__(self, binary, pki):
        self.server = Served(binary, pki, "scram_sha_1 = true").start()
        for name in ("anna", "ben"):
            self.server.run("account", "add", f"{name}@example.org", password=f"{name}-pw\n")

    def close(self):
        self.server.stop()

    def make(self, label, *options):
        return self.server.run("account", "app-password", "add", "anna@example.org", label,
                               *options).strip()

    def login(self, password, user="anna@example.org"):
        connection = self.server.connect()
        return connection, connection.command(f"LOGIN {quoted(user)} {quoted(password)}")


def app_passwords_log_in_until_they_are_taken_away(world):
    secret = world.make("phone", "--service", "imap")
    for typed in (secret, secret.upper(), secret.replace("-", " ")):
        check_equal(world.login(typed)[1].status, "OK", typed)
    plain = f"\0anna@example.org\0{secret}".encode()
    check_equal(world.server.connect().authenticate("PLAIN", once(plain))[0], "OK", "PLAIN")
    check_equal(world.login(secret, "ben@example.org")[1].status, "NO", "another's")
    check_equal(world.login("anna-pw")[1].status, "OK", "the account's own password")
    listed = world.server.run("account", "app-password", "list", "anna@example.org")
    check("phone" in listed and "used " in listed and "127.0.0.1" in listed, listed)
    world.server.run("account", "app-password", "remove", "anna@example.org", "phone")
    check_equal(world.login(secret)[1].code, "AUTHENTICATIONFAILED", "taken away")


def read_only_ones_change_nothing(world):
    connection, reply = world.login(world.make("archive", "--read-only"))
    check_equal(reply.status, "OK", "login")
    check_equal(connection.command("SELECT INBOX").code, "READ-ONLY", "SELECT")
    for command in ("CREATE new", "SUBSCRIBE INBOX", "RENAME Sent Gone", "DELETE Sent",
                    'APPEND INBOX "x"'):
        if command.startswith("APPEND"):
            reply = connection.command("APPEND INBOX {}", b"Subject: a\r\n\r\nb\r\n")
        else:
            reply = connection.command(command)
        check_equal(reply.status, "NO", command)
    check_equal(connection.command('LIST "" *').status, "OK", "LIST")


def scram_sha_1(world):
    check("SCRAM-SHA-1" in world.server.connect().mechanisms(), "not offered")
    check("SCRAM-SHA-1-PLUS" in world.server.connect().mechanisms(), "no -PLUS")
    if not shutil.which("gsasl"):
        return
    for password, wanted in (("anna-pw", 0), ("wrong", 1)):
        for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
            done = subprocess.run(
                ["gsasl", "--imap", "-m", mechanism, "--connect",
                 f"localhost:{world.server.port('imap')}", "--starttls", "--x509-ca-file",
                 world.server.pki.file("ca.pem"), "--no-cb", "-a", "anna@example.org",
                 "-p", password],
                input="", capture_output=True, text=True, check=False, timeout=30,
            )
            check_equal(min(done.returncode, 1), wanted, mechanism + done.stdout + done.stderr)


CASES = [app_passwords_log_in_until_they_are_taken_away, read_only_ones_change_nothing,
         scram_sha_1]
