"""An account that a tool works on, wherever it is: on a bad server or on a real one. What another
client does there meanwhile goes through these few methods; messages are known by their X-Number."""

import re

import carriers
import scenes
from bad_server import BadServer
from harness import Failure, Imap, quoted
from mailboxes import internal_date
from wire import to_utf7


def number_of(octets):
    found = re.search(rb"(?m)^X-Number: (\d+)\r$", octets)
    return int(found.group(1)) if found else None


def numbers(snapshot):
    """{number} of all that have one."""
    found = {number_of(octets) for rows in snapshot.values() for octets, _, _ in rows}
    return found - {None}


class BadSide:
    kind = "a bad server"

    def __init__(self, profile="rich", carrier="plain"):
        self.bad = BadServer(profile, carrier=carrier).start()
        self.account = self.bad.account
        self.port, self.user = self.bad.port, "user"

    def options(self, prefix="", port=None):
        """By which the tools are told of it; `port`: of a proxy in between."""
        return carriers.options(self.bad.carrier, prefix, port or self.port, self.user,
                                self.bad.ca_file())

    @staticmethod
    def shows(octets):
        return octets

    def fill(self, rows):
        scenes.fill_bad(self.account, rows)

    def create(self, box, special_use=""):
        self.account.create(box, special_use)

    def snapshot(self):
        return self.account.snapshot()

    def message(self, box, number):
        return next(one for one in self.account.find(box).messages
                    if number_of(one.octets) == number)

    def flag(self, box, number, flag):
        with self.account.lock:
            message = self.message(box, number)
            self.account.store(self.account.find(box), message, message.flags | {flag})

    def move(self, box, number, target):
        with self.account.lock:
            message = self.message(box, number)
            self.account.copy(message, self.account.find(target))
            self.account.find(box).remove([message])

    def remove(self, box, number):
        with self.account.lock:
            self.account.find(box).remove([self.message(box, number)])

    def stop(self):
        self.bad.stop()


class RealSide:
    """Account `number` of a server of peers.py, which others end."""

    def __init__(self, peer, number):
        self.peer, self.number = peer, number
        self.kind, self.user, self.shows = peer.kind, peer.name(number), peer.shows

    def options(self, prefix="", port=None):
        return carriers.options(carriers.CARRIERS["plain"], prefix, port or self.port, self.user)

    @property
    def port(self):
        return self.peer.port

    def client(self):
        client = Imap(self.peer.port, timeout=60)
        client.do(f'LOGIN "{self.user}" "pass"')
        return client

    def fill(self, rows):
        """What the server refuses although it could be refused, such as a lone LF, is left out."""
        client = self.client()
        for box, _, reason in scenes.fill_real(client, [row for row in rows
                                                        if self.shows(row[1]) is not None]):
            raise Failure(f"{self.kind} refuses a message for {box}: {reason}")
        client.close()

    def create(self, box, special_use=""):
        client = self.client()
        client.do(f"CREATE {quoted(to_utf7(box))}" + (f" (USE ({special_use}))" if special_use
                                                       else ""))
        client.close()

    def snapshot(self):
        client = self.client()
        out = scenes.read_real(client)
        client.close()
        return out

    def selected(self, box, number):
        """A client with the mailbox open, and the uid."""
        client = self.client()
        client.do(f"SELECT {quoted(to_utf7(box))}")
        found = client.fetch("1:*", "UID BODY.PEEK[HEADER]")
        return client, next(uid for uid, one in found.items()
                            if number_of(one["BODY[HEADER]"]) == number)

    def change(self, box, number, *commands):
        client, uid = self.selected(box, number)
        for text in commands:
            client.do(text.format(uid=uid))
        client.close()

    def flag(self, box, number, flag):
        self.change(box, number, f"UID STORE {{uid}} +FLAGS ({flag})")

    def move(self, box, number, target):
        self.change(box, number, f"UID COPY {{uid}} {quoted(to_utf7(target))}",
                    "UID STORE {uid} +FLAGS (\\Deleted)", "UID EXPUNGE {uid}")

    def remove(self, box, number):
        self.change(box, number, "UID STORE {uid} +FLAGS (\\Deleted)", "UID EXPUNGE {uid}")

    def append(self, box, octets, flags, epoch):
        client = self.client()
        where = f'{quoted(to_utf7(box))} ({" ".join(flags)}) "{internal_date(epoch)}"'
        client.do(f"APPEND {where} {{}}", octets)
        client.close()

    def stop(self):
        pass
