"""OAUTHBEARER and XOAUTH2 with tokens of a real provider; every refusal tells its reason."""

import json
import subprocess
import time

from harness import check, check_equal
import oidc
from served import Served, once

missing = oidc.missing

CONFIG = """
[oauth]
issuer = "{issuer}"
audiences = ["urn:imap", "urn:imap-opaque"]
scopes = ["mail.imap"]
application_scopes = ["mail.app"]
client_id = "imap-server"
client_secret = "server-secret"
clock_skew_seconds = 0
[abuse]
account_delay_ms = 10
source_delay_ms = 10
[[oauth.application]]
client_id = "robot"
account = "robot@example.org"
"""


class World:
    def __init__(self, binary, pki):
        self.provider = oidc.Provider()
        self.server = Served(binary, pki, CONFIG.format(issuer=self.provider.issuer)).start()
        for name in ("anna", "ben", "robot"):
            self.server.run("account", "add", f"{name}@example.org", password=f"{name}-pw\n")

    def close(self):
        self.server.stop()
        self.provider.close()

    def both(self, token, user="anna@example.org"):
        """How both mechanisms end: [(status, code, reason)]."""
        out = []
        for mechanism, octets, dummy in (
            ("OAUTHBEARER", oauthbearer(token, user), b"\x01"),
            ("XOAUTH2", xoauth2(token, user), b""),
        ):
            connection = self.server.connect()
            status, code, _ = connection.authenticate(mechanism, once(octets, dummy))
            reason = ""
            if status != "OK" and connection.challenges:
                reason = json.loads(connection.challenges[-1])["reason"]
            out.append((status, code.split(" ")[0], reason))
        return out

    def opened(self, token, actor, name):
        """Whose mail both mechanisms open when ben's is asked for and granted to `actor`."""
        self.server.run("grant", "add", "ben@example.org", actor, "--rights", "full")
        out = []
        for mechanism, octets in (("OAUTHBEARER", oauthbearer(token, "ben@example.org")),
                                  ("XOAUTH2", xoauth2(token, "ben@example.org"))):
            connection = self.server.connect()
            end = connection.authenticate(mechanism, once(octets))
            check_equal(end[0], "OK", f"{name} by {mechanism}: {end}")
            line = connection.command("GETQUOTAROOT INBOX").untagged[0].decode()
            out.append(line.split()[-1].strip('"').split("/")[-1])
        self.server.run("grant", "remove", "ben@example.org", actor)
        return out

    def refused(self, token, code, reason, user="anna@example.org"):
        check_equal(self.both(token, user), [("NO", code, reason)] * 2, reason)


def oauthbearer(token, user):
    authzid = f"a={user}" if user else ""
    return f"n,{authzid},\x01auth=Bearer {token}\x01\x01".encode()


def xoauth2(token, user):
    return f"user={user}\x01auth=Bearer {token}\x01\x01".encode()


def tokens_log_in(world):
    for alg in ("RS256", "ES256", "PS256"):
        token = world.provider.by_password("anna@example.org", alg=alg)
        check_equal([end[0] for end in world.both(token)], ["OK", "OK"], alg)


def opaque_tokens_are_asked_about(world):
    token = world.provider.by_password("anna@example.org", resource="urn:imap-opaque")
    check_equal([end[0] for end in world.both(token)], ["OK", "OK"], "introspection")
    world.refused("no-such-token", "AUTHENTICATIONFAILED", "inactive")


def refusals_have_reasons(world):
    provider = world.provider
    world.refused(provider.by_password("anna@example.org", resource="urn:web"),
                  "AUTHENTICATIONFAILED", "audience")
    world.refused(provider.by_password("anna@example.org", scope="mail.app"),
                  "AUTHORIZATIONFAILED", "scope")
    good = provider.by_password("anna@example.org")
    world.refused(good[:-8] + "AAAAAAAA", "AUTHENTICATIONFAILED", "signature")
    world.refused("eyJhbGciOiJub25lIn0." + good.split(".")[1] + ".", "AUTHENTICATIONFAILED",
                  "algorithm")
    short = provider.by_password("anna@example.org", ttl="1")
    time.sleep(1.2)
    world.refused(short, "EXPIRED", "expired")


def another_mailbox_needs_a_grant(world):
    token = world.provider.by_password("anna@example.org")
    world.refused(token, "AUTHORIZATIONFAILED", "mailbox", user="ben@example.org")
    check_equal(world.opened(token, "anna@example.org", "anna"), ["ben@example.org"] * 2, "granted")
    # A robot has no mailbox, and opens the one that was granted to it.
    robot = world.provider.for_application("robot")
    check_equal(world.opened(robot, "robot@example.org", "robot"), ["ben@example.org"] * 2, "robot")
    world.refused(token, "AUTHORIZATIONFAILED", "mailbox", user="ben@example.org")


def applications_have_no_mailbox_of_their_own(world):
    token = world.provider.for_application("robot")
    for user in ("", "robot@example.org"):
        check_equal({end[0] for end in world.both(token, user)}, {"NO"}, f"as {user!r}")
    world.refused(token, "AUTHORIZATIONFAILED", "mailbox", user="ben@example.org")
    world.refused(world.provider.for_application("stranger"), "AUTHORIZATIONFAILED", "application")


def without_tls_no_token_is_looked_at(world):
    connection = world.server.connect("imap")
    check("OAUTHBEARER" not in connection.mechanisms(), "offered without TLS")
    end = connection.authenticate("OAUTHBEARER", once(b"n,,\x01auth=Bearer x\x01\x01"))
    check_equal(end[1], "PRIVACYREQUIRED", "without TLS")


def curl_logs_in(world):
    token = world.provider.by_password("anna@example.org")
    url = f"imaps://localhost:{world.server.port('imaps')}/INBOX"
    for bearer, wanted in ((token, 0), (token[:-8] + "AAAAAAAA", 67)):
        done = subprocess.run(
            ["curl", "-s", "--cacert", world.server.pki.file("ca.pem"), "--user",
             "anna@example.org:", "--oauth2-bearer", bearer, url, "-X", "NOOP"],
            capture_output=True, check=False, timeout=30,
        )
        check_equal(done.returncode, wanted, f"curl: {done.stderr}")


CASES = [tokens_log_in, opaque_tokens_are_asked_about, refusals_have_reasons,
         another_mailbox_needs_a_grant, applications_have_no_mailbox_of_their_own,
         without_tls_no_token_is_looked_at, curl_logs_in]
