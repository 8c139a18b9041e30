"""`eilpost oauth` and `--oauth` of the tools: sign in by a code and by a browser, tokens that are
renewed, refused, revoked, and a cache that is its owner's alone."""

import json
import os
import shutil
import stat
import subprocess
import tempfile
import time

from harness import check, check_equal, message
from granter import Granter
from served import Served

USER = "anna@example.org"
CONFIG = """
[oauth]
issuer = "{issuer}"
audiences = ["imap"]
scopes = ["mail.imap"]
client_id = "imap-server"
client_secret = "server-secret"
clock_skew_seconds = 0
"""


def missing():
    return None if shutil.which("curl") else "there is no curl"


class World:
    def __init__(self, binary, pki):
        self.pki = pki
        self.binary = os.path.abspath(binary)
        self.granter = Granter(USER)
        self.server = Served(binary, pki, CONFIG.format(issuer=self.granter.issuer)).start()
        self.server.run("account", "add", USER, password="anna-pw\n")
        self.directory = tempfile.mkdtemp(prefix="eilpost-tools-")
        self.cache = os.path.join(self.directory, "eilpost", "tokens.json")
        self.url = f"imaps://localhost:{self.server.port('imaps')}"

    def close(self):
        self.server.stop()
        self.granter.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def tool(self, *arguments, code=0):
        """Its output, both kinds."""
        done = subprocess.run(
            [self.binary, *arguments], capture_output=True, text=True, check=False, timeout=60,
            env={"PATH": os.environ["PATH"], "XDG_CACHE_HOME": self.directory,
                 "XDG_STATE_HOME": self.directory}, stdin=subprocess.DEVNULL,
        )
        check_equal(done.returncode, code, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def login(self, *more, code=0):
        return self.tool("oauth", "login", "--user", USER, "--client-id", "tool", "--ca-file",
                         self.pki.file("ca.pem"), *more, code=code)

    def list(self, code=0):
        return self.tool("cleanup", "list", "--server", self.url, "--user", USER, "--oauth",
                         self.granter.issuer, "--ca-file", self.pki.file("ca.pem"), code=code)

    def kept(self):
        with open(self.cache, encoding="utf-8") as file:
            return json.load(file)["logins"][0]


def without_a_login_nothing_is_tried(world):
    said = world.list(code=1)
    check("eilpost oauth login" in said, said)


def a_code_signs_in_at_the_provider_that_the_server_names(world):
    world.granter.device_answers = ["authorization_pending"]
    said = world.login("--device", "--server", world.url)
    check("ABCD-EFGH" in said and world.granter.issuer in said, said)
    world.list()
    mode = stat.S_IMODE(os.stat(world.cache).st_mode)
    check_equal(mode, 0o600, "mode of the cache")


def the_user_may_say_no(world):
    for flow, answer in (("--device", "access_denied"), ("--device", "expired_token")):
        world.granter.device_answers = [answer]
        world.login(flow, "--provider", world.granter.issuer, code=1)
    world.granter.refused = "access_denied"
    said = world.login("--provider", world.granter.issuer, "--browser",
                       'curl -sLo /dev/null "$EILPOST_URL"', code=1)
    world.granter.refused = None
    check("access_denied" in said, said)


def a_browser_signs_in(world):
    before = world.kept()["access_token"]
    world.login("--provider", world.granter.issuer, "--browser",
                'curl -sLo /dev/null "$EILPOST_URL"')
    check(world.kept()["access_token"] != before, "no token came by the browser")
    world.list()


def tokens_are_renewed_before_they_expire(world):
    world.granter.lifetime = 1
    world.login("--device", "--provider", world.granter.issuer)
    world.granter.lifetime = 3600
    first = world.kept()
    time.sleep(1.1)
    world.list()
    second = world.kept()
    check(first["access_token"] != second["access_token"], "not renewed")
    check(first["refresh_token"] != second["refresh_token"], "the refresh token did not rotate")
    said = world.tool("oauth", "status", "--json")
    check_equal(json.loads(said)["fresh"], True, "status")


def a_token_that_the_server_refuses_is_renewed(world):
    before = world.kept()["access_token"]
    del world.granter.active[before]
    world.list()
    check(world.kept()["access_token"] != before, "not renewed")


def a_login_that_is_over_says_what_to_do(world):
    kept = world.kept()
    world.granter.refreshes.clear()
    del world.granter.active[kept["access_token"]]
    said = world.list(code=1)
    check("AUTHENTICATIONFAILED" in said or "sign in again" in said, said)
    world.login("--device", "--provider", world.granter.issuer)
    world.list()


def a_cache_that_others_can_read_is_refused(world):
    os.chmod(world.cache, 0o644)
    said = world.list(code=1)
    os.chmod(world.cache, 0o600)
    check("others may read" in said, said)


def never_both(world):
    said = world.tool("cleanup", "list", "--server", world.url, "--user", USER, "--oauth",
                      world.granter.issuer, "--password", "env:PW", code=2)
    check("--oauth" in said, said)


def cleaning_up_with_a_token(world):
    connection = world.server.connect()
    connection.do(f"LOGIN {USER} anna-pw")
    for name in ("one", "two", "two"):
        connection.append("INBOX", message(name, message_id=f"<{name}@x>"))
    connection.do("SELECT INBOX")
    connection.do(r"STORE 1 +FLAGS (\Deleted)")
    said = world.list()
    check("one" in said and "two" not in said, said)


def logging_out_revokes(world):
    token = world.kept()["refresh_token"]
    world.tool("oauth", "logout", "--provider", world.granter.issuer, "--user", USER)
    check_equal(world.granter.revoked, [token], "revoked")
    check("No logins" in world.tool("oauth", "status"), "status after logout")
    world.list(code=1)


CASES = [without_a_login_nothing_is_tried, a_code_signs_in_at_the_provider_that_the_server_names,
         the_user_may_say_no, a_browser_signs_in, tokens_are_renewed_before_they_expire,
         a_token_that_the_server_refuses_is_renewed, a_login_that_is_over_says_what_to_do,
         a_cache_that_others_can_read_is_refused, never_both, cleaning_up_with_a_token,
         logging_out_revokes]
