"""An MIT KDC on loopback with the users anna and ben, and a keytab for imap/localhost. missing()
says why there can be none on this machine."""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from harness import Failure, free_ports, wait_for  # noqa: E402

REALM = "LIGHT.TEST"
PROGRAMS = ["krb5kdc", "kdb5_util", "kadmin.local", "kinit"]
KRB5 = """[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  rdns = false
  dns_canonicalize_hostname = false
[realms]
  {realm} = {{
    kdc = 127.0.0.1:{port}
  }}
[domain_realm]
  localhost = {realm}
"""
KDC = """[kdcdefaults]
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
[realms]
  {realm} = {{
    database_name = {directory}/principal
    key_stash_file = {directory}/stash
    acl_file = {directory}/acl
  }}
[logging]
  kdc = FILE:{directory}/kdc.log
"""


def path_of(program):
    return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def missing():
    lacking = [program for program in PROGRAMS if not path_of(program)]
    return f"no {', '.join(lacking)}" if lacking else None


class Kdc:
    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.port = free_ports([0], salt=11)
        self.environment = {"KRB5_CONFIG": self.file("krb5.conf"),
                            "KRB5_KDC_PROFILE": self.file("kdc.conf")}
        for name, text in (("krb5.conf", KRB5), ("kdc.conf", KDC)):
            with open(self.file(name), "w", encoding="ascii") as file:
                file.write(text.format(realm=REALM, port=self.port, directory=directory))
        self.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        for query in ("addprinc -pw anna-pw anna", "addprinc -pw ben-pw ben",
                      "addprinc -pw admin-pw anna/admin", "addprinc -randkey imap/localhost",
                      f"ktadd -k {self.keytab} imap/localhost"):
            self.run("kadmin.local", "-r", REALM, "-q", query)
        self.process = subprocess.Popen(
            [path_of("krb5kdc"), "-n", "-P", self.file("pid")], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, **self.environment},
        )
        wait_for(lambda: self.tickets("anna", "anna-pw"), 10, "the KDC does not answer")

    @property
    def keytab(self):
        return self.file("imap.keytab")

    def file(self, name):
        return os.path.join(self.directory, name)

    def run(self, program, *arguments):
        done = subprocess.run([path_of(program), *arguments], capture_output=True, text=True,
                              check=False, env={**os.environ, **self.environment})
        if done.returncode != 0:
            raise Failure(f"{program}: {done.stdout}{done.stderr}")

    def tickets(self, user, password):
        """The environment of a user who has logged in; None when that fails."""
        cache = {"KRB5CCNAME": "FILE:" + self.file("cc-" + user.replace("/", "-"))}
        environment = {**os.environ, **self.environment, **cache}
        done = subprocess.run(["kinit", user], input=password + "\n", text=True, check=False,
                              capture_output=True, env=environment)
        return {**self.environment, **cache} if done.returncode == 0 else None

    def close(self):
        self.process.kill()
        self.process.wait()
