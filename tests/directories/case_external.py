"""EXTERNAL: which certificates log in, and as whom."""

from harness import check, check_equal
from served import Served, once


def missing():
    return None


class World:
    def __init__(self, binary, pki):
        tls = f'client_ca = "{pki.file("ca.pem")}"\nclient_crl = "{pki.file("crl.pem")}"'
        self.server = Served(binary, pki, tls=tls).start()
        for name in ("anna", "ben"):
            self.server.run("account", "add", f"{name}@example.org", password=f"{name}-pw\n")

    def close(self):
        self.server.stop()

    def login(self, client, authzid=b"", kind="imaps"):
        connection = self.server.connect(kind, client)
        if kind == "imap":
            connection.starttls()
        return connection.authenticate("EXTERNAL", once(authzid))


def names_of_both_kinds_log_in(world):
    for client in ("upn", "email"):
        check_equal(world.login(client)[0], "OK", client)
        check_equal(world.login(client, kind="imap")[0], "OK", client + " over STARTTLS")


def own_name_as_authorization_identity(world):
    check_equal(world.login("upn", b"anna@example.org")[0], "OK", "own name")
    status, code, _ = world.login("upn", b"ben@example.org")
    check_equal((status, code), ("NO", "AUTHORIZATIONFAILED"), "another's name")


def certificates_that_do_not_count(world):
    for client in (None, "revoked", "foreign"):
        connection = world.server.connect("imaps", client)
        check("EXTERNAL" not in connection.mechanisms(), f"offered to {client}")
        check_equal(connection.authenticate("EXTERNAL", once(b""))[0], "NO", str(client))


def certificates_without_an_account(world):
    for client in ("two", "nobody"):
        check_equal(world.login(client)[0], "NO", client)


def offered_first_to_whom_it_can_work(world):
    check_equal(world.server.connect("imaps", "upn").mechanisms()[0], "EXTERNAL", "order")
    plain = world.server.connect("imap")
    check("EXTERNAL" not in plain.mechanisms(), "offered without TLS")
    check_equal(plain.authenticate("EXTERNAL", once(b""))[1], "PRIVACYREQUIRED", "without TLS")


CASES = [names_of_both_kinds_log_in, own_name_as_authorization_identity,
         certificates_that_do_not_count, certificates_without_an_account,
         offered_first_to_whom_it_can_work]
