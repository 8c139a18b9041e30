"""LOGIN and AUTHENTICATE for bad_server.py: PLAIN with the password, OAUTHBEARER (RFC 7628) and
XOAUTH2 (Google's) with a token. The server keeps what it was given (`attempts`), so that tests see
what a tool gave away, and where."""

import base64
import json
from typing import NamedTuple

from wire import No, text_of

REFUSAL = {"status": "invalid_token", "scope": "mail",
           "openid-configuration": "https://id.example.org/.well-known/openid-configuration"}


class Attempt(NamedTuple):
    mechanism: str
    secret: str
    tls: bool


class SigningIn:
    """A part of Commands."""

    def do_login(self, command):
        command.take("a name")
        return self.sign_in("LOGIN", text_of(command.take("a password")))

    def do_authenticate(self, command):
        name = text_of(command.take()).upper()
        method = {"PLAIN": self.by_plain, "OAUTHBEARER": self.by_token,
                  "XOAUTH2": self.by_token}.get(name)
        if method is None or not self.has(f"AUTH={name}"):
            raise No("no such mechanism", "CANNOT")
        first = text_of(command.take()) if command.arguments else self.challenge("")
        return method(name, base64.b64decode(first))

    def challenge(self, octets):
        """What the client answers."""
        octets = octets.encode() if isinstance(octets, str) else octets
        self.write(b"+ " + base64.b64encode(octets) + b"\r\n")
        self.flush()
        return self.read_line().decode().strip()

    def by_plain(self, name, response):
        parts = response.split(b"\0")
        return self.sign_in(name, parts[2].decode() if len(parts) == 3 else "")

    def by_token(self, name, response):
        pairs = dict(pair.split("=", 1) for pair in response.decode().split("\x01") if "=" in pair)
        kind, _, token = pairs.get("auth", "").partition(" ")
        return self.sign_in(name, token if kind == "Bearer" else "")

    def sign_in(self, mechanism, secret):
        self.server.attempts.append(Attempt(mechanism, secret, self.channel.is_tls))
        by_token = mechanism in ("OAUTHBEARER", "XOAUTH2")
        if not self.server.secret_is(secret, by_token):
            if by_token:
                self.challenge(json.dumps(REFUSAL))  # RFC 7628 3.2.2; the answer is "AQ=="
            raise No("wrong name, password or token", "AUTHENTICATIONFAILED")
        self.defect.signing_in(self)
        self.signed_in = True
        names = self.capability_names()
        code = "CAPABILITY " + " ".join(names) if self.defect.tells_capabilities else ""
        return "OK", code, "welcome"
