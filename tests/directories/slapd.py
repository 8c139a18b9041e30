"""OpenLDAP's slapd with a tree of the test's own, on free ports, LDAP with StartTLS and LDAPS."""

import os

from support import Daemon, free_ports, need, run

# Attributes that organisations add when they move from Exchange; the class is for tests only.
EXTRA_SCHEMA = """
attributetype ( 1.3.6.1.4.1.99999.2.1 NAME 'testAddress' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.2.2 NAME 'testNickname' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.99999.2.3 NAME 'testMailUser' SUP top AUXILIARY
  MAY ( testAddress $ testNickname ) )
"""
SERVICE_PASSWORD = "service-secret"


class Slapd:
    def __init__(self, directory, certificates, suffix="dc=light,dc=test"):
        need("slapd", "slapadd", "slappasswd")
        self.directory = directory
        self.suffix = suffix
        self.service_dn = f"cn=service,{suffix}"
        base = free_ports([0, 1], salt=len(suffix))
        self.port, self.tls_port = base, base + 1
        self.uri = f"ldap://127.0.0.1:{self.port}"
        self.tls_uri = f"ldaps://127.0.0.1:{self.tls_port}"
        self.certificate, self.key = certificates.make(f"slapd-{base}",
                                                       "DNS:localhost,IP:127.0.0.1")
        self.ca = certificates.ca
        self.daemon = None
        self.entries = []

    def add_user(self, uid, password, mail=(), addresses=(), nickname=None):
        lines = [f"dn: uid={uid},ou=people,{self.suffix}", "objectClass: inetOrgPerson",
                 "objectClass: testMailUser", f"uid: {uid}", f"cn: {uid.title()}", f"sn: {uid}"]
        lines += [f"mail: {one}" for one in mail]
        lines += [f"testAddress: {one}" for one in addresses]
        lines += [f"testNickname: {nickname}"] if nickname else []
        lines += [f"userPassword: {run('slappasswd', '-n', '-s', password)}"]
        self.entries.append("\n".join(lines))
        return f"uid={uid},ou=people,{self.suffix}"

    def add_group(self, cn, members):
        lines = [f"dn: cn={cn},{self.suffix}", "objectClass: groupOfNames", f"cn: {cn}"]
        self.entries.append("\n".join(lines + [f"member: {one}" for one in members]))
        return f"cn={cn},{self.suffix}"

    def build(self):
        os.makedirs(os.path.join(self.directory, "db"), exist_ok=True)
        self.config = os.path.join(self.directory, "slapd.conf")
        with open(os.path.join(self.directory, "extra.schema"), "w") as out:
            out.write(EXTRA_SCHEMA)
        with open(self.config, "w") as out:
            for schema in ("core", "cosine", "inetorgperson"):
                out.write(f"include /etc/ldap/schema/{schema}.schema\n")
            out.write(f"include {self.directory}/extra.schema\n")
            out.write(f"""modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {self.directory}/pid
TLSCACertificateFile {self.ca}
TLSCertificateFile {self.certificate}
TLSCertificateKeyFile {self.key}
database mdb
suffix "{self.suffix}"
rootdn "cn=admin,{self.suffix}"
rootpw admin-secret
directory {self.directory}/db
dbnosync
index uid,mail,testAddress,member eq
access to attrs=userPassword by anonymous auth by * none
access to * by users read
""")
        top = [f"dn: {self.suffix}\nobjectClass: domain\ndc: {self.suffix[3:].split(',')[0]}",
               f"dn: ou=people,{self.suffix}\nobjectClass: organizationalUnit\nou: people",
               f"dn: {self.service_dn}\nobjectClass: applicationProcess\n"
               "objectClass: simpleSecurityObject\ncn: service\n"
               f"userPassword: {SERVICE_PASSWORD}"]
        run("slapadd", "-q", "-f", self.config, stdin="\n\n".join(top + self.entries) + "\n")

    def start(self):
        self.daemon = Daemon(
            ["slapd", "-f", self.config, "-h", f"{self.uri}/ {self.tls_uri}/", "-d", "0"],
            os.path.join(self.directory, "slapd.log"),
        )
        self.daemon.wait_for_ports(("127.0.0.1", self.port), ("127.0.0.1", self.tls_port))

    def modify(self, ldif):
        run("ldapmodify", "-x", "-H", self.uri, "-D", f"cn=admin,{self.suffix}", "-w",
            "admin-secret", stdin=ldif)

    def stop(self):
        if self.daemon:
            self.daemon.stop()
