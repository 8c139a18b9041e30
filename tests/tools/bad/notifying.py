"""NOTIFY (RFC 5465) for bad_server.py, as far as tools ask for it: STATUS and LIST of mailboxes
that are not selected, told while no command runs."""

from wire import Bad, text_of


class Notifying:
    """A part of Commands."""

    told = None  # {name: what was told of it} while notifications are on

    def do_notify(self, command):
        what = text_of(command.take()).upper()
        if what not in ("NONE", "SET"):
            raise Bad("NOTIFY: expected NONE or SET")
        self.told = self.news() if what == "SET" else None
        return self.defect.notifying(self)

    def news(self):
        """{name: all that a STATUS response would say of it}."""
        return {box.name: (box.uid_validity, box.uid_next, len(box.messages), box.highest_modseq)
                for box in self.account.mailboxes.values()}

    def notify(self):
        """Tells what has happened since it was last told."""
        with self.account.lock:
            now, before, self.told = self.news(), self.told, self.news()
            for name in sorted(before.keys() - now.keys()):
                self.untag(b'LIST (\\NonExistent) "/" ' + self.name_to(name), "notify")
            for name in sorted(now.keys() - before.keys()):
                self.untag(b'LIST () "/" ' + self.name_to(name), "notify")
            for name in sorted(now.keys() & before.keys()):
                if now[name] != before[name] and self.defect.notify_tells(self):
                    validity, uid_next, messages, modseq = now[name]
                    self.untag(b"STATUS %s (MESSAGES %d UIDNEXT %d UIDVALIDITY %d HIGHESTMODSEQ "
                               b"%d)" % (self.name_to(name), messages, uid_next, validity, modseq),
                               "notify")
        self.flush()
