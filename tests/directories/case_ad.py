"""Kerberos and NTLM with a Samba Active Directory: accounts are found by their SID, whatever they
are called; NTLM with and without integrity code and channel binding."""

import hashlib
import os
import shutil
import ssl
import subprocess

from harness import check, check_equal
from ntlm_client import NtlmClient
import samba
from served import Served
import support

WINBIND = "/run/samba/winbindd"  # the one place where libwbclient looks
KRB5 = """[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  rdns = false
  dns_canonicalize_hostname = false
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = {address}
  }}
[domain_realm]
  localhost = {realm}
"""
# The realm's domain is nobody's: only the SID can find the account.
CONFIG = """
[kerberos]
keytab = "{keytab}"
[[kerberos.realm]]
name = "{realm}"
domain = "nobody.example"
[ntlm]
enabled = true
channel_binding = "{binding}"
[[directory]]
name = "ad"
kind = "ldap"
domains = ["{domain}", "{realm}", "upn.example"]
servers = ["{uri}"]
ca_file = "{ca}"
bind_dn = "svc-imap@{realm}"
bind_password_file = "{secret}"
base = "{base}"
"""


def missing():
    if os.path.exists(os.path.join(WINBIND, "pipe")):
        return "winbind runs on this machine already"
    try:
        support.need("samba", "samba-tool", "kinit", "gsasl")
    except support.Missing as why:
        return str(why)
    return None if os.geteuid() == 0 else "Samba needs root"


class World:
    def __init__(self, binary, pki):
        self.pki = pki
        self.directory = support.temporary()
        certificates = support.Certificates(os.path.join(self.directory, "tls"))
        self.ad = samba.Samba(os.path.join(self.directory, "ad"), certificates, "MAIL.TEST", "MAIL",
                              "127.0.0.12", ("rpc", "ldap", "cldap", "kdc", "winbindd"))
        self.ad.add_user("alice", "Wonder!land1", "alice@upn.example", "alice@upn.example")
        self.ad.add_user("gone", "Was!here123", "gone@upn.example", control=514)
        self.ad.add_user("svc-imap", "Svc!imap12345", control=66048, more=[
            "servicePrincipalName: imap/localhost", "msDS-SupportedEncryptionTypes: 24"])
        self.ad.build()
        self.winbind_where_it_is_looked_for()
        self.keytab = os.path.join(self.directory, "imap.keytab")
        self.ad.export_keytab(self.keytab, "imap/localhost")
        self.environment = {"KRB5_CONFIG": self.file("krb5.conf", KRB5.format(
            realm=self.ad.realm, address=self.ad.address))}
        self.ad.start()
        support.wait_for(lambda: os.path.exists(os.path.join(WINBIND, "pipe")), 30, "no winbind")
        self.server = self.serve(binary, certificates, "allow")
        self.strict = self.serve(binary, certificates, "require")

    def winbind_where_it_is_looked_for(self):
        with open(self.ad.config, encoding="utf-8") as file:
            text = file.read()
        own = os.path.join(self.ad.directory, "run", "winbindd")
        os.makedirs(os.path.dirname(WINBIND), exist_ok=True)
        with open(self.ad.config, "w", encoding="utf-8") as file:
            file.write(text.replace(own, WINBIND))

    def file(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text + "\n")
        return path

    def serve(self, binary, certificates, binding):
        more = CONFIG.format(
            keytab=self.keytab, realm=self.ad.realm, domain=self.ad.domain, uri=self.ad.tls_uri,
            ca=certificates.ca, base=self.ad.base, binding=binding,
            secret=self.file("svc.secret", "Svc!imap12345"))
        return Served(binary, self.pki, more).start(self.environment)

    def close(self):
        for server in (self.server, self.strict):
            server.stop()
        self.ad.stop()
        shutil.rmtree(WINBIND, ignore_errors=True)
        support.remove(self.directory)

    def binding(self):
        with open(self.pki.file("server.pem"), encoding="ascii") as file:
            return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).digest()

    def ntlm(self, server, user, password, **how):
        client = NtlmClient("MAIL", user, password, **how)
        return server.connect().authenticate("NTLM", client)[:2]

    def gsasl(self, user, password):
        environment = {**os.environ, **self.environment,
                       "KRB5CCNAME": "FILE:" + os.path.join(self.directory, "cc-" + user)}
        subprocess.run(["kinit", user], input=password + "\n", text=True, check=True,
                       capture_output=True, env=environment)
        done = subprocess.run(
            ["gsasl", "--imap", "-m", "GSSAPI", "--connect",
             f"localhost:{self.server.port('imap')}", "--starttls", "--x509-ca-file",
             self.pki.file("ca.pem"), "-a", user, "--service", "imap", "--hostname", "localhost"],
            input="", capture_output=True, text=True, check=False, timeout=30, env=environment)
        return done.returncode, done.stdout + done.stderr


def tickets_find_the_account_by_its_sid(world):
    status, said = world.gsasl("alice", "Wonder!land1")
    check_equal(status, 0, said)
    check("name=alice@upn.example" in world.server.tail(), world.server.tail())


def ntlm_logs_in(world):
    check("NTLM" in world.server.connect().mechanisms(), "not offered")
    check_equal(world.ntlm(world.server, "alice", "Wonder!land1")[0], "OK", "unbound")
    check_equal(world.ntlm(world.strict, "alice", "Wonder!land1", binding=world.binding())[0], "OK",
                "bound")


def ntlm_refusals(world):
    ntlm, wrong = world.ntlm, ("NO", "AUTHENTICATIONFAILED")
    check_equal(ntlm(world.server, "alice", "no"), wrong, "wrong password")
    check_equal(ntlm(world.server, "nobody", "no"), wrong, "no such user")
    check_equal(ntlm(world.server, "gone", "Was!here123"), ("NO", "AUTHORIZATIONFAILED"),
                "disabled")
    check_equal(ntlm(world.server, "alice", "Wonder!land1", mic=False), wrong, "no MIC")
    check_equal(ntlm(world.server, "alice", "Wonder!land1", binding=b"another"), wrong,
                "bound elsewhere")
    check_equal(ntlm(world.strict, "alice", "Wonder!land1"), wrong, "must be bound")


CASES = [tickets_find_the_account_by_its_sid, ntlm_logs_in, ntlm_refusals]
