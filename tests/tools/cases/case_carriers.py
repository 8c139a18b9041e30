"""Each role over TLS, STARTTLS, DEFLATE and with tokens: without a defect, with cut connections;
and with a login in the token cache that is renewed when the token expires."""

import contextlib
import http.server
import json
import os
import random
import threading
import urllib.parse

import roles
import scenes
from bad_server import Cut
from carriers import CARRIERS, TOKEN
from cases import case
from harness import check, check_equal
from sides import BadSide

FRESH = "another token"


def try_carrier(context, role_kind, carrier):
    side = BadSide(carrier=carrier)
    role = role_kind(context, side)
    try:
        role.prepare(scenes.small())
        outcome = role.attempt()
        role.check_unharmed()
        if role.tool != "doctor":
            check_equal(outcome.status, 0, str(outcome))
        role.finish()
        check(not CARRIERS[carrier].token or {one.mechanism for one in side.bad.attempts}
              <= {"OAUTHBEARER", "XOAUTH2"}, f"not by token: {side.bad.attempts}")
    finally:
        role.stop()


def try_cuts(context, role_kind):
    """In the middle of TLS records and of deflated blocks, without a close_notify."""
    chance = random.Random(context.seed)
    for _ in range(3):
        side = BadSide(carrier="all of it")
        role = role_kind(context.fresh(), side)
        try:
            role.prepare(scenes.small())
            side.bad.cut = Cut(chance.choice(["in", "out"]), int(2 ** chance.uniform(3, 12)))
            role.attempt()
            role.check_unharmed()
            side.bad.heal()
            role.finish()
        finally:
            role.stop()


# --- a token that is renewed ---


class Provider:
    """The token endpoint of an authorization server: one refresh token, good as often as wanted.
    `refreshes` counts; `refuses`: somebody has taken the login back (RFC 6749 5.2)."""

    def __init__(self, authority):
        self.refreshes = 0
        self.refuses = False
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                fields = urllib.parse.parse_qs(
                    self.rfile.read(int(self.headers["Content-Length"])).decode())
                check_equal(fields["refresh_token"], ["a refresh token"], "what is asked with")
                provider.refreshes += 1
                status, answer = 200, {"access_token": FRESH, "token_type": "Bearer",
                                       "expires_in": 3600}
                if provider.refuses:
                    status, answer = 400, {"error": "invalid_grant"}
                octets = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(octets)))
                self.end_headers()
                self.wfile.write(octets)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = authority.context().wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def write_cache(path, provider, authority):
    """As `eilpost oauth login` leaves it."""
    login = {"provider": "https://id.example.org", "user": "user", "client_id": "tests",
             "client_secret": "", "token_endpoint": provider.url, "revocation_endpoint": "",
             "ca_file": authority.file, "scope": "mail", "access_token": TOKEN,
             "refresh_token": "a refresh token", "obtained": 1, "expires": 0}
    with open(path, "w", encoding="ascii") as file:
        json.dump({"version": 1, "logins": [login]}, file)
    os.chmod(path, 0o600)


@contextlib.contextmanager
def with_cache(context, role_kind):
    """(side, role, provider): the role signs in with what is in the cache."""
    side = BadSide(carrier="token")
    provider = Provider(side.bad.authority)
    cache = context.path("tokens.json")
    write_cache(cache, provider, side.bad.authority)

    def options(prefix="", port=None):
        words = {"server": f"imaps://127.0.0.1:{port or side.port}", "user": "user",
                 "silence": "5", "oauth": "https://id.example.org", "token-cache": cache,
                 "ca-file": side.bad.ca_file()}
        return [word for name, value in words.items() for word in (f"--{prefix}{name}", value)]

    side.options = options
    role = role_kind(context, side)
    try:
        yield side, role, provider
    finally:
        provider.stop()
        role.stop()


def renewed(context, role_kind):
    """The server takes another token from now on: the run goes on with a fresh one."""
    with with_cache(context, role_kind) as (side, role, provider):
        role.prepare(scenes.small())
        side.bad.tokens = {FRESH}
        outcome = role.attempt()
        role.check_unharmed()
        check_equal(outcome.status, 0, str(outcome))
        check_equal(provider.refreshes, 1, "tokens that were asked for")
        role.finish()
        check_equal({one.secret for one in side.bad.attempts}, {TOKEN, FRESH}, "what was sent")


def taken_back(context, role_kind):
    """The login is over: told in words that say what to do, and nothing else is tried."""
    with with_cache(context, role_kind) as (side, role, provider):
        role.prepare(scenes.small())
        side.bad.attempts.clear()
        side.bad.tokens, provider.refuses = {FRESH}, True
        outcome = role.attempt()
        role.check_unharmed()
        check(outcome.status != 0, f"it says that all is well: {outcome}")
        if role.tool != "doctor":
            said = outcome.out + outcome.err
            check("eilpost oauth login" in said, f"it does not say what to do: {outcome}")
        check({one.secret for one in side.bad.attempts} <= {TOKEN}, "what was sent")
        provider.refuses = False
        role.finish()


def register():
    for name, role in roles.load().items():
        for carrier in list(CARRIERS)[1:]:
            case(f"{name}, over {carrier}", role.tool, share=0.3)(
                lambda context, r=role, c=carrier: try_carrier(context, r, c))
        case(f"{name}, cut connections over all of it", role.tool, weight=9, share=0.3)(
            lambda context, r=role: try_cuts(context, r))
        if role.tool != "doctor":  # which examines with the token that is there
            case(f"{name}, a token that is renewed", role.tool, share=0.3)(
                lambda context, r=role: renewed(context, r))
        case(f"{name}, a login that is taken back", role.tool, share=0.3)(
            lambda context, r=role: taken_back(context, r))


register()
