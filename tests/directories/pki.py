"""Certificates of the tests, made by openssl: an authority, a server, clients with the names that
EXTERNAL reads, one that is revoked, and one of an authority that nobody knows."""

import os
import subprocess

CONFIG = """
[ca]
default_ca = own
[own]
database = {directory}/index.txt
default_md = sha256
default_crl_days = 30
crlnumber = {directory}/crlnumber
"""


class Pki:
    """Files in one directory: NAME.pem and NAME.key, ca.pem, crl.pem."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.authority("ca")
        self.authority("other")
        self.issue("server", "DNS:localhost,IP:127.0.0.1", use="serverAuth")
        upn = "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:anna@example.org"
        self.issue("upn", upn)
        self.issue("email", "email:anna@example.org")
        self.issue("two", "email:anna@example.org,email:ben@example.org")
        self.issue("nobody", "email:nobody@example.org")
        self.issue("revoked", "email:ben@example.org")
        self.issue("foreign", "email:anna@example.org", authority="other")
        self.revoke("revoked")

    def file(self, name):
        return os.path.join(self.directory, name)

    def run(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True,
                       cwd=self.directory)

    def write(self, name, text):
        with open(self.file(name), "w", encoding="ascii") as file:
            file.write(text)

    def authority(self, name):
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "30", "-subj",
                 f"/CN=test authority {name}", "-addext", "keyUsage=keyCertSign,cRLSign")

    def issue(self, name, alt_names, authority="ca", use="clientAuth"):
        self.run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self.write(f"{name}.ext", f"subjectAltName={alt_names}\nextendedKeyUsage={use}\n")
        self.run("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey",
                 f"{authority}.key", "-CAcreateserial", "-days", "30", "-extfile", f"{name}.ext",
                 "-out", f"{name}.pem")

    def revoke(self, name):
        self.write("ca.cnf", CONFIG.format(directory=self.directory))
        self.write("index.txt", "")
        self.write("crlnumber", "01\n")
        own = ["-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.pem"]
        self.run("ca", *own, "-revoke", f"{name}.pem")
        self.run("ca", *own, "-gencrl", "-out", "crl.pem")
