"""GSSAPI with an MIT KDC: gsasl, curl and imtest log in by their tickets."""

import os
import shutil
import subprocess
import tempfile

from harness import check, check_equal
import kdc
from served import Served

missing = kdc.missing

CONFIG = """
[kerberos]
keytab = "{keytab}"
channel_binding = "{binding}"
[[kerberos.realm]]
name = "LIGHT.TEST"
domain = "example.org"
"""


class World:
    def __init__(self, binary, pki):
        self.directory = tempfile.mkdtemp(prefix="eilpost-kdc-")
        self.kdc = kdc.Kdc(self.directory)
        self.server = self.serve(binary, pki, "allow")
        self.strict = self.serve(binary, pki, "require")

    def serve(self, binary, pki, binding):
        more = CONFIG.format(keytab=self.kdc.keytab, binding=binding)
        server = Served(binary, pki, more).start(self.kdc.environment)
        server.run("account", "add", "anna@example.org", password="anna-pw\n")
        return server

    def close(self):
        self.server.stop()
        self.strict.stop()
        self.kdc.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def environment(self, user, password):
        tickets = self.kdc.tickets(user, password)
        check(tickets, f"no tickets for {user}")
        return {**os.environ, **tickets}

    def curl(self, server, user="anna", password="anna-pw", authzid=""):
        options = ["--sasl-authzid", authzid] if authzid else []
        done = subprocess.run(
            # curl takes a name for one of Kerberos only when it has a realm.
            ["curl", "-s", "--cacert", server.pki.file("ca.pem"), "--user",
             f"{user}@{kdc.REALM}:",
             "--login-options", "AUTH=GSSAPI", *options,
             f"imaps://localhost:{server.port('imaps')}/INBOX", "-X", "NOOP"],
            capture_output=True, check=False, timeout=30, env=self.environment(user, password),
        )
        return done.returncode

    def gsasl(self, server, user="anna", password="anna-pw", authzid=None):
        tls = ["--starttls", "--x509-ca-file", server.pki.file("ca.pem")]
        done = subprocess.run(
            ["gsasl", "--imap", "-m", "GSSAPI", "--connect",
             f"localhost:{server.port('imap')}", *tls, "-a", user, "--service", "imap",
             "--hostname", "localhost", *(["-z", authzid] if authzid else [])],
            input="", capture_output=True, text=True, check=False, timeout=30,
            env=self.environment(user, password),
        )
        return done.returncode, done.stdout + done.stderr


def it_is_offered(world):
    check("GSSAPI" in world.server.connect().mechanisms(), "not offered under TLS")
    check("GSSAPI" not in world.server.connect("imap").mechanisms(), "offered without TLS")


def curl_logs_in(world):
    check_equal(world.curl(world.server), 0, "curl")


def gsasl_logs_in(world):
    if not shutil.which("gsasl"):
        return
    status, said = world.gsasl(world.server)
    check_equal(status, 0, said)


def who_is_no_user_here_is_refused(world):
    check_equal(world.curl(world.server, "ben", "ben-pw"), 67, "no account")
    check_equal(world.curl(world.server, "anna/admin", "admin-pw"), 67, "no user's principal")


def unbound_tickets_are_refused_where_binding_is_required(world):
    check_equal(world.curl(world.strict), 67, "curl does not bind")


CASES = [it_is_offered, curl_logs_in, gsasl_logs_in, who_is_no_user_here_is_refused,
         unbound_tickets_are_refused_where_binding_is_required]
