"""What lies between a tool and the bad server's IMAP: nothing, TLS from the first octet, STARTTLS,
DEFLATE, and whether it signs in with a password or with an OAuth token."""

from typing import NamedTuple

from harness import PASSWORD

TOKEN = "a token"


class Carrier(NamedTuple):
    scheme: str = "imap+plain"
    deflate: bool = False
    token: bool = False

    @property
    def capabilities(self):
        """Besides those of the profile."""
        return (["COMPRESS=DEFLATE"] if self.deflate else []) + (
            ["AUTH=OAUTHBEARER", "AUTH=XOAUTH2"] if self.token else [])

    @property
    def secret(self):
        return TOKEN if self.token else PASSWORD


CARRIERS = {
    "plain": Carrier(),
    "tls": Carrier("imaps"),
    "starttls": Carrier("imap"),
    "deflate": Carrier(deflate=True),
    "token": Carrier("imaps", token=True),
    "all of it": Carrier("imap", deflate=True, token=True),
}


def options(carrier, prefix, port, name, ca_file=""):
    """An account on this machine, as the tools are told of it."""
    said = {"server": f"{carrier.scheme}://127.0.0.1:{port}", "user": name, "silence": "5",
            "token" if carrier.token else "password": "env:TOKEN" if carrier.token
            else "env:SECRET"}
    if carrier.scheme != "imap+plain":
        said["ca-file"] = ca_file
    if carrier.deflate:
        said["compress"] = "always"  # on one machine it is not asked for
    return [word for option, value in said.items() for word in (f"--{prefix}{option}", value)]
