"""A Samba Active Directory domain controller of the test's own: provisioned offline, with the mail
attributes that Exchange adds, on a loopback address of its own, since LDAP's ports are fixed there.
Needs root, as Samba does."""

import base64
import os

from support import Daemon, Missing, need, run

ADMIN_PASSWORD = "Adm1n-of-tests"
MODULES = "/usr/lib/x86_64-linux-gnu/samba/ldb"


def _encoded(password):
    return base64.b64encode(f'"{password}"'.encode("utf-16le")).decode()


class Samba:
    """`services`: LDAP alone starts fastest; Kerberos wants "kdc", NTLM "rpc" and "winbindd"."""

    def __init__(self, directory, certificates, realm="AD.TEST", domain="AD", address="127.0.0.10",
                 services=("ldap",)):
        if os.geteuid() != 0:
            raise Missing("Samba needs root")
        need("samba", "samba-tool", "ldbadd", "ldbmodify", "ldapmodify")
        self.directory = directory
        self.realm, self.domain, self.address = realm, domain, address
        self.services = services
        self.base = ",".join(f"DC={part}" for part in realm.lower().split("."))
        host = f"dc1.{realm.lower()}"
        self.certificate, self.key = certificates.make(host, f"DNS:{host},IP:{address}")
        self.ca = certificates.ca
        self.uri = f"ldap://{address}"
        self.tls_uri = f"ldaps://{address}"
        self.admin = f"Administrator@{realm}"
        self.daemon = None
        self.entries = [f"dn: OU=Mail,{self.base}\nobjectClass: organizationalUnit"]

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def dn(self, name):
        return f"CN={name},OU=Mail,{self.base}"

    def add_user(self, sam, password, upn=None, mail=None, addresses=(), nickname=None,
                 control=512, more=()):
        lines = [f"dn: {self.dn(sam)}", "objectClass: user", f"sAMAccountName: {sam}",
                 f"userAccountControl: {control}", f"displayName: {sam.title()}"]
        lines += [f"userPrincipalName: {upn}"] if upn else []
        lines += [f"mail: {mail}"] if mail else []
        lines += [f"proxyAddresses: {one}" for one in addresses]
        lines += [f"mailNickname: {nickname}"] if nickname else []
        lines += list(more) + [f"unicodePwd:: {_encoded(password)}"]
        self.entries.append("\n".join(lines))
        return self.dn(sam)

    def add_group(self, name, members):
        lines = [f"dn: {self.dn(name)}", "objectClass: group", f"sAMAccountName: {name}"]
        self.entries.append("\n".join(lines + [f"member: {one}" for one in members]))
        return self.dn(name)

    def _configure(self):
        os.makedirs(self.path("run"), exist_ok=True)
        os.makedirs(self.path("cache"), exist_ok=True)
        self.config = self.path("etc", "smb.conf")
        with open(self.config, "w") as out:
            out.write(f"""[global]
server role = active directory domain controller
netbios name = DC1
realm = {self.realm}
workgroup = {self.domain}
interfaces = {self.address}/8
bind interfaces only = yes
server services = {", ".join(self.services)}
private dir = {self.path("private")}
state directory = {self.path("state")}
lock directory = {self.directory}
cache directory = {self.path("cache")}
binddns dir = {self.path("bind-dns")}
pid directory = {self.path("run")}
ncalrpc dir = {self.path("run", "ncalrpc")}
winbindd socket directory = {self.path("run", "winbindd")}
log file = {self.path("log.%m")}
rpc server dynamic port range = 49152-49200
disable netbios = yes
load printers = no
tls enabled = yes
tls keyfile = {self.key}
tls certfile = {self.certificate}
tls cafile = {self.ca}
ldap server require strong auth = allow_sasl_over_tls
""")

    def _schema(self):
        schema = f"CN=Schema,CN=Configuration,{self.base}"
        attribute = f"""dn: CN=ms-Exch-Mail-Nickname,{schema}
objectClass: attributeSchema
attributeID: 1.2.840.113556.1.2.447
lDAPDisplayName: mailNickname
attributeSyntax: 2.5.5.12
oMSyntax: 64
isSingleValued: TRUE
searchFlags: 1
"""
        recipient = f"""dn: CN=Test-Mail-Recipient,{schema}
objectClass: classSchema
governsID: 1.3.6.1.4.1.99999.2.10
lDAPDisplayName: testMailRecipient
objectClassCategory: 3
subClassOf: top
mayContain: mailNickname
"""
        user = f"""dn: CN=User,{schema}
changetype: modify
add: auxiliaryClass
auxiliaryClass: testMailRecipient
"""
        for program, text in (("ldbadd", attribute), ("ldbadd", recipient), ("ldbmodify", user)):
            self._ldb(program, text, "--option=dsdb:schema update allowed=true")

    def _ldb(self, program, ldif, *options):
        path = self.path("change.ldif")
        with open(path, "w") as out:
            out.write(ldif + "\n")
        run(program, "-H", self.path("private", "sam.ldb"), f"--configfile={self.config}",
            *options, path, env={"LDB_MODULES_PATH": MODULES})

    def build(self):
        run("samba-tool", "domain", "provision", "--quiet", f"--targetdir={self.directory}",
            f"--realm={self.realm}", f"--domain={self.domain}", "--host-name=dc1",
            f"--host-ip={self.address}", "--server-role=dc", "--dns-backend=NONE",
            f"--adminpass={ADMIN_PASSWORD}", f"--option=interfaces={self.address}/32",
            "--option=bind interfaces only=yes")
        self._configure()
        self._schema()
        self._ldb("ldbadd", "\n\n".join(self.entries))

    def start(self):
        self.daemon = Daemon(
            ["samba", "-s", self.config, "-M", "single", "-F", "--no-process-group",
             "--debug-stdout"], self.path("samba.out"),
        )
        ports = [389, 636] + ([88] if "kdc" in self.services else [])
        self.daemon.wait_for_ports(*[(self.address, port) for port in ports])

    def modify(self, ldif):
        run("ldapmodify", "-x", "-H", self.tls_uri, "-D", self.admin, "-w", ADMIN_PASSWORD,
            stdin=ldif, env={"LDAPTLS_CACERT": self.ca})

    def export_keytab(self, path, principal):
        run("samba-tool", "domain", "exportkeytab", path, "-s", self.config,
            f"--principal={principal}")

    def stop(self):
        if self.daemon:
            self.daemon.stop()
