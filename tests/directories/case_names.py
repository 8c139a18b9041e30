#!/usr/bin/env python3
"""Every form of a name, by every kind of directory: OpenLDAP and passwd-files always; two Samba
domains and PAM where the machine lets us (root, packages), else they are left out with a word.

  case_names.py --eilpost build/dev/eilpost --table docs/directories.md

writes the table of that page anew from what it sees; run.py runs the cases.
"""

import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import samba  # noqa: E402
import slapd  # noqa: E402
import support  # noqa: E402
from support import Failure, Missing, Refused, check, login, whose  # noqa: E402

WRONG = "not the password"


class Person:
    """One account: its names by form, and the name that the server calls it by."""

    def __init__(self, password, login_name, names):
        self.password, self.login_name, self.names = password, login_name, names


# The forms, in the order of the table.
FORMS = ["bare name", "login id", "primary address", "another address", "DOMAIN\\user",
         "DOMAIN/user", "UPN", "user@REALM", "alias"]


def built_in(served):
    served.command("account", "add", "bine@example.org", "--alias", "biene@example.org",
                   stdin="built-in secret\n")
    return Person("built-in secret", "bine@example.org", {
        "bare name": "bine", "login id": "bine@example.org",
        "primary address": "Bine@Example.org", "another address": "biene@example.org",
        "DOMAIN\\user": "HOME\\bine", "DOMAIN/user": "HOME/bine", "user@REALM": "bine@HOME.TEST",
        "alias": "biene"})


class World:
    """The directories that start here, and one server over all of them."""

    def __init__(self, binary, _):
        self.directory = support.temporary()
        self.certificates = support.Certificates(os.path.join(self.directory, "tls"))
        self.people, self.config, self.stops, self.skipped = {}, [], [], []
        self.ads = []
        self.config.append('[accounts]\ndefault_domain = "example.org"\nargon2_memory_kib = 64\n'
                           "argon2_iterations = 1\n[names]\n"
                           'domains = { HOME = "example.org", "home.test" = "example.org" }\n')
        self.start_slapd()
        self.passwd_file()
        self.pam()
        for start in (("ad", "AD.TEST", "AD", "127.0.0.10"),
                      ("other", "OTHER.TEST", "OTHER", "127.0.0.11")):
            try:
                self.start_ad(*start)
            except Missing as why:
                self.skipped.append((start[0], str(why)))
        self.served = support.Served(binary, self.directory, "\n".join(self.config))
        self.served.start()
        self.server = self.served
        self.stops.append(self.served.stop)
        self.people["built-in"] = built_in(self.served)
        self.served.command("account", "add", "sales@example.org", "--no-password")

    def secret(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w") as out:
            out.write(text + "\n")
        return path

    def start_slapd(self):
        self.slapd = slapd.Slapd(os.path.join(self.directory, "slapd"), self.certificates)
        lisa = self.slapd.add_user("lisa", "light secret", ["lisa@light.test"],
                                   ["lisa.light@light.test"], "lili")
        for uid in ("twin1", "twin2"):
            self.slapd.add_user(uid, "twin secret", [f"{uid}@light.test"], ["twin@light.test"])
        self.slapd.add_group("outer", [self.slapd.add_group("inner", [lisa])])
        self.slapd.build()
        self.slapd.start()
        self.stops.append(self.slapd.stop)
        password = self.secret("slapd.secret", slapd.SERVICE_PASSWORD)
        self.config.append(f"""[[directory]]
name = "light"
kind = "ldap"
domains = ["light.test"]
servers = ["ldap://127.0.0.1:1", "{self.slapd.uri}"]
starttls = true
ca_file = "{self.certificates.ca}"
bind_dn = "{self.slapd.service_dn}"
bind_password_file = "{password}"
base = "{self.slapd.suffix}"
schema = "inetorgperson"
addresses_attribute = "testAddress"
nickname_attribute = "testNickname"
groups = "nested"
cache_seconds = 0
negative_cache_seconds = 0
password_cache_seconds = 0
""")
        self.people["light"] = Person("light secret", "lisa", {
            "bare name": "lisa", "login id": "LISA", "primary address": "lisa@light.test",
            "another address": "Lisa.Light@light.test", "alias": "lili"})

    def passwd_file(self):
        path = self.secret("users", "# moved in\npaul:{PLAIN}file secret:1000:1000:Paul\n"
                           "petra@file.test:{PLAIN}x")
        self.config.append(f'[[directory]]\nname = "file"\nkind = "passwd-file"\n'
                           f'domains = ["example.org"]\nfile = "{path}"\n')
        self.people["passwd-file"] = Person("file secret", "paul@example.org", {
            "bare name": "paul", "login id": "paul@example.org",
            "primary address": "Paul@example.org"})

    def pam(self):
        """PAM with a service of the test's own: a script that knows the password."""
        if os.geteuid() != 0 or not os.path.isdir("/etc/pam.d"):
            self.skipped.append(("pam", "PAM needs root here, for its service file"))
            return
        script = self.secret("pam-check", '#!/bin/sh\ngiven=$(tr -d "\\000")\n'
                             '[ "$given" = "pam secret" ]')
        os.chmod(script, 0o700)
        os.chmod(self.directory, 0o755)
        name = f"eilpost-test-{os.getpid()}"
        service = f"/etc/pam.d/{name}"
        with open(service, "w") as out:
            out.write("auth [success=done default=ignore] pam_exec.so expose_authtok quiet "
                      f"{script}\n"
                      "auth requisite pam_deny.so\naccount required pam_permit.so\n")
        self.stops.append(lambda: os.unlink(service))
        self.config.append(f'[[directory]]\nname = "machine"\nkind = "pam"\nservice = "{name}"\n'
                           'domains = ["example.org"]\n')
        self.people["pam"] = Person("pam secret", "nobody@example.org", {
            "bare name": "nobody", "login id": "nobody@example.org",
            "primary address": "Nobody@example.org"})

    def start_ad(self, name, realm, domain, address):
        ad = samba.Samba(os.path.join(self.directory, name), self.certificates, realm, domain,
                         address)
        user = "alice" if name == "ad" else "otto"
        password = "Wonder!land1"
        mail = f"{user}.example@{name}.example.com"
        alice = ad.add_user(user, password, f"{user}@upn.{name}.example", mail,
                            [f"SMTP:{mail}", f"smtp:{user}@old.{name}.example"], f"{user}-nick")
        ad.add_user("svc-imap", "Svc!imap12345", control=66048)
        ad.add_user("gone", "Was!here123", f"gone@{realm.lower()}", control=514)
        ad.add_user("late", "Was!here123", f"late@{realm.lower()}", more=["pwdLastSet: 0"])
        ad.add_group("outer", [ad.add_group("inner", [alice])])
        ad.build()
        ad.start()
        self.stops.append(ad.stop)
        self.ads.append(ad)
        secret = self.secret(name + ".secret", "Svc!imap12345")
        domains = [domain, realm, f"upn.{name}.example", f"{name}.example.com",
                   f"old.{name}.example"]
        self.config.append(f"""[[directory]]
name = "{name}"
kind = "ldap"
domains = {domains}
servers = ["{ad.tls_uri}"]
ca_file = "{self.certificates.ca}"
bind_dn = "svc-imap@{realm}"
bind_password_file = "{secret}"
base = "{ad.base}"
groups = "nested"
cache_seconds = 0
negative_cache_seconds = 0
password_cache_seconds = 0
""")
        self.people[name] = Person(password, f"{user}@upn.{name}.example", {
            "bare name": user, "login id": f"{user}@upn.{name}.example", "primary address": mail,
            "another address": f"{user}@old.{name}.example", "DOMAIN\\user": f"{domain}\\{user}",
            "DOMAIN/user": f"{domain}/{user}", "UPN": f"{user.upper()}@upn.{name}.example",
            "user@REALM": f"{user}@{realm}", "alias": f"{user}-nick"})

    def close(self):
        for stop in reversed(self.stops):
            stop()
        support.remove(self.directory)


# --- cases ---


def expect_refused(served, name, password, code, authzid=None):
    try:
        login(served, name, password, authzid).logout()
    except Refused as refused:
        check(f"[{code}]" in str(refused), f"{name}: {refused}, not [{code}]")
        return
    raise Failure(f"{name} was let in")


def every_form(world):
    """Every form of every person's name, right and wrong, to the same account."""
    for where, person in world.people.items():
        for form, name in person.names.items():
            client = login(world.served, name, person.password)
            check(whose(client) == person.login_name, f"{where}, {form}: {whose(client)}")
            client.logout()
            expect_refused(world.served, name, WRONG, "AUTHENTICATIONFAILED")


def curl(world):
    """curl sees the same, by its own choice of mechanism."""
    for person in world.people.values():
        for name in (person.names["bare name"], person.names["primary address"]):
            for password, wanted in ((person.password, 0), (WRONG, 67)):
                done = subprocess.run(
                    ["curl", "-s", "-u", f"{name}:{password}", "--interface",
                     support.fresh_source(), "-X", "NOOP",
                     f"imap://127.0.0.1:{world.served.imap_port}/"],
                    capture_output=True, text=True)
                check(done.returncode == wanted, f"{name}: {done.returncode}, not {wanted}")


def strangers(world):
    """Nobody's names, empty passwords and injected filters are refused alike."""
    for name in ("stranger", "stranger@light.test", "NOWHERE\\alice", "lisa*", "*",
                 "lisa)(uid=*", "*)(|(uid=*", "lisa@example.net", "AD\\", "twin@light.test"):
        expect_refused(world.served, name, "twin secret", "AUTHENTICATIONFAILED")
    expect_refused(world.served, "lisa", "", "AUTHENTICATIONFAILED")


def ambiguous(world):
    """A name of two is nobody's; the log names both."""
    expect_refused(world.served, "twin@light.test", "twin secret", "AUTHENTICATIONFAILED")
    check("uid=twin1" in world.served.log() and "uid=twin2" in world.served.log(), "no candidates")
    shown = world.served.command("account", "resolve", "twin@light.test", fails=True)
    check("ambiguous by proxy" in shown, shown)


def delegation(world):
    """The four delegation strings and authzid open a mailbox by a grant, with its rights."""
    served = world.served
    for where, person in world.people.items():
        if where not in ("built-in", "light", "ad", "other"):
            continue
        for rights in (None, "full", "read-only"):
            if rights:
                served.command("grant", "add", "sales@example.org", person.login_name, "--rights",
                               rights)
            forms = [(person.names["bare name"], "sales@example.org")]
            if "DOMAIN/user" in person.names:
                forms += [(person.names["DOMAIN/user"] + "/sales", None),
                          (person.names["DOMAIN\\user"] + "\\sales@example.org", None)]
            address = person.names["primary address"]
            forms += [(address + "/sales", None), (address + "\\sales@example.org", None)]
            for name, authzid in forms:
                if not rights:
                    expect_refused(served, name, WRONG, "AUTHENTICATIONFAILED", authzid)
                    expect_refused(served, name, person.password, "AUTHORIZATIONFAILED", authzid)
                    continue
                client = login(served, name, person.password, authzid)
                check(whose(client) == "sales@example.org", f"{name}: {whose(client)}")
                status, data = client.create(f"by-{rights}-{time.time_ns()}")
                check(status == ("OK" if rights == "full" else "NO"), f"{name}: {status} {data}")
                client.logout()
        shown = served.command("grant", "list", "sales@example.org")
        check(person.login_name in shown and "read-only" in shown, shown)
        served.command("grant", "remove", "sales@example.org", person.login_name)
        expect_refused(served, person.names["bare name"], person.password, "AUTHORIZATIONFAILED",
                       "sales@example.org")
    check(" by=" in served.log(), "the log does not say who acted")


def reasons(world):
    """Active Directory's sub-codes become codes for the client and words in the log."""
    if not world.ads:
        print(f"        left out: {world.skipped}")
        return
    for ad in world.ads:
        expect_refused(world.served, f"{ad.domain}\\gone", "Was!here123", "AUTHORIZATIONFAILED")
        expect_refused(world.served, f"{ad.domain}\\gone", WRONG, "AUTHENTICATIONFAILED")
        expect_refused(world.served, f"{ad.domain}\\late", "Was!here123", "EXPIRED")
    log = world.served.log()
    for words in ("the account is disabled (533)", "must be changed before the next login (773)",
                  "wrong password (52e)"):
        check(words in log, f"the log lacks {words}")


def groups(world):
    """Nested groups are found."""
    for where in ("light", "ad", "other"):
        if where in world.people:
            shown = world.served.command("account", "show", world.people[where].login_name)
            check("group         inner" in shown and "group         outer" in shown, shown)


def rename(world):
    """An account keeps its number and mail when its directory calls it otherwise."""
    before = world.served.command("account", "show", "lisa")
    world.slapd.modify(f"dn: uid=lisa,ou=people,{world.slapd.suffix}\nchangetype: modrdn\n"
                       "newrdn: uid=lisbeth\ndeleteoldrdn: 1\n")
    try:
        client = login(world.served, "lisbeth", "light secret")
        check(whose(client) == "lisbeth", whose(client))
        client.logout()
        expect_refused(world.served, "lisa", "light secret", "AUTHENTICATIONFAILED")
        after = world.served.command("account", "show", "lisbeth")
        number = [line for line in before.splitlines() if line.startswith("id ")]
        check(number[0] in after, f"{before}{after}")
    finally:
        world.slapd.modify(f"dn: uid=lisbeth,ou=people,{world.slapd.suffix}\n"
                           "changetype: modrdn\nnewrdn: uid=lisa\ndeleteoldrdn: 1\n")
    login(world.served, "lisa", "light secret").logout()


def delivery(world):
    """Mail is taken for addresses of accounts that never logged in, and for no other form."""
    from harness import Lmtp
    for address, wanted in (("twin1@light.test", "250"), ("lisa+x@light.test", "250"),
                            ("paul@example.org", "250"), ("nobody.there@light.test", "550"),
                            ("twin@light.test", "550")):
        lmtp = Lmtp(world.served.lmtp_port)
        replies = lmtp.deliver("sender@example.net", [address],
                               b"Subject: hello\r\n\r\nbody\r\n")
        lmtp.close()
        check(replies[0].startswith(wanted), f"{address}: {replies}")
    shown = world.served.command("account", "list")
    check("twin1" in shown and "(in light)" in shown, shown)


def down(world):
    """A directory that is down is UNAVAILABLE, others go on; it is asked again when it is back."""
    world.slapd.stop()
    try:
        expect_refused(world.served, "lisa@light.test", "light secret", "UNAVAILABLE")
        expect_refused(world.served, "lisa@light.test", WRONG, "UNAVAILABLE")
        login(world.served, "bine", "built-in secret").logout()
        if "ad" in world.people:
            login(world.served, "AD\\alice", "Wonder!land1").logout()
        shown = world.served.command("account", "list")
        check("light does not answer" in shown, shown)
    finally:
        world.slapd.start()

    def back():
        try:
            login(world.served, "lisa@light.test", "light secret").logout()
            return True
        except Refused:
            return False

    support.wait_for(back, 30, "the directory is asked again")


def certificate(world):
    """A certificate that another authority has signed is not taken."""
    other = support.Certificates(os.path.join(world.directory, "other-tls"))
    directory = os.path.join(world.directory, "untrusting")
    os.makedirs(directory)
    config = "\n".join(world.config).replace(world.certificates.ca, other.ca)
    served = support.Served(world.served.binary, directory, config)
    served.start()
    try:
        expect_refused(served, "lisa@light.test", "light secret", "UNAVAILABLE")
    finally:
        served.stop()


CASES = [every_form, curl, strangers, ambiguous, delegation, reasons, groups, rename, delivery,
         certificate, down]


# --- the table ---

COLUMNS = [("built-in", "built-in"), ("ad", "Active Directory"),
           ("other", "Active Directory, another domain"), ("light", "OpenLDAP"),
           ("passwd-file", "passwd-file"), ("pam", "PAM")]
TABLE_BEGIN = "<!-- table: written by tests/directories/case_names.py -->"
TABLE_END = "<!-- end of the table -->"


def cell(world, where, form):
    person = world.people.get(where)
    if person is None:
        return "not tested"
    name = person.names.get(form)
    if name is None:
        return "-"
    try:
        client = login(world.served, name, person.password)
    except Refused:
        return f"`{name}` no"
    right = whose(client) == person.login_name
    client.logout()
    return f"`{name}` yes" if right else f"`{name}` another account"


def table(world):
    lines = ["| form | " + " | ".join(title for _, title in COLUMNS) + " |",
             "|---" * (len(COLUMNS) + 1) + "|"]
    for form in FORMS:
        cells = [cell(world, where, form) for where, _ in COLUMNS]
        lines.append(f"| {form} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_table(world, path):
    with open(path) as page:
        text = page.read()
    begin, end = text.index(TABLE_BEGIN), text.index(TABLE_END)
    with open(path, "w") as page:
        page.write(text[:begin] + TABLE_BEGIN + "\n" + table(world) + "\n" + text[end:])


def missing():
    try:
        support.need("slapd", "slapadd", "slappasswd", "ldapmodify", "curl", "openssl")
    except Missing as why:
        return str(why)
    return None


def main():
    parser = argparse.ArgumentParser(description="Writes the table of login names anew.")
    parser.add_argument("--eilpost", required=True, help="the binary to start")
    parser.add_argument("--table", required=True, help="the page")
    options = parser.parse_args()
    world = World(options.eilpost, None)
    try:
        write_table(world, options.table)
    finally:
        world.close()


if __name__ == "__main__":
    main()
