"""An authority of the tests' own with the certificates that the bad server shows, good and bad
ones, made by openssl(1) when they are asked for."""

import functools
import os
import ssl
import subprocess
import tempfile
import warnings

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
HOST = "IP:127.0.0.1"
OTHER = "DNS:mail.example.org"


class Authority:
    """The directory lives as long as this does. May be used by several threads once a context has
    been made."""

    def __init__(self):
        self.home = tempfile.TemporaryDirectory(prefix="eilpost-ca-")
        self.file = self.make_self_signed("authority", "the tests' own")

    def path(self, name):
        return os.path.join(self.home.name, name)

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)

    def make_self_signed(self, name, common_name, *extensions):
        self.openssl("req", "-x509", *KEY, "-keyout", self.path(f"{name}.key"), "-out",
                     self.path(f"{name}.pem"), "-days", "30", "-subj", f"/CN={common_name}",
                     *extensions)
        return self.path(f"{name}.pem")

    def make_signed(self, name, authority="authority", days=30, names=HOST):
        self.openssl("req", *KEY, "-keyout", self.path(f"{name}.key"), "-out",
                     self.path(f"{name}.csr"), "-subj", "/CN=bad server")
        with open(self.path(f"{name}.ext"), "w", encoding="ascii") as file:
            file.write(f"subjectAltName={names}")
        self.openssl("x509", "-req", "-in", self.path(f"{name}.csr"), "-CA",
                     self.path(f"{authority}.pem"), "-CAkey", self.path(f"{authority}.key"),
                     "-days", str(days), "-extfile", self.path(f"{name}.ext"), "-out",
                     self.path(f"{name}.pem"))

    def make(self, kind):
        if kind == "self-signed":
            self.make_self_signed(kind, "bad server", "-addext", f"subjectAltName={HOST}")
        elif kind == "unknown authority":
            self.make_self_signed("stranger", "somebody else")
            self.make_signed(kind, authority="stranger")
        else:
            self.make_signed(kind, days=-1 if kind == "expired" else 30,
                             names=OTHER if kind == "another name" else HOST)

    @functools.lru_cache(maxsize=None)
    def context(self, kind="good"):
        """What a server under TLS needs: "good", "expired", "another name", "self-signed",
        "unknown authority", or "old" for a good one and nothing above TLS 1.1."""
        self.make(kind)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(f"{kind}.pem"), self.path(f"{kind}.key"))
        if kind == "old":
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of the versions
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = ssl.TLSVersion.TLSv1_1
        return context
