"""A simulated client: one connection with what it has enabled, its mirror of the selected mailbox,
and the commands that it gives at random. Everything that the server says goes through handle(), in
its order; what the client knows comes from there alone.
"""

import re
import zlib

import mail
from harness import (Closed, Failure, Imap, check, flag_set, parse_response, quoted, split_status,
                     user)
from mirror import Context, Mirror, numbers, response_codes

# During these no EXPUNGE may come (RFC 9051 7.5.1), nor VANISHED.
KEEPS_NUMBERS = ("FETCH ", "STORE ", "SEARCH ", "SORT ", "THREAD ")
EVENTS = "MessageNew MessageExpunge FlagChange"


class Wire(Imap):
    """With COMPRESS, and with responses that come without being asked for."""

    packer = unpacker = None

    def compress(self):
        check(not self.buffer, "octets behind the answer to COMPRESS")
        self.packer = zlib.compressobj(wbits=-15)
        self.unpacker = zlib.decompressobj(wbits=-15)

    def send(self, octets):
        if self.packer:
            octets = self.packer.compress(octets) + self.packer.flush(zlib.Z_SYNC_FLUSH)
        super().send(octets)

    def _fill(self, timeout):
        before, self.buffer = self.buffer, b""
        try:
            super()._fill(timeout)
        finally:
            got, self.buffer = self.buffer, before
        self.buffer += self.unpacker.decompress(got) if self.unpacker else got

    def pushed(self):
        """What has come, response by response."""
        while True:
            try:
                yield self.receive(0.002)
            except Closed:
                raise
            except Failure:
                return


class Client:
    def __init__(self, number, world, rng):
        self.name = f"client {number}"
        self.world = world
        self.rng = rng
        self.wire = None
        self.cache = {}  # of mailboxes left, for QRESYNC
        self.commands = 0
        self.pushes = 0
        self.log = []

    # --- the connection ---

    def arrive(self):
        """A new connection with other habits."""
        self.enabled = set()
        self.mirror = None
        self.tag = 0
        self.idle_tag = None
        self.notify = None  # None: never used; else "none", "selected", "delayed", "all"
        self.statuses = {}
        self.results = []
        self.touched = set()  # mailboxes whose news are this client's own doing
        self.learning = False
        self.wire = Wire(self.world.port)
        self.do(f'LOGIN "{user(1)}" pass')
        self.choose_habits()

    def choose_habits(self):
        chance = self.rng.random
        wanted = []
        if chance() < 0.6:
            wanted.append(self.rng.choice(["CONDSTORE", "QRESYNC", "QRESYNC"]))
        if chance() < 0.3:
            wanted.append("IMAP4rev2")
        if chance() < 0.4:
            wanted.append("UTF8=ACCEPT")
        if chance() < 0.15:
            wanted.append("UIDONLY")
        if wanted:
            self.do("ENABLE " + " ".join(wanted))
        self.enabled = set(wanted)
        if chance() < 0.3:
            self.do("COMPRESS DEFLATE")
            self.wire.compress()
            self.enabled.add("COMPRESS")

    @property
    def qresync(self):
        return "QRESYNC" in self.enabled

    @property
    def condstore(self):
        return self.qresync or "CONDSTORE" in self.enabled

    @property
    def uid_only(self):
        return "UIDONLY" in self.enabled

    @property
    def no_numbers(self):
        """With NOTIFY of the selected mailbox, expunges come at any time (RFC 5465 6.1.1)."""
        return self.uid_only or self.notify in ("selected", "all")

    def leave(self):
        if self.wire:
            self.keep()
            self.do("LOGOUT")
            self.wire.close()
        self.wire = None

    def note(self, what, octets):
        line = f"{what} {octets[:300]!r}"
        self.log.append(line)
        del self.log[:-60]
        if self.world.log:
            self.world.log.write(f"{self.name} {line}\n")

    # --- commands ---

    def send(self, text, *literals):
        self.tag += 1
        tag = f"t{self.tag}"
        octets = tag.encode() + b" "
        pieces = text.split("{}")
        octets += pieces[0].encode()
        for piece, literal in zip(pieces[1:], literals):
            octets += b"{%d+}\r\n%s%s" % (len(literal), literal, piece.encode())
        self.note(">", octets)
        self.wire.send(octets + b"\r\n")
        self.commands += 1
        return tag

    def finish(self, tag, text):
        self.results = []
        self.fetched_now = set()
        self.codes = []
        # What comes by NOTIFY may have been under way already.
        keeps = text.startswith(KEEPS_NUMBERS) and self.notify is None
        while True:
            response = self.wire.receive()
            self.note("<", response)
            if response.startswith(tag.encode() + b" "):
                return split_status(response[len(tag) + 1 :].decode())
            check(response[:2] in (b"* ", b"+ "), f"an answer to nothing: {response!r}")
            gone = re.match(rb"\* (\d+ EXPUNGE|VANISHED (?!\(EARLIER\)))", response)
            check(not (keeps and gone), f"{response!r} during {text}")
            self.handle(response)

    def command(self, text, *literals):
        return self.finish(self.send(text, *literals), text)

    def do(self, text, *literals):
        status, code, rest = self.command(text, *literals)
        check(status == "OK", f"{text}: {status} [{code}] {rest}")
        return code

    # --- what the server says ---

    def handle(self, response):
        fields = parse_response(response)
        if response.startswith(b"+"):
            return
        kind = fields[1]
        if kind in ("OK", "NO", "BAD", "BYE"):
            self.status_response(kind, response[len(kind) + 3 :].decode())
        elif len(fields) > 2 and fields[2] in ("EXISTS", "EXPUNGE", "FETCH", "UIDFETCH", "RECENT"):
            self.message_response(int(kind), fields)
        elif kind == "VANISHED":
            earlier = isinstance(fields[2], list)
            self.mirror.vanished(numbers(fields[-1]), earlier)
        elif kind == "ESEARCH":
            self.esearch(fields)
        elif kind == "STATUS":
            self.status(fields)
        elif kind in ("SEARCH", "SORT", "THREAD", "LIST"):
            self.results.append(fields[1:])
        else:
            known = ("FLAGS", "CAPABILITY", "ENABLED", "METADATA")
            check(kind in known, f"an unknown response: {response!r}")

    def message_response(self, number, fields):
        kind = fields[2]
        if kind == "RECENT":
            return
        check(self.mirror, f"{fields[1:]} without a mailbox")
        if kind == "EXISTS":
            self.mirror.exists(number)
        elif kind == "EXPUNGE":
            check(not self.qresync and not self.uid_only, "EXPUNGE to a client with QRESYNC")
            self.mirror.expunged(self.mirror.at(number))
        else:
            items = dict(zip(fields[3][::2], fields[3][1::2]))
            if kind == "UIDFETCH":
                check(self.uid_only, "UIDFETCH without UIDONLY")
                known = self.mirror.by_uid.get(number)
                if known is None and not self.learning:
                    return  # which of those that have come it is, learn() will say
                known = known or self.mirror.unknown()[0]
                items["UID"] = str(number)
            else:
                check(not self.uid_only, "FETCH to a client with UIDONLY")
                known = self.mirror.at(number)
            self.mirror.fetched(known, items)
            if "FLAGS" in items:
                self.fetched_now.add(known)

    def status_response(self, kind, text):
        code, arguments = response_codes(text)
        self.codes.append((code, arguments))
        if code == "NOUPDATE" and self.mirror:
            self.mirror.contexts.pop(arguments.strip('"'), None)
        elif code == "HIGHESTMODSEQ" and self.mirror:
            check(int(arguments) >= self.mirror.highest, f"HIGHESTMODSEQ {arguments} fell")
            self.mirror.highest = int(arguments)
        elif code == "NOTIFICATIONOVERFLOW":
            self.notify = "none"
        check(code != "ALERT" and kind not in ("BAD",), f"{kind} {text}")

    def esearch(self, fields):
        rest = fields[2:]
        tag = None
        if rest and isinstance(rest[0], list):
            tag = dict(zip(rest[0][::2], rest[0][1::2])).get("TAG", b"").decode()
        words = {w: rest[i + 1] for i, w in enumerate(rest[:-1]) if isinstance(w, str)}
        kinds = ("ADDTO", "REMOVEFROM")
        updates = [(w, rest[i + 1]) for i, w in enumerate(rest[:-1]) if w in kinds]
        for kind, pairs in updates:
            self.mirror.updated(tag, kind, pairs)
        if not updates:
            self.results.append(["ESEARCH", rest[0] if tag is not None else [], words])

    def status(self, fields):
        name = fields[2].decode() if isinstance(fields[2], bytes) else fields[2]
        told = {item: int(value) for item, value in zip(fields[3][::2], fields[3][1::2])}
        self.statuses.setdefault(name, {}).update(told)
        if "MESSAGES" in told:
            self.touched.discard(name)

    def listen(self):
        """Takes what has come since the last command."""
        self.fetched_now = set()
        self.codes = []
        for response in self.wire.pushed():
            self.note("<", response)
            self.pushes += 1
            self.handle(response)

    # --- mailboxes ---

    def keep(self):
        """What a client with QRESYNC knows of a mailbox when it leaves it."""
        mirror = self.mirror
        if mirror:
            self.touched.add(mirror.name)  # no STATUS has told of it
        if mirror and self.qresync and mirror.highest and not mirror.unknown():
            flags = {m.uid: (m.flags, m.modseq) for m in mirror.messages}
            if all(f is not None for f, _ in flags.values()):
                self.cache[mirror.name] = (mirror.uid_validity, mirror.highest, flags)

    def select(self, name):
        self.keep()
        self.mirror = None
        read_only = self.rng.random() < 0.15
        known = self.cache.get(name) if self.qresync else None
        text = ("EXAMINE " if read_only else "SELECT ") + quoted(name)
        if known:
            # With the uids that it knows it is told of these alone (RFC 7162 3.2.5.2).
            uids = " " + self.set_of(known[2]) if known[2] and self.rng.random() < 0.5 else ""
            text += f" (QRESYNC ({known[0]} {known[1]}{uids}))"
        tag = self.send(text)
        heard, responses = [], []
        while True:
            response = self.wire.receive()
            self.note("<", response)
            if response.startswith(tag.encode() + b" "):
                break
            responses.append(response)
        check(b" OK" in response[:12], f"{text}: {response!r}")
        closed = [i for i, r in enumerate(responses) if r.startswith(b"* OK [CLOSED]")]
        heard = responses[closed[0] + 1 :] if closed else responses
        codes = dict(response_codes(r[5:].decode()) for r in heard if r.startswith(b"* OK ["))
        self.mirror = Mirror(name, int(codes["UIDVALIDITY"]), read_only)
        self.mirror.highest = int(codes.get("HIGHESTMODSEQ", 0))
        self.begin(heard, known if known and known[0] == self.mirror.uid_validity else None)

    def begin(self, heard, known):
        """What SELECT told: with QRESYNC all that has changed since."""
        messages = dict(known[2]) if known else {}
        count = 0
        for fields in map(parse_response, heard):
            if fields[1] == "VANISHED":
                for uid in numbers(fields[-1]):
                    messages.pop(uid, None)
            elif fields[2:] and fields[2] == "EXISTS":
                count = int(fields[1])
            elif fields[2:] and fields[2] in ("FETCH", "UIDFETCH"):
                items = dict(zip(fields[3][::2], fields[3][1::2]))
                uid = int(items.get("UID", fields[1]))
                messages[uid] = (flag_set(items["FLAGS"]), int(items["MODSEQ"][0]))
        self.mirror.exists(count)
        if known:
            check(len(messages) <= count, f"QRESYNC: {len(messages)} known, {count} EXISTS")
            self.world.resyncs += 1
            for one, (uid, (flags, modseq)) in zip(self.mirror.messages, sorted(messages.items())):
                self.mirror.name_uid(one, uid)
                one.flags, one.modseq = flags, modseq
        self.learn()

    def knows_all(self):
        return all(m.uid and m.flags is not None for m in self.mirror.messages)

    def learn(self):
        """Asks for what it does not know: uids and flags of messages that have come."""
        items = "(UID FLAGS MODSEQ)" if self.condstore else "(UID FLAGS)"
        for _ in range(20):
            if not self.mirror or self.knows_all():
                return
            first = 1
            for m in self.mirror.messages:
                if m.uid is None or m.flags is None:
                    break
                first = m.uid + 1
            before = len(self.mirror.unknown())
            self.learning = True
            self.do(f"UID FETCH {first}:* {items}")
            self.learning = False
            if before and len(self.mirror.unknown()) >= before:
                self.do("NOOP")  # those that it did not know may be gone
        raise Failure("however often it asks, it does not get to know all messages")

    def set_of(self, uids):
        return ",".join(str(uid) for uid in sorted(uids))

    def some(self, most=8):
        """Some messages that it knows."""
        known = [m for m in self.mirror.messages if m.uid]
        return self.rng.sample(known, min(len(known), self.rng.randrange(1, most)))

    def naming(self, messages):
        """(prefix, set): by uids or by numbers."""
        if self.no_numbers or self.rng.random() < 0.6:
            return "UID ", self.set_of(m.uid for m in messages)
        places = {id(m): i + 1 for i, m in enumerate(self.mirror.messages)}
        return "", self.set_of(places[id(m)] for m in messages)

    # --- what it does ---

    def turn(self):
        if self.wire is None:
            self.arrive()
        if self.idle_tag:
            self.listen()
            self.end_idle()
        else:
            self.listen()
        if self.mirror is None:
            self.select(self.rng.choice(self.world.mailboxes))
            return
        self.learn()
        actions = [
            (self.act_store, 20), (self.act_append, 14), (self.act_expunge, 8), (self.act_copy, 8),
            (self.act_search, 8), (self.act_context, 8), (self.act_order, 5), (self.act_thread, 3),
            (self.act_multisearch, 3), (self.act_notify, 5), (self.act_idle, 8),
            (self.act_fetch, 6), (self.act_pipeline, 6), (self.act_select, 6), (self.act_noop, 4),
            (self.act_replace, 3), (self.act_names, 2), (self.act_leave, 2), (self.act_status, 2),
        ]
        chosen = self.rng.choices([a for a, _ in actions], [w for _, w in actions])[0]
        chosen()

    def act_noop(self):
        self.do("NOOP")

    def act_fetch(self):
        if self.mirror.messages:
            prefix, which = self.naming(self.some())
            self.command(f"{prefix}FETCH {which} (FLAGS)")

    def act_store(self):
        if not self.mirror.messages or self.mirror.read_only:
            return
        messages = self.some()
        flags = self.rng.sample(mail.FLAGS, self.rng.randrange(1, 3))
        sign = self.rng.choice(["+", "+", "-", ""])
        silent = self.rng.random() < 0.4
        prefix, which = self.naming(messages)
        since = ""
        if self.condstore and self.rng.random() < 0.3:
            bound = max(m.modseq for m in messages) - self.rng.choice([0, 0, 0, 5])
            since = f" (UNCHANGEDSINCE {max(bound, 0)})"
        silence = ".SILENT" if silent else ""
        text = f"{prefix}STORE {which}{since} {sign}FLAGS{silence} ({' '.join(flags)})"
        status, code, _ = self.command(text)
        if status == "NO":
            check(code.startswith("EXPUNGEISSUED"), f"{text}: NO [{code}]")
        else:
            check(status == "OK", f"{text}: {status}")
        if silent:
            refused = numbers(code.split(" ")[1]) if code.startswith("MODIFIED ") else []
            self.assume(messages, prefix, refused, sign, frozenset(flags))

    def assume(self, messages, prefix, refused, sign, flags):
        """What .SILENT leaves to the client, unless the server said more."""
        places = {id(m): i + 1 for i, m in enumerate(self.mirror.messages)}
        for m in messages:
            number = m.uid if prefix else places.get(id(m))
            if number in refused or m in self.fetched_now or m.flags is None:
                continue
            changed = {"+": m.flags | flags, "-": m.flags - flags, "": flags}
            m.flags = frozenset(changed[sign])

    def act_append(self):
        name = self.rng.choice(self.world.mailboxes)
        many = self.rng.choice([1, 1, 1, 2, 3])
        made = [self.world.mail.make() for _ in range(many)]
        flags = " ".join(self.rng.sample(mail.FLAGS[:3], self.rng.randrange(0, 2)))
        text = f"APPEND {quoted(name)}" + f" ({flags}) {{}}" * many
        code = self.do(text, *[m.octets for m in made])
        self.came(name, numbers(code.split(" ")[2]), made)

    def came(self, name, uids, messages):
        self.world.came(name, uids, messages)
        self.touched.add(name)

    def act_replace(self):
        if not self.mirror.messages or self.mirror.read_only:
            return
        old = self.some(2)[0]
        prefix, which = self.naming([old])
        made = self.world.mail.make()
        name = self.rng.choice([self.mirror.name, self.mirror.name, self.world.mailboxes[0]])
        status, code, rest = self.command(f"{prefix}REPLACE {which} {quoted(name)} (\\Seen) {{}}",
                                          made.octets)
        for one, arguments in [*self.codes, tuple((code + " ").split(" ", 1))]:
            if one == "APPENDUID" and status == "OK":
                self.came(name, numbers(arguments.split(" ")[1]), [made])
        if status != "OK":
            check(code.startswith(("EXPUNGEISSUED", "NONEXISTENT")), f"REPLACE: [{code}] {rest}")

    def act_copy(self):
        if not self.mirror.messages:
            return
        moves = not self.mirror.read_only and self.rng.random() < 0.6
        targets = [n for n in self.world.mailboxes if n != self.mirror.name]
        target = self.rng.choice(targets) if moves else "Copies"
        source = self.mirror.name
        verb = "MOVE" if moves else "COPY"
        prefix, which = self.naming(self.some(5))
        status, code, rest = self.command(f"{prefix}{verb} {which} {quoted(target)}")
        gone = code.startswith("EXPUNGEISSUED")
        check(status == "OK" or gone, f"{verb}: {status} [{code}] {rest}")
        for one, arguments in [*self.codes, tuple((code + " ").split(" ", 1))]:
            if one == "COPYUID":
                _, before, after = arguments.strip().split(" ")
                found = [self.world.message(source, uid) for uid in numbers(before)]
                self.came(target, numbers(after), found)
        self.touched.add(source)

    def act_expunge(self):
        if self.mirror.read_only:
            return
        if self.rng.random() < 0.5 or len(self.mirror.messages) > 150:
            many = 60 if len(self.mirror.messages) > 150 else 4
            chosen = [m for m in self.some(many) if m.uid]
            if chosen:
                self.command(f"UID STORE {self.set_of(m.uid for m in chosen)} +FLAGS (\\Deleted)")
        if self.rng.random() < 0.5:
            self.do("EXPUNGE")
        elif known := self.some(20):
            self.do(f"UID EXPUNGE {self.set_of(m.uid for m in known)}")

    def a_key(self):
        return mail.search_keys(self.rng, self.world.mail, "UTF8=ACCEPT" not in self.enabled)

    def act_search(self):
        key, _ = self.a_key()
        prefix = "UID " if self.no_numbers or self.rng.random() < 0.5 else ""
        returns = self.rng.choice(["", "RETURN () ", "RETURN (MIN MAX COUNT) ", "RETURN (SAVE) ",
                                   "RETURN (PARTIAL 1:5) ", "RETURN (ALL RELEVANCY) FUZZY "])
        self.do(f"{prefix}SEARCH {returns}{key}")
        if returns == "RETURN (SAVE) ":
            self.do(f"{prefix or 'UID '}FETCH $ (FLAGS)")

    def act_context(self):
        contexts = self.mirror.contexts
        if contexts and (len(contexts) > 4 or self.rng.random() < 0.3):
            tag = self.rng.choice(sorted(contexts))
            # Until it is answered, what it is told may have been on its way or not.
            contexts[tag].ending = True
            self.do(f'CANCELUPDATE "{tag}"')
            contexts.pop(tag, None)
            return
        key, meaning = self.a_key()
        uid = self.no_numbers or self.rng.random() < 0.5
        criteria = mail.criteria(self.rng) if self.rng.random() < 0.4 else None
        prefix = "UID " if uid else ""
        text = f"{prefix}SEARCH RETURN (UPDATE ALL) {key}"
        if criteria:
            text = f"{prefix}SORT RETURN (UPDATE ALL) ({mail.print_criteria(criteria)}) UTF-8 {key}"
        context = Context(f"t{self.tag + 1}", uid, key, meaning, criteria)
        contexts[context.tag] = context
        tag = self.send(text)
        # The result names messages as they are when it comes: nothing may have come before it that
        # is told behind it.
        status, code, rest = self.finish_context(tag, context)
        check(status == "OK", f"{text}: {status} [{code}] {rest}")
        self.world.contexts += 1

    def finish_context(self, tag, context):
        self.results, self.codes, self.fetched_now = [], [], set()
        while True:
            response = self.wire.receive()
            self.note("<", response)
            if response.startswith(tag.encode() + b" "):
                return split_status(response[len(tag) + 1 :].decode())
            count = len(self.results)
            self.handle(response)
            if len(self.results) > count and self.results[-1][0] == "ESEARCH":
                told = self.results[-1][2].get("ALL", "")
                members = [self.mirror.member(context, n) for n in numbers(told)] if told else []
                context.result = members

    def act_order(self):
        key, _ = self.a_key()
        chosen = mail.print_criteria(mail.criteria(self.rng))
        prefix = "UID " if self.no_numbers or self.rng.random() < 0.5 else ""
        returns = self.rng.choice(["", "RETURN (PARTIAL -1:-5) ", "RETURN (MIN COUNT) "])
        self.do(f"{prefix}SORT {returns}({chosen}) UTF-8 {key}")

    def act_thread(self):
        algorithm = self.rng.choice(["REFERENCES", "ORDEREDSUBJECT", "REFS"])
        prefix = "UID " if self.no_numbers or self.rng.random() < 0.5 else ""
        self.do(f"{prefix}THREAD {algorithm} UTF-8 ALL")

    def act_multisearch(self):
        key, _ = self.a_key()
        self.do(f"ESEARCH IN (personal) RETURN (ALL) {key}")

    def act_status(self):
        name = self.rng.choice([n for n in self.world.mailboxes if n != self.mirror.name])
        self.do(f"STATUS {quoted(name)} (MESSAGES UIDNEXT UNSEEN)")

    def act_notify(self):
        kind = self.rng.choice(["none", "selected", "delayed", "all", "all"])
        self.set_notify(kind)

    def set_notify(self, kind):
        if kind == "none":
            self.do("NOTIFY NONE")
        else:
            selected = "selected-delayed" if kind == "delayed" else "selected"
            groups = f"({selected} ({EVENTS}))"
            if kind == "all":
                groups += f" (personal ({EVENTS} MailboxName SubscriptionChange))"
                self.statuses, self.touched = {}, set()
            status = "STATUS " if kind == "all" else ""
            self.do(f"NOTIFY SET {status}{groups}")
        if self.notify == "none" and self.mirror:
            # Flags that changed meanwhile were for nobody (RFC 5465 5.1).
            for m in self.mirror.messages:
                m.flags = None
        self.notify = kind

    def act_idle(self):
        self.idle_tag = self.send("IDLE")
        while not (response := self.wire.receive()).startswith(b"+"):
            self.note("<", response)
            self.handle(response)

    def end_idle(self):
        self.note(">", b"DONE")
        self.wire.send(b"DONE\r\n")
        tag, self.idle_tag = self.idle_tag, None
        status, _, rest = self.finish(tag, "IDLE")
        check(status == "OK", f"IDLE: {status} {rest}")

    def act_pipeline(self):
        """Some commands at once, none of them in message numbers (RFC 9051 5.5)."""
        texts = ["NOOP"]
        if self.mirror.messages:
            which = self.set_of(m.uid for m in self.some())
            texts += [f"UID FETCH {which} (FLAGS)", f"UID SEARCH UID {which}",
                      f"UID SORT (DATE) UTF-8 UID {which}"]
            if not self.mirror.read_only:
                texts += [f"UID STORE {which} +FLAGS (\\Flagged)", "UID STORE 1:* -FLAGS (Work)"]
        chosen = [self.rng.choice(texts) for _ in range(self.rng.randrange(2, 6))]
        tags = [self.send(text) for text in chosen]
        for tag, text in zip(tags, chosen):
            status, code, rest = self.finish(tag, text)
            check(status == "OK", f"{text}: {status} [{code}] {rest}")

    def act_select(self):
        if self.rng.random() < 0.3:
            self.keep()
            self.do(self.rng.choice(["UNSELECT", "UNSELECT", "CLOSE"]))
            self.mirror = None
        else:
            self.select(self.rng.choice(self.world.mailboxes))

    def act_names(self):
        """Mailboxes that nobody selects."""
        made = self.world.passing
        if made and self.rng.random() < 0.6:
            name = made.pop(self.rng.randrange(len(made)))
            if self.rng.random() < 0.5:
                self.world.passed += 1
                fresh = f"Passing/{self.world.passed}"
                self.do(f"RENAME {quoted(name)} {quoted(fresh)}")
                made.append(fresh)
            else:
                self.do(f"DELETE {quoted(name)}")
            return
        self.world.passed += 1
        made.append(f"Passing/{self.world.passed}")
        self.do(f"CREATE {quoted(made[-1])}")

    def act_leave(self):
        if self.rng.random() < 0.5 and "COMPRESS" not in self.enabled:
            self.keep()
            self.do("UNAUTHENTICATE")
            self.mirror, self.notify, self.statuses, self.touched = None, None, {}, set()
            self.do(f'LOGIN "{user(1)}" pass')
            self.choose_habits()
        else:
            self.leave()

    # --- at a checkpoint ---

    def settle(self):
        """Until it has heard everything."""
        if self.wire is None:
            return
        if self.idle_tag:
            self.end_idle()
        if self.mirror is None:
            self.do("NOOP")
            self.listen()
            return
        if self.notify == "none":
            self.set_notify("selected")
        for _ in range(20):
            self.do("NOOP")
            self.learn()
            self.listen()
            if self.knows_all():
                return
        raise Failure("it never knows all")
