"""What each command does, for bad_server.py: RFC 3501 and RFC 9051, with LIST-EXTENDED (RFC
5258), CONDSTORE and QRESYNC (RFC 7162), UIDPLUS (RFC 4315), MOVE (RFC 6851), MULTIAPPEND (RFC
3502), ESEARCH (RFC 4731), SPECIAL-USE (RFC 6154), OBJECTID (RFC 8474) where the profile lists
them; signing in, layers and NOTIFY are in files of their own. A command that is not listed is BAD:
a client that does not look is found out."""

import re

from harness import Failure
from layers import Layers
from mailboxes import DATE_TIME, Message, epoch_of, internal_date
from notifying import Notifying
from signing_in import SigningIn
from wire import (Bad, No, Search, body_structure, envelope, from_utf7, in_set,
                  list_matches, literal, parse_set, print_set, quote, section_of, text_of, to_utf7)

# The capability that a command needs; those of RFC 3501 need none.
NEEDS = {"ENABLE": "ENABLE", "NAMESPACE": "NAMESPACE", "UNSELECT": "UNSELECT", "MOVE": "MOVE",
         "IDLE": "IDLE", "ID": "ID", "STARTTLS": "STARTTLS", "COMPRESS": "COMPRESS=DEFLATE",
         "NOTIFY": "NOTIFY"}
BEFORE_LOGIN = {"CAPABILITY", "NOOP", "LOGOUT", "LOGIN", "AUTHENTICATE", "ID", "STARTTLS"}
SELECTED = {"FETCH", "STORE", "COPY", "MOVE", "SEARCH", "EXPUNGE", "CLOSE", "UNSELECT", "CHECK"}
MACROS = {"ALL": "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE",
          "FAST": "FLAGS INTERNALDATE RFC822.SIZE",
          "FULL": "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY"}
FLAGS = r"\Answered \Flagged \Deleted \Seen \Draft"


class Command:
    def __init__(self, fields):
        self.tag = fields[0]
        self.name = fields[1].upper()
        self.arguments = fields[2:]
        self.uid = self.name == "UID" and len(fields) > 2
        if self.uid:
            self.name = text_of(fields[2]).upper()
            self.arguments = fields[3:]

    def take(self, what="an argument"):
        if not self.arguments:
            raise Bad(f"{what} is missing")
        return self.arguments.pop(0)


class Commands(SigningIn, Layers, Notifying):
    """The state of a session and its commands. Session in bad_server.py adds the octets."""

    def __init__(self, server):
        self.server = server
        self.account = server.account
        self.number = server.connections
        self.signed_in = False
        self.enabled = set()
        self.box = None
        self.read_only = False
        self.view = []    # the messages as the client numbers them
        self.known = {}   # identity: the modseq that the client has been told
        self.counted = 0  # commands so far

    @property
    def defect(self):
        return self.server.defect

    def has(self, capability):
        listed = self.capability_names()
        return capability in listed or "IMAP4rev2" in listed and capability in (
            "ENABLE", "NAMESPACE", "UNSELECT", "MOVE", "IDLE", "UIDPLUS", "ESEARCH")

    # --- answers ---

    def greet(self):
        line = b"* OK [CAPABILITY %s] ready\r\n" % " ".join(self.capability_names()).encode()
        self.write(self.defect.greeting(self, line))
        self.flush()

    def capability_names(self):
        return self.defect.capabilities(self, self.listed())

    def untag(self, line, kind=""):
        if isinstance(line, str):
            line = line.encode()
        for one in self.defect.untagged(self, kind, b"* " + line + b"\r\n"):
            self.write(one)

    def run_command(self, fields):
        command = Command(fields)
        self.counted += 1
        condition, code, text = "OK", "", "done"
        try:
            if not self.defect.command(self, command):
                done = self.dispatch(command)
                condition, code, text = done or (condition, code, text)
            else:
                return
        except No as no:
            condition, code, text = "NO", no.code, no.text
        except (Bad, Failure, ValueError, IndexError, AttributeError, TypeError) as bad:
            condition, code, text = "BAD", "", f"{type(bad).__name__}: {bad}"
        answer = self.defect.tagged(self, command, condition, code, text)
        if answer is None:
            return
        condition, code, text = answer
        code = f"[{code}] " if code else ""
        self.write(f"{command.tag} {condition} {code}{text}\r\n".encode())
        if condition == "OK":
            self.behind_ok(command)

    def dispatch(self, command):
        method = getattr(self, "do_" + command.name.lower(), None)
        needs = NEEDS.get(command.name)
        if command.uid and command.name == "EXPUNGE":
            needs = "UIDPLUS"
        if method is None or needs and not self.has(needs):
            raise Bad(f"unknown command {command.name}")
        if not self.signed_in and command.name not in BEFORE_LOGIN:
            raise Bad("sign in first")
        if command.name in SELECTED and self.box is None:
            raise Bad("no mailbox is selected")
        if not self.signed_in:
            return method(command)
        with self.account.lock:
            done = method(command)
            # RFC 9051 7.5.1: no EXPUNGE while message numbers are in use.
            if self.box is not None:
                numbers = command.name in ("FETCH", "STORE", "SEARCH") and not command.uid
                self.tell_changes(expunges=not numbers)
        return done

    def tell_changes(self, expunges=True):
        there = {message.identity for message in self.box.messages}
        if expunges:
            gone = [one for one in self.view if one.identity not in there]
            if gone and "QRESYNC" in self.enabled:
                uids = sorted(self.defect.uid(one) for one in gone)
                self.untag(f"VANISHED {print_set(uids)}", "vanished")
            elif gone:
                for number in range(len(self.view), 0, -1):
                    if self.view[number - 1].identity not in there:
                        self.untag(f"{number} EXPUNGE", "expunge")
            self.view = [one for one in self.view if one.identity in there]
        for number, message in enumerate(self.view, 1):
            if message.identity in there and message.modseq > self.known[message.identity]:
                self.known[message.identity] = message.modseq
                self.fetch_line(number, message, ["UID", "FLAGS"] + self.modseq_item())
        seen = {message.identity for message in self.view}
        fresh = [one for one in self.box.messages if one.identity not in seen]
        if fresh:
            self.adopt(fresh)
            self.untag(f"{len(self.view)} EXISTS", "exists")

    def adopt(self, messages):
        self.view += messages
        self.known.update((one.identity, one.modseq) for one in messages)

    def modseq_item(self):
        return ["MODSEQ"] if self.enabled & {"CONDSTORE", "QRESYNC"} else []

    # --- any state ---

    def do_capability(self, _):
        self.untag("CAPABILITY " + " ".join(self.capability_names()), "capability")

    def do_noop(self, _):
        pass

    do_check = do_noop

    def do_id(self, command):
        command.take("a list of parameters")
        self.untag('ID ("name" "Bad Server" "version" "1")', "id")

    def do_logout(self, _):
        self.untag("BYE until later", "bye")

    def do_enable(self, command):
        known = {"CONDSTORE", "QRESYNC", "IMAP4REV2", "UTF8=ACCEPT"}
        listed = {name.upper() for name in self.capability_names()}
        wanted = [text_of(one) for one in command.arguments]
        on = [name for name in wanted if name.upper() in known and name.upper() in listed]
        self.enabled |= {name.upper() for name in on}
        self.untag(" ".join(["ENABLED", *on]), "enabled")

    def do_namespace(self, _):
        self.untag('NAMESPACE (("" "/")) NIL NIL', "namespace")

    # --- mailboxes ---

    def utf8(self):
        return "IMAP4REV2" in self.enabled or "UTF8=ACCEPT" in self.enabled

    def name_from(self, value):
        text = text_of(value)
        name = text if self.utf8() else from_utf7(text)
        return "INBOX" if name.upper() == "INBOX" else name

    def name_to(self, name):
        if self.utf8():
            return b'"' + re.sub(rb'(["\\])', rb"\\\1", name.encode()) + b'"'
        return quote(to_utf7(name))

    def find(self, value, code="NONEXISTENT"):
        box = self.account.find(self.name_from(value))
        if box is None:
            raise No("no such mailbox", code)
        return box

    def do_create(self, command):
        name = self.name_from(command.take()).rstrip("/")
        use = ""
        if command.arguments:  # (USE (\Sent))
            use = command.take()[1][0]
        if self.account.find(name):
            raise No("it exists", "ALREADYEXISTS")
        self.account.create(name, use)
        self.defect.created(self, name)

    def do_delete(self, command):
        box = self.find(command.take())
        if box.name == "INBOX":
            raise No("not INBOX", "CANNOT")
        self.account.delete(box.name)

    def do_rename(self, command):
        box = self.find(command.take())
        new = self.name_from(command.take())
        if self.account.find(new):
            raise No("it exists", "ALREADYEXISTS")
        self.account.rename(box.name, new)

    def do_subscribe(self, command):
        self.find(command.take()).subscribed = True

    def do_unsubscribe(self, command):
        self.find(command.take()).subscribed = False

    def list_rows(self, reference, patterns, only_subscribed):
        for name, box in sorted(self.account.mailboxes.items()):
            if only_subscribed and not box.subscribed:
                continue
            if any(list_matches(reference + pattern, name) for pattern in patterns):
                yield box

    def do_lsub(self, command):
        reference, pattern = text_of(command.take()), self.name_from(command.take())
        for box in self.list_rows(reference, [pattern], True):
            self.untag(b'LSUB () "/" ' + self.name_to(box.name), "lsub")

    def do_list(self, command):
        first = command.take()
        selection, returns = [], []
        if isinstance(first, list):
            selection, first = [text_of(one).upper() for one in first], command.take()
        reference = self.name_from(first)
        patterns = command.take()
        patterns = [self.name_from(one)
                    for one in (patterns if isinstance(patterns, list) else [patterns])]
        if command.arguments:
            if not self.has("LIST-EXTENDED") or text_of(command.take()).upper() != "RETURN":
                raise Bad("LIST has two arguments")
            returns = command.take()
        if patterns == [""]:
            self.untag(b'LIST (\\Noselect) "/" ""', "list")
            return
        words = [one.upper() if isinstance(one, str) else one for one in returns]
        for box in self.list_rows(reference, patterns, "SUBSCRIBED" in selection):
            self.list_line(box, "SUBSCRIBED" in words or "SUBSCRIBED" in selection)
            if "STATUS" in words:
                self.status_line(box, returns[words.index("STATUS") + 1])

    def list_line(self, box, subscribed):
        attributes = ["\\HasChildren" if any(name.startswith(box.name + "/")
                                             for name in self.account.mailboxes)
                      else "\\HasNoChildren"]
        if subscribed and box.subscribed:
            attributes.append("\\Subscribed")
        if box.special_use and self.has("SPECIAL-USE"):
            attributes.append(box.special_use)
        line = f'LIST ({" ".join(attributes)}) "/" '.encode() + self.name_to(box.name)
        self.untag(line, "list")

    def status_line(self, box, items):
        values = {
            "MESSAGES": len(box.messages), "UIDNEXT": self.defect.uid_next(box),
            "UIDVALIDITY": self.defect.uid_validity(box), "RECENT": 0,
            "UNSEEN": sum("\\Seen" not in one.flags for one in box.messages),
            "DELETED": sum("\\Deleted" in one.flags for one in box.messages),
            "SIZE": sum(len(one.octets) for one in box.messages),
            "HIGHESTMODSEQ": self.defect.highest_modseq(box),
            "MAILBOXID": f"(F{id(box)})",
        }
        told = " ".join(f"{item.upper()} {values[item.upper()]}" for item in items)
        self.untag(b"STATUS " + self.name_to(box.name) + f" ({told})".encode(), "status")

    def do_status(self, command):
        box = self.find(command.take())
        self.status_line(box, command.take())

    def do_select(self, command):
        self.box = None
        box = self.find(command.take())
        parameters = command.take() if command.arguments else []
        self.read_only = command.name == "EXAMINE"
        self.view, self.known = [], {}
        words = [one.upper() if isinstance(one, str) else one for one in parameters]
        if "CONDSTORE" in words:
            self.enabled.add("CONDSTORE")
        self.box = box
        self.adopt(list(box.messages))
        permanent = "" if self.read_only else f"{FLAGS} \\*"
        self.untag(f"{len(self.view)} EXISTS", "exists")
        self.untag("0 RECENT", "recent")
        self.untag(f"FLAGS ({FLAGS})", "flags")
        self.untag(f"OK [PERMANENTFLAGS ({permanent})] these stay", "permanentflags")
        self.untag(f"OK [UIDVALIDITY {self.defect.uid_validity(box)}] valid", "uidvalidity")
        self.untag(f"OK [UIDNEXT {self.defect.uid_next(box)}] next", "uidnext")
        if self.has("CONDSTORE"):
            self.untag(f"OK [HIGHESTMODSEQ {self.defect.highest_modseq(box)}] highest",
                       "highestmodseq")
        if "QRESYNC" in words:
            if "QRESYNC" not in self.enabled:
                raise Bad("QRESYNC is not enabled")
            self.resynchronize(box, parameters[words.index("QRESYNC") + 1])
        return "OK", "READ-ONLY" if self.read_only else "READ-WRITE", "selected"

    do_examine = do_select

    def resynchronize(self, box, values):
        if int(values[0]) != self.defect.uid_validity(box):
            return
        since = int(values[1])
        known = parse_set(values[2], 2**32) if len(values) > 2 and isinstance(values[2], str) \
            else [(1, 2**32)]
        self.vanished_earlier(box, since, known)
        for number, message in enumerate(self.view, 1):
            if message.modseq > since and in_set(known, self.defect.uid(message)):
                self.fetch_line(number, message, ["UID", "FLAGS", "MODSEQ"])

    def vanished_earlier(self, box, since, within):
        gone = sorted(uid for modseq, uid in box.vanished if modseq > since and in_set(within, uid))
        gone = self.defect.vanished(box, gone)
        if gone:
            self.untag(f"VANISHED (EARLIER) {print_set(gone)}", "vanished")

    def do_unselect(self, _):
        self.box = None

    def do_close(self, _):
        if not self.read_only:
            self.expunge([one for one in self.view if "\\Deleted" in one.flags])
        self.box = None

    # --- messages ---

    def chosen(self, command, value):
        """[(number, message)] of a sequence set."""
        text = text_of(value)
        if command.uid:
            uids = [self.defect.uid(one) for one in self.view]
            ranges = parse_set(text, max(uids, default=0))
            return [(n, one) for n, one in enumerate(self.view, 1) if in_set(ranges, uids[n - 1])]
        ranges = parse_set(text, len(self.view))
        if any(high > len(self.view) or low < 1 for low, high in ranges):
            raise Bad("no such message")
        return [(n, one) for n, one in enumerate(self.view, 1) if in_set(ranges, n)]

    def do_fetch(self, command):
        chosen = self.chosen(command, command.take())
        items = command.take()
        items = items if isinstance(items, list) else [items]
        items = [name for item in items for name in MACROS.get(item.upper(), item).split(
            None if item.upper() in MACROS else "\0")]
        since = 0
        if command.arguments:
            words = command.take()
            since = int(words[1])
            self.enabled.add("CONDSTORE")
            items += ["MODSEQ"]
            if "VANISHED" in [word.upper() for word in words]:
                self.vanished_earlier(self.box, since, [(1, 2**32)])
        if command.uid and "UID" not in [item.upper() for item in items]:
            items.insert(0, "UID")
        there = {message.identity for message in self.box.messages}
        for number, message in chosen:
            if message.identity in there and message.modseq > since:
                self.fetch_one(number, message, items)

    def fetch_one(self, number, message, items):
        marks = any(re.match(r"(BODY\[|BINARY\[|RFC822$|RFC822\.TEXT$)", item, re.I)
                    for item in items)
        if marks and not self.read_only and "\\Seen" not in message.flags:
            self.account.store(self.box, message, message.flags | {"\\Seen"})
            items = items + ["FLAGS"]
        self.fetch_line(number, message, items)

    def fetch_line(self, number, message, items):
        values = {}
        for item in items:
            name, value = self.fetch_item(message, item)
            values[name] = value
        values = self.defect.fetch(self, message, values)
        if values is None:
            return
        if "FLAGS" in values:
            self.known[message.identity] = message.modseq
        inside = b" ".join(name.encode() + b" " + value for name, value in values.items())
        self.untag(b"%d FETCH (%s)" % (number, inside), "fetch")

    def fetch_item(self, message, item):
        name = item.upper()
        octets = message.octets
        if name == "UID":
            return name, b"%d" % self.defect.uid(message)
        if name == "FLAGS":
            return name, b"(" + " ".join(sorted(message.flags)).encode() + b")"
        if name == "INTERNALDATE":
            return name, b'"' + internal_date(message.epoch).encode() + b'"'
        if name == "RFC822.SIZE":
            return name, b"%d" % len(octets)
        if name == "MODSEQ":
            return name, b"(%d)" % message.modseq
        if name == "EMAILID" and self.has("OBJECTID"):
            return name, f"({message.email_id})".encode()
        if name == "ENVELOPE":
            return name, envelope(octets)
        if name in ("BODY", "BODYSTRUCTURE"):
            return name, body_structure(octets)
        if name in ("RFC822", "RFC822.HEADER", "RFC822.TEXT"):
            return name, literal(section_of(octets, {"RFC822": ""}.get(name, name[7:])))
        found = re.match(r"(BODY|BINARY)(?:\.PEEK)?\[(.*)\](?:<(\d+)\.(\d+)>)?$", item, re.I | re.S)
        if not found:
            raise Bad(f"unknown item {item}")
        part = section_of(octets, found.group(2))
        shown = f"{found.group(1).upper()}[{found.group(2)}]"
        if found.group(3) is not None:
            begin = int(found.group(3))
            part = part[begin : begin + int(found.group(4))]
            shown += f"<{begin}>"
        return shown, literal(part)

    def do_store(self, command):
        chosen = self.chosen(command, command.take())
        limit = None
        if isinstance(command.arguments[0], list):
            limit = int(command.take()[1])
            self.enabled.add("CONDSTORE")
        what = text_of(command.take()).upper()
        flags = set()
        for one in command.arguments:
            flags |= {text_of(f) for f in (one if isinstance(one, list) else [one])}
        if self.read_only:
            raise No("the mailbox is read-only", "CANNOT")
        flags = self.defect.storing(self, flags)
        modified = []
        for number, message in chosen:
            if limit is not None and message.modseq > limit:
                modified.append(self.defect.uid(message) if command.uid else number)
                continue
            now = {"+": message.flags | flags, "-": message.flags - flags}.get(what[0], flags)
            self.account.store(self.box, message, now)
            if what.endswith(".SILENT"):
                self.known[message.identity] = message.modseq
                if limit is not None:
                    self.fetch_line(number, message, ["UID", "MODSEQ"])
            else:
                self.fetch_line(number, message, ["UID", "FLAGS"] + self.modseq_item())
        if modified:
            return "OK", f"MODIFIED {print_set(sorted(modified))}", "the others have changed"
        return None

    def do_copy(self, command):
        chosen = self.chosen(command, command.take())
        target = self.find(command.take(), "TRYCREATE")
        made = [self.account.copy(one, target) for _, one in chosen
                if self.defect.copies(self, one)]
        self.account.changed.notify_all()
        return "OK", self.copyuid(chosen, target, made), "copied"

    def copyuid(self, chosen, target, made):
        if not self.has("UIDPLUS") or not made:
            return ""
        source = print_set([self.defect.uid(one) for _, one in chosen])
        new = print_set([self.defect.uid(one) for one in made])
        return f"COPYUID {self.defect.uid_validity(target)} {source} {new}"

    def do_move(self, command):
        chosen = self.chosen(command, command.take())
        target = self.find(command.take(), "TRYCREATE")
        moved = [(n, one) for n, one in chosen if self.defect.copies(self, one)]
        made = [self.account.copy(one, target) for _, one in moved]
        code = self.copyuid(chosen, target, made)
        if code:
            self.untag(f"OK [{code}] moved", "copyuid")
        self.box.remove([one for _, one in moved])  # it is elsewhere: nothing is lost
        self.account.changed.notify_all()

    def expunge(self, messages):
        self.account.expunge(self.box, messages)

    def do_expunge(self, command):
        if self.read_only:
            raise No("the mailbox is read-only", "CANNOT")
        chosen = self.view
        if command.uid:
            chosen = [one for _, one in self.chosen(command, command.take())]
        marked = [one for one in chosen if "\\Deleted" in one.flags]
        self.expunge(self.defect.expunging(self, marked))

    def do_search(self, command):
        returns = None
        if command.arguments and text_of(command.arguments[0]).upper() == "RETURN":
            if not self.has("ESEARCH"):
                raise Bad("SEARCH: unknown key RETURN")
            command.take()
            returns = [text_of(one).upper() for one in command.take()] or ["ALL"]
        uids = [self.defect.uid(one) for one in self.view]
        program = Search(command.arguments, len(self.view), max(uids, default=0))
        found = [(n, one) for n, one in enumerate(self.view, 1)
                 if program.matches(one, n, uids[n - 1])]
        found = self.defect.searched(self, command, found)
        numbers = [self.defect.uid(one) if command.uid else n for n, one in found]
        modseq = max((one.modseq for _, one in found), default=0) if program.uses_modseq else 0
        if returns is None:
            line = " ".join(["SEARCH", *map(str, numbers)])
            self.untag(line + (f" (MODSEQ {modseq})" if modseq else ""), "search")
            return
        line = f'ESEARCH (TAG "{command.tag}")' + (" UID" if command.uid else "")
        if "COUNT" in returns:
            line += f" COUNT {len(numbers)}"
        if numbers:
            line += f" MIN {min(numbers)}" if "MIN" in returns else ""
            line += f" MAX {max(numbers)}" if "MAX" in returns else ""
            line += f" ALL {print_set(sorted(numbers))}" if "ALL" in returns else ""
        self.untag(line + (f" MODSEQ {modseq}" if modseq else ""), "search")

    # --- APPEND, IDLE ---

    def do_append(self, command):
        target = self.find(command.take(), "TRYCREATE")
        made = []
        while command.arguments:
            made.append(self.appended(command))
        if len(made) > 1 and not self.has("MULTIAPPEND"):
            raise Bad("one message at a time")
        if not made:
            raise Bad("a message is missing")
        made = self.defect.appending(self, target, made)
        for one in made:
            target.add(one)
        self.account.changed.notify_all()
        code = ""
        if self.has("UIDPLUS"):
            uids = print_set([self.defect.uid(one) for one in made])
            code = f"APPENDUID {self.defect.uid_validity(target)} {uids}"
        return "OK", code if made else "", "appended"

    def appended(self, command):
        flags, epoch = [], None
        value = command.take()
        if isinstance(value, list):
            flags, value = [text_of(one) for one in value], command.take("a message")
        if isinstance(value, bytes) and DATE_TIME.match(value.decode("latin-1")):
            epoch, value = epoch_of(value.decode()), command.take("a message")
        if isinstance(value, str) and value.upper() == "UTF8":
            value = command.take("a message")[0]
        if not isinstance(value, bytes):
            raise Bad("expected a message")
        return Message(value, flags, epoch)

    def do_idle(self, _):
        self.write(b"+ idling\r\n")
        self.flush()
        while b"\n" not in self.input:
            self.account.lock.release()  # dispatch() holds it once
            try:
                ready = self.channel.ready(0.02)
                if ready:
                    self.fill()
            finally:
                self.account.lock.acquire()
            if self.box is not None and not ready and self.defect.idle_tells(self):
                self.tell_changes()
                self.flush()
        line = self.read_line().strip().upper()
        if line != b"DONE":
            raise Bad("expected DONE")

